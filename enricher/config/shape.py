"""What the models say about a path of the configuration: which keys are valid there, and where else a key is valid."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag

from enricher.config.base import Section
from enricher.config.paths import Loc

_CLOSE = 0.7
_LISTED = 14


def keys(model: type[BaseModel]) -> dict[str, Any]:
    """The keys that a model takes in YAML, with the annotation of each."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def shapes(annotation: Any) -> Iterator[Any]:
    """What an annotation may stand for: models, and generic containers such as `dict[str, X]`."""
    for shape, _ in _tagged(annotation, ""):
        yield shape


def _tagged(annotation: Any, tag: str) -> Iterator[tuple[Any, str]]:
    """The shapes, each with the name that pydantic gives it in the path of a fault: its tag, or that of its class."""
    origin = get_origin(annotation)
    if origin is Annotated:
        tags = [mark.tag for mark in annotation.__metadata__ if isinstance(mark, Tag)]
        yield from _tagged(get_args(annotation)[0], tags[0] if tags else tag)
    elif origin is typing.Union or origin is types.UnionType:
        for part in get_args(annotation):
            yield from _tagged(part, tag)
    elif origin in (dict, list, tuple) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield annotation, tag or getattr(annotation, "__name__", "")


def models_at(root: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at a path; the path may hold the tags of unions, as pydantic's do."""
    current: list[tuple[Any, str]] = [(root, "")]
    for segment in loc:
        below = [found for shape, _ in current for found in _step(shape, segment)]
        current = below or [(shape, tag) for shape, tag in current if tag == segment]
    return [shape for shape, _ in current if isinstance(shape, type) and issubclass(shape, BaseModel)]


def _step(shape: Any, segment: str | int) -> Iterator[tuple[Any, str]]:
    arguments = get_args(shape)
    if not arguments:
        known = keys(shape)
        if segment in known:
            yield from _tagged(known[str(segment)], "")
    elif get_origin(shape) is dict:
        yield from _tagged(arguments[1], "")
    elif isinstance(segment, int):
        yield from _tagged(arguments[0], "")


def repeats(shape: Any, above: tuple[Any, ...]) -> bool:
    """Whether a model that stands above, or one that it extends, comes again: policies hold policies."""
    if not isinstance(shape, type):
        return False
    bases = {base for one in above if isinstance(one, type) for base in one.__mro__ if issubclass(base, Section)}
    return any(base in bases for base in shape.__mro__ if issubclass(base, Section) and base is not Section)


@lru_cache(maxsize=8)
def places(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """For each key, the dotted paths at which it is valid; `[]` stands for any list element, `<name>` for any name."""
    found: dict[str, list[str]] = {}
    _collect(root, "", found, ())
    return {key: tuple(paths) for key, paths in found.items()}


def _collect(shape: Any, path: str, found: dict[str, list[str]], above: tuple[Any, ...]) -> None:
    if repeats(shape, above):
        return
    above = (*above, shape)
    arguments = get_args(shape)
    if get_origin(shape) is dict:
        for below in shapes(arguments[1]):
            _collect(below, f"{path}.<name>", found, above)
    elif arguments:
        for below in shapes(arguments[0]):
            _collect(below, f"{path}[]", found, above)
    else:
        for key, annotation in keys(shape).items():
            place = f"{path}.{key}" if path else key
            if place not in found.setdefault(key, []):
                found[key].append(place)
            for below in shapes(annotation):
                _collect(below, place, found, above)


def nearest(word: str, words: Sequence[str], cutoff: float = _CLOSE) -> str:
    """The word that was probably meant; "" when none is close."""
    plain = {one.lower(): one for one in words}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), plain, n=1, cutoff=cutoff)
    return plain[close[0]] if close else ""


def key_hint(root: type[BaseModel], loc: Loc) -> str:
    """What to write instead of the unknown key at `loc`."""
    key = str(loc[-1])
    here: dict[str, None] = {}
    for model in models_at(root, loc[:-1]):
        here.update(dict.fromkeys(keys(model)))
    close = nearest(key, list(here))
    if close:
        return f"did you mean `{close}`?"
    elsewhere = places(root)
    paths = elsewhere.get(key) or elsewhere.get(nearest(key, list(elsewhere), 0.85), ())
    if 0 < len(paths) <= 3:
        return "did you mean " + " or ".join(f"`{path}`" for path in paths) + "?"
    if 0 < len(here) <= _LISTED:
        return "valid here: " + ", ".join(here)
    return ""
