"""Asks all three about every model of both sources and says why they differ."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from enricher._core import PriceBook
from enricher.price import convert, litellm, merge, report, rules
from enricher.price.book import Book
from enricher.price.compile import compile_plan
from enricher.price.settings import PricesSettings

AT = "2026-11-20T12:00:00+00:00"
"""A Friday noon: off-peak at DeepSeek, and in the days of both releases."""
_AT_NS = 1_795_176_000 * 10**9
_SAME = Decimal("0.0005")
_ASKED = ("key", "litellm_provider", "by_the_clock")
_NAMES = {"genai_prices": "genai-prices", "litellm": "LiteLLM"}
SHAPES = ("plain", "cached", "long")
CIRCUMSTANCES: dict[str, tuple[str, dict[str, Any]]] = {
    "batch": ("input_cost_per_token_batches", {"batch": True}),
    "flex": ("input_cost_per_token_flex", {"service_tier": "flex"}),
    "priority": ("input_cost_per_token_priority", {"service_tier": "priority"}),
    "eu": ("regional_processing_uplift_multiplier_eu", {"host": "eu.api.openai.com", "data_residency": "eu"}),
    "us-east5": (
        "regional_endpoint_uplift_multiplier",
        {"host": "us-east5-aiplatform.googleapis.com", "vertex_location": "us-east5"},
    ),
}
"""Further shapes: the key of LiteLLM's that states a rate for them, and what is asked of models that have it."""
_HOW = ("batch", "service_tier", "host")


@dataclass(frozen=True, slots=True)
class Difference:
    """One model and library whose answers differ from ours. shapes: for which usage. why: the class of explanation."""

    provider: str
    name: str
    library: str
    shapes: str
    ours: str
    theirs: str
    why: str


