"""The names that tables and settings may use: concepts, operations, providers, value maps. Read once from the YAML."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def table(name: str) -> dict[str, Any]:
    """One of the shipped YAML tables, by its path below this package; read once."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return data


@cache
def concepts() -> tuple[str, ...]:
    """All concepts, in the order of `canonical.yaml`."""
    return tuple(table("canonical.yaml")["concepts"])


@cache
def operations() -> tuple[str, ...]:
    """All canonical operations."""
    return tuple(table("operations.yaml")["operations"])


@cache
def providers() -> tuple[str, ...]:
    """All providers, by the value that is written."""
    return tuple(table("providers.yaml")["aliases"])


@cache
def maps() -> frozenset[str]:
    """Names of the value maps."""
    return frozenset(table("values.yaml")["maps"])
