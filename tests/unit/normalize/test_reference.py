"""The core against the plain reader of the tables, and against the wire: it adds, and changes nothing.

The core remembers the order of keys from span to span: spans are read alone, and after others like them.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.oracle.normalize import Outcome, Span, normalize
from tests.oracle.tables import table
from tests.recordings import requests, scenarios
from tests.support.rooms import normalizer
from tests.support.spans import reduced, request
from tests.unit.normalize.generate import spans

#: Errors are concluded from status and exception, which the reference leaves alone; content is passed on as it stands.
_APART = {"error_class", "error_type"} | {
    name for name, entry in table("canonical.yaml")["concepts"].items() if entry["type"] == "content"
}


def core(*given_spans: Span) -> list[dict[str, Any]]:
    answer = json.loads(normalizer().read(request(*given_spans).SerializeToString()))
    found: list[dict[str, Any]] = answer["spans"]
    return found


def comparable(facts: dict[str, Any]) -> dict[str, Any]:
    return {concept: _rounded(value) for concept, value in facts.items() if concept not in _APART}


def _rounded(value: Any) -> Any:
    return f"{value:.9g}" if isinstance(value, float) and not math.isnan(value) else value


def agrees(found: dict[str, Any], expected: Outcome | None) -> None:
    if expected is None:
        assert not found["model"]
        return
    assert found["model"]
    assert (found["dialect"] or None) == expected.dialect
    assert comparable(found["facts"]) == comparable(expected.facts)
    assert found["role"] == expected.role


@given(spans())
@settings(max_examples=150)
def test_the_core_concludes_what_the_tables_say(span: Span) -> None:
    agrees(core(span)[0], normalize(span))


@given(spans())
@settings(max_examples=150)
def test_attributes_are_only_added_or_corrected(span: Span) -> None:
    found = core(span)[0]
    kept, given_ = found["attributes"], _as_json(span.attributes)
    if not found["model"] or found["role"] == "none":
        assert kept == given_
        return
    names = table("canonical.yaml")["concepts"]
    corrected = {names[concept]["key"] for concept in found["misstated"] if "key" in names[concept]}
    assert {key for key in given_ if key not in corrected} <= kept.keys()
    assert {key: kept[key] for key in given_ if key not in corrected} == {
        key: value for key, value in given_.items() if key not in corrected
    }
    assert {key: kept.get(f"enricher.original.{key}") for key in given_.keys() & corrected} == {
        key: given_[key] for key in given_.keys() & corrected
    }
    for concept, value in found["facts"].items():
        entry = names[concept]
        # What the resource says is not repeated on its spans.
        from_resource = found["rules"][concept].startswith("resource")
        if "key" in entry and not from_resource and entry["type"] not in ("quantity", "number"):
            assert kept[entry["key"]] == value, concept


def _as_json(attributes: dict[str, Any]) -> dict[str, Any]:
    """As the core shows them: JSON has no infinities and no NaN."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in attributes.items()
    }


def test_a_recording_is_read_alike() -> None:
    """Whole recordings, with their events, contents and resources, beside the generated spans."""
    for name in ("litellm", "langfuse", "vercel_ai_v5", "openinference_langchain", "openlit_openai"):
        for body in requests(name):
            recorded = ExportTraceServiceRequest.FromString(body)
            answer = json.loads(normalizer().read(body))
            for found, span in zip(answer["spans"], reduced(recorded), strict=True):
                agrees(found, normalize(span))


@st.composite
def kin(draw: st.DrawFn) -> list[Span]:
    """Spans that carry the same keys: most of their values the same, now and then another name, kind or scope."""
    first, other = draw(spans()), draw(spans())
    pool = [*first.attributes.values(), *other.attributes.values()]
    run = [first] * 3
    for _ in range(draw(st.integers(1, 4))):
        changed = draw(st.sets(st.sampled_from(sorted(first.attributes) or [""]), max_size=3))
        attributes = {
            key: draw(st.sampled_from(pool)) if key in changed else value for key, value in first.attributes.items()
        }
        like = draw(st.sampled_from([first, first, first, other]))
        near = replace(like, attributes=attributes, events=first.events, resource=first.resource)
        run += [near] * draw(st.integers(1, 3))
    return [*run, first]


@given(kin())
@settings(max_examples=150)
def test_a_span_is_read_alike_whatever_came_before_it(run: list[Span]) -> None:
    alone = {id(span): core(span)[0] for span in run}
    assert core(*run) == [alone[id(span)] for span in run]


def test_a_recording_is_read_alike_span_by_span() -> None:
    for name in scenarios():
        for body in requests(name):
            together = json.loads(normalizer().read(body * 3))["spans"]
            alone = []
            for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        one = ExportTraceServiceRequest()
                        under = one.resource_spans.add(resource=resource_spans.resource)
                        under.scope_spans.add(scope=scope_spans.scope).spans.append(span)
                        alone += json.loads(normalizer().read(one.SerializeToString()))["spans"]
            assert together == alone * 3, name
