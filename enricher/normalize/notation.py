"""The notation of dialect tables: where a value stands (`source`) and what a span must show (`test`).

Sources::

    KEY                     span attribute; `{n}` stands for one segment, a trailing `*` for any rest
    KEY#path.to[].value     the same, read as JSON (or a map), then the path; a leading `**.` searches at any depth;
                            a last `*` is each member that is a number, or text that is one, `*~` its name
    event:NAME/KEY          attribute of a span event; NAME may hold `*`; the KEY `@time` is when the event was, in
                            nanoseconds since 1970 (`| unix_ns`)
    resource:KEY            resource attribute
    log:NAME/KEY            attribute or body field of a log record of the same span
    SOURCE | ms | list      followed by transforms, applied in order

Tests::

    KEY, KEY=VALUE, PREFIX.*, scope:NAME, span:NAME
    resource:KEY, resource:KEY=VALUE                                                         (detection only)
    operation:NAME, span_kind:NAME, kind:server, usage:yes, usage:no, model:yes, model:no,
    failed:yes, failed:no                                                                    (roles only)
    !TEST                                                                                    (roles only)

NAME and VALUE may begin or end with `*`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from enricher.config.shape import nearest

SourceKind = Literal["attr", "event", "resource", "log"]

TRANSFORMS = (
    "ms",
    "us",
    "ns",
    "iso",
    "usd_ticks",
    "unix_s",
    "unix_ms",
    "unix_ns",
    "lower",
    "list",
    "after_dot",
    "before_dot",
    "host",
    "path",
    "true",
    "not",
    "known_id",
    "no_uuid",
    "literal",
)
"""Transforms without an argument; `map:NAME` and `remap:NAME` name a table of `values.yaml`, `modality:NAME` one of
MODALITIES. `sum:input` adds up the members of a JSON object: `input` and every `input_…`, if there is an `input`;
`sum:input_*` every member that begins so. `!word` behind it leaves out the names that contain the word. `key:1` is the
second segment of the key, in place of the value: what `{provider}` stands for in `llm.{provider}.usage`."""

MODALITIES = ("audio", "document", "image", "text", "video")
"""What Gemini's lists of counts count by (`[{"modality": "AUDIO", "tokenCount": 900}]`)."""

UNITS = ("ms", "us", "ns", "iso", "unix_s", "unix_ms", "unix_ns")
"""Transforms that turn a time into seconds."""

TEXT_ONLY = ("lower", "list", "host", "path", "true", "not", "known_id", "no_uuid", "literal")
"""Transforms that yield no number."""

READINGS = ("inclusive", "exclusive", "inside", "outside", "missing")
"""Said of one source, not a whole dialect: whether its input tokens include cached ones, where reasoning is counted."""

_TESTS_OF_SPANS = ("scope", "span", "resource")
_TESTS_OF_ROLES = ("operation", "span_kind", "kind", "usage", "model", "failed")
_SPAN_KINDS = ("internal", "server", "client", "producer", "consumer")
_NAMES = r"[A-Za-z0-9_:-]*(\[\d*\])*(\.[A-Za-z0-9_:-]+(\[\d*\])*)*"
_PATH = re.compile(rf"(\*\*\.)?({_NAMES}(\.\*~?)?|\*~?)")
_MEMBERS = re.compile(r"[A-Za-z0-9_-]+\*?(![A-Za-z0-9_-]+)*")
_ANCHOR = 4


class NotationError(ValueError):
    """A source or test that cannot be read. `str()` says what is wrong, `hint` what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Source:
    """One place of a value. `text` is the author's notation."""

    kind: SourceKind
    key: str
    event: str
    path: str
    transforms: tuple[str, ...]
    readings: tuple[str, ...]
    text: str


def parse_source(text: str, maps: frozenset[str] = frozenset()) -> Source:
    """The source that `text` denotes; `maps` are the names that `map:` and `remap:` may use. Raises NotationError."""
    place, *steps = (part.strip() for part in text.split("|"))
    transforms = tuple(step for step in steps if step not in READINGS)
    for step in transforms:
        _check_transform(step, maps)
    kind: SourceKind = "attr"
    event = ""
    head, colon, rest = place.partition(":")
    if colon and head in ("event", "log"):
        kind = "event" if head == "event" else "log"
        event, slash, place = rest.partition("/")
        if not slash or not event:
            raise NotationError(f"`{text}` names no attribute", f"write {head}:NAME/KEY")
    elif colon and head == "resource":
        kind, place = "resource", rest
    elif colon and head == "metric":
        raise NotationError("metrics cannot be read onto spans", "")
    elif colon:
        _check_head(head, rest, ("event", "log", "resource"))
    key, hash_mark, path = place.partition("#")
    _check_key(key, text)
    if hash_mark and not path:
        raise NotationError(f"`{text}` has no path behind `#`", "write the names inside the JSON, or leave `#` out")
    if len(units := [step for step in transforms if step in UNITS]) > 1:
        raise NotationError(f"`{text}` converts twice, by {' and '.join(units)}", "a value has one unit")
    if path and not _PATH.fullmatch(path):
        raise NotationError(
            f"`{path}` is not a path", "write names with dots, `[]` after lists, `**.` in front to search"
        )
    return Source(kind, key, event, path, transforms, tuple(step for step in steps if step in READINGS), text)


