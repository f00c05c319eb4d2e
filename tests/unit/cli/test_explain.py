"""`enricher explain`: over a real recording, and over spans made for a case."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.cli.main import main
from tests.support import otlp

TWICE = str(Path(__file__).parents[2] / "recordings" / "data" / "langchain_and_openai" / "requests.binpb")
RULES = """
sampling:
  policies:
    - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
    - { name: costly, type: cost, cost: { trace_usd: 0.10 } }
    - { name: all, type: always_sample }
"""
START = 1_790_000_000_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return str(path)


def call(path: Path, **attributes: str | int | float) -> str:
    """A file with one span of a model call."""
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add()
    span = spans.spans.add(trace_id=b"\xab" * 16, span_id=b"\x01" * 8, name="chat")
    span.start_time_unix_nano, span.end_time_unix_nano = START, START + 250_000_000
    said: dict[str, str | int | float] = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    for key, value in {**said, **attributes}.items():
        field = {str: "string_value", int: "int_value", float: "double_value"}[type(value)]
        setattr(span.attributes.add(key=key).value, field, value)
    path.write_bytes(request.SerializeToString())
    return str(path)


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["explain", "--json", *arguments]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_lines_of_arithmetic_add_up_to_the_cost_of_the_trace(capsys: pytest.CaptureFixture[str], config: str) -> None:
    told = as_json(capsys, TWICE, "-c", config)
    counted = 0
    for trace in told["traces"]:
        calls = [span["call"] for span in trace["spans"] if span.get("call", {}).get("counted")]
        assert len(calls) == trace["totals"]["calls"]
        counted += len(calls)
        total = Decimal(0)
        for cost in (one["cost"] for one in calls):
            for line in cost["lines"]:
                factor = Decimal(line["factor"][0]) / Decimal(line["factor"][1])
                assert Decimal(line["usd"]) == line["quantity"] * Decimal(line["price"]) / line["per"] * factor
            if cost["state"] in ("computed", "estimated"):
                assert sum(Decimal(line["usd"]) for line in cost["lines"]) == Decimal(cost["usd"])
                total += Decimal(cost["usd"])
        assert Decimal(trace["totals"]["cost_usd"] or 0) == total
    assert counted >= 5


def test_a_call_told_twice_is_counted_once_and_names_the_rule(capsys: pytest.CaptureFixture[str], config: str) -> None:
    told = as_json(capsys, TWICE, "-c", config)
    repeats = [span for t in told["traces"] for span in t["spans"] if span.get("call", {}).get("rule")]
    counted = {s["span_id"] for t in told["traces"] for s in t["spans"] if s.get("call", {}).get("counted")}
    assert repeats
    assert {span["call"]["duplicate_of"] for span in repeats} <= counted
    assert {span["call"]["rule"] for span in repeats} <= {"response_id", "nested", "sibling", "other_trace"}


def test_every_policy_has_its_rule_what_it_saw_and_its_vote(capsys: pytest.CaptureFixture[str], config: str) -> None:
    for trace in as_json(capsys, TWICE, "-c", config)["traces"]:
        votes = {vote["policy"]: vote for vote in trace["verdict"]["votes"]}
        assert list(votes) == ["errors", "costly", "all"]
        assert votes["errors"]["rule"] == {"status_codes": ["ERROR"]}
        assert (votes["errors"]["vote"] == 1.0) == ("ERROR" in votes["errors"]["looked_at"]["status_codes"])
        assert votes["costly"]["rule"] == {"trace_usd": "0.1"}
        assert votes["all"]["vote"] == 1.0
        assert [vote["policy"] for vote in votes.values() if vote["credited"]] == [trace["verdict"]["policy"]]


def test_what_an_option_drops_is_told_like_a_policy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rules = tmp_path / "options.yaml"
    rules.write_text("sampling: {drop_health_checks: true, dry_run: true}")
    trace = as_json(capsys, call(tmp_path / "in.binpb"), "-c", str(rules))["traces"][0]
    assert [vote["policy"] for vote in trace["verdict"]["votes"]] == ["drop_health_checks", "the-rest"]
    assert main(["explain", call(tmp_path / "in.binpb"), "-c", str(rules)]) == 0
    text = capsys.readouterr().out
    assert "drop when it is a health check" in text
    assert "without dry_run: kept by the-rest" in text


def test_text_shows_the_arithmetic_and_what_was_concluded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: str
) -> None:
    usage = {"gen_ai.usage.input_tokens": 2000, "gen_ai.usage.output_tokens": 100}
    assert main(["explain", call(tmp_path / "in.binpb", **usage), "-c", config]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == f"trace {'ab' * 16} KEPT by all"
    assert lines[1] == "1 span in 250 ms, 1 call, 2,000 + 100 tokens, 0.006 USD"
    assert "counted as one call" in lines
    assert "costs 0.006 USD (computed)" in lines
    assert "input 2,000 × 2.5 / 1,000,000 = 0.005" in lines
    assert "output 100 × 10 / 1,000,000 = 0.001" in lines
    assert "~ provider openai from model" in lines
    assert "request_model gpt-4o from gen_ai.request.model" in lines
    assert "costly the trace costs 0.1 USD or more 0.006 USD no vote" in lines
    assert "all every trace votes 1 ◀" in lines


@pytest.mark.parametrize(
    ("attributes", "line"),
    [
        ({}, "unpriced (no_usage): no span tells how many tokens it took"),
        (
            {"gen_ai.request.model": "nobody-s-model", "gen_ai.usage.input_tokens": 5},
            "unpriced (unknown_model): the price book does not know the model",
        ),
        (
            {"gen_ai.provider.name": "vllm", "gen_ai.usage.input_tokens": 5},
            "unpriced (unknown_model): you run this server, and pay for its machines; state its price in "
            "prices.overrides",
        ),
        (
            {"gen_ai.usage.input_tokens": 5, "enricher.usage.images": 2},
            "images  2 × no list price: not in the cost",
        ),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.cost": 0.0},
            "the span says it cost 0 beside tokens of a priced model: not believed",
        ),
    ],
)
def test_text_says_why_there_is_no_price(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], attributes: dict[str, Any], line: str
) -> None:
    said = {"gen_ai.response.id": "chatcmpl-abcdefghijklmnop", **attributes}
    assert main(["explain", call(tmp_path / "in.binpb", **said)]) == 0
    assert line in [text.strip() for text in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("currency", "words"),
    [
        ("EUR", "costs 0.55 USD (reported)"),
        ("EUR", "the span says that it cost 0.5 EUR, 0.55 USD at the rate of `prices.currencies`"),
        ("JPY", "costs 0.0125 USD (computed)"),
        ("JPY", "the span says that it cost 0.5 JPY: not taken, `prices.currencies` has no rate of JPY"),
    ],
)
def test_text_says_what_becomes_of_other_currencies(
    currency: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: dict[str, str | int | float] = {
        "gen_ai.provider.name": "openai",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 1000,
        "gen_ai.usage.cost.amount": 0.5,
        "gen_ai.usage.cost.currency": currency,
        "gen_ai.usage.cost.source": "provider",
    }
    config = tmp_path / "config.yaml"
    config.write_text("prices: {currencies: {EUR: 1.1}}\n")
    assert main(["explain", call(tmp_path / "spans", **said), "-c", str(config)]) == 0
    assert words in capsys.readouterr().out


def test_text_of_a_recording_is_plain_and_fits(capsys: pytest.CaptureFixture[str], config: str) -> None:
    assert main(["explain", TWICE, "-c", config]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 120
    assert "(the same response id)" in out
    assert "└─ " in out


def test_content_is_never_shown_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = call(tmp_path / "in.binpb", **{"gen_ai.input.messages": '[{"role":"user","content":"my secret"}]'})
    assert main(["explain", path]) == 0
    out = capsys.readouterr().out
    assert "secret" not in out
    assert "content in input_content" in out


def test_only_the_asked_trace_is_told(capsys: pytest.CaptureFixture[str], config: str) -> None:
    everything = as_json(capsys, TWICE, "-c", config)["traces"]
    one = everything[-1]
    for written in (one["trace_id"], one["trace_id"][:9].upper()):
        assert as_json(capsys, TWICE, "-c", config, "--trace", written)["traces"] == [one]


@pytest.mark.parametrize("identifier", ["", "xyz", "0" * 33])
def test_a_trace_id_that_is_none_is_refused(identifier: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["explain", TWICE, f"--trace={identifier}"])
    assert stopped.value.code == 2
    assert "up to 32 hex digits" in capsys.readouterr().err


def test_nothing_found_is_a_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["explain", TWICE, "--trace", "0000"]) == 1
    assert "no trace whose id begins with 0000" in capsys.readouterr().err
    assert main(["explain", str(tmp_path / "missing.binpb")]) == 1
    assert f"{tmp_path}/missing.binpb: No such file or directory" in capsys.readouterr().err


def test_strange_shapes_are_told_once_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A parent that is missing, one in a circle, and an id that stands twice."""
    request = otlp.trace_request(6, name="odd")
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].parent_span_id = b"\x77" * 8
    spans[2].parent_span_id, spans[3].parent_span_id = spans[3].span_id, spans[2].span_id
    spans[5].span_id = spans[4].span_id
    path = tmp_path / "in.binpb"
    path.write_bytes(request.SerializeToString())
    assert main(["explain", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("odd  1 ms" in line for line in lines) == 6
    assert sum("(its parent 7777777777777777 is not here)" in line for line in lines) == 1


def test_control_characters_of_spans_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "in.binpb"
    path.write_bytes(otlp.traces(name="a\x1b[2Jb\nc"))
    assert main(["explain", str(path)]) == 0
    out = capsys.readouterr().out
    assert "a [2Jb c  1 ms" in out
    assert "\x1b" not in out


def test_a_long_chain_of_spans_is_told_without_recursion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = otlp.trace_request(3000, name="deep")
    spans = request.resource_spans[0].scope_spans[0].spans
    for parent, child in itertools.pairwise(spans):
        child.parent_span_id = parent.span_id
    path = tmp_path / "in.binpb"
    path.write_bytes(request.SerializeToString())
    assert main(["explain", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("deep  1 ms" in line for line in lines) == 3000
    assert max(map(len, lines)) < 200


def test_text_says_what_was_counted_from_content_and_what_the_policy_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "redact.yaml"
    config.write_text("normalize: {content: redact}\n")
    said = {
        "gen_ai.prompt": "Mail a@b.example and c@d.example",
        "gen_ai.completion": "Paris.",
        "gen_ai.response.finish_reasons": "stop",
    }
    assert main(["explain", call(tmp_path / "in.binpb", **said), "-c", str(config)]) == 0
    text = capsys.readouterr().out
    assert "content policy: email redacted (2)" in text
    assert "2 output tokens counted from its content (o200k)" in text
    assert "b.example" not in text


def test_policies_made_for_model_work_are_told_with_what_they_saw(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("""
sampling:
  drop_health_checks: true
  policies:
    - { name: tokens, type: tokens, tokens: { trace_tokens: 1, call_tokens: 1 } }
    - { name: blocked, type: guardrail }
    - { name: sums, type: aggregate, aggregate: { calls: { min: 1 }, models: [gpt-*] } }
    - { name: slow, type: slow }
    - { name: loops, type: runaway }
    - { name: one, type: and, and: { same_span: true, and_sub_policy: [{ type: trace_flags }] } }
    - name: budget
      type: budget
      budget: { usd: 1, factor: 0.5, budget_sub_policy: { type: adaptive, adaptive: { traces_per_second: 5 } } }
""")
    assert main(["explain", TWICE, "-c", str(path)]) == 0
    told = capsys.readouterr().out
    for words in ("the root is no probe", "a call used gpt-*", "no span has it", "what fits 5 traces a second"):
        assert words in told
    traces = as_json(capsys, TWICE, "-c", str(path))["traces"]
    trace = next(trace for trace in traces if trace["totals"]["input_tokens"])
    votes = {vote["policy"]: vote for vote in trace["verdict"]["votes"]}
    assert votes["tokens"]["vote"] == 1
    assert votes["budget"]["learned"]["over_budget"] is None
