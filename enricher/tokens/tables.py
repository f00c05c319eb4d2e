"""The shape of `vocabularies.yaml`, and its loader."""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

import yaml

from enricher.config.base import Section


class VocabularyTable(Section):
    """How a vocabulary cuts text, and what a chat format adds."""

    split: list[str]
    per_message: int
    per_request: int


class Match(Section):
    """A test of a model's name."""

    regex: str


class ModelTable(Section):
    """Which models a vocabulary counts."""

    match: Match
    vocabulary: str | None
    """None: these models think in tokens that no content shows."""


class Vocabularies(Section):
    """`vocabularies.yaml`."""

    vocabularies: dict[str, VocabularyTable]
    models: list[ModelTable]
    operations: list[str]
    input: list[list[str]]
    output: list[list[str]]
    system: list[list[str]]
    tools: list[list[str]]
    silent: list[str]
    verbatim: list[str]
    unseen: list[str]
    unseen_types: list[str]
    tool_calls: list[str]
    marks: list[str]
    cut_lengths: list[int]
    finished: list[str]


@cache
def load() -> Vocabularies:
    """The shipped table."""
    text = (resources.files("enricher.tokens") / "vocabularies.yaml").read_text(encoding="utf-8")
    return Vocabularies.model_validate(yaml.safe_load(text))


def path(name: str) -> Path:
    """The file of a vocabulary."""
    return Path(str(resources.files("enricher.tokens"))) / "data" / f"{name}.bpe"
