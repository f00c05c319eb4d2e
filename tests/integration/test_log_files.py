"""Log records in the files that commands read are joined to their spans, wherever the two stand."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from enricher.cli.main import main
from enricher.runtime.engine import otlp_to_json
from tests.support.spans import key_values

HOUR_NS = 3600 * 10**9
BEGIN_NS = 1_790_000_000 * 10**9
SCOPE = "opentelemetry.instrumentation.openai_v2"


def span(number: int) -> dict[str, Any]:
    """Traces lie an hour apart: each is decided long before the next one comes."""
    start = BEGIN_NS + number * HOUR_NS
    attributes = [
        {"key": "gen_ai.provider.name", "value": {"stringValue": "openai"}},
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
    ]
    one = {"traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "chat gpt-4o", "attributes": attributes}
    one |= {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**9)}
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": SCOPE}, "spans": [one]}]}]}


def records(*numbers: int) -> bytes:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    scope.scope.name = SCOPE
    for number in numbers:
        record = scope.log_records.add(
            event_name="gen_ai.client.inference.operation.details",
            trace_id=bytes.fromhex(f"{number:032x}"),
            span_id=bytes.fromhex(f"{number:016x}"),
            time_unix_nano=BEGIN_NS + number * HOUR_NS,
        )
        usage = {"gen_ai.usage.input_tokens": 1000 + number, "gen_ai.usage.output_tokens": 10}
        record.attributes.extend(key_values(usage))
    return request.SerializeToString()


def log_line(*numbers: int) -> str:
    return otlp_to_json("logs", records(*numbers)).decode()


def process_with_errors(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[dict[str, Any], str]:
    assert main(["process", *map(str, arguments), "--json"]) == 0
    out, errors = capsys.readouterr()
    return json.loads(out), errors


def process(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, Any]:
    return process_with_errors(capsys, *arguments)[0]


SPANS = [json.dumps(span(number)) for number in (1, 2)]
LINES = [*SPANS, log_line(1), log_line(2)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_whatever_order_lines_come(
    order: tuple[int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(LINES[at] for at in order))
    told = process(capsys, path)
    assert told["log_records"] == {"joined": 2, "unmatched": 0, "refused": 0}
    assert told["tokens"] == {"input": 2003, "output": 20, "cache_read": 0, "cache_write": 0, "reasoning": 0}
    assert told["calls"]["counted"] == 2


def test_in_a_file_of_their_own_json_or_protobuf(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "spans.jsonl").write_text("\n".join(SPANS))
    (tmp_path / "logs.json").write_text(json.dumps(json.loads(log_line(1, 2)), indent=1))
    (tmp_path / "logs.binpb").write_bytes(records(1, 2))
    for logs in ("logs.json", "logs.binpb"):
        told = process(capsys, tmp_path / "spans.jsonl", tmp_path / logs)
        assert told["tokens"]["input"] == 2003, logs
        assert told["spans"] == {"in": 2, "kept": 2, "rejected": 0}, logs


def test_explain_shows_what_they_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(LINES))
    assert main(["explain", str(path), "--json"]) == 0
    traces = json.loads(capsys.readouterr().out)["traces"]
    found = {fact["concept"]: fact["value"] for fact in traces[0]["spans"][0]["facts"]}
    assert found["input_tokens"] == 1001


def test_simulate_counts_what_they_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(LINES))
    assert main(["simulate", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (tokens,) = (one["estimates"]["tokens"] for one in told["candidates"])
    assert tokens["true"] == 2023


def test_a_pipe_is_read_once(capsys: pytest.CaptureFixture[str]) -> None:
    """`<(…)` and `/dev/stdin` hold nothing when they are opened again."""
    data = "\n".join([SPANS[0], log_line(1), SPANS[1], log_line(2)]).encode()

    def run(command: str) -> Any:
        reader, writer = os.pipe()
        try:
            os.write(writer, data)
            os.close(writer)
            assert main([command, f"/dev/fd/{reader}", "--json"]) == 0
        finally:
            os.close(reader)
        return json.loads(capsys.readouterr().out)

    told = run("process")
    assert told["spans"] == {"in": 2, "kept": 2, "rejected": 0}
    assert told["tokens"]["input"] == 2003
    assert len(run("explain")["traces"]) == 2
    assert [one["estimates"]["calls"]["true"] for one in run("simulate")["candidates"]] == [2]


def test_records_of_spans_that_are_not_there_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join([SPANS[0], log_line(1), log_line(7)]))
    assert process(capsys, path)["log_records"] == {"joined": 1, "unmatched": 1, "refused": 0}
    assert main(["process", str(path)]) == 0
    assert "1 records joined to their spans, 1 without a span, 0 without room" in capsys.readouterr().out


def test_what_has_no_room_before_the_spans_is_taken_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 6000
    lines = [text for number in range(1, count) for text in (log_line(number), json.dumps(span(number)))]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(lines))
    told, errors = process_with_errors(capsys, path, "--set", "limits.log_facts_mib=1")
    assert told["log_records"]["refused"] == 1
    assert told["log_records"]["joined"] == count - 2
    assert "raise limits.log_facts_mib" in errors


def test_metrics_and_unknown_messages_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(['{"resourceMetrics":[{"scopeMetrics":[]}]}'] * 2 + ['{"a":1}', SPANS[0]]))
    told, errors = process_with_errors(capsys, path)
    assert told["spans"]["in"] == 1
    assert "mixed.jsonl: 2 messages are metrics, which are not processed" in errors
    assert "mixed.jsonl: 1 messages are neither spans, log records nor metrics" in errors
