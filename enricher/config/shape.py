"""What the models say about a path of the configuration: which keys are valid there, and where else a key is valid."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel

from enricher.config.paths import Loc

_CLOSE = 0.7
_LISTED = 14


def keys(model: type[BaseModel]) -> dict[str, Any]:
    """The keys that a model takes in YAML, with the annotation of each."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def shapes(annotation: Any) -> Iterator[Any]:
    """What an annotation may stand for: models, and generic containers such as `dict[str, X]`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from shapes(get_args(annotation)[0])
    elif origin is typing.Union or origin is types.UnionType:
        for part in get_args(annotation):
            yield from shapes(part)
    elif origin in (dict, list, tuple) or (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        yield annotation


def models_at(root: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that may stand at a path."""
    current: list[Any] = [root]
    for segment in loc:
        current = [shape for one in current for shape in _step(one, segment)]
    return [one for one in current if isinstance(one, type) and issubclass(one, BaseModel)]


def _step(shape: Any, segment: str | int) -> Iterator[Any]:
    arguments = get_args(shape)
    if not arguments:
        known = keys(shape)
        if segment in known:
            yield from shapes(known[str(segment)])
    elif get_origin(shape) is dict:
        yield from shapes(arguments[1])
    elif isinstance(segment, int):
        yield from shapes(arguments[0])


@lru_cache(maxsize=8)
def places(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    """For each key, the dotted paths at which it is valid; `[]` stands for any list element, `<name>` for any name."""
    found: dict[str, list[str]] = {}
    _collect(root, "", found, ())
    return {key: tuple(paths) for key, paths in found.items()}


def _collect(shape: Any, path: str, found: dict[str, list[str]], above: tuple[Any, ...]) -> None:
    if shape in above:
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
    close = difflib.get_close_matches(word.lower().replace("-", "_"), list(words), n=1, cutoff=cutoff)
    return close[0] if close else ""


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
