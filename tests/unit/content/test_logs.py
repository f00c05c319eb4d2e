"""The content policy on log records that pass through."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from tests.oracle.values import plain
from tests.support.engines import engine
from tests.support.spans import any_value, key_values

NOW = 10**18


def _map(values: dict[str, Any]) -> AnyValue:
    value = AnyValue()
    for key, item in values.items():
        value.kvlist_value.values.add(key=key).value.CopyFrom(_value(item))
    return value


def _value(item: Any) -> AnyValue:
    if isinstance(item, dict):
        return _map(item)
    if isinstance(item, list):
        value = AnyValue()
        value.array_value.values.extend(map(_value, item))
        return value
    return any_value(item)


def _request(*records: LogRecord, scope: str = "app") -> bytes:
    request = ExportLogsServiceRequest()
    request.resource_logs.add(schema_url="u").scope_logs.add(log_records=records).scope.name = scope
    return request.SerializeToString()


def _through(policy: str, record: LogRecord, scope: str = "app") -> LogRecord:
    payload = _request(record, scope=scope)
    report = engine(f"normalize: {{content: {policy}}}").take_logs(payload, NOW)
    assert report.records == 1
    out = ExportLogsServiceRequest.FromString(payload if report.payload is None else report.payload)
    assert out.resource_logs[0].schema_url == "u"
    return out.resource_logs[0].scope_logs[0].log_records[0]


def _message() -> LogRecord:
    record = LogRecord(event_name="gen_ai.choice", severity_text="INFO")
    record.attributes.extend(key_values({"gen_ai.system": "openai", "gen_ai.usage.input_tokens": 7}))
    message = {"role": "assistant", "content": "write to a@b.example " * 100}
    record.body.CopyFrom(_map({"index": 0, "finish_reason": "stop", "message": message}))
    return record


def test_keep_hands_on_the_very_bytes() -> None:
    assert engine("").take_logs(_request(_message()), NOW).payload is None


def test_drop_leaves_what_says_how_the_message_was_arranged() -> None:
    out = _through("drop", _message())
    assert plain(out.body) == {"index": 0, "finish_reason": "stop", "message": {"role": "assistant"}}
    assert out.attributes == _message().attributes


def test_truncate_cuts_texts_of_the_body() -> None:
    body = plain(_through("{policy: truncate, truncate_bytes: 64}", _message()).body)
    assert body["message"]["content"].endswith("…")
    assert len(body["message"]["content"]) < 70


def test_redact_reads_maps_and_json_in_strings() -> None:
    body = plain(_through("redact", _message()).body)
    assert body["message"]["content"] == "write to [EMAIL] " * 100
    record = LogRecord(event_name="gen_ai.user.message")
    record.body.string_value = '{"content": "a@b.example"}'
    assert _through("redact", record).body.string_value == '{"content": "[EMAIL]"}'


@pytest.mark.parametrize("policy", ["drop", "{policy: truncate, truncate_bytes: 16}"])
def test_nothing_of_a_tool_call_is_left_whatever_stands_beside_it(policy: str) -> None:
    call = {"function": {"name": "f", "arguments": '{"id": "SECRET", "q": "SECRET"}'}, "id": "c1"}
    record = LogRecord(event_name="gen_ai.choice")
    record.body.CopyFrom(_map({"message": {"content": "x" * 40, "tool_calls": [call, call]}}))
    out = _through(policy, record)
    assert b"SECRET" not in out.SerializeToString()
    tools = plain(out.body)["message"].get("tool_calls", [])
    assert [tool["id"] for tool in tools] == ["c1", "c1"][: len(tools)]


def test_the_name_of_the_event_may_be_an_attribute() -> None:
    record = _message()
    record.event_name = ""
    record.attributes.extend(key_values({"event.name": "gen_ai.choice"}))
    assert "content" not in plain(_through("drop", record).body)["message"]


def test_plain_log_lines_are_redacted_but_neither_dropped_nor_cut() -> None:
    record = LogRecord(severity_text="INFO")
    record.body.string_value = "login of a@b.example " * 100
    assert _through("redact", record).body.string_value == "login of [EMAIL] " * 100
    for policy in ("drop", "{policy: truncate, truncate_bytes: 16}"):
        assert _through(policy, record) == record


def test_details_events_lose_their_messages_only() -> None:
    record = LogRecord(event_name="gen_ai.client.inference.operation.details", trace_id=b"t" * 16)
    kept = {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.output_tokens": 3, "gen_ai.response.id": "chatcmpl-1"}
    record.attributes.extend(key_values(kept | {"gen_ai.input.messages": '[{"role":"user"}]'}))
    assert {item.key: plain(item.value) for item in _through("drop", record).attributes} == kept


#: Claude Code's records: the end of the name is an attribute, the whole of it the body.
CLAUDE = "com.anthropic.claude_code.events"
SAID = "mail jane@example.com"
CLAUDE_EVENTS: dict[str, dict[str, Any]] = {
    "user_prompt": {"prompt": SAID, "prompt_length": "21"},
    "tool_result": {"tool_parameters": f'{{"bash_command": "{SAID}"}}', "tool_input": SAID, "error": SAID},
    "api_error": {"error": SAID, "status_code": "400", "model": "claude-sonnet-4-5"},
    "api_request_body": {"body": f'{{"messages": ["{SAID}"]}}', "body_length": "40"},
    "api_response_body": {"body": f'{{"content": ["{SAID}"]}}', "model": "claude-sonnet-4-5"},
}


@pytest.mark.parametrize("policy", ["drop", "redact"])
@pytest.mark.parametrize("scope", [CLAUDE, "renamed"])
@pytest.mark.parametrize("name", CLAUDE_EVENTS)
def test_claude_code_names_its_records_in_two_parts(policy: str, scope: str, name: str) -> None:
    record = LogRecord()
    record.body.string_value = f"claude_code.{name}"
    told = {"event.name": name, "session.id": "s-1", "tool_name": "Bash", **CLAUDE_EVENTS[name]}
    record.attributes.extend(key_values(told))
    out = _through(policy, record, scope)
    assert b"jane@" not in out.SerializeToString()
    assert out.body == record.body
    kept = {key: value for key, value in told.items() if SAID not in str(value)}
    assert kept.items() <= {item.key: plain(item.value) for item in out.attributes}.items()


def test_claude_code_without_a_body_is_told_by_its_scope() -> None:
    record = LogRecord()
    record.attributes.extend(key_values({"event.name": "user_prompt", "prompt": SAID}))
    assert [item.key for item in _through("drop", record, CLAUDE).attributes] == ["event.name"]
    assert _through("drop", record, "app") == record


def test_what_claude_code_says_of_its_calls_is_no_content() -> None:
    record = LogRecord()
    record.body.string_value = "claude_code.api_request"
    told = {"event.name": "api_request", "cost_usd": "0.01", "input_tokens": "7", "model": "m", "speed": "fast"}
    record.attributes.extend(key_values(told))
    for policy in ("drop", "redact"):
        assert _through(policy, record, CLAUDE) == record


def test_a_body_that_ends_like_the_name_by_chance_is_a_message() -> None:
    record = LogRecord(event_name="gen_ai.choice")
    record.body.string_value = "he said gen_ai.choice"
    assert not _through("drop", record).HasField("body")
