"""The shipped tables as plain data, and the matching of texts that several of them use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2] / "enricher" / "normalize"


@cache
def table(name: str) -> dict[str, Any]:
    """A shipped table as plain data."""
    loaded: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return loaded


@cache
def dialects() -> dict[str, dict[str, Any]]:
    """All dialects, in the order in which their spellings are read."""
    found = {}
    for file in sorted((ROOT / "dialects").glob("*.yaml")):
        for dialect in table(f"dialects/{file.name}")["dialects"]:
            found[dialect["name"]] = dialect
    order = dict.fromkeys(["enricher", *(rule["dialect"] for rule in table("detection.yaml")["detection"])])
    return {name: found[name] for name in order}


def matching(rules: list[dict[str, Any]], text: str) -> str | None:
    """The provider of the first rule that fits."""
    return next((rule["provider"] for rule in rules if fits(rule, text)), None)


def fits(rule: dict[str, Any], text: str) -> bool:
    """Whether a `domain`, `exact` or `regex` rule fits a text in lower case."""
    if "domain" in rule:
        return text == rule["domain"] or text.endswith("." + rule["domain"])
    if "exact" in rule:
        return bool(text == rule["exact"])
    return re.search(rule["regex"], text) is not None