def _check_head(head: str, rest: str, known: tuple[str, ...]) -> None:
    """Keys of attributes may hold colons, but hardly behind a word that is nearly one of ours."""
    if close := nearest(head, known):
        raise NotationError(f"there is no `{head}:`", f"did you mean `{close}:{rest}`?")


def _check_transform(step: str, maps: frozenset[str]) -> None:
    name, colon, table = step.partition(":")
    if colon and name in ("map", "remap"):
        if table not in maps:
            known = ", ".join(sorted(maps)) or "none"
            raise NotationError(f"there is no value map `{table}`", f"known maps: {known}")
    elif colon and name == "modality":
        if table not in MODALITIES:
            raise NotationError(f"there is no modality `{table}`", f"one of {', '.join(MODALITIES)}")
    elif colon and name == "sum":
        if not _MEMBERS.fullmatch(table):
            raise NotationError(f"`{step}` names no members", "write sum:NAME or sum:BEGIN*, then !WORD for exceptions")
    elif colon and name == "key":
        if not re.fullmatch("[0-9]", table):
            raise NotationError(f"`{step}` names no segment of the key", "write key:N; the first segment is key:0")
    elif step not in TRANSFORMS:
        known = ", ".join(TRANSFORMS)
        raise NotationError(
            f"unknown transform `{step}`", f"one of {known}, map:NAME, remap:NAME, modality:NAME, sum:NAME, key:N"
        )


def _check_key(key: str, text: str) -> None:
    if not key or key != key.strip():
        raise NotationError(f"`{text}` names no attribute", "write an attribute key")
    literal = min((key.find(mark) for mark in "{*" if mark in key), default=len(key))
    if literal < min(_ANCHOR, len(key)) and not key.startswith("{scope}"):
        raise NotationError(f"the pattern `{key}` is too wide", f"begin it with at least {_ANCHOR} fixed characters")
    if "*" in key[:-1]:
        raise NotationError(f"`{key}` has `*` inside", "`*` may stand at the end only; `{n}` stands for one segment")


def parse_test(text: str, *, roles: bool = False) -> dict[str, Any]:
    """The plan's condition for `text`, e.g. `{"attr": {"key": "gen_ai.system", "value": "autogen"}}`.

    roles: allow the tests that only make sense once a span's facts are known. Raises NotationError.
    """
    if text.startswith("!"):
        if not roles:
            raise NotationError("a test that detects a dialect cannot be negative", "")
        return {"not": parse_test(text[1:].strip(), roles=True)}
    head, colon, rest = text.partition(":")
    if colon and head in (*_TESTS_OF_SPANS, *_TESTS_OF_ROLES):
        if not rest:
            raise NotationError(f"`{text}` says nothing to compare with", f"write {head}:NAME")
        if head in _TESTS_OF_ROLES and not roles:
            raise NotationError(f"`{head}:` cannot detect a dialect", "use a key, scope:, span: or resource:")
        return _named_test(head, rest, roles=roles)
    if colon:
        _check_head(head, rest, (*_TESTS_OF_SPANS, *(_TESTS_OF_ROLES if roles else ())))
    return {"attr": _key_test(text)}


def _named_test(head: str, rest: str, *, roles: bool) -> dict[str, Any]:
    if head == "resource":
        if roles:
            raise NotationError("a role cannot depend on the resource", "let it detect a dialect of its own")
        return {"resource": _key_test(rest)}
    if head in ("usage", "model", "failed"):
        if rest not in ("yes", "no"):
            raise NotationError(f"`{head}:{rest}` is neither yes nor no", f"write {head}:yes or {head}:no")
        return {head: rest == "yes"}
    if head == "kind" and rest not in _SPAN_KINDS:
        raise NotationError(f"there is no span kind `{rest}`", f"one of {', '.join(_SPAN_KINDS)}")
    if head in ("operation", "span_kind", "kind"):
        return {head: [rest.lower()]}
    _check_glob(rest)
    return {head: rest}


def _key_test(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    _check_key(key, text)
    if not equals:
        return {"key": key}
    if not value or "=" in value:
        raise NotationError(
            f"`{text}` is no test of one key", "write KEY=VALUE with one `=`; several tests at once are `{all: [...]}`"
        )
    _check_glob(value)
    return {"key": key, "value": value}


def _check_glob(text: str) -> None:
    if "*" in text[1:-1]:
        raise NotationError(f"`{text}` has `*` inside", "`*` may stand at the beginning and at the end only")
    if wrong := next((mark for mark in "^$|\\" if mark in text), None) or _unbalanced(text):
        raise NotationError(
            f"`{text}` has `{wrong}`, and is no regular expression",
            "write the text as it stands on the span, `*` at its beginning or end stands for any rest",
        )


def _unbalanced(text: str) -> str:
    """A bracket without its other half: names may hold brackets, as `fn(x)` does."""
    open_ones: list[str] = []
    for mark in text:
        if mark in "([{":
            open_ones.append(mark)
        elif mark in ")]}" and (not open_ones or open_ones.pop() + mark not in ("()", "[]", "{}")):
            return mark
    return open_ones[-1] if open_ones else ""
