"""What policies have learned outlives a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.errors import InputError
from enricher.runtime.engine import CoreEngine
from enricher.runtime.state import StateFile
from tests.support.engines import CHAT, NOW, drained, engine, request_of, span, spans_of
from tests.support.waiting import wait_until

RARE = json.dumps({"sampling": {"policies": [{"name": "r", "type": "rare", "rare": {"keys": ["model"]}}]}})


def kept(core: CoreEngine, trace: int) -> int:
    core.ingest(request_of(span(trace, 1, 0, CHAT)), NOW)
    return len(spans_of(drained(core)))


def test_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    path = tmp_path / "state"
    first = engine(RARE)
    file = StateFile(path, first)
    file.restore()
    file.start()
    assert kept(first, 1) == 1
    file.stop()
    second = engine(RARE)
    StateFile(path, second).restore()
    assert kept(second, 2) == 0
    assert kept(engine(RARE), 3) == 1


def test_it_is_saved_from_time_to_time_and_at_one_stroke(tmp_path: Path) -> None:
    path = tmp_path / "state"
    core = engine(RARE)
    file = StateFile(path, core, every_s=0.01)
    file.restore()
    file.start()
    kept(core, 1)
    empty = engine(RARE).save_states()
    wait_until(lambda: path.exists() and path.read_bytes() > empty)
    file.stop()
    assert [one.name for one in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize("junk", [b"", b"{}", b"enricher states 1\n\x01"])
def test_junk_is_told_and_left(tmp_path: Path, junk: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "state"
    path.write_bytes(junk)
    core = engine(RARE)
    StateFile(path, core).restore()
    assert "begin anew" in caplog.text
    assert kept(core, 1) == 1


def test_what_another_policy_saved_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "state"
    first = engine(RARE)
    assert kept(first, 1) == 1
    assert StateFile(path, first).save()
    other = engine(RARE.replace('"model"', '"service", "model"'))
    StateFile(path, other).restore()
    assert kept(other, 2) == 1


def test_a_directory_that_is_not_there_is_told_at_the_start(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "none" / "state", engine(RARE))
    with pytest.raises(InputError, match=r"sampling\.state_file"):
        file.restore()
    assert not file.save()
