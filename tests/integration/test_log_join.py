"""Log records that say something about a model call are joined to its span, in whatever order the two come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.runtime.engine import CoreEngine
from tests.oracle.values import plain
from tests.support.engines import NOW, SECOND, drained, engine, metric, plan, request_of, spans_of
from tests.support.spans import key_values

TRACE, SPAN = b"t" * 16, b"s" * 8
DETAILS = "gen_ai.client.inference.operation.details"
USAGE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1000,
    "gen_ai.usage.output_tokens": 100,
    "gen_ai.response.finish_reasons": ["stop"],
}


def _span(attributes: dict[str, Any] | None = None, span_id: bytes = SPAN, trace_id: bytes = TRACE) -> bytes:
    span = Span(trace_id=trace_id, span_id=span_id, name="chat", start_time_unix_nano=NOW - SECOND)
    span.end_time_unix_nano = NOW
    span.attributes.extend(key_values(attributes or {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o"}))
    return request_of(span, scope="opentelemetry.instrumentation.openai_v2")


def _log(attributes: dict[str, Any], name: str = DETAILS, span_id: bytes = SPAN, trace_id: bytes = TRACE) -> bytes:
    record = LogRecord(event_name=name, trace_id=trace_id, span_id=span_id, time_unix_nano=NOW)
    record.attributes.extend(key_values(attributes))
    return _logs(record)


def _logs(*records: LogRecord) -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add(
        log_records=records
    ).scope.name = "opentelemetry.instrumentation.openai_v2"
    return request.SerializeToString()


def _out(core: CoreEngine, now: int = NOW + SECOND) -> dict[str, Any]:
    (span,) = spans_of(drained(core, now))
    return {item.key: plain(item.value) for item in span.attributes}


def _events(core: CoreEngine) -> dict[str, float]:
    found = {labels[0]: value for name, labels, value, *_ in core.metrics() if name == "enricher_log_events_total"}
    return {outcome: value for outcome, value in found.items() if isinstance(value, float)}


@pytest.mark.parametrize("log_first", [True, False])
def test_usage_of_a_log_record_is_the_spans(log_first: bool) -> None:
    core = engine("")
    if log_first:
        core.take_logs(_log(USAGE), NOW)
    core.ingest(_span(), NOW)
    if not log_first:
        core.take_logs(_log(USAGE), NOW)
    out = _out(core)
    assert out["gen_ai.usage.input_tokens"] == 1000
    assert out["gen_ai.response.model"] == "gpt-4o-2024-08-06"
    assert out["gen_ai.usage.cost"] == pytest.approx(1000 * 2.5e-6 + 100 * 1e-5)
    assert "log record" in out["enricher.inferred.from"]
    assert json.loads(core.summary())["calls"]["counted"] == 1
    assert _events(core) == {"joined": 1, "unmatched": 0, "refused": 0}


def test_every_copy_of_a_span_shows_what_its_log_record_says() -> None:
    core = engine("")
    copies = (_span(), _span({"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "copy": "other"}), _span())
    for copy in copies:
        core.ingest(copy, NOW)
    core.take_logs(_log(USAGE), NOW)
    spans = spans_of(drained(core, NOW + SECOND))
    found = [{item.key: plain(item.value) for item in span.attributes} for span in spans]
    assert [out["gen_ai.usage.input_tokens"] for out in found] == [1000] * 3
    assert [out.get("copy") for out in found] == [None, "other", None]
    assert _events(core) == {"joined": 1, "unmatched": 0, "refused": 0}


def test_what_the_span_says_stays() -> None:
    core = engine("")
    own = USAGE | {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 7}
    core.ingest(_span(own), NOW)
    core.take_logs(_log(USAGE | {"gen_ai.usage.cache_read.input_tokens": 900}), NOW)
    out = _out(core)
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (5, 7)
    # Figures of two sources do not fit each other: all or none.
    assert "gen_ai.usage.cache_read.input_tokens" not in out


def test_a_record_about_another_response_says_nothing_about_this_one() -> None:
    core = engine("")
    core.ingest(_span({"gen_ai.request.model": "gpt-4o", "gen_ai.response.id": "chatcmpl-1"}), NOW)
    core.take_logs(_log(USAGE | {"gen_ai.response.id": "chatcmpl-2"}), NOW)
    assert "gen_ai.usage.input_tokens" not in _out(core)


def test_a_choice_tells_why_the_model_stopped() -> None:
    core = engine("")
    record = LogRecord(event_name="gen_ai.choice", trace_id=TRACE, span_id=SPAN, time_unix_nano=NOW)
    record.attributes.extend(key_values({"gen_ai.system": "openai"}))
    record.body.kvlist_value.values.add(key="finish_reason").value.string_value = "length"
    core.take_logs(_logs(record), NOW)
    core.ingest(_span(), NOW)
    assert _out(core)["gen_ai.response.finish_reasons"] == ["length"]


@pytest.mark.parametrize("failed", [True, False])
def test_an_exception_in_a_log_record_classes_the_error_of_a_span_that_failed(failed: bool) -> None:
    core = engine("")
    span = Span(trace_id=TRACE, span_id=SPAN, name="chat", start_time_unix_nano=NOW - SECOND, end_time_unix_nano=NOW)
    span.attributes.extend(key_values({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}))
    span.status.code = span.status.STATUS_CODE_ERROR if failed else span.status.STATUS_CODE_UNSET
    core.ingest(request_of(span, scope="app"), NOW)
    said = {
        "exception.type": "google.genai.errors.ClientError",
        "exception.message": "429 RESOURCE_EXHAUSTED. Try again later.",
    }
    record = LogRecord(event_name="gen_ai.client.operation.exception", trace_id=TRACE, span_id=SPAN, time_unix_nano=NOW)
    record.attributes.extend(key_values(said))
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add(log_records=[record]).scope.name = "app"
    core.take_logs(request.SerializeToString(), NOW)
    out = _out(core)
    assert out.get("enricher.error.class") == ("rate_limit" if failed else None)
    assert out.get("error.type") == ("google.genai.errors.ClientError" if failed else None)


def test_a_span_around_the_call_is_no_second_call() -> None:
    core = engine("")
    core.ingest(_span({"http.route": "/ask"}, span_id=b"r" * 8), NOW)
    child = Span(trace_id=TRACE, span_id=SPAN, parent_span_id=b"r" * 8, name="chat", start_time_unix_nano=NOW - SECOND)
    child.end_time_unix_nano = NOW
    child.attributes.extend(key_values(USAGE))
    core.ingest(request_of(child, scope="openai"), NOW)
    core.take_logs(_log(USAGE, span_id=b"r" * 8), NOW)
    drained(core, NOW + SECOND)
    assert json.loads(core.summary())["calls"]["counted"] == 1


def test_the_only_word_about_a_call_makes_it_one() -> None:
    core = engine("")
    core.ingest(_span({"http.route": "/ask"}), NOW)
    core.take_logs(_log(USAGE), NOW)
    assert _out(core)["gen_ai.usage.cost"] > 0
    assert json.loads(core.summary())["calls"]["counted"] == 1


def test_late_spans_find_their_log_records() -> None:
    core = engine("")
    core.ingest(_span({"http.route": "/ask"}, span_id=b"r" * 8), NOW)
    drained(core, NOW)
    core.take_logs(_log(USAGE), NOW + SECOND)
    core.tick(NOW + 2 * SECOND)
    core.ingest(_span(), NOW + 3 * SECOND)
    assert _out(core, NOW + 10 * SECOND)["gen_ai.usage.input_tokens"] == 1000


def test_records_without_a_span_are_given_up_and_counted() -> None:
    core = engine("")
    core.take_logs(_log(USAGE), NOW)
    assert _bytes(core) > 0
    core.tick(NOW + 3600 * SECOND)
    assert _events(core) == {"joined": 0, "unmatched": 1, "refused": 0}
    assert _bytes(core) == 0


def _bytes(core: CoreEngine) -> float:
    return next(value for name, _, value, *_ in core.metrics() if name == "enricher_log_facts_bytes")  # type: ignore[return-value]


def test_beyond_the_bound_records_pass_and_add_nothing() -> None:
    core = engine("", log_facts_bytes=400)
    for number in range(5):
        core.take_logs(_log(USAGE, span_id=bytes([number + 1] * 8)), NOW)
    events = _events(core)
    assert events["refused"] >= 3
    assert _bytes(core) <= 400
    unread = engine("limits: {log_facts_mib: 0}")
    unread.take_logs(_log(USAGE), NOW)
    unread.ingest(_span(), NOW)
    assert "gen_ai.usage.input_tokens" not in _out(unread)


def test_records_wait_their_own_time_whatever_was_noted_of_the_trace_before() -> None:
    core = engine("sampling: {decision_wait: 30s, decision_wait_after_root_received: 2s}")
    core.take_logs(_log(USAGE, span_id=b"r" * 8), NOW)
    core.ingest(_span(span_id=b"r" * 8), NOW)
    core.tick(NOW + 3 * SECOND)
    core.take_logs(_log(USAGE), NOW + 20 * SECOND)
    core.tick(NOW + 31 * SECOND)
    core.ingest(_span(), NOW + 40 * SECOND)
    core.tick(NOW + 49 * SECOND)
    core.tick(NOW + 120 * SECOND)
    assert _events(core) == {"joined": 2, "unmatched": 0, "refused": 0}


def test_records_pass_untouched_and_content_is_not_held() -> None:
    core = engine("")
    text = [{"role": "user", "parts": [{"type": "text", "content": "x" * 100_000}]}]
    report = core.take_logs(_log(USAGE | {"gen_ai.input.messages": json.dumps(text)}), NOW)
    assert (report.records, report.payload) == (1, None)
    assert _bytes(core) < 1000


def test_a_plan_of_another_time_does_not_misread_what_was_noted() -> None:
    core = engine("")
    core.take_logs(_log(USAGE), NOW)
    core.replace_plan(plan("normalize: {conventions: latest}"))
    core.ingest(_span(), NOW)
    assert "gen_ai.usage.input_tokens" not in _out(core)
    assert _events(core)["unmatched"] == 1


def test_of_two_evaluations_nothing_is_mixed() -> None:
    core = engine("", call_records=True)
    first = {"gen_ai.evaluation.name": "rel", "gen_ai.evaluation.score.value": 0.4}
    second = {"gen_ai.evaluation.name": "tox", "gen_ai.evaluation.score.label": "toxic"}
    core.ingest(_span({**USAGE}), NOW)
    core.take_logs(_log(first, name="gen_ai.evaluation.result"), NOW)
    core.take_logs(_log(second, name="gen_ai.evaluation.result"), NOW)
    (call,) = map(json.loads, core.drain(NOW + SECOND).calls.splitlines())
    assert call["evaluations"] == [
        {"name": "rel", "score": 0.4, "label": None},
        {"name": "tox", "score": None, "label": "toxic"},
    ]


RELEVANT = {"gen_ai.evaluation.name": "rel", "gen_ai.evaluation.score.value": 0.4}
SAFE = {"enricher.guardrail.name": "pii", "enricher.guardrail.decision": "passed"}


def _scores(core: CoreEngine) -> dict[str, tuple[int, Any]]:
    """By evaluation: how many scores, and their sum."""
    found = [series for series in core.metrics() if series[0] == "llm_evaluation_score"]
    return {labels[0]: (sum(counts), total) for _, labels, counts, total, _ in found if isinstance(counts, list)}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("attributes", [USAGE, {"app.judge": "mine"}], ids=["call", "no call"])
def test_what_is_told_again_of_a_span_counts_once(attributes: dict[str, Any], late: bool) -> None:
    core = engine("", call_records=True)
    calls = b""
    for _ in range(2):
        core.take_logs(_log(RELEVANT, name="gen_ai.evaluation.result"), NOW)
        core.take_logs(_log(RELEVANT, name="gen_ai.evaluation.result"), NOW)
        core.ingest(_span({**attributes, **RELEVANT, **SAFE}), NOW)
        if late:
            calls += core.drain(NOW + SECOND).calls
    calls += core.drain(NOW + 2 * SECOND).calls
    assert _scores(core) == {"rel": (1, pytest.approx(0.4))}
    assert metric(core, "llm_guardrail_decisions_total", "pii", "passed") == 1
    assert [len(json.loads(line)["evaluations"]) for line in calls.splitlines()] == [1] * (attributes is USAGE)


def test_the_same_of_two_spans_counts_twice_and_another_score_of_one_as_well() -> None:
    core = engine()
    core.ingest(_span({**USAGE, **RELEVANT}), NOW)
    core.ingest(_span({**USAGE, **RELEVANT}, span_id=b"o" * 8), NOW)
    core.take_logs(_log(RELEVANT | {"gen_ai.evaluation.score.value": 0.5}, name="gen_ai.evaluation.result"), NOW)
    core.drain(NOW + SECOND)
    assert _scores(core) == {"rel": (3, pytest.approx(1.3))}


def test_a_name_forges_no_evaluation() -> None:
    core = engine()
    core.ingest(_span({**USAGE, **RELEVANT}), NOW)
    forged = {"gen_ai.evaluation.name": "a\x1f0.9\x1f\x1eforged", "gen_ai.evaluation.score.value": 0.1}
    core.take_logs(_log(forged, name="gen_ai.evaluation.result"), NOW)
    core.drain(NOW + SECOND)
    assert _scores(core) == {"rel": (1, pytest.approx(0.4)), "": (1, pytest.approx(0.1))}


@pytest.mark.parametrize("counts", [(100, 20, 60), ("100", "20", "60")])
@pytest.mark.parametrize("named_by", ["event_name", "attribute"])
def test_codex_counts_in_log_records(counts: tuple[object, ...], named_by: str) -> None:
    core = engine("", call_records=True)
    keys = ("input_token_count", "output_token_count", "cached_token_count")
    told: dict[str, Any] = dict(zip(keys, counts, strict=True))
    name = "codex.sse_event"
    span = Span(trace_id=TRACE, span_id=SPAN, name="session_task.turn", start_time_unix_nano=NOW - SECOND)
    span.end_time_unix_nano = NOW
    span.attributes.extend(key_values({"model": "gpt-5-codex", "codex.turn.reasoning_effort": "high"}))
    core.ingest(request_of(span, scope="codex_cli_rs"), NOW)
    if named_by == "attribute":
        core.take_logs(_log({**told, "event.name": name}, name=""), NOW)
    else:
        core.take_logs(_log(told, name=name), NOW)
    (call,) = map(json.loads, core.drain(NOW + SECOND).calls.splitlines())
    assert (call["input_tokens"], call["output_tokens"], call["cache_read_tokens"]) == (100, 20, 60)


@pytest.mark.parametrize("again", [False, True])
def test_gemini_cli_counts_in_log_records(again: bool) -> None:
    """Thoughts are not in its output; an enricher behind this one hears the record once more."""
    span = Span(trace_id=TRACE, span_id=SPAN, name="llm_call", start_time_unix_nano=NOW - SECOND)
    span.end_time_unix_nano = NOW
    span.attributes.extend(key_values({"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-pro"}))
    told = {
        "model": "gemini-2.5-pro",
        "input_token_count": 1000,
        "output_token_count": 50,
        "cached_content_token_count": 400,
        "thoughts_token_count": 200,
        "total_token_count": 1250,
    }
    payloads = [request_of(span, scope="gemini-cli")]
    for _ in range(1 + again):
        core = engine("", call_records=True)
        core.take_logs(_log(told, name="gemini_cli.api_response"), NOW)
        for payload in payloads:
            core.ingest(payload, NOW)
        report = core.drain(NOW + SECOND)
        payloads = report.payloads
    (call,) = map(json.loads, report.calls.splitlines())
    assert (call["input_tokens"], call["output_tokens"], call["reasoning_tokens"]) == (1000, 250, 200)
    # 600 × 1.25 + 400 × 0.125 + 250 × 10 = 3,300 USD for a million.
    assert call["cost_usd"] == "0.0033"


def test_a_cost_in_a_log_record_belongs_to_the_same_counts() -> None:
    for tokens, state in ((10, "reported"), (11, "unpriced")):
        core = engine("", call_records=True)
        core.ingest(
            _span(
                {
                    **USAGE,
                    "gen_ai.usage.input_tokens": 10,
                    "gen_ai.request.model": "nobody-knows",
                    "gen_ai.response.model": "nobody-knows",
                }
            ),
            NOW,
        )
        core.take_logs(_log({"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.cost": 0.5}), NOW)
        (call,) = map(json.loads, core.drain(NOW + SECOND).calls.splitlines())
        assert call["cost_state"] == state
