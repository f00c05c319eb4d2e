"""Recorded units replayed: nothing two replays share may make them look like one, and nothing else may change."""

from collections import Counter
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.demo.recording import Unit, load
from enricher.demo.traffic import DECK, Traffic

NOW = 1_900_000_000_000_000_000


@pytest.fixture(scope="module")
def units() -> list[Unit]:
    return load()


def spans(request: ExportTraceServiceRequest) -> list[Any]:
    return [span for rs in request.resource_spans for ss in rs.scope_spans for span in ss.spans]


def texts(request: ExportTraceServiceRequest, key: str) -> set[str]:
    found = (a.value.string_value for span in spans(request) for a in span.attributes if a.key == key)
    return {text for text in found if text}


def test_the_index_tells_the_truth_about_what_can_be_counted(units: list[Unit]) -> None:
    for unit in units:
        assert unit.truth.spans == len(spans(unit.request))
        assert unit.truth.traces == len({span.trace_id for span in spans(unit.request)})
        assert unit.truth.failed_calls <= unit.truth.calls
    assert {unit.truth.kind for unit in units} == set(DECK)


def test_every_deck_holds_the_mix(units: list[Unit]) -> None:
    traffic = Traffic(units, seed=1)
    for _ in range(3):
        assert Counter(unit.truth.kind for unit in traffic.deck()) == DECK


def test_a_seed_repeats_the_traffic(units: list[Unit]) -> None:
    one, other = (Traffic(units, seed=4) for _ in range(2))
    first, second = ([t.replay(unit, NOW) for unit in t.deck()] for t in (one, other))
    assert first == second


def test_ids_are_fresh_and_keep_the_shape_of_the_trace(units: list[Unit]) -> None:
    traffic = Traffic(units, seed=2)
    for unit in units:
        old, new = spans(unit.request), spans(traffic.replay(unit, NOW))
        ids = dict(zip((span.span_id for span in old), (span.span_id for span in new), strict=True))
        for before, after in zip(old, new, strict=True):
            assert after.span_id != before.span_id
            assert after.trace_id != before.trace_id
            if before.parent_span_id in ids:
                assert after.parent_span_id == ids[before.parent_span_id]
            else:
                assert bool(after.parent_span_id) == bool(before.parent_span_id)
        assert len({span.trace_id for span in new}) == unit.truth.traces


@pytest.mark.parametrize("key", ["gen_ai.response.id", "llm.openai.id", "llm.anthropic.id", "ai.response.id"])
def test_response_ids_are_fresh_and_stay_equal_where_they_were(units: list[Unit], key: str) -> None:
    traffic = Traffic(units, seed=3)
    seen: set[str] = set()
    told = 0
    for unit in units:
        old = texts(unit.request, key)
        for _ in range(2):
            new = texts(traffic.replay(unit, NOW), key)
            assert len(new) == len(old)
            assert not new & seen
            assert not new & old
            assert {text.partition("_")[0][:8] for text in new} == {text.partition("_")[0][:8] for text in old}
            seen |= new
            told += len(new)
    assert told >= 4


def test_a_unit_ends_now_and_its_times_stretch_together(units: list[Unit]) -> None:
    traffic = Traffic(units, seed=5)
    for unit in units:
        old, new = spans(unit.request), spans(traffic.replay(unit, NOW))
        assert max(span.end_time_unix_nano for span in new) == NOW
        for before, after in zip(old, new, strict=True):
            length = before.end_time_unix_nano - before.start_time_unix_nano
            told = after.end_time_unix_nano - after.start_time_unix_nano
            assert 0.94 * length - 2 <= told <= 1.41 * length + 2


def test_tokens_and_models_stay_as_recorded(units: list[Unit]) -> None:
    traffic = Traffic(units, seed=6)
    for unit in units:
        for before, after in zip(spans(unit.request), spans(traffic.replay(unit, NOW)), strict=True):
            kept = [(a.key, a.value) for a in before.attributes if a.value.WhichOneof("value") != "string_value"]
            told = [(a.key, a.value) for a in after.attributes if a.value.WhichOneof("value") != "string_value"]
            assert [key for key, _ in kept] == [key for key, _ in told]
            assert [v for _, v in kept if v.HasField("int_value")] == [v for _, v in told if v.HasField("int_value")]
        assert texts(unit.request, "gen_ai.request.model") == texts(traffic.replay(unit, NOW), "gen_ai.request.model")
