"""Where the facts of a true call turn up in the recorded spans.

Token counts are unique within a recording, so a number found anywhere in a span, in an attribute, in JSON inside an
attribute or in an event, points to its call. The tests use this to prove what ``not_on_the_wire`` claims; as a program
it prints which keys carried each fact::

    python tests/recordings/facts.py NAME [...]
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if __package__ in (None, ""):  # run as a file: make the package importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.oracle.values import plain
from tests.recordings import requests, truth

#: Facts that can be looked for: values that are unique, and models, which count on the spans of their call only.
FACTS = (
    "response_id",
    "request_model",
    "response_model",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


@dataclass(frozen=True)
class Seen:
    """One attribute of one span, as text."""

    scope: str
    span: str
    span_id: bytes
    key: str
    text: str


def attributes(name: str) -> Iterator[Seen]:
    """Every attribute of every span and event of a recording; an event's key is ``@EVENT/KEY``."""
    for body in requests(name):
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scoped in group.scope_spans:
                for span in scoped.spans:
                    for item in span.attributes:
                        if "stacktrace" in item.key:
                            continue  # line numbers look like token counts
                        yield Seen(scoped.scope.name, span.name, span.span_id, item.key, _text(item.value))
                    for event in span.events:
                        for item in event.attributes:
                            key = f"@{event.name}/{item.key}"
                            if "stacktrace" in item.key:
                                continue
                            yield Seen(scoped.scope.name, span.name, span.span_id, key, _text(item.value))


def _text(value: Any) -> str:
    found = plain(value)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return str(found)


def spellings(call: dict[str, Any], fact: str) -> list[str]:
    """The texts that would show a fact. Input may be spelled without its cached parts."""
    value = call[fact]
    if not value:
        return []
    if fact == "input_tokens":
        parts = (call["cache_read_tokens"] or 0) + (call["cache_write_tokens"] or 0)
        return [str(value), str(value - parts)] if parts else [str(value)]
    if fact == "output_tokens" and call["reasoning_tokens"]:
        return [str(value), str(value - call["reasoning_tokens"])]
    return [str(value)]


def find(seen: list[Seen], call: dict[str, Any], fact: str) -> list[Seen]:
    """The attributes that show a fact of a call."""
    texts = spellings(call, fact)
    if not texts:
        return []
    pattern = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, texts))})(?![\w-]|\.\d)")
    return [item for item in seen if pattern.search(item.text)]


def reports(seen: list[Seen], call: dict[str, Any]) -> set[bytes]:
    """Ids of the spans that show the call's response id or input count, which are long enough to be no accident."""
    return {item.span_id for fact in ("response_id", "input_tokens") for item in find(seen, call, fact)}


def missing(seen: list[Seen], call: dict[str, Any]) -> list[str]:
    """The facts of an answered call that no span shows; a model has to be named by a span that reports it."""
    ids = reports(seen, call)
    lost = []
    for fact in FACTS:
        found = find(seen, call, fact)
        if fact.endswith("_model") and ids:
            found = [item for item in found if item.span_id in ids]
        if spellings(call, fact) and not found:
            lost.append(fact)
    return lost


def _where(item: Seen, call: dict[str, Any], fact: str) -> str:
    """Scope and key, and whether the value had to be dug out (``inside``) or is not the true one (``part``)."""
    how = ""
    if item.text not in spellings(call, fact):
        how = " (inside)"
    elif item.text != str(call[fact]):
        how = " (part)"
    return f"{item.scope} › {item.key}{how}"


def main(names: list[str]) -> None:
    """Prints what each recording holds: spans by scope, calls, and the keys that carried each fact."""
    for name in names:
        seen = list(attributes(name))
        loaded = truth(name)
        calls = loaded["calls"]
        spans = {item.span_id for item in seen}
        print(f"\n{name}: {len(calls)} calls, {len(spans)} spans, {loaded['instrumentation']}")
        for scope in sorted({item.scope for item in seen}):
            print(f"  {scope}: {sorted({item.span for item in seen if item.scope == scope})}")
        for fact in FACTS:
            places = Counter(
                place for call in calls for place in {_where(item, call, fact) for item in find(seen, call, fact)}
            )
            wanted = sum(bool(spellings(call, fact)) for call in calls)
            print(f"  {fact} of {wanted}: " + "; ".join(f"{place} x{count}" for place, count in places.most_common(12)))
        for index, call in enumerate(calls):
            lost = missing(seen, call)
            ids = reports(seen, call)
            words = ("stream" if call["streaming"] else "", call["case"], call["error_class"])
            note = f"lost {lost} claimed {call['not_on_the_wire']}" if lost or call["not_on_the_wire"] else ""
            names_of = sorted(
                f"{item.scope}/{item.span}" for item in {i.span_id: i for i in seen if i.span_id in ids}.values()
            )
            said = " ".join(filter(None, (call["request_model"], *words)))
            print(f"  [{index}] {said}: {len(ids)} reports {names_of} {note}")


if __name__ == "__main__":
    main(sys.argv[1:])
