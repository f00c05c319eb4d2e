"""Files: format, siblings, rotation, what happens when writing fails."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from enricher.errors import InputError
from enricher.export.file import FileSender
from enricher.export.queue import Batch
from enricher.export.retry import Delivered, TryAgain
from enricher.export.settings import FileExporter
from enricher.runtime.engine import otlp_to_json
from tests.support import otlp


def sender(path: Path, **options: Any) -> FileSender:
    settings = FileExporter.model_validate({"path": str(path), **options})
    return FileSender(settings, lambda _, payload: json.dumps({"bytes": len(payload)}).encode())


def batch(payload: bytes = b"x") -> Batch:
    return Batch("traces", payload, 1)


def test_a_request_is_a_line(tmp_path: Path) -> None:
    file = sender(tmp_path / "new" / "traces.jsonl")
    assert [file.send(batch(b"a")), file.send(batch(b"bb"))] == [Delivered()] * 2
    assert (tmp_path / "new" / "traces.jsonl").read_text() == '{"bytes": 1}\n{"bytes": 2}\n'
    file.close()


def test_in_proto_each_request_has_its_length_before_it(tmp_path: Path) -> None:
    file = sender(tmp_path / "t.binpb", format="proto")
    file.send(batch(b"abc"))
    file.send(batch(b"d"))
    assert (tmp_path / "t.binpb").read_bytes() == b"\0\0\0\3abc\0\0\0\1d"
    file.close()


def test_metrics_and_logs_have_files_beside_it_with_ids_in_hex(tmp_path: Path) -> None:
    settings = FileExporter(path=str(tmp_path / "traces.jsonl"))
    file = FileSender(settings, otlp_to_json)
    file.send(Batch("metrics", otlp.metrics(2), 2))
    file.send(Batch("logs", otlp.logs(1), 1))
    metric = json.loads((tmp_path / "traces.metrics.jsonl").read_text())
    record = json.loads((tmp_path / "traces.logs.jsonl").read_text())["resourceLogs"][0]["scopeLogs"][0]["logRecords"][
        0
    ]
    point = metric["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]["gauge"]["dataPoints"][0]
    assert point == {"timeUnixNano": "1700000000000000000", "asDouble": 20.0}
    assert record["traceId"] == bytes(range(16)).hex()
    assert record["spanId"] == bytes(range(8)).hex()
    file.close()


def test_an_existing_file_is_continued_or_overwritten_as_told(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("old\n")
    file = sender(path)
    file.send(batch())
    file.close()
    assert path.read_text() == 'old\n{"bytes": 1}\n'
    file = sender(path, append=False)
    file.send(batch())
    file.send(batch())
    file.close()
    assert path.read_text() == '{"bytes": 1}\n' * 2


def test_a_file_is_put_aside_before_it_grows_beyond_its_size_and_the_oldest_go(tmp_path: Path) -> None:
    file = sender(tmp_path / "t.binpb", format="proto", rotation={"max_megabytes": 1, "max_backups": 2})
    for _ in range(9):
        file.send(batch(bytes(400_000)))
    file.close()
    aside = sorted(tmp_path.glob("t-*.binpb"))
    assert len(aside) == 2
    assert [path.stat().st_size for path in aside] == [800_008, 800_008]
    assert (tmp_path / "t.binpb").stat().st_size == 400_004


def test_files_of_others_beside_it_stay(tmp_path: Path) -> None:
    keep = tmp_path / "t-important.binpb"
    keep.write_text("mine")
    file = sender(tmp_path / "t.binpb", format="proto", rotation={"max_megabytes": 1, "max_backups": 1})
    for _ in range(9):
        file.send(batch(bytes(400_000)))
    file.close()
    assert keep.read_text() == "mine"


def test_files_put_aside_longer_ago_than_max_days_go(tmp_path: Path) -> None:
    old = tmp_path / "t-2020-01-01T00-00-00.000.binpb"
    old.write_bytes(b"x")
    long_ago = time.time() - 10 * 86400
    os.utime(old, (long_ago, long_ago))
    file = sender(tmp_path / "t.binpb", format="proto", rotation={"max_megabytes": 1, "max_days": 3, "localtime": True})
    for _ in range(4):
        file.send(batch(bytes(400_000)))
    file.close()
    assert not old.exists()
    assert len(list(tmp_path.glob("t-*.binpb"))) == 1


def test_a_path_that_cannot_be_written_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        sender(tmp_path / "file" / "traces.jsonl")
    with pytest.raises(InputError, match="cannot write"):
        sender(tmp_path / "missing" / "traces.jsonl", create_directory=False)


def test_a_full_disk_is_tried_again_and_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.jsonl"
    file = sender(path)
    file.send(batch())
    written = path.read_bytes()
    target = file._files["traces"]
    assert target._file is not None
    real: BinaryIO = target._file

    class Full:
        def write(self, view: memoryview) -> int:
            if len(view) > 3:
                return real.write(view[: len(view) - 3])
            raise OSError(28, "No space left on device")

        truncate = real.truncate

    monkeypatch.setattr(target, "_file", Full())
    assert isinstance(file.send(batch()), TryAgain)
    assert path.read_bytes() == written
    monkeypatch.setattr(target, "_file", real)
    assert file.send(batch()) == Delivered()
    assert path.read_bytes() == written * 2
    file.close()
