"""Call records in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from enricher.errors import InputError
from enricher.export.settings import Rotation
from enricher.measure import call_log
from enricher.measure.call_log import CallLog
from enricher.measure.settings import CallLogSettings


def lines(count: int) -> bytes:
    return b'{"trace_id":"1"}\n' * count


def test_records_are_appended_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "made" / "calls.jsonl"
    for _ in range(2):
        log = CallLog(CallLogSettings(path=str(path)))
        log.write(lines(2))
        log.close()
    assert path.read_bytes() == lines(4)


def test_a_batch_is_never_divided_between_files(tmp_path: Path) -> None:
    path = tmp_path / "calls.jsonl"
    log = CallLog(CallLogSettings(path=str(path), rotation=Rotation(max_megabytes=1, max_backups=1)))
    batch = lines(50_000)
    for _ in range(4):
        log.write(batch)
    log.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    assert all(file.read_bytes() == batch for file in files)


def test_a_file_that_cannot_be_opened_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        CallLog(CallLogSettings(path=str(tmp_path)))


def test_records_that_do_not_fit_are_counted_and_the_service_goes_on() -> None:
    written, lost = call_log._WRITTEN.of(), call_log._LOST.of()
    before = written.value, lost.value
    log = CallLog(CallLogSettings(path="/dev/full"))
    log.write(lines(3))
    log.write(lines(2))
    log.close()
    assert (written.value, lost.value) == (before[0], before[1] + 5)
