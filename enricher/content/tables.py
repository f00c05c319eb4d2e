"""The shape of the YAML tables in this folder, and their loader."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, TypeVar

import yaml
from pydantic import Field

from enricher.config.base import Section

Class = Literal["input", "output", "system", "tool_definitions", "tool_arguments", "tool_result", "other", "diagnostic"]
T = TypeVar("T", bound=Section)


class Own(Section):
    """What is content in one dialect only."""

    keys: dict[Class, list[str]] = Field(default_factory=dict)
    events: dict[Class, list[str]] = Field(default_factory=dict)


class Keys(Section):
    """`keys.yaml`."""

    keys: dict[Class, list[str]]
    events: dict[Class, list[str]]
    event_prefixes: dict[str, str]
    """What names of log records without a dot lack in front, by instrumentation scope."""
    dialects: dict[str, Own]
    survives: list[str]
    structure: list[str]
    own: list[str]


class Pattern(Section):
    """One line of `patterns.yaml`."""

    regex: str
    any: list[str] = Field(default_factory=list)
    digits: int = 0
    check: str | None = None
    whole: bool = False
    tail: str | None = None
    not_after: list[str] = Field(default_factory=list)
    not_before: list[str] = Field(default_factory=list)
    never: list[str] = Field(default_factory=list)


class Pairs(Section):
    """Names of members of an object of which one says what the other is."""

    names: list[str]
    values: list[str]


class Patterns(Section):
    """`patterns.yaml`."""

    parts: dict[str, str]
    pairs: Pairs
    patterns: dict[str, list[Pattern]]
    iban_lengths: dict[str, int]


class Shape(Pattern):
    """One line of `issuers.yaml`."""

    of: list[str]
    whole: bool = True


class Issuers(Section):
    """`issuers.yaml`."""

    issuers: list[Shape]


_FILES: dict[type[Section], str] = {Keys: "keys.yaml", Patterns: "patterns.yaml", Issuers: "issuers.yaml"}


@cache
def load(shape: type[T]) -> T:
    """A shipped table."""
    text = (resources.files("enricher.content") / _FILES[shape]).read_text(encoding="utf-8")
    return shape.model_validate(yaml.safe_load(text))
