"""Checks of the `normalize:` section that look at more than one value.

They run on the section as written, part by part, so that a fault in one dialect hides nothing in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from enricher.config.shape import nearest
from enricher.content.check import check as check_content
from enricher.content.settings import ContentSettings, policy_alone
from enricher.errors import Problem
from enricher.normalize.names import maps, operations
from enricher.normalize.notation import parse_source, parse_test
from enricher.normalize.settings import Dialect, Meaning, RoleRule
from enricher.normalize.tables import CONVENTIONS, shipped_dialects

_DIALECT = TypeAdapter(Dialect)
_RULE = TypeAdapter(RoleRule)


def check_raw(section: Any) -> list[Problem]:
    """Names that are taken, dialects that nothing detects, keys that nothing reads. section: plain data of any shape.
    Paths are relative to it."""
    problems: list[Problem] = []
    if not isinstance(section, dict):
        return problems
    if "content" in section:
        # What is no value of its field is told where the whole section is validated, and so with dialects below.
        with suppress(ValidationError):
            problems += check_content(ContentSettings.model_validate(policy_alone(section["content"])))
    problems += _said_twice("attributes", section.get("attributes"))
    dialects = section.get("dialects")
    if isinstance(dialects, list):
        problems += _taken_names(dialects)
        for index, written in enumerate(dialects):
            with suppress(ValidationError):
                problems += _of_dialect(f"dialects[{index}]", _DIALECT.validate_python(written))
            if isinstance(written, dict):
                problems += _said_twice(f"dialects[{index}].attributes", written.get("attributes"))
                problems += _of_words(f"dialects[{index}]", written)
    return problems


def _taken_names(dialects: list[Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, dialect in enumerate(dialects):
        name = dialect.get("name") if isinstance(dialect, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            message = f"the name {name!r} is taken by dialects[{first[name]}]"
            yield Problem("duplicate-dialect", f"dialects[{index}].name", message, "names must be unique")
        first.setdefault(name, index)


def _said_twice(place: str, attributes: Any) -> Iterator[Problem]:
    """Sources that stand twice in one list."""
    for concept, sources in attributes.items() if isinstance(attributes, dict) else ():
        for position, text in enumerate(sources if isinstance(sources, list) else ()):
            if text in sources[:position]:
                message = f"`{text}` stands in the list already: the second one does nothing"
                yield _warning("no-effect", f"{place}.{concept}[{position}]", message, "remove one of them")


def _takes_over(place: str, dialect: Dialect) -> Iterator[Problem]:
    """Ways to know the dialect by what spans of every dialect have."""
    for position, way in enumerate(dialect.detect):
        tests = [parse_test(text) for text in ([way] if isinstance(way, str) else way.all)]
        keys = [test["attr"]["key"] for test in tests if "attr" in test and "value" not in test["attr"]]
        if len(keys) == len(tests) and set(keys) <= _conventional():
            message = f"spans of every dialect have {' and '.join(f'`{key}`' for key in keys)}: this one takes them all"
            hint = "detect it by a key, value or scope of its own"
            yield _warning("wide-detection", f"{place}.detect[{position}]", message, hint)


@cache
def _conventional() -> frozenset[str]:
    """The keys that the conventions give to facts."""
    known = [dialect.attributes for dialect in shipped_dialects() if dialect.name in CONVENTIONS]
    sources = (parse_source(text, maps()) for attributes in known for texts in attributes.values() for text in texts)
    return frozenset(source.key for source in sources if source.kind == "attr")


def _warning(code: str, path: str, message: str, hint: str) -> Problem:
    return Problem(code, path, message, hint, severity="warning")


def _of_dialect(place: str, dialect: Dialect) -> Iterator[Problem]:
    if not dialect.detect and dialect.name not in {shipped.name for shipped in shipped_dialects()}:
        message = "no span would be known to speak this dialect"
        hint = "add `detect:` with a key that only this dialect writes"
        yield Problem("undetected-dialect", place, message, hint)
    yield from _takes_over(place, dialect)
    texts = [text for sources in dialect.attributes.values() for text in sources] + dialect.recover
    keys = {source.key for source in (parse_source(text, maps()) for text in texts) if source.kind == "attr"}
    for part, patterns in (("only_here", dialect.only_here), ("everywhere", dialect.everywhere)):
        for position, pattern in enumerate(patterns):
            if not any(fnmatchcase(key, pattern) for key in keys):
                hint = "name a key that stands under `attributes` or `recover`"
                message = f"the dialect reads no attribute `{pattern}`"
                yield Problem("unused-key", f"{place}.{part}[{position}]", message, hint)


def _of_words(place: str, written: dict[str, Any]) -> Iterator[Problem]:
    """Of what a dialect says about operations and roles, each by itself."""
    said: dict[str, Meaning] = {}
    with suppress(ValidationError):
        said = _DIALECT.validate_python({"name": "d", "operations": written.get("operations", {})}).operations
    yield from _of_operations(place, said)
    rules = written.get("roles")
    known = {*operations(), *(word.lower() for word in said)}
    for position, rule in enumerate(rules if isinstance(rules, list) else ()):
        with suppress(ValidationError):
            yield from _of_role(f"{place}.roles[{position}]", _RULE.validate_python(rule), known)


def _of_operations(place: str, said: dict[str, Meaning]) -> Iterator[Problem]:
    meant: dict[str, str] = {}
    for word, meaning in said.items():
        other = meant.setdefault(word.lower(), word)
        if said[other] != meaning:
            message = f"`{word}` and `{other}` are the same word, which is read without regard to case"
            yield Problem("invalid-value", f"{place}.operations.{word}", message, "keep one of them")


def _of_role(place: str, rule: RoleRule, known: set[str]) -> Iterator[Problem]:
    if rule.role is None and rule.operation is None:
        hint = "give `role:` or `operation:`, or remove the rule"
        yield Problem("invalid-value", place, "the rule gives its spans neither a role nor an operation", hint)
    tests = [parse_test(text, roles=True) for text in rule.when]
    for position, (text, test) in enumerate(zip(rule.when, tests, strict=True)):
        here = f"{place}.when[{position}]"
        if any(opposite in tests[:position] for opposite in _opposites(test)):
            message = f"`{text}` and another test of the rule never hold together"
            yield Problem("bad-test", here, message, "all tests of a rule must hold")
        for name in test.get("not", test).get("operation", ()):
            if "*" not in name and name not in known and (close := nearest(name, sorted(known))):
                yield Problem("bad-test", here, f"there is no operation `{name}`", f"did you mean `{close}`?")


def _opposites(test: dict[str, Any]) -> Iterator[Any]:
    """The tests that hold just where a test does not."""
    yield test.get("not", {"not": test})
    yield from ({name: not value} for name, value in test.items() if isinstance(value, bool))
