"""A labelled set for redaction: personal data and secrets in the forms people write them, look-alikes that are neither,
and the texts and JSON they stand in. Made from a seed, by rules of its own: nothing here is read from the program."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.unit.content.labelled import lookalikes, personal, secrets
from tests.unit.content.labelled.drawn import Make, card, fill, shape

_WORDS = ["order", "please", "refund", "the", "invoice", "customer", "called", "about", "her", "account", "yesterday"]


@dataclass(frozen=True)
class Case:
    """`text` holds `value` once; `kind` is what it is, "" for a look-alike. Forms write what stands around a value with
    it, and the value between «»."""

    kind: str
    form: str
    value: str
    text: str
    carrier: str


def cases(seed: int = 7, each: int = 12) -> list[Case]:
    """`each` values of every form, every one in a carrier of its own."""
    rng = random.Random(seed)
    made = []
    for kind, form, make in FORMS:
        for number in range(each):
            written = make(rng)
            carrier = list(CARRIERS)[number % len(CARRIERS)]
            text = CARRIERS[carrier](_sentence(rng, _bare(written)))
            made.append(Case(kind, form, _marked(written) or written, text, carrier))
    for kind, form, template in STRUCTURES:
        for number in range(each):
            carrier = list(HOLDERS)[number % len(HOLDERS)]
            values: list[str] = []
            text = HOLDERS[carrier](_structure(rng, template, values))
            made.append(Case(kind, form, values[0] if values else "", text, carrier))
    return made


def _marked(written: str) -> str:
    return written.partition("«")[2].partition("»")[0]


def _bare(written: str) -> str:
    return written.replace("«", "").replace("»", "")


def _structure(rng: random.Random, template: Any, values: list[str]) -> Any:
    """The template with its texts drawn and what begins with `#` made a number: `#4` that of a card, others digit by
    digit. `values` gets what is marked, and every number."""
    if isinstance(template, dict):
        return {_structure(rng, name, values): _structure(rng, item, values) for name, item in template.items()}
    if isinstance(template, list):
        return [_structure(rng, item, values) for item in template]
    if not isinstance(template, str):
        return template
    if template.startswith("#"):
        make: Make = card("4", 16, (16,), "") if template == "#4" else shape(template[1:])
        values.append(make(rng))
        return int(values[-1])
    written = fill(template)(rng)
    values.extend([_marked(written)] if "«" in written else [])
    return _bare(written)


def _sentence(rng: random.Random, value: str) -> str:
    before = " ".join(rng.sample(_WORDS, 4))
    after = " ".join(rng.sample(_WORDS, 3))
    left, right = rng.choice(
        [(" ", " "), (": ", ". "), (" (", ") "), ("\n", "\n"), (' "', '" '), ("\t", ", "), (" ", "! ")]
    )
    return f"{before}{left}{value}{right}{after}"


def _twice(text: str) -> str:
    return json.dumps({"arguments": json.dumps({"query": text}), "id": "call_1"})


CARRIERS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps([{"role": "user", "content": text}]),
    "escaped json": lambda text: json.dumps({"content": text}).replace("@", "\\u0040").replace("+", "\\u002b"),
    "json in json": _twice,
    "json in json in json": lambda text: json.dumps({"body": _twice(text)}),
    "python repr": lambda text: repr({"role": "user", "content": text}),
    "cut json": lambda text: json.dumps({"content": text, "more": "x" * 40})[:-9],
    "json as it is": lambda text: json.dumps({"content": text}, ensure_ascii=False),
    "cut json in json": lambda text: json.dumps({"body": json.dumps({"content": text}), "more": "x" * 40})[:-9],
}
#: What structures stand in.
HOLDERS: dict[str, Callable[[Any], str]] = {
    "json": json.dumps,
    "json in json": lambda item: json.dumps({"arguments": json.dumps(item)}),
    "json in json in json": lambda item: _twice(json.dumps(item)),
    "python repr": repr,
    "cut json": lambda item: json.dumps([item, "x" * 40])[:-9],
    "spread json": lambda item: json.dumps({"result": item}, indent=2),
}
FORMS: list[tuple[str, str, Make]] = [*secrets.FORMS, *personal.FORMS, *lookalikes.FORMS]
STRUCTURES: list[tuple[str, str, Any]] = [*secrets.STRUCTURES, *personal.STRUCTURES, *lookalikes.STRUCTURES]
