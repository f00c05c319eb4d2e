"""The content policy at the engine's door: spans in, spans out, facts as before."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.config import load_text
from enricher.content import tables
from enricher.content.compile import compile_plan, is_of_dialect
from enricher.normalize.names import maps
from enricher.normalize.notation import parse_source
from enricher.normalize.settings import NormalizeSettings
from enricher.normalize.tables import shipped_dialects
from tests.oracle.values import plain
from tests.support.engines import drained, engine, request_of, spans_of
from tests.support.spans import key_values

NOW = 10**18


def _span(attributes: dict[str, Any], *events: tuple[str, dict[str, Any]]) -> Span:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=NOW, end_time_unix_nano=NOW + 1)
    span.attributes.extend(key_values(attributes))
    for name, values in events:
        span.events.add(name=name).attributes.extend(key_values(values))
    return span


def _out(config: str, *spans: Span) -> list[Span]:
    core = engine(config)
    core.ingest(request_of(*spans), NOW)
    return spans_of(drained(core, NOW))


def _attributes(span: Span) -> dict[str, Any]:
    return {item.key: plain(item.value) for item in span.attributes}


CALL = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.input_tokens": 10,
    "gen_ai.usage.output_tokens": 5,
    "gen_ai.input.messages": json.dumps(
        [{"role": "user", "parts": [{"type": "text", "content": "mail a@b.example " * 90}]}]
    ),
    "gen_ai.tool.call.arguments": '{"to": "a@b.example"}',
    "app.note": "mail a@b.example",
}


def test_keep_is_the_default_and_touches_nothing() -> None:
    (out,) = _out("", _span(CALL))
    assert CALL.items() <= _attributes(out).items()


def test_drop_takes_content_away_and_leaves_usage_model_and_cost() -> None:
    (kept,), (out,) = _out("", _span(CALL)), _out("normalize: {content: drop}", _span(CALL))
    gone = set(_attributes(kept)) - set(_attributes(out))
    assert gone == {"gen_ai.input.messages", "gen_ai.tool.call.arguments"}
    assert _attributes(out).items() <= _attributes(kept).items()
    assert _attributes(out)["gen_ai.usage.cost"] > 0


#: What the conventions write onto events, without the content.
DETAILS: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.stop_sequences": ["END"],
    "gen_ai.response.id": "resp_1",
    "gen_ai.output.type": "text",
    "gen_ai.conversation.id": "c-1",
    "gen_ai.agent.name": "a bot with a name",
    "server.address": "api.openai.com",
    "error.type": "timeout",
}
RESULT: dict[str, Any] = {
    "gen_ai.evaluation.name": "relevance",
    "gen_ai.evaluation.score.value": 0.4,
    "gen_ai.evaluation.score.label": "fail",
    "gen_ai.response.id": "resp_1",
}


@pytest.mark.parametrize("options", ["drop", "{policy: truncate, truncate_bytes: 16}", "redact"])
def test_facts_stay_in_events_and_log_records(options: str) -> None:
    events = [
        ("gen_ai.client.inference.operation.details", DETAILS, "gen_ai.input.messages"),
        ("gen_ai.evaluation.result", RESULT, "gen_ai.evaluation.explanation"),
    ]
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for name, facts, content in events:
        records.add(event_name=name).attributes.extend(key_values(facts | {content: "mail a@b.example to say so"}))
    said = [(name, facts | {content: "mail a@b.example to say so"}) for name, facts, content in events]
    core = engine(f"normalize: {{content: {options}}}")
    payload = core.take_logs(request.SerializeToString(), NOW).payload
    core.ingest(request_of(_span(CALL, *said)), NOW)
    (out,) = spans_of(drained(core, NOW))
    logs = ExportLogsServiceRequest.FromString(payload or b"").resource_logs[0].scope_logs[0].log_records
    places: list[Any] = [out.events, logs]
    for left in places:
        for one, (_, facts, content) in zip(left, events, strict=True):
            found = {item.key: plain(item.value) for item in one.attributes}
            assert found.pop(content, "") != "mail a@b.example to say so"
            assert found == facts


def test_truncate_keeps_json_valid() -> None:
    (out,) = _out("normalize: {content: {policy: truncate, truncate_bytes: 64}}", _span(CALL))
    text = _attributes(out)["gen_ai.input.messages"]
    assert json.loads(text)[0]["parts"][0]["content"].endswith("…")
    assert len(text) < 200
    assert _attributes(out)["gen_ai.tool.call.arguments"] == CALL["gen_ai.tool.call.arguments"]


def _tree(rng: random.Random, depth: int = 0) -> Any:
    """Content in which every text is made of `S`."""
    kind = rng.choice(["text", "list", "map"]) if 0 < depth < 5 else "text" if depth else "map"
    if kind == "text":
        return "S" * rng.randrange(1, 60)
    if kind == "list":
        return [_tree(rng, depth + 1) for _ in range(rng.randrange(4))]
    names = ["content", "arguments", "message", "tool_calls", "a", "b"]
    return {name: _tree(rng, depth + 1) for name in rng.sample(names, rng.randrange(1, 5))}


@pytest.mark.parametrize("form", ["json", "structured"])
def test_no_more_than_the_limit_is_left_wherever_it_stands(form: str) -> None:
    rng = random.Random(3)
    trees = [_tree(rng) for _ in range(200)]
    spans = []
    for number, tree in enumerate(trees, 1):
        span = _span(CALL | {"gen_ai.output.messages": json.dumps(tree) if form == "json" else tree})
        span.span_id = number.to_bytes(8, "big")
        spans.append(span)
    out = _out("normalize: {content: {policy: truncate, truncate_bytes: 64}}", *spans)
    assert len(out) == len(trees)
    for span in out:
        left = _attributes(span)["gen_ai.output.messages"]
        assert str(json.loads(left) if form == "json" else left).count("S") <= 64


def test_names_tell_in_structured_values_as_in_json() -> None:
    told: dict[str, Any] = {
        "headers": [["accept", "*/*"], ["x-api-key", "abc12345"]],
        "env": [{"value": "abc12345", "name": "API_TOKEN"}, {"name": "REGION", "value": "abc12345"}],
        "contact": {"phone": 2125550188, "id": 2125550188},
    }
    (out,) = _out("normalize: {content: redact}", _span(CALL | {"gen_ai.output.messages": told}))
    assert _attributes(out)["gen_ai.output.messages"] == {
        "headers": [["accept", "*/*"], ["x-api-key", "[SECRET]"]],
        "env": [{"value": "[SECRET]", "name": "API_TOKEN"}, {"name": "REGION", "value": "abc12345"}],
        "contact": {"phone": "[PHONE]", "id": 2125550188},
    }


def test_the_key_of_an_attribute_tells_too() -> None:
    told = {"gen_ai.prompt.variable.phone": "2125550188", "gen_ai.prompt.variable.order": "2125550188"}
    (out,) = _out("normalize: {content: redact}", _span(CALL | told))
    assert _attributes(out)["gen_ai.prompt.variable.phone"] == "[PHONE]"
    assert _attributes(out)["gen_ai.prompt.variable.order"] == "2125550188"


def test_redact_reaches_attributes_events_links_and_status() -> None:
    span = _span(CALL, ("gen_ai.user.message", {"content": "a@b.example", "role": "user"}))
    span.links.add(trace_id=b"l" * 16, span_id=b"l" * 8).attributes.extend(key_values({"gen_ai.prompt": "a@b.example"}))
    span.status.message = "no such mailbox: a@b.example"
    span.events.add(name="exception").attributes.extend(key_values({"exception.message": "a@b.example is unknown"}))
    (out,) = _out("normalize: {content: redact}", span)
    assert b"b.example" not in _without(out, "app.note").SerializeToString()
    assert plain(out.events[0].attributes[0].value) == "[EMAIL]"
    assert out.status.message == "no such mailbox: [EMAIL]"


def _without(span: Span, key: str) -> Span:
    copy = Span()
    copy.CopyFrom(span)
    for item in [item for item in copy.attributes if item.key == key]:
        copy.attributes.remove(item)
    return copy


def test_keys_of_the_user_are_content_too() -> None:
    (out,) = _out("normalize: {content: {policy: redact, keys: [app.*]}}", _span(CALL))
    assert _attributes(out)["app.note"] == "mail [EMAIL]"


def test_late_spans_meet_the_same_policy() -> None:
    core = engine("normalize: {content: drop}")
    core.ingest(request_of(_span(CALL)), NOW)
    drained(core, NOW)
    late = _span(CALL)
    late.span_id = b"l" * 8
    core.ingest(request_of(late), NOW + 10**9)
    (out,) = spans_of(drained(core, NOW + 10**10))
    assert "gen_ai.input.messages" not in _attributes(out)


def test_what_was_done_is_counted() -> None:
    core = engine("normalize: {content: redact}")
    core.ingest(request_of(_span(CALL)), NOW)
    drained(core, NOW)
    counted = {labels: value for name, labels, value, *_ in core.metrics() if name == "enricher_content_values_total"}
    assert counted == {("redacted", "email"): 91.0}


def test_no_key_of_usage_model_or_cost_is_content() -> None:
    plan = compile_plan(load_text("normalize: {content: drop}").require().normalize.content, shipped_dialects())
    everywhere = {entry["key"] for entry in plan["keys"] if "dialects" not in entry and entry["class"] != "diagnostic"}
    content = {"input_content", "output_content", "system_instructions", "tool_definitions", "tool_arguments"}
    for dialect in shipped_dialects():
        for concept, texts in dialect.attributes.items():
            if concept in content | {"tool_result", "evaluation_explanation"}:
                continue
            for text in texts:
                source = parse_source(text, maps())
                if source.kind == "attr" and not source.path and not is_of_dialect(source, dialect):
                    assert source.key not in everywhere, (dialect.name, concept, source.key)


def test_every_class_has_keys_and_every_key_one_class() -> None:
    keys = tables.load(tables.Keys).keys
    listed = [key for group in keys.values() for key in group]
    assert len(listed) == len(set(listed))
    plan = compile_plan(load_text("normalize: {content: drop}").require().normalize.content, [])
    assert {entry["class"] for entry in plan["keys"]} == set(keys)
    assert NormalizeSettings().content.policy == "keep"


def test_a_span_without_content_or_facts_leaves_as_it_came() -> None:
    span = _span({"http.route": "/a", "user": "a@b.example"}, ("retry", {"attempt": 1}))
    for policy in ("drop", "truncate", "redact"):
        (out,) = _out(f"normalize: {{content: {policy}}}", span)
        assert out == span
