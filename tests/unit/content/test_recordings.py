"""Recorded traffic of real instrumentations under every policy: what was said, and what is planted beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.oracle.values import plain
from tests.recordings import requests, scenarios
from tests.support.engines import drained, engine, spans_of
from tests.unit.content.planting import SAID, planted, spans
from tests.unit.content.test_keys import KNOWN

NOW = 10**18
SEEDS = "jane.roe@example.com sk-proj-4kT9xW2mQ8vL5nR7pZ3s 4111 1111 1111 1111"
SHORT = "{policy: truncate, truncate_bytes: 16}"
PARTS = (b"jane.roe", b"sk-proj-4kT9", b"4111")


@dataclass
class Left:
    """What left of all recordings: spans by recording, and what was counted."""

    spans: dict[str, list[Span]]
    summary: Any


def _through(policy: str, traffic: dict[str, list[bytes]]) -> Left:
    """All recordings through one engine: making one is most of the work."""
    core = engine(f"normalize: {{content: {policy}}}")
    names: dict[bytes, str] = {}
    for name, bodies in traffic.items():
        for body in bodies:
            core.ingest(body, NOW)
            for span in spans(ExportTraceServiceRequest.FromString(body)):
                names.setdefault(span.trace_id + span.span_id, name)
    left: dict[str, list[Span]] = {name: [] for name in traffic}
    for span in spans_of(drained(core, NOW)):
        left[names[span.trace_id + span.span_id]].append(span)
    return Left(left, core.summary())


@cache
def _plain(policy: str) -> Left:
    return _through(policy, {name: requests(name) for name in scenarios()})


@cache
def _seeded() -> tuple[dict[str, list[bytes]], dict[str, int]]:
    """The recordings with something planted, and in how many texts of each."""
    traffic, counts = {}, {}
    for name in scenarios():
        bodies, found = zip(*(planted(body, SEEDS, _carriers(name)) for body in requests(name)), strict=True)
        traffic[name], counts[name] = list(bodies), sum(found)
    return traffic, counts


@cache
def _planted(policy: str) -> Left:
    return _through(policy, _seeded()[0])


def _carriers(name: str) -> set[tuple[bytes, str]]:
    """Attributes of spans that are there under `keep` and not under `drop`."""
    before, after = (_plain(policy).spans[name] for policy in ("keep", "drop"))
    kept = {(span.span_id, item.key) for span in after for item in span.attributes}
    return {(span.span_id, item.key) for span in before for item in span.attributes} - kept


def _facts(span: Span) -> dict[str, Any]:
    """What tells of usage, cost, model and ids; texts of content that happen to be called so are none."""
    told = (".usage.", ".cost", ".model", ".id", "_id", "session", "conversation")
    attributes = {item.key: plain(item.value) for item in span.attributes}
    return {key: value for key, value in attributes.items() if any(part in key for part in told)}


def _keeps_facts(name: str, before: Left, after: Left) -> bool:
    content = {key for _, key in _carriers(name)}
    pairs = zip(before.spans[name], after.spans[name], strict=True)
    return all(
        {key: value for key, value in _facts(was).items() if key not in content}.items() <= _facts(span).items()
        for was, span in pairs
    )


@pytest.mark.parametrize("name", scenarios())
def test_nothing_planted_leaves(name: str) -> None:
    """An address, a key and a card in every text of content: none under `redact` nor `drop`, and all facts stay."""
    assert _seeded()[1][name] > 0
    kept = b"".join(span.SerializeToString() for span in _planted("keep").spans[name])
    assert all(part in kept for part in PARTS)
    for policy in ("redact", "drop"):
        for span in _planted(policy).spans[name]:
            # Error messages are no content: under `drop` they stay, content quoted in them and all.
            written = span.SerializeToString() if policy == "redact" else _without_diagnostics(span)
            assert not any(part in written for part in PARTS), (policy, span)
        assert _keeps_facts(name, _planted("keep"), _planted(policy))


def _without_diagnostics(span: Span) -> bytes:
    copy = Span.FromString(span.SerializeToString())
    copy.ClearField("status")
    for group in (copy.attributes, *(event.attributes for event in copy.events)):
        for item in [item for item in group if item.key.startswith(("exception.", "error."))]:
            group.remove(item)
    return copy.SerializeToString()


@pytest.mark.parametrize("name", scenarios())
def test_nothing_said_is_left_by_drop(name: str) -> None:
    for span in _plain("drop").spans[name]:
        written = _without_diagnostics(span)
        assert not any(said.encode() in written for said in SAID), span
    assert _keeps_facts(name, _plain("keep"), _plain("drop"))


def test_no_known_key_of_content_is_left_by_drop() -> None:
    """Those of `content_keys.yaml`, which is kept apart from the tables."""
    listed = {key for keys in KNOWN.values() for key in keys if not key.startswith(("event:", "log:"))}
    wide = [re.sub(r"\\\{[^}]*\\\}", "[^.]+", re.escape(key)).replace(r"\*", ".*") for key in sorted(listed)]
    known = re.compile("|".join(f"(?:{key})" for key in wide))

    def found(policy: str) -> list[str]:
        every = [span for spans_of_one in _plain(policy).spans.values() for span in spans_of_one]
        return [item.key for span in every for item in span.attributes if known.fullmatch(item.key)]

    assert len(found("keep")) > 1000
    assert found("drop") == []


@pytest.mark.parametrize("name", scenarios())
def test_truncated_traffic_keeps_its_facts(name: str) -> None:
    assert _keeps_facts(name, _plain("keep"), _plain(SHORT))


def test_what_is_counted_is_the_same_under_every_policy() -> None:
    assert _plain("keep").summary == _plain("drop").summary == _plain(SHORT).summary
    assert _planted("keep").summary == _planted("drop").summary == _planted("redact").summary


@pytest.mark.parametrize("name", scenarios())
def test_nothing_of_recorded_traffic_is_taken_by_mistake(name: str) -> None:
    """There is nothing personal in the recordings but the address of the model server."""
    pairs = zip(_plain("keep").spans[name], _plain("redact").spans[name], strict=True)
    for was, span in pairs:
        assert _texts(was) == _texts(span)


def _texts(span: Span) -> list[str]:
    groups = [span.attributes, *(event.attributes for event in span.events), *(link.attributes for link in span.links)]
    texts = [str(plain(item.value)) for group in groups for item in group] + [span.name, span.status.message]
    return [text.replace("127.0.0.1", "[IP]") for text in texts]
