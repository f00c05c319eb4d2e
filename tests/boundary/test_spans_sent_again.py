"""A span that is delivered again is one duplicate wherever duplicates are told."""

from __future__ import annotations

import json

import pytest

from tests.support.engines import CHAT, NOW, engine, metric, request_of, span

ASKED = {key: value for key, value in CHAT.items() if not key.startswith("gen_ai.usage")}
COPIES = {
    "asked, then answered": ([ASKED, CHAT], 1),
    "answered, then asked": ([CHAT, ASKED], 1),
    "answered twice": ([CHAT, CHAT], 1),
    "asked, then answered twice": ([ASKED, CHAT, CHAT], 2),
}


@pytest.mark.parametrize("case", COPIES)
def test_records_summary_and_metric_count_the_same_duplicates(case: str) -> None:
    told, duplicates = COPIES[case]
    core = engine(call_records=True)
    for attributes in told:
        core.ingest(request_of(span(1, 1, attributes=attributes)), NOW)
    [call] = core.drain(NOW).calls.splitlines()
    assert json.loads(call)["duplicates"] == duplicates
    assert json.loads(core.summary())["calls"]["duplicates"] == duplicates
    assert metric(core, "enricher_duplicate_reports_total", "same_span") == duplicates


def test_a_copy_of_a_report_that_another_stands_for_is_a_duplicate_of_the_call() -> None:
    core = engine(call_records=True)
    for scope, number, parent in (("framework", 1, 0), ("framework", 1, 0), ("sdk", 2, 1), ("sdk", 2, 1)):
        core.ingest(request_of(span(1, number, parent, CHAT, ms=30 - number), scope=scope), NOW)
    [call] = core.drain(NOW).calls.splitlines()
    assert json.loads(call)["duplicates"] == 3
    assert json.loads(core.summary())["calls"]["duplicates"] == 3
