"""When tokens are counted from content, and when not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from enricher.tokens.build import pack, tokens_of
from tests.oracle.values import plain
from tests.support.engines import NOW, SECOND, drained, engine, explained, request_of, spans_of
from tests.support.spans import key_values
from tests.unit.tokens.test_counts import LABELLED

TEXT = LABELLED[0]["text"]
TOKENS = LABELLED[0]["counts"]["o200k"]
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": TEXT}]}]
STREAM = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.stream": True,
    "gen_ai.input.messages": json.dumps(MESSAGES),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": TEXT}]}]),
    "gen_ai.response.finish_reasons": ["stop"],
}


def _messages(*parts: Any) -> str:
    """Messages of one turn with these parts."""
    return json.dumps([{"role": "user", "parts": list(parts)}])


def _text(text: str = TEXT) -> dict[str, str]:
    return {"type": "text", "content": text}


def _span(attributes: dict[str, Any], status: int = 0, span_id: bytes = b"s" * 8, parent: bytes = b"") -> Span:
    span = Span(trace_id=b"t" * 16, span_id=span_id, parent_span_id=parent, name="chat", start_time_unix_nano=NOW)
    span.end_time_unix_nano = NOW + SECOND
    span.attributes.extend(key_values(attributes))
    span.status.CopyFrom(Status(code=status))  # type: ignore[arg-type]
    return span


def _out(span: Span, config: str = "") -> dict[str, Any]:
    core = engine(config)
    core.ingest(request_of(span), NOW)
    (out,) = spans_of(drained(core, NOW + 5 * SECOND))
    keys = [item.key for item in out.attributes]
    assert len(keys) == len(set(keys)), "a key may stand once"
    return {item.key: plain(item.value) for item in out.attributes}


def test_a_stream_without_usage_is_counted_from_its_content_and_says_so() -> None:
    out = _out(_span(STREAM))
    # The chat format adds 4 tokens around the message, its role included, and 3 before the answer.
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (TOKENS + 7, TOKENS)
    assert (out["enricher.usage.estimated"], out["enricher.cost.state"]) == (True, "estimated")
    assert out["gen_ai.usage.cost"] == pytest.approx((TOKENS + 7) * 2.5e-6 + TOKENS * 1e-5)


@pytest.mark.parametrize(
    ("question", "answer", "usage"),
    [
        # OpenAI's API reference, and what its API answered in the tests of OpenTelemetry's instrumentation.
        (
            [("system", "You are a helpful assistant."), ("user", "Hello!")],
            "Hello! How can I assist you today?",
            (19, 9),
        ),
        ([("user", "Hello!")], "\n\nHello there, how may I assist you today?", (9, 12)),
        ([("user", "Say this is a test")], "This is a test.", (12, 5)),
    ],
)
def test_plain_chats_are_counted_as_openai_counts_them(
    question: list[tuple[str, str]], answer: str, usage: tuple[int, int]
) -> None:
    messages = json.dumps([{"role": role, "parts": [_text(text)]} for role, text in question])
    out = _out(_span(STREAM | {"gen_ai.input.messages": messages, "gen_ai.output.messages": _messages(_text(answer))}))
    counted = (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"])
    # The answer of the second one was counted by an older vocabulary, whose end it includes.
    assert counted[0] == usage[0]
    assert abs(counted[1] - usage[1]) <= 1


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"gen_ai.usage.input_tokens": 90}, (90, TOKENS)),
        ({"gen_ai.usage.input_tokens": 90, "gen_ai.usage.output_tokens": 0}, (90, TOKENS)),
        ({"gen_ai.usage.output_tokens": 70}, (TOKENS + 7, 70)),
        ({"gen_ai.usage.total_tokens": TOKENS + 90}, (90, TOKENS)),
    ],
    ids=["input", "input and nothing", "output", "total"],
)
def test_the_side_that_nobody_told_is_counted(told: dict[str, int], found: tuple[int, int]) -> None:
    out = _out(_span(STREAM | told))
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == found
    assert (out["enricher.usage.estimated"], out["enricher.cost.state"]) == (True, "estimated")
    assert out["gen_ai.usage.cost"] == pytest.approx(found[0] * 2.5e-6 + found[1] * 1e-5)


def test_what_is_told_is_not_counted() -> None:
    out = _out(_span(STREAM | {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 7}))
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (9, 7)
    assert "enricher.usage.estimated" not in out


@pytest.mark.parametrize("side", ["input", "output", "total"])
def test_usage_of_one_side_alone_has_no_price(side: str) -> None:
    told = {key: value for key, value in STREAM.items() if "messages" not in key}
    out = _out(_span(told | {f"gen_ai.usage.{side}_tokens": 90}))
    assert (out["enricher.cost.state"], out["enricher.cost.reason"]) == ("unpriced", "no_usage")
    assert "gen_ai.usage.cost" not in out
    embedded = {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"}
    if side != "output":
        assert _out(_span(told | embedded | {f"gen_ai.usage.{side}_tokens": 90}))["enricher.cost.state"] == "computed"


def test_usage_that_says_0_because_nobody_knew_gives_way() -> None:
    out = _out(_span(STREAM | {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}))
    assert out["gen_ai.usage.output_tokens"] == TOKENS


@pytest.mark.parametrize(
    "attributes",
    [
        STREAM | {"gen_ai.request.model": "claude-sonnet-4-5"},
        STREAM | {"gen_ai.request.model": "gpt-5-mini"},
        STREAM | {"gen_ai.operation.name": "rerank"},
        STREAM | {"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "text-embedding-3-small"},
        {key: value for key, value in STREAM.items() if "messages" not in key},
        {key: value for key, value in STREAM.items() if key != "gen_ai.output.messages"},
        {key: value for key, value in STREAM.items() if key != "gen_ai.input.messages"},
        STREAM | {"gen_ai.output.messages": "[]"},
        STREAM | {"gen_ai.input.messages": _messages(_text())[:-30]},
        STREAM | {"gen_ai.input.messages": _messages(_text("[REDACTED]"))},
        STREAM | {"gen_ai.input.messages": _messages(_text(), {"type": "blob", "modality": "image", "content": "AA"})},
        STREAM | {"gen_ai.input.messages": _messages(_text(), {"type": "tool_call", "name": "f", "arguments": {}})},
        STREAM | {"gen_ai.response.finish_reasons": ["cancelled"]},
        STREAM | {"gen_ai.response.finish_reasons": ["content_filter"]},
        {key: value for key, value in STREAM.items() if "finish" not in key},
        STREAM | {"enricher.cache_hit": True},
    ],
    ids=[
        "no public vocabulary",
        "thinks unseen",
        "other operation",
        "embedding",
        "no content",
        "no answer",
        "no question",
        "empty answer",
        "cut",
        "redacted",
        "picture",
        "tool without definitions",
        "cancelled",
        "filtered",
        "given up",
        "from the gateway's cache",
    ],
)
def test_nothing_is_invented(attributes: dict[str, Any]) -> None:
    out = _out(_span(attributes))
    assert "enricher.usage.estimated" not in out
    assert "gen_ai.usage.input_tokens" not in out


PICTURE = "iVBORw0KGgoAAAANSUhEUgAA" * 4000


@pytest.mark.parametrize(
    "part",
    [
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": PICTURE},
        {"type": "uri", "modality": "image", "uri": "https://example.com/cat.png"},
        {"type": "file", "modality": "image", "file_id": "file-1"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        {"type": "text", "content": f"data:image/png;base64,{PICTURE}"},
        {"inline_data": {"mime_type": "image/png", "data": PICTURE}},
        {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
        {"type": "text", "content": "<REDACTED>"},
        {"type": "text", "content": f"{TEXT}…[TRUNCATED: original length 90000]"},
    ],
    ids=["blob", "uri", "file", "url", "data", "gemini", "gemini camel case", "redacted", "truncated"],
)
@pytest.mark.parametrize("form", ["json", "structured"])
def test_what_no_text_shows_is_not_counted(part: dict[str, Any], form: str) -> None:
    messages = [{"role": "user", "parts": [_text(), part]}]
    asked = json.dumps(messages) if form == "json" else messages
    assert "enricher.usage.estimated" not in _out(_span(STREAM | {"gen_ai.input.messages": asked}))


def test_messages_as_arrays_and_maps_are_those_of_json() -> None:
    structured = {key: json.loads(str(value)) for key, value in STREAM.items() if "messages" in key}
    as_text, as_values = _out(_span(STREAM)), _out(_span(STREAM | structured))
    assert as_values == as_text | structured
    # Nothing but the answer itself says that there was one.
    bare = {key: value for key, value in structured.items() if key.startswith("gen_ai.output")}
    core = engine("")
    core.ingest(request_of(_span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"} | bare)), NOW)
    drained(core, NOW + 5 * SECOND)
    assert json.loads(core.summary())["calls"]["counted"] == 1


def test_attributes_that_the_sdk_dropped_may_have_been_content() -> None:
    span = _span(STREAM)
    span.dropped_attributes_count = 1
    assert "enricher.usage.estimated" not in _out(span)


def test_a_status_that_is_set_says_that_the_answer_ended() -> None:
    without_reason = {key: value for key, value in STREAM.items() if "finish" not in key}
    assert _out(_span(without_reason, status=1))["enricher.usage.estimated"] is True


@pytest.mark.parametrize("streamed", [True, False], ids=["stream", "plain"])
def test_complete_answers_are_counted_streamed_or_not(streamed: bool) -> None:
    assert _out(_span(STREAM | {"gen_ai.request.stream": streamed}))["enricher.usage.estimated"] is True


def _log(name: str, body: dict[str, Any] | None = None, attributes: dict[str, Any] | None = None) -> LogRecord:
    record = LogRecord(event_name=name, trace_id=b"t" * 16, span_id=b"s" * 8, time_unix_nano=NOW)
    if body is not None:
        record.body.kvlist_value.values.extend(key_values(body))
    record.attributes.extend(key_values(attributes or {}))
    return record


def _said(*records: LogRecord) -> dict[str, Any]:
    """What comes of a span without content, and log records that were written in it."""
    span = _span({key: value for key, value in STREAM.items() if "messages" not in key})
    core = engine("")
    core.ingest(request_of(span), NOW)
    group = ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])
    core.take_logs(ExportLogsServiceRequest(resource_logs=[group]).SerializeToString(), NOW)
    (out,) = spans_of(drained(core, NOW + 5 * SECOND))
    return {item.key: plain(item.value) for item in out.attributes}


def test_content_in_log_records_is_counted_like_that_on_the_span() -> None:
    question = _log("gen_ai.user.message", {"content": TEXT})
    out = _said(question, _log("gen_ai.choice", {"index": 0, "message": {"content": TEXT}, "finish_reason": "stop"}))
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (TOKENS + 7, TOKENS)
    assert out["enricher.usage.estimated"] is True
    assert "enricher.usage.estimated" not in _said(question), "no answer"


def test_content_of_a_details_event_is_counted() -> None:
    messages = {key: value for key, value in STREAM.items() if "messages" in key}
    out = _said(_log("gen_ai.client.inference.operation.details", attributes=messages))
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (TOKENS + 7, TOKENS)


def test_a_call_that_failed_is_not_counted() -> None:
    out = _out(_span(STREAM | {"error.type": "rate_limit"}, status=2))
    assert "enricher.usage.estimated" not in out


def test_it_can_be_switched_off() -> None:
    out = _out(_span(STREAM), "normalize: {estimate_tokens: false}")
    assert "gen_ai.usage.input_tokens" not in out
    assert out["enricher.cost.state"] == "unpriced"


def test_what_another_report_of_the_call_tells_is_better_than_counting() -> None:
    core = engine("")
    told = {key: value for key, value in STREAM.items() if "messages" not in key}
    told |= {"gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 8, "gen_ai.response.id": "chatcmpl-1"}
    core.ingest(request_of(_span(STREAM | {"gen_ai.response.id": "chatcmpl-1"}), scope="a"), NOW)
    core.ingest(request_of(_span(told, span_id=b"c" * 8, parent=b"s" * 8), scope="b"), NOW)
    drained(core, NOW + 5 * SECOND)
    assert json.loads(core.summary())["tokens"]["input"] == 9


def test_content_may_be_in_events_and_may_be_dropped_afterwards() -> None:
    span = _span({key: value for key, value in STREAM.items() if "messages" not in key})
    span.events.add(name="gen_ai.user.message").attributes.extend(key_values({"content": TEXT}))
    span.events.add(name="gen_ai.choice").attributes.extend(key_values({"message": TEXT}))
    out = _out(span, "normalize: {content: drop}")
    assert (out["gen_ai.usage.input_tokens"], out["gen_ai.usage.output_tokens"]) == (TOKENS + 7, TOKENS)


def test_a_tick_counts_no_more_than_it_may_and_says_so() -> None:
    core = engine("normalize: {estimate_tokens: {tick_kib: 1}}")
    spans = []
    for number in range(1, 8):
        span = _span(STREAM)
        span.trace_id, span.span_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        span.start_time_unix_nano += number * 10 * SECOND
        span.end_time_unix_nano += number * 10 * SECOND
        spans.append(span)
    core.ingest(request_of(*spans), NOW)
    drained(core, NOW + 500 * SECOND)
    outcomes = {labels[0]: n for name, labels, n, *_ in core.metrics() if name == "enricher_token_estimates_total"}
    assert outcomes["counted"] == 1024 // (2 * len(TEXT))
    assert sum(outcomes.values()) == 7  # type: ignore[arg-type]


@pytest.mark.parametrize(("kib", "outcome"), [(2, "counted"), (1, "refused")])
def test_content_that_two_reports_of_a_call_show_is_counted_once(kib: int, outcome: str) -> None:
    long = STREAM | {
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [_text(((TEXT + " ") * 20)[:1000])]}]),
    }
    core = engine(f"normalize: {{estimate_tokens: {{tick_kib: {kib}}}}}")
    core.ingest(request_of(_span(long), scope="a"), NOW)
    core.ingest(request_of(_span(long, span_id=b"c" * 8, parent=b"s" * 8), scope="b"), NOW)
    drained(core, NOW + 5 * SECOND)
    assert json.loads(core.summary())["calls"]["counted"] == 1
    outcomes = {labels[0]: n for name, labels, n, *_ in core.metrics() if name == "enricher_token_estimates_total"}
    assert outcomes == {"counted": 0.0, "refused": 0.0} | {outcome: 1.0}


def test_explain_tells_what_was_counted_with_which_vocabulary() -> None:
    (told,) = explained("", request_of(_span(STREAM)))
    estimate = told["spans"][0]["call"]["estimate"]
    assert estimate == {"vocabulary": "o200k", "input": TOKENS + 7, "output": TOKENS}


def test_a_vocabulary_file_is_made_of_what_is_published(tmp_path: Any) -> None:
    published = tmp_path / "x.tiktoken"
    published.write_text("YQ== 0\nYg== 1\nYWI= 2\n")
    assert tokens_of(published) == [b"a", b"b", b"ab"]
    merges = tmp_path / "tokenizer.json"
    merges.write_text(json.dumps({"model": {"type": "BPE", "merges": ["Ġ t", ["a", "b"], "a b"]}}))
    assert tokens_of(merges)[256:] == [b" t", b"ab"]
    assert len(pack([b"ab"])) > 0
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match="is no"):
        tokens_of(tmp_path / "other.json")
