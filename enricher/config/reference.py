"""`docs/configuration.md`, written from the models: `python -m enricher.config.reference > docs/configuration.md`."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from enricher.config.base import parse_duration
from enricher.config.codes import CODES
from enricher.config.collector import FOREIGN
from enricher.config.model import Settings
from enricher.config.shape import repeats, shapes

_HEAD = """# Configuration

<!-- Written by `python -m enricher.config.reference`; a test compares. Change the models, not this page. -->

One YAML file in the vocabulary of the OpenTelemetry Collector. Every key has a default, and an empty file is a valid
configuration. `enricher check -c FILE` reports every fault at once, with line, column and what to write instead;
`enricher check --schema` prints a JSON schema for editors.

- `-c` may be given several times: mappings merge key by key, lists and single values are replaced by the later file.
- `--set path=value` wins over all files, for example `--set sampling.decision_wait=10s`
  or `--set 'exporters["otlp_grpc/tempo"].endpoint=tempo:4317'`.
- `${env:NAME}` and `${env:NAME:-default}` in a value stand for an environment variable; `$$` is a plain `$`.
- A duration reads `30s`, `250ms`, `1m30s`; a bare number is seconds.
- A section or exporter with nothing behind it (`debug:`) has all its defaults.
"""

_WORDS = {str: "text", int: "integer", float: "number", bool: "boolean", date: "date", datetime: "time"}


def reference() -> str:
    """The page, in Markdown."""
    lines = [_HEAD]
    for name, info in Settings.model_fields.items():
        lines += _section(name, info)
    lines += _collector()
    lines += _codes()
    return "\n".join(lines) + "\n"


def _section(name: str, info: FieldInfo) -> Iterator[str]:
    yield f"## {name}\n"
    for shape in shapes(info.annotation):
        if get_origin(shape) is dict:
            yield (info.description or "") + "\n"
            for model in shapes(get_args(shape)[1]):
                yield f"### {name}: {_first_line(model)}\n"
                yield from _table(model)
        elif get_origin(shape) is list:
            yield (info.description or "") + "\n"
            for model in shapes(get_args(shape)[0]):
                yield _doc(model) + "\n"
                yield from _table(model)
        else:
            yield _doc(shape) + "\n"
            yield from _table(shape)


def _table(model: type[BaseModel]) -> Iterator[str]:
    yield "| key | type | default | |"
    yield "| --- | --- | --- | --- |"
    for path, info in _rows(model, "", ()):
        kind, default, text = _kind(info.annotation, info.metadata), _default(info), info.description or ""
        yield f"| `{path}` | {kind} | {default} | {' '.join(text.split())} |"
    yield ""


def _rows(model: type[BaseModel], above: str, parents: tuple[Any, ...]) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a model and, dotted, of the sections below it; `[]` stands for each element of a list. A model that
    holds itself, as policies do, is not followed again."""
    for name, info in model.model_fields.items():
        path = above + (info.alias or name)
        inside = (*parents, model)
        below = list(_below(info.annotation, path))
        nested = any(get_origin(shape) is None for shape in shapes(info.annotation))
        if not nested or info.is_required() or info.default is None:
            yield path, info
        for child, prefix in below:
            if not repeats(child, inside):
                yield from _rows(child, prefix, inside)


def _below(annotation: Any, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """The models that may stand at a path, in lists and under names of the user's, with the path of their keys."""
    for shape in shapes(annotation):
        arguments = get_args(shape)
        if get_origin(shape) is dict:
            yield from _below(arguments[1], f"{path}.<name>")
        elif arguments:
            yield from _below(arguments[0], f"{path}[]")
        else:
            yield shape, f"{path}."


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """A type as users think of it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    for mark in metadata:
        if isinstance(mark, BeforeValidator) and mark.func is parse_duration:
            return "duration"
    if origin is Annotated:
        return _kind(arguments[0], list(annotation.__metadata__))
    if origin is typing.Union or origin is types.UnionType:
        kinds = [_kind(part, []) for part in arguments if part is not type(None)]
        return " or ".join(dict.fromkeys(kinds)) + _bounds(metadata)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments if value != "")
    if origin in (list, tuple):
        return f"list of {_kind(arguments[0], [])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return _WORDS.get(annotation, "number") + _bounds(metadata)


def _bounds(metadata: list[Any]) -> str:
    low = high = ""
    for mark in _marks(metadata):
        match mark:
            case annotated_types.Ge(ge=bound):
                low = f"from {bound}"
            case annotated_types.Gt(gt=bound):
                low = f"over {bound}"
            case annotated_types.Le(le=bound):
                high = f"to {bound}"
            case annotated_types.Lt(lt=bound):
                high = f"below {bound}"
    words = " ".join(word for word in (low, high) if word)
    return f", {words}" if words else ""


def _marks(metadata: list[Any]) -> Iterator[Any]:
    for mark in metadata:
        if isinstance(mark, annotated_types.GroupedMetadata):
            yield from mark
        else:
            yield mark


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined or isinstance(value, BaseModel):
        return ""
    if isinstance(value, float) and _kind(info.annotation, info.metadata) == "duration":
        return f"`{value:g}s`"
    return f"`{value if isinstance(value, str) and value else json.dumps(value, default=str)}`"


def _collector() -> Iterator[str]:
    yield "## Options of the Collector that have no effect here\n"
    yield "They may stay in a pasted block; `enricher check` prints a note for each.\n"
    yield "| option | |"
    yield "| --- | --- |"
    for row in FOREIGN:
        only = "" if row.same is None else f" (only `{json.dumps(row.same[0]).strip(chr(34))}`)"
        yield f"| `{row.path}`{only} | {row.why} |"
    yield ""


def _codes() -> Iterator[str]:
    yield "## What `enricher check` reports\n"
    yield "| code | meaning |"
    yield "| --- | --- |"
    for code, meaning in CODES.items():
        yield f"| `{code}` | {meaning} |"


def _doc(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _first_line(model: type[BaseModel]) -> str:
    return _doc(model).rstrip(".")


if __name__ == "__main__":
    print(reference(), end="")
