"""What a call has from the spans around it stands on its own span, once, with where it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.cli.style import Style
from enricher.config import compile_plan, load_text
from enricher.explain.text import Teller
from enricher.runtime.engine import CoreEngine
from tests.golden.test_dialects import told
from tests.support.engines import NOW, metric, plan, request_of, span, spans_of

Attributes = dict[str, str | int | float | bool]
USED: Attributes = {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100}
#: An agent that shows the usage of its only call, and all that is known of it.
AGENT: Attributes = USED | {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "helper",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.conversation.id": "c-1",
    "gen_ai.request.stream": True,
    "gen_ai.response.time_to_first_chunk": 0.002,
    "gen_ai.usage.cache_read.input_tokens": 400,
}
#: What is lent by it, and to be found on the call's span.
LENT = {key: AGENT[key] for key in AGENT if key != "gen_ai.operation.name"}
COST = 0.003
"""600 input tokens at 2.50 USD a million, 400 read from the cache at 1.25, 100 output tokens at 10."""
BARE: Attributes = USED | {"gen_ai.operation.name": "chat"}

Outcome = tuple[dict[int, dict[str, Any]], list[dict[str, Any]]]


def decided(core: CoreEngine) -> Outcome:
    """Attributes by span, and call records, when all is decided; an attribute that stands twice is a fault."""
    report = core.drain(NOW)
    spans = spans_of(report.payloads)
    for one in spans:
        keys = [pair.key for pair in one.attributes]
        assert len(keys) == len(set(keys)), keys
    found = {int.from_bytes(one.span_id, "big"): told(one) for one in spans}
    return found, [json.loads(line) for line in report.calls.splitlines()]


def through(*requests: list[Span], **settings: Mapping[str, Any]) -> Outcome:
    """The outcome when each request is one of its own and all are decided together."""
    core = CoreEngine(plan(json.dumps(settings), call_records=True))
    for spans in requests:
        core.ingest(request_of(*spans, scope="agents"), NOW)
    return decided(core)


def from_where(attributes: Mapping[str, Any]) -> dict[str, str]:
    return dict(zip(attributes["enricher.inferred"], attributes["enricher.inferred.from"], strict=True))


def agent(more: Attributes | None = None, number: int = 1, parent: int = 0) -> Span:
    return span(1, number, parent, AGENT | (more or {}), ms=100 - number)


def call(more: Attributes | None = None, number: int = 9, parent: int = 1) -> Span:
    return span(1, number, parent, BARE | (more or {}), start=NOW + 10**6, ms=20)


@pytest.mark.parametrize("apart", [False, True], ids=["one request", "two requests"])
def test_what_a_wrapper_lends_is_on_the_span_of_the_call(apart: bool) -> None:
    requests = [[call()], [agent()]] if apart else [[agent(), call()]]
    spans, records = through(*requests)
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert spans[9]["gen_ai.system"] == "openai"
    assert spans[9]["gen_ai.operation.name"] == "chat"
    assert spans[9]["gen_ai.usage.cost"] == float(records[0]["cost_usd"]) == COST
    sources = from_where(spans[9])
    assert {"provider", "request_model", "session_id", "streaming", "ttft", "cache_read_tokens"} <= sources.keys()
    assert set(sources.values()) == {f"wrapper {1:016x}"}
    assert set(records[0]["inferred"]) - {"total_tokens"} == sources.keys()
    assert "gen_ai.usage.cost" not in spans[1]


def test_the_nearer_of_two_wrappers_lends_first() -> None:
    outer: Attributes = {"gen_ai.request.model": "outer", "gen_ai.response.model": "gpt-4o-2024-08-06"}
    inner = agent({"gen_ai.request.model": "gpt-4o"}, 2, 1)
    spans, _ = through([agent(outer), inner, call(parent=2)])
    assert spans[9]["gen_ai.request.model"] == "gpt-4o"
    assert spans[9]["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    sources = from_where(spans[9])
    assert sources["request_model"] == f"wrapper {2:016x}"
    assert sources["response_model"] == f"wrapper {1:016x}"


@pytest.mark.parametrize("keep", [True, False])
def test_what_the_span_said_wrongly_gives_way(keep: bool) -> None:
    """Zeros for tokens that the SDK did not know, and the empty name of a model."""
    said: Attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "",
        "gen_ai.response.id": "resp-0123456789abcdef",
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
    }
    unknowing = span(1, 9, 1, said, start=NOW + 10**6, ms=20)
    spans, records = through([agent(), unknowing], normalize={"keep_originals": keep})
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert records[0]["input_tokens"] == 1000
    kept = {key: value for key, value in spans[9].items() if key.startswith("enricher.original.")}
    wrong = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0, "gen_ai.request.model": ""}
    assert kept == ({f"enricher.original.{key}": value for key, value in wrong.items()} if keep else {})


def test_a_policy_of_content_leaves_what_was_lent() -> None:
    message = '[{"role": "user", "parts": [{"type": "text", "content": "secret"}]}]'
    spans, _ = through([agent({"gen_ai.input.messages": message}), call()], normalize={"content": "drop"})
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert not any("messages" in key for one in spans.values() for key in one)


def test_another_report_of_the_call_lends_too() -> None:
    outer = span(1, 1, 0, AGENT | {"gen_ai.operation.name": "chat"}, ms=90)
    core = CoreEngine(plan(call_records=True))
    core.ingest(request_of(outer, scope="framework"), NOW)
    core.ingest(request_of(call(), scope="sdk"), NOW)
    spans, _ = decided(core)
    assert spans[1]["enricher.duplicate_of"] == f"{9:016x}"
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert set(from_where(spans[9]).values()) == {f"report {1:016x}"}


def test_a_call_that_was_tried_again_has_what_the_wrapper_says_of_it() -> None:
    tries = [span(1, n, 1, {"gen_ai.operation.name": "chat"}, start=NOW + n * 10**5, ms=0, error=True) for n in (5, 6)]
    spans, records = through([agent(), *tries, call()])
    assert [record["request_model"] for record in records] == [None, None, "gpt-4o"]
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert not any("gen_ai.request.model" in spans[number] for number in (5, 6))


def test_what_only_the_wrapper_does_stays_with_it() -> None:
    own: Attributes = {"gen_ai.tool.name": "search", "gen_ai.evaluation.name": "tone", "server.address": "gateway"}
    spans, _ = through([agent(own | {"gen_ai.evaluation.score.value": 0.5}), call()])
    assert not own.keys() & spans[9].keys()


def test_a_call_that_says_all_itself_and_a_span_without_a_model_stay_as_they_are() -> None:
    plain = span(1, 3, 1, {"http.route": "/"})
    alone, _ = through([call(AGENT | BARE)])
    beside, _ = through([agent(), call(AGENT | BARE), plain])
    assert {key: value for key, value in alone[9].items() if not key.startswith("enricher.trace.")} == beside[9]
    assert beside[3] == {"http.route": "/"}


@pytest.mark.parametrize("options", [{}, {"keep_originals": False}, {"conventions": "latest"}], ids=str)
def test_an_enricher_behind_lends_what_the_first_one_could_not(options: dict[str, Any]) -> None:
    """The first one saw the call alone, with a provider that it concluded."""
    first = CoreEngine(plan(json.dumps({"normalize": options})))
    first.ingest(request_of(call({"server.address": "api.openai.com", "gen_ai.usage.input_tokens": 1000})), NOW)
    (sent,) = first.drain(NOW).payloads
    before = told(spans_of([sent])[0])
    assert before["enricher.inferred"] == ["provider"]
    behind = CoreEngine(plan(json.dumps({"normalize": options}), call_records=True))
    behind.ingest(sent, NOW)
    behind.ingest(request_of(agent(), scope="agents"), NOW)
    spans, records = decided(behind)
    assert {key: spans[9].get(key) for key in LENT} == LENT
    assert spans[9]["gen_ai.usage.cost"] == float(records[0]["cost_usd"]) == COST
    sources = from_where(spans[9])
    assert sources["provider"] == "server address"
    assert sources["request_model"] == f"wrapper {1:016x}"
    assert set(records[0]["inferred"]) - {"total_tokens"} == sources.keys()


def test_dropped_traces_are_measured_the_same() -> None:
    none = {"name": "none", "type": "probabilistic", "probabilistic": {"sampling_percentage": 0}}
    spans, records = through([agent(), call()], sampling={"policies": [none]})
    assert spans == {}
    assert (records[0]["request_model"], records[0]["cost_usd"], records[0]["sampled"]) == ("gpt-4o", str(COST), False)
    assert "request_model" in records[0]["inferred"]


def test_explain_tells_what_was_lent_and_by_which_span() -> None:
    core = CoreEngine(compile_plan(load_text("").require(), explain=""))
    core.ingest(request_of(agent(), call(), scope="agents"), NOW)
    report = core.drain(NOW)
    written = {int.from_bytes(one.span_id, "big"): told(one) for one in spans_of(report.payloads)}
    (trace,) = [json.loads(line) for line in report.explanations.splitlines()]
    shown = next(one for one in trace["spans"] if one["span_id"] == f"{9:016x}")
    facts = {fact["concept"]: fact for fact in shown["facts"]}
    assert facts["request_model"]["value"] == "gpt-4o"
    assert facts["request_model"]["from"] == f"wrapper {1:016x}"
    assert facts["request_model"]["inferred"]
    assert set(shown["adds"]) - {"enricher.role", "enricher.dialect"} <= written[9].keys()
    text = " ".join("\n".join(Teller([], Style(colored=False), 200).trace(trace)).split())
    assert f"~ request_model gpt-4o from wrapper {1:016x}" in text


def test_a_span_that_tells_much_of_who_asked_does_not_swell_all_calls_below_it() -> None:
    keys = ("gen_ai.conversation.id", "user.id", "gen_ai.agent.name", "gen_ai.agent.id", "gen_ai.prompt.name")
    root = span(1, 1, 0, {"gen_ai.operation.name": "invoke_agent", **dict.fromkeys(keys, "x" * 1000)}, ms=900)
    calls = [span(1, 10 + number, 1, BARE, start=NOW + number * 10**5, ms=0) for number in range(1500)]
    core = CoreEngine(plan(call_records=True))
    request = request_of(root, *calls)
    core.ingest(request, NOW)
    report = core.drain(NOW)
    told_of = [one for one in spans_of(report.payloads) if any(pair.key == "user.id" for pair in one.attributes)]
    written = sum(map(len, report.payloads))
    beyond = metric(core, "enricher_anomalies_total", "context_beyond")
    assert 100 < len(told_of) == 1501 - beyond < 1000
    assert written < 8 * len(request) + (1 << 20), "without a bound it is more than twenty times as much"
    records = [json.loads(line) for line in report.calls.splitlines()]
    assert {record["session_id"] for record in records} == {"x" * 1000}
