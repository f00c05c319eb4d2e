"""Verdicts of guardrails on one span, worked out slowly: attributes tell one, each event may tell another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.oracle.tables import table

NAME, DECISION = "guardrail_name", "guardrail_decision"
#: Reads a concept from the attributes, or from the event of that number.
Reader = Callable[[str, int | None], Any]


def conclude(facts: dict[str, Any], read: Reader, events: Sequence[Any]) -> None:
    """Sets name and decision of the strictest verdict, and the others as the core puts them together."""
    entry = table("canonical.yaml")["concepts"][DECISION]
    words, order = table("values.yaml")["maps"][entry["fold"]], entry["strictest"]
    told = [(read(NAME, at) or "", read(DECISION, at)) for at in range(len(events))]
    if not any(name or decision for name, decision in told):
        return
    own_name, own = read(NAME, None), read(DECISION, None)
    name = own_name or next((name for name, decision in told if name and not decision), None)
    all_of_them = [] if own is None else [(name or "", own)]
    for said, decision in told:
        if decision:
            all_of_them.append((said or (own_name or "" if own is None else ""), decision))
    unique = list(dict.fromkeys((name, words.get(word.lower(), word)) for name, word in all_of_them))
    for concept in (NAME, DECISION):
        facts.pop(concept, None)
    if not unique:
        if name:
            facts[NAME] = name
        return
    first = min(unique, key=lambda one: order.index(one[1]) if one[1] in order else len(order))
    unique.remove(first)
    facts |= {DECISION: first[1]} | ({NAME: first[0]} if first[0] else {})
    if unique:
        facts["more_guardrails"] = "".join(f"{name}\x1f{decision}\x1e" for name, decision in unique)
