"""A span of every dialect and every recorded span, with each option that alters spans: only what it says changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.normalize import tables
from tests.golden.test_dialects import FIXTURES, request
from tests.recordings import requests, scenarios
from tests.support import wire
from tests.support.additions import ORIGINAL, assert_only_added, attributes, canonical_of
from tests.support.engines import NOW, drained, engine

Attributes = dict[str, bytes]
Located = dict[tuple[bytes, bytes], tuple[bytes, bytes, bytes]]

ALTERING: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "latest": {"conventions": "latest"},
    "fix_legacy": {"fix_legacy": True},
    "no originals": {"keep_originals": False},
    "no originals, latest": {"keep_originals": False, "conventions": "latest"},
}
LEGACY = {key for concept in tables.load(tables.Canonical).concepts.values() for key in concept.legacy}


def sent() -> Iterator[bytes]:
    """Every fixture and every recorded request."""
    for number, fixture in enumerate(FIXTURES):
        yield request(number, fixture)
    for name in scenarios():
        yield from requests(name)


def located(messages: Iterator[bytes] | list[bytes]) -> Located:
    """Resource, scope and span, encoded, by trace and span id; protobuf's own decoder has to take all of it."""
    found: Located = {}
    for message in messages:
        ExportTraceServiceRequest.FromString(message)
        for resource, scope, span in wire.located(message):
            ids = {one.number: one.content for one in wire.fields(span) if one.number in (1, 2)}
            assert found.setdefault((ids[1], ids[2]), (resource, scope, span)) == (resource, scope, span)
    return found


@cache
def before() -> Located:
    return located(sent())


@cache
def after(options: str) -> Located:
    """The same spans once they have been through an engine with these options of `normalize`, as JSON."""
    core = engine(json.dumps({"normalize": json.loads(options)}))
    for message in sent():
        core.ingest(message, NOW)
    return located(drained(core))


def pairs(options: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Each span before and after, with nothing but the span changed."""
    then, now = before(), after(json.dumps(options))
    assert then.keys() == now.keys()
    for ids, (resource, scope, span) in then.items():
        assert now[ids][:2] == (resource, scope)
        yield span, now[ids][2]


def others(span: bytes) -> list[Any]:
    """All but the attributes."""
    return [one for one in wire.fields(span) if one.number != 9]


@pytest.mark.parametrize("options", ["as it comes", "latest", "fix_legacy"])
def test_attributes_are_added_and_none_is_lost(options: str) -> None:
    changed = 0
    for old, new in pairs(ALTERING[options]):
        assert_only_added(old, new)
        changed += old != new
    assert changed > len(FIXTURES)


def test_older_names_are_corrected_only_when_asked() -> None:
    for asked in (False, True):
        corrected = set()
        for old, new in pairs(ALTERING["fix_legacy" if asked else "as it comes"]):
            then, now = attributes(old), attributes(new)
            corrected |= {key for key in LEGACY & then.keys() if now[key] != then[key]}
        assert bool(corrected) is asked


@pytest.mark.parametrize("options", ["no originals", "no originals, latest"])
def test_without_originals_only_what_stands_under_its_new_name_goes(options: str) -> None:
    gone = 0
    for old, new in pairs(ALTERING[options]):
        assert others(old) == others(new)
        then, now = attributes(old), attributes(new)
        assert not any(key.startswith(ORIGINAL) for key in now.keys() - then.keys())
        for key in then.keys() - now.keys():
            assert any(canonical in now for canonical in canonical_of(key)) or key in LEGACY, key
            gone += 1
    assert gone > 100


def _dropped(_: bytes, new: bytes | None) -> bool:
    return new is None


def _cut(old: bytes, new: bytes | None) -> bool:
    return new is not None and len(new) < len(old)


def _redacted(_: bytes, new: bytes | None) -> bool:
    return new is not None and any(mark in new for mark in (b"[PHONE]", b"[EMAIL]", b"[SECRET]", b"[CARD]", b"[IP]"))


@pytest.mark.parametrize(
    ("policy", "is_right"),
    [("drop", _dropped), ({"policy": "truncate", "truncate_bytes": 40}, _cut), ("redact", _redacted)],
    ids=["drop", "truncate", "redact"],
)
def test_a_content_policy_takes_content_and_leaves_the_rest(policy: Any, is_right: Callable[..., bool]) -> None:
    kept, taken = after("{}"), 0
    for (old, new), ids in zip(pairs({"content": policy}), before(), strict=True):
        then, plain, now = attributes(old), attributes(kept[ids][2]), attributes(new)
        assert now.keys() <= plain.keys()
        assert now.keys() >= plain.keys() - then.keys(), "what was added stays"
        for key, value in plain.items():
            if now.get(key) == value:
                continue
            assert is_right(value, now.get(key)), key
            assert not key.startswith(("gen_ai.usage.", "enricher.cost.", "enricher.usage.")), key
            assert not key.endswith((".model", "_tokens")), key
            taken += 1
        # Events and links stay events and links; name, times, kind and status are untouched.
        fixed = [one for one in others(old) if one.number != 11]
        assert fixed == [one for one in others(new) if one.number != 11]
        assert len(others(old)) == len(others(new))
    assert taken > 0 or policy == "redact"
