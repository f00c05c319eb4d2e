"""`enricher process`: files in, files and a summary out, through the real engine."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.cli.main import main
from enricher.wire import count_items
from tests.support import otlp

RECORDINGS = Path(__file__).parents[1] / "recordings" / "data"
CHAT = str(RECORDINGS / "openllmetry_openai_chat" / "requests.binpb")
HOUR_NS = 3600 * 10**9


def frames(path: Path) -> list[bytes]:
    data, found = path.read_bytes(), []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def spans(payloads: list[bytes]) -> list[Span]:
    requests = [ExportTraceServiceRequest.FromString(one) for one in payloads]
    return [span for one in requests for rs in one.resource_spans for ss in rs.scope_spans for span in ss.spans]


def summary(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


def test_a_recording_goes_through_and_the_summary_counts_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, calls = tmp_path / "kept.binpb", tmp_path / "calls.jsonl"
    assert main(["process", CHAT, "-o", str(out), "--calls", str(calls), "--json"]) == 0
    told = summary(capsys)
    kept = spans(frames(out))
    records = [json.loads(line) for line in calls.read_text().splitlines()]
    assert told["spans"] == {"in": len(kept), "kept": len(kept), "rejected": 0}
    assert told["traces"]["kept"] == len({span.trace_id for span in kept})
    assert told["calls"]["counted"] == len(records) > 0
    assert told["tokens"]["input"] == sum(record["input_tokens"] or 0 for record in records) > 0


def test_trace_records_tell_of_every_trace_what_became_of_it_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "traces.jsonl"
    rules = Path(__file__).parents[2] / "pipelines" / "minimal.yaml"
    incidents = str(RECORDINGS / "incidents" / "requests.binpb")
    assert main(["process", incidents, "-c", str(rules), "--traces", str(path), "--json"]) == 0
    told = summary(capsys)
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert told["traces"]["in"] == len(records) == len({record["trace_id"] for record in records})
    assert told["traces"]["kept"] == sum(record["kept"] for record in records)
    assert sum(record["calls"] for record in records) == told["calls"]["counted"]
    assert sum(Decimal(record["cost_usd"] or 0) for record in records) == Decimal(told["cost_usd"])
    failed = [record for record in records if record["error"]]
    assert failed
    assert all((one["policy"], one["probability"], one["kept"]) == ("errors", 1, True) for one in failed)
    assert all(one["votes"]["errors"] == 1 and one["trigger"] in ("root_received", "shutdown") for one in failed)
    for name, counts in told["policies"].items():
        assert counts["voted"] == sum(name in record["votes"] for record in records)
        assert counts["credited"] == sum(record["policy"] == name for record in records)


def test_both_output_formats_hold_the_same_spans(tmp_path: Path) -> None:
    for name in ("kept.binpb", "kept.jsonl"):
        assert main(["process", CHAT, "-o", str(tmp_path / name)]) == 0
    in_json = [
        span["spanId"]
        for line in (tmp_path / "kept.jsonl").read_text().splitlines()
        for rs in json.loads(line)["resourceSpans"]
        for ss in rs["scopeSpans"]
        for span in ss["spans"]
    ]
    assert sorted(in_json) == sorted(span.span_id.hex() for span in spans(frames(tmp_path / "kept.binpb")))


def test_what_was_written_can_be_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("again.jsonl", "again.binpb"):
        assert main(["process", CHAT, "-o", str(tmp_path / name), "--json"]) == 0
        first = summary(capsys)
        assert main(["process", str(tmp_path / name), "--json"]) == 0
        second = summary(capsys)
        assert {key: second[key] for key in ("traces", "spans")} == {key: first[key] for key in ("traces", "spans")}
        assert (second["calls"]["counted"], second["tokens"]) == (first["calls"]["counted"], first["tokens"])


def test_time_is_that_of_the_spans(tmp_path: Path) -> None:
    early, late = tmp_path / "early.binpb", tmp_path / "late.binpb"
    early.write_bytes(otlp.traces(2, name="early", end_ns=1000 * HOUR_NS))
    late.write_bytes(otlp.traces(2, name="late", end_ns=1001 * HOUR_NS))
    out = tmp_path / "kept.binpb"
    assert main(["process", str(early), str(late), "-o", str(out)]) == 0
    # The early trace was due when the late one came, an hour later by the spans and at once by the clock.
    assert [{span.name for span in spans([frame])} for frame in frames(out)] == [{"early"}, {"late"}]


def test_sampling_applies_and_with_keep_all_it_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "none.yaml"
    config.write_text(
        "sampling: {policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}\n"
    )
    source, out = tmp_path / "in.binpb", tmp_path / "kept.binpb"
    source.write_bytes(otlp.traces(3))
    arguments = ["process", str(source), "-c", str(config), "-o", str(out), "--json"]
    assert main(arguments) == 0
    assert summary(capsys)["traces"] == {"in": 1, "kept": 0, "dropped": 1}
    assert out.read_bytes() == b""
    assert main([*arguments, "--keep-all"]) == 0
    capsys.readouterr()
    kept = spans(frames(out))
    assert len(kept) == 3
    assert not any(span.trace_state for span in kept)
    assert not any(pair.key.startswith("enricher.sampling.") for span in kept for pair in span.attributes)


def test_a_bad_file_is_told_and_the_others_are_processed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad, good = tmp_path / "bad.bin", tmp_path / "good.binpb"
    bad.write_bytes(b"hello")
    good.write_bytes(otlp.traces(2))
    assert main(["process", str(bad), str(good), "--json"]) == 1
    output = capsys.readouterr()
    assert json.loads(output.out)["spans"]["in"] == 2
    assert f"{bad}: is neither OTLP protobuf" in output.err


def test_an_output_of_an_unknown_kind_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["process", CHAT, "-o", "kept.parquet"])
    assert ended.value.code == 2
    assert "must end in .jsonl or .binpb" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["process", CHAT, "-o", "/nowhere/kept.jsonl"]) == 1
    assert "cannot write /nowhere/kept.jsonl" in capsys.readouterr().err


def test_the_recording_of_the_test_holds_spans() -> None:
    assert sum(count_items(frame) for frame in frames(Path(CHAT))) > 0


def test_the_summary_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("sampling: { policies: [{ name: all, type: always_sample }] }\n")
    assert main(["process", CHAT, "-c", str(rules), "--json"]) == 0
    told = summary(capsys)
    assert main(["process", CHAT, "-c", str(rules)]) == 0
    lines = capsys.readouterr().out.splitlines()
    traces, cost = told["traces"]["in"], told["cost_usd"]
    assert lines[0] == f"traces   {traces} in, {traces} kept, 0 dropped"
    assert lines[2].startswith(f"calls    {told['calls']['counted']} counted, ")
    assert lines[4].startswith(f"cost     {cost} USD (")
    assert lines[-1] == f"policy   all  voted for {traces}, decided {traces}, kept {traces}"


def test_inputs_that_cannot_be_read_at_all_leave_nothing_to_sum_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["process", str(tmp_path / "missing.binpb")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "missing.binpb: No such file or directory" in err
