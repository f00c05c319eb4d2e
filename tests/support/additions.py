"""What enricher may do to a span: add attributes, and nothing else that was not asked for."""

from __future__ import annotations

import re
from functools import cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.normalize import tables
from enricher.normalize.names import maps
from enricher.normalize.notation import parse_source
from tests.support import wire

ORIGINAL = "enricher.original."
ESTIMATES = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
#: An attribute's value of 0, as it is encoded.
ZERO = wire.delimited(2, AnyValue(int_value=0).SerializeToString())


@cache
def _readings() -> list[tuple[re.Pattern[str], str]]:
    """Keys that some dialect reads whole, with the canonical key of what they mean."""
    found: dict[tuple[str, str], None] = {}
    concepts = tables.load(tables.Canonical).concepts
    for dialect in tables.shipped_dialects():
        for concept, texts in dialect.attributes.items():
            for source in (parse_source(text, maps()) for text in texts):
                canonical = concepts[concept].key
                if source.kind == "attr" and not source.path and canonical:
                    found[source.key, canonical] = None
    return [(_pattern(key), canonical) for key, canonical in found]


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[a-z]+\\\}", "[^.]+", re.escape(key)).replace(r"\*", ".+"))


@cache
def canonical_of(key: str) -> set[str]:
    """What an attribute is called on a canonical span, by any dialect that reads it whole."""
    return {canonical for pattern, canonical in _readings() if pattern.fullmatch(key)}


def assert_only_added(old: bytes, new: bytes) -> None:
    """Fields other than attributes are the same in number, order and bytes; attributes stay, under their own name or
    as the original of one that was misstated. What enricher itself says gives way to what it says now."""
    assert [one for one in wire.fields(old) if one.number != 9] == [one for one in wire.fields(new) if one.number != 9]
    then, now = attributes(old), attributes(new)
    for key, value in then.items():
        if now.get(key) == value or now.get(ORIGINAL + key) == value:
            continue
        assert key in now, key
        # What was counted from content stands in place of a 0 that only meant that nobody knew.
        is_estimate = key in ESTIMATES and "enricher.usage.estimated" in now and value == ZERO
        assert is_estimate or key == "gen_ai.usage.cost" or key.startswith("enricher."), key


def attributes(span: bytes) -> dict[str, bytes]:
    """The attributes of an encoded span: their values as encoded, by key."""
    found: dict[str, bytes] = {}
    for pair in (one.content for one in wire.fields(span) if one.number == 9):
        (key,) = Span.FromString(wire.delimited(9, pair)).attributes
        assert key.key not in found, f"{key.key} stands twice"
        found[key.key] = b"".join(one.encoded() for one in wire.fields(pair) if one.number != 1)
    return found
