"""What another trace says of a call takes no call away that it does not stand for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.engines import NOW, engine, metric, request_of, span

Attributes = dict[str, str | int | float | bool]
ASKED: Attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
}
ANSWERED: Attributes = ASKED | {"gen_ai.response.finish_reasons": "stop"}


def calls(*requests: bytes) -> list[Any]:
    """The span ids of the calls that count."""
    core = engine(call_records=True)
    for request in requests:
        core.ingest(request, NOW)
    return [json.loads(line)["span_id"] for line in core.drain(NOW).calls.splitlines()]


def one(trace: int, attributes: Attributes, scope: str, *, parent: int = 0, error: bool = False) -> bytes:
    """A root is a client's span, which otherwise goes before others."""
    told = span(trace, trace, parent, attributes, error=error)
    told.kind = 1 if parent else 3  # type: ignore[assignment]
    return request_of(told, resource={"service.name": "shop"}, scope=scope)


@pytest.mark.parametrize(("told", "error"), [(ANSWERED, False), (ASKED, True)], ids=["answered", "failed"])
@pytest.mark.parametrize("in_order", [True, False])
def test_a_report_without_answer_elsewhere_takes_no_call(told: Attributes, error: bool, in_order: bool) -> None:
    client = one(1, ASKED, "sdk")
    framework = one(2, told, "framework", parent=9, error=error)
    assert calls(client) == []
    assert calls(framework) == ["0000000000000002"]
    assert calls(*([client, framework] if in_order else [framework, client])) == ["0000000000000002"]


@pytest.mark.parametrize("in_order", [True, False])
def test_a_span_that_names_an_answer_and_is_no_call_takes_none(in_order: bool) -> None:
    """A cache write names the response that it keeps."""
    answer: Attributes = {"gen_ai.response.id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"}
    written = one(1, answer, "cache")
    streamed = one(2, ASKED | answer, "sdk", parent=9)
    assert calls(written) == []
    assert calls(*([written, streamed] if in_order else [streamed, written])) == ["0000000000000002"]


def test_reports_of_further_scopes_of_an_instance_are_told_not_to_be_compared() -> None:
    core = engine()
    for number in range(1, 41):
        core.ingest(one(number, ANSWERED, f"scope-{number}"), NOW)
    assert metric(core, "enricher_reports_not_compared_total", "scopes") == 8
    assert metric(core, "enricher_calls_forgotten_total") == 0