def calls(book: Book, lists: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Every model by a name it goes by, three usages each; generated from the name, so that each run is the same."""
    how = litellm.reading()
    keys: dict[tuple[str, str], tuple[str, str, bool]] = {}
    for key, values in sorted(lists.items()):
        source = str(values.get("litellm_provider"))
        if source in how.taken:
            name = litellm.name_of(key, source, how)
            at = (key, source, "off_peak_pricing" in values)
            keys.setdefault((how.providers.get(source, source), name), at)
    named = {(row.provider, next(iter(row.names.split()))) for row in book.models if "*" not in row.names.split()[0]}
    named |= {(row.provider, row.model) for row in book.models if row.source == convert.SOURCE}
    named |= {(entry.provider, entry.name) for entry in litellm.entries("", lists)}
    stated = {at: lists[key] for at, (key, *_) in keys.items()}
    return [
        {
            "provider": provider,
            "name": name,
            "shape": shape,
            "at": AT,
            **dict(zip(_ASKED, keys.get((provider, name), ("", "", False)), strict=True)),
            **usage_of(provider, name, shape),
        }
        for provider, name in sorted(named)
        for shape in (*SHAPES, *CIRCUMSTANCES)
        if shape in SHAPES or stated.get((provider, name), {}).get(CIRCUMSTANCES[shape][0])
    ]


def usage_of(provider: str, name: str, shape: str) -> dict[str, Any]:
    """The generated usage of a model, the same each time, and the circumstances of the call."""
    drawn = hashlib.sha256(f"{provider}/{name}".encode()).digest()
    tokens = 1_000 + int.from_bytes(drawn[:2]) % 20_000
    entered = tokens + 1_000_000 if shape == "long" else tokens
    usage = {"input": entered, "cache_read": tokens * 2 // 5 if shape == "cached" else 0, "output": tokens // 7}
    return usage | (CIRCUMSTANCES[shape][1] if shape in CIRCUMSTANCES else {})


def ask(python: Path, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The libraries' answers, from an interpreter that has them."""
    lines = "\n".join(json.dumps(call) for call in asked)
    script = Path(__file__).parent / "ask.py"
    done = subprocess.run([str(python), str(script)], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Ours:
    """What we say, with the rows that it rests on."""

    def __init__(self, book: Book) -> None:
        self._core = PriceBook(json.dumps(compile_plan(PricesSettings(), book)).encode())
        self._providers = rules.load().providers
        self._units: dict[tuple[str, str], set[str]] = {}
        for row in book.prices:
            self._units.setdefault((row.provider, row.model), set()).add(row.unit)
        self._sources: dict[tuple[str, str, str], set[str]] = {}
        for row in book.prices:
            self._sources.setdefault((row.provider, row.model, row.unit), set()).add(row.source)
        self._book = book
        # What LiteLLM says twice, or was taken to mean, explains what nothing between the two sources does.
        ordered = sorted(book.conflicts, key=lambda row: row.found not in ("doubled", "misstated", "refused"))
        self._conflicts = {(row.provider, row.name): row for row in ordered}

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        usage = {unit: call[unit] for unit in ("input", "cache_read", "output") if call[unit]}
        request = {
            "provider": self._providers[call["provider"]].names[0],
            "request_model": call["name"],
            "usage": usage,
            "time_unix_ns": _AT_NS,
            **{name: call[name] for name in _HOW if name in call},
        }
        answer: dict[str, Any] = json.loads(self._core.price(json.dumps(request)))
        return answer

    def why(self, call: dict[str, Any], library: str, answer: dict[str, Any]) -> str:
        """The class of a disagreement; empty when nothing explains it."""
        if answer["matched"] is None:
            refused = self._conflicts.get((call["provider"], call["name"]))
            return f"refused: {refused.why}" if refused is not None else ""
        if answer["usd"] is None and (ended := self._ended_of(answer)):
            return f"our correction: the name is retired, its last list price ended on {ended}"
        if answer["usd"] is None:
            return f"only for other units: the book prices it by {_units(answer)}"
        if library == "litellm" and Decimal(call[library]) == 0:
            return "LiteLLM answers 0 for what it has no price for"
        owner, _, model = answer["matched"]["book"].partition("/")
        sources: set[str] = set()
        for line in answer["lines"]:
            sources |= self._sources[owner, model, line["billed_as"]]
        fixes = sorted(source for source in sources if not source.startswith((convert.SOURCE, merge.SOURCE)))
        conflict = self._conflicts.get((call["provider"], call["name"])) or self._conflicts.get((owner, model))
        if conflict is not None and not conflict.why.startswith("our correction"):
            return f"{conflict.taken} followed: {conflict.why}"
        if fixes:
            return f"our correction: {fixes[0]}"
        if "image_output" in self._units[owner, model]:
            return "LiteLLM takes the output of an image model for images; here only what is counted as images is"
        if call["cache_read"] and any(line["unit"] != line["billed_as"] for line in answer["lines"]):
            return "the book has no price for cached tokens: they cost what input costs"
        if call["cache_read"] and _same(call[library], self.answer(call | {"cache_read": 0})["usd"]):
            return f"{_NAMES[library]} has no price for cached tokens: they cost what input costs"
        plain = {name: value for name, value in call.items() if name not in _HOW}
        if plain != call and _same(call[library], self.answer(plain)["usd"]):
            return f"{_NAMES[library]} answers the standard price, though its list states a rate"
        if library == "litellm" and call["by_the_clock"]:
            return "LiteLLM prices by the clock of the machine, not by the time of the call"
        if "embed" in model:
            return "embeddings have no output; the generated usage has"
        if library == "genai_prices" and sources <= {merge.SOURCE, merge.RETIRED}:
            return "genai-prices knows the model only by what its name has in common with others"
        if any(line["unit"] == "requests" for line in answer["lines"]):
            return "a fee for the request, which LiteLLM's token function leaves out"
        if call["shape"] == "long" and library == "litellm" and (ended := _ended(call)):
            return f"LiteLLM states a price that has ended: {ended}"
        if call["shape"] == "long":
            return "only one list has a price for long contexts, or another threshold"
        return ""

    def _ended_of(self, answer: dict[str, Any]) -> str:
        """The day on which the last standard price of the model that was found ended; "" while one is in force."""
        owner, _, model = answer["matched"]["book"].partition("/")
        return report.ended(self._book.prices_of(owner, model))


def _ended(call: dict[str, Any]) -> str:
    fills = litellm.reading().fills
    fitting = (rule.why for rule in fills if rule.until and any(fnmatchcase(call["name"], glob) for glob in rule.names))
    return next(fitting, "")


def _same(theirs: str, ours: str | None) -> bool:
    if ours is None:
        return False
    said, own = Decimal(theirs), Decimal(ours)
    return abs(said - own) <= _SAME * max(said, own)


def _units(answer: dict[str, Any]) -> str:
    return ", ".join(part["unit"] for part in answer["without_price"]) or answer["reason"]


def differences(ours: Ours, answered: list[dict[str, Any]]) -> Iterator[Difference]:
    """Disagreements, those of one model and library with one explanation together."""
    found: dict[tuple[str, str, str, str], list[tuple[str, str, str]]] = {}
    for call in answered:
        answer = ours.answer(call)
        for library in ("genai_prices", "litellm"):
            theirs = call[library]
            if theirs is None or (answer["usd"] is None and Decimal(theirs) == 0):
                continue
            if _same(theirs, answer["usd"]):
                continue
            key = (call["provider"], call["name"], library, ours.why(call, library, answer))
            found.setdefault(key, []).append((call["shape"], answer["usd"] or "unpriced", theirs))
    for (provider, name, library, why), seen in sorted(found.items()):
        shapes = " ".join(shape for shape, *_ in seen)
        theirs = f"{Decimal(seen[0][2]).normalize():.9g}"
        yield Difference(provider, name, library, shapes, seen[0][1], theirs, why)
