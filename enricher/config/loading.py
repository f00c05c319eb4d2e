"""From files, `--set` assignments and the environment to checked settings, with every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from enricher.config import collector, faults
from enricher.config.document import MAX_TEXT, Node, Place, parse
from enricher.config.expand import expand
from enricher.config.merge import SET, apply_set, merge
from enricher.config.model import CHECKS, RAW_CHECKS, Settings
from enricher.config.paths import dotted
from enricher.config.secrets import masked
from enricher.config.shape import key_hint
from enricher.errors import ConfigError, Problem

_MOST = 500


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading came to. settings: None when there are errors.

    problems: errors, warnings and notes, in document order. root: the merged document, for `place`.
    """

    settings: Settings | None
    problems: list[Problem]
    root: Node = field(default_factory=lambda: Node(Place(), {}), repr=False, compare=False)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    def place(self, problem: Problem, section: str) -> Problem:
        """A problem whose path is relative to a section, with the whole path and where in the files it is."""
        return faults.placed(problem, self.root, section)

    def require(self) -> Settings:
        """The settings. Raises ConfigError with all errors when there are any."""
        if self.settings is None:
            raise ConfigError(self.errors)
        return self.settings


def load(paths: Sequence[Path] = (), sets: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Loaded:
    """Load and check a configuration. Later files are laid on earlier ones, `sets` (`path=value`) on all of them; no
    file is the empty configuration. environ: where `${env:…}` looks; the process's environment when None. Never raises
    for anything the files contain."""
    sources = [_read(path) for path in paths]
    return _load(sources, sets, os.environ if environ is None else environ)


def load_text(text: str, file: str = "config.yaml", environ: Mapping[str, str] | None = None) -> Loaded:
    """`load` for one document that is already in memory; `file` is its name in problems."""
    return _load([parse(text, file)], (), os.environ if environ is None else environ)


def effective(settings: Settings) -> dict[str, Any]:
    """Everything in force, defaults included, as plain data in the shape of the YAML, every secret masked."""
    data: dict[str, Any] = masked(settings.model_dump(mode="json", by_alias=True))
    return data


def _load(sources: list[tuple[Node | None, list[Problem]]], sets: Sequence[str], environ: Mapping[str, str]) -> Loaded:
    problems: list[Problem] = []
    root = Node(Place(), {})
    order: dict[str, int] = {}
    for node, found in sources:
        problems += found
        if node is not None:
            order.setdefault(node.place.file, len(order))
            root = _laid_on(root, node, problems)
    for ordinal, assignment in enumerate(sets, 1):
        root, found = apply_set(root, assignment, ordinal)
        problems += found
    for transform in (lambda tree: expand(tree, environ), collector.unwrap, collector.strip):
        root, found = transform(root)
        problems += found
    data, found = _checked(root)
    problems = _bounded(_in_order(problems + found, order))
    failed = any(problem.severity == "error" for problem in problems)
    return Loaded(None if failed or data is None else data, problems, root)


def _read(path: Path) -> tuple[Node | None, list[Problem]]:
    name = str(path)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TEXT + 1).decode("utf-8-sig")
    except OSError as error:
        return None, [Problem("unreadable-file", "", f"cannot be read: {error.strerror}", "", name)]
    except UnicodeDecodeError as error:
        return None, [Problem("unreadable-file", "", f"not UTF-8 at byte {error.start}", "save it as UTF-8", name)]
    return parse(text, name)


def _laid_on(root: Node, node: Node, problems: list[Problem]) -> Node:
    if isinstance(node.value, dict):
        return merge(root, node)
    place = node.place
    message = "must be a mapping of sections such as `sampling:` and `exporters:`"
    problems.append(Problem("wrong-type", "", message, "", place.file, place.line, place.column))
    return root


def _checked(root: Node) -> tuple[Settings | None, list[Problem]]:
    """Validate section by section, so that a fault in one hides nothing in another."""
    assert isinstance(root.value, dict)
    problems: list[Problem] = []
    valid: dict[str, Any] = {}
    for key, node in root.value.items():
        if key not in Settings.model_fields:
            problems.append(_unknown_section(root, key))
            continue
        value = node.data()
        raw = [faults.placed(problem, root, key) for check in RAW_CHECKS.get(key, ()) for problem in check(value)]
        problems += raw
        try:
            section = getattr(Settings.model_validate({key: value}), key)
        except ValidationError as error:
            problems += faults.from_validation(error, root, Settings, _MOST)
            continue
        valid[key] = value
        problems += [faults.placed(problem, root, key) for check in CHECKS.get(key, ()) for problem in check(section)]
    return (Settings.model_validate(valid) if len(valid) == len(root.value) else None), problems


def _unknown_section(root: Node, key: str) -> Problem:
    hint = collector.PIPELINE_KEYS.get(key) or key_hint(Settings, (key,))
    _, _, place = faults.locate(root, (key,), key=True)
    message = f"unknown key `{key}`"
    return Problem("unknown-key", dotted((key,)), message, hint, place.file, place.line, place.column)


def _bounded(problems: list[Problem]) -> list[Problem]:
    """The first problems, and a word about the rest: nobody reads a thousand, and each costs a search for a hint."""
    if len(problems) <= _MOST:
        return problems
    severity = "error" if any(problem.severity == "error" for problem in problems[_MOST:]) else "note"
    return [*problems[:_MOST], Problem("too-many", "", "further problems are not shown", severity=severity)]


def _in_order(problems: list[Problem], order: dict[str, int]) -> list[Problem]:
    """Document order: file by file as given, then by position; assignments last. One of equal problems stays."""
    order = {**order, SET: len(order) + 1}
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: (order.get(problem.file, len(order)), problem.line, problem.column))
