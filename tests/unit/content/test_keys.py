"""Every key that is known to carry content is covered. The list, `content_keys.yaml`, is kept apart from the tables."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from enricher.config import load_text
from enricher.content.compile import compile_plan, is_of_dialect
from enricher.normalize.names import maps
from enricher.normalize.notation import parse_source
from enricher.normalize.tables import Canonical, load, shipped_dialects
from tests.support.engines import NOW, SECOND, drained, engine, request_of, spans_of
from tests.support.spans import key_values

KNOWN: dict[str, list[str]] = yaml.safe_load((Path(__file__).parent / "content_keys.yaml").read_text())
SAID = "what nobody else may read"


def _key(pattern: str) -> str:
    """A key of the family."""
    return re.sub(r"\{[^}]*\}", "0", pattern).replace("*", "x")


@cache
def _plan() -> dict[str, Any]:
    return compile_plan(load_text("normalize: {content: drop}").require().normalize.content, shipped_dialects())


def _only_in(key: str) -> set[str]:
    """The only dialects in which a key, or an event with all its keys, is content."""
    names = [dialect.name for dialect in shipped_dialects()]
    event = key.removeprefix("event:").partition("/")[0] if key.startswith("event:") else ""
    entries = [entry for entry in _plan()["keys"] if entry["key"] == key]
    entries += [entry for entry in _plan()["events"] if event and fnmatchcase(_key(event), entry["name"])]
    return {names[index] for entry in entries for index in entry.get("dialects", [])}


@pytest.mark.parametrize("policy", ["drop", "redact"])
def test_no_known_key_of_content_is_forgotten(policy: str) -> None:
    secret = SAID if policy == "drop" else "bob@example.com"
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="chat", start_time_unix_nano=NOW, end_time_unix_nano=NOW + 1)
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    keys = {key for keys in KNOWN.values() for key in keys}
    for key in sorted(keys):
        place, _, rest = key.partition(":") if key.startswith(("event:", "log:")) else ("", "", key)
        name, _, last = rest.rpartition("/") if place else ("", "", rest)
        if place == "log":
            record = LogRecord(event_name=_key(name))
            record.attributes.extend(key_values({_key(last): f"{key} {secret}"}))
            records.append(record)
        elif place == "event":
            span.events.add(name=_key(name)).attributes.extend(key_values({_key(last): f"{key} {secret}"}))
        else:
            span.attributes.extend(key_values({_key(last): f"{key} {secret}"}))
    core = engine(f"normalize: {{content: {policy}}}")
    payload = core.take_logs(request.SerializeToString(), NOW).payload
    core.ingest(request_of(span), NOW)
    (out,) = spans_of(drained(core, NOW + 5 * SECOND))
    logs = ExportLogsServiceRequest.FromString(payload or b"").resource_logs[0].scope_logs[0].log_records
    left = [*out.attributes, *(item for event in out.events for item in event.attributes)]
    left += [item for record in logs for item in record.attributes]
    found = {value.rpartition(f" {secret}")[0] for item in left if (value := item.value.string_value).endswith(secret)}
    only = {key: _only_in(key) for key in found}
    forgotten = {
        (dialect, key)
        for dialect, listed in KNOWN.items()
        for key in listed
        if key in found and dialect not in only[key]
    }
    assert not forgotten


#: Scope, name and attributes.
Written = tuple[str, str, dict[str, Any]]
#: Spans without facts that are recognized, and words that are content on them alone.
OWN: dict[str, tuple[Written, list[str]]] = {
    "claude_code": (
        ("com.anthropic.claude_code.tracing", "claude_code.tool", {"tool_name": "Bash"}),
        ["full_command", "tool_input", "result"],
    ),
    "logfire": (("logfire.openai_agents", "Function: {name}", {}), ["input", "output", "raw_input", "response"]),
    "gemini_cli": (("gemini-cli", "tool_call", {}), ["function_args", "prompt"]),
    "autogen": (("autogen-core", "autogen create", {}), ["message"]),
    "openinference": (
        ("openinference.instrumentation.crewai", "Task Created", {"openinference.span.kind": "CHAIN"}),
        ["crew_tasks", "formatted_description"],
    ),
}


@pytest.mark.parametrize("policy", ["drop", "redact"])
@pytest.mark.parametrize("dialect", OWN)
def test_words_are_content_on_spans_of_the_dialect_that_writes_them(policy: str, dialect: str) -> None:
    own, words = OWN[dialect]
    ordinary: Written = ("app.jobs", "job", {})
    for scope, name, beside in (own, ordinary):
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name=name, start_time_unix_nano=NOW)
        span.end_time_unix_nano = NOW + 1
        span.attributes.extend(key_values(dict.fromkeys(words, "mail bob@example.com") | beside))
        core = engine(f"normalize: {{content: {policy}}}")
        core.ingest(request_of(span, scope=scope), NOW)
        (out,) = spans_of(drained(core, NOW + 5 * SECOND))
        left = {item.key for item in out.attributes if "bob@" in item.value.string_value}
        assert left == (set(words) if scope == "app.jobs" else set())


def test_events_of_llamaindex_are_content_on_its_spans_alone() -> None:
    given: dict[str, set[str]] = {"llamaindex.opentelemetry.tracer": set(), "app.jobs": {"response"}}
    for scope, kept in given.items():
        span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="Query", start_time_unix_nano=NOW)
        span.end_time_unix_nano = NOW + 1
        span.events.add(name="QueryEndEvent").attributes.extend(key_values({"response": SAID}))
        core = engine("normalize: {content: drop}")
        core.ingest(request_of(span, scope=scope), NOW)
        (out,) = spans_of(drained(core, NOW + 5 * SECOND))
        assert {item.key for item in out.events[0].attributes} == kept


def test_nothing_that_is_added_is_a_copy_of_content() -> None:
    """A fact whose source is content is written under a key that the policy knows, or not at all."""
    content = {entry["key"] for entry in _plan()["keys"] if "dialects" not in entry}
    for dialect in shipped_dialects():
        for concept, texts in dialect.attributes.items():
            written = load(Canonical).concepts[concept].key
            for text in texts:
                source = parse_source(text, maps())
                is_whole = source.kind == "attr" and not source.path and "host" not in source.transforms
                if written and is_whole and not is_of_dialect(source, dialect):
                    assert source.key not in content or written in content, (dialect.name, concept, text)


@pytest.mark.parametrize("policy", ["keep", "drop", "redact"])
@pytest.mark.parametrize("told", ["no mailbox bob@example.com here", "bob@example.com", "secret " * 100])
def test_a_message_is_no_type_of_error(policy: str, told: str) -> None:
    span = Span(trace_id=b"t" * 16, span_id=b"s" * 8, name="claude_code.llm_request", start_time_unix_nano=NOW)
    span.end_time_unix_nano = NOW + 1
    span.status.code = Status.STATUS_CODE_ERROR
    span.attributes.extend(key_values({"span.type": "llm_request", "model": "claude-sonnet-4-5", "error": told}))
    core = engine(f"normalize: {{content: {policy}}}")
    core.ingest(request_of(span, scope="com.anthropic.claude_code.tracing"), NOW)
    (out,) = spans_of(drained(core, NOW + 5 * SECOND))
    (kind,) = [item.value.string_value for item in out.attributes if item.key == "error.type"]
    assert kind == "_OTHER"
    assert not any(told.strip() in str(labels) for _, labels, *_ in core.metrics())
