"""From what pydantic and the sections' own checks report to Problems with a place, a path and a hint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from enricher.config.document import Node, Place
from enricher.config.paths import Loc, dotted, parse_path
from enricher.config.secrets import is_secret, without_userinfo
from enricher.config.shape import key_hint, nearest
from enricher.errors import Problem

_SHORT = 60

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "date": "a date such as 2026-01-31",
    "datetime": "a time such as 2026-01-31T00:00:00Z",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
    "decimal_max_places": ("decimal_places", "can have at most {} decimal places"),
    "too_short": ("min_length", "needs {} or more entries"),
    "too_long": ("max_length", "can have at most {} entries"),
    "string_too_short": ("min_length", "must have {} or more characters"),
    "string_too_long": ("max_length", "can have at most {} characters"),
}


def locate(root: Node, loc: Sequence[str | int], *, key: bool = False) -> tuple[Loc, Node, Place]:
    """The deepest node of `loc` that is written in the document, with its path and the place to point at.

    Segments that are no part of the document (a union's tag, pydantic's `[key]`) are skipped.
    key: point at the key instead of the value.
    """
    path, node = _follow(root, tuple(loc))
    place = node.place
    if key and path:
        _, parent = _follow(root, path[:-1])
        place = parent.keys.get(str(path[-1]), place)
    return path, node, place


def _follow(node: Node, loc: Loc) -> tuple[Loc, Node]:
    path: list[str | int] = []
    for segment in loc:
        child: Node | None = None
        if isinstance(node.value, dict):
            child = node.value.get(str(segment))
        elif isinstance(node.value, list) and isinstance(segment, int) and segment < len(node.value):
            child = node.value[segment]
        if child is not None:
            path.append(segment)
            node = child
    return tuple(path), node


def from_validation(failure: ValidationError, root: Node, model: type[BaseModel], most: int) -> list[Problem]:
    """The Problems of one failed validation, the first `most`.

    A value that may have several shapes fails for each of them: that it is not the simple one says nothing when more is
    known about the other.
    """
    errors = failure.errors(include_url=False)[:most]
    problems = [from_pydantic(error, root, model) for error in errors]
    deeper = {problem.path for problem in problems if problem.code != "wrong-type"}
    return [
        problem
        for problem in problems
        if problem.code != "wrong-type"
        or not any(path.startswith((f"{problem.path}.", f"{problem.path}[")) for path in deeper)
    ]


def from_pydantic(error: ErrorDetails, root: Node, model: type[BaseModel]) -> Problem:
    """One Problem for one pydantic error of validating the whole tree."""
    loc: Loc = error["loc"]
    kind: str = error["type"]
    context: dict[str, Any] = error.get("ctx", {})
    loc = (*loc, *context.get("at", ()))
    if kind == "extra_forbidden":
        path, node, place = locate(root, loc, key=True)
        name = path[-1] if path else loc[-1]
        code, message, hint = "unknown-key", f"unknown key `{name}`", key_hint(model, loc)
    elif kind == "missing":
        path, node, place = locate(root, loc[:-1], key=True)
        code, message, hint = "missing-key", f"`{loc[-1]}` is required", ""
        path = (*path, loc[-1])
    else:
        of_key = loc[-1:] == ("[key]",)
        path, node, place = locate(root, loc, key=of_key)
        if of_key:
            node = Node(place, str(loc[-2]), str(loc[-2]))
        code, message, hint = _described(kind, error, context, node)
    problem = Problem(code, dotted(path), message, hint, place.file, place.line, place.column)
    return _scrubbed(problem, path, node)


def _described(kind: str, error: ErrorDetails, context: dict[str, Any], node: Node) -> tuple[str, str, str]:
    got = "" if isinstance(node.value, (dict, list)) else f", not {_shown(node)}"
    if "hint" in context:
        return kind, context["message"], context["hint"]
    if kind in ("literal_error", "enum"):
        return _choice(context, node, got)
    if kind in _BOUNDS:
        name, template = _BOUNDS[kind]
        bound = context[name]
        shown = f"{bound:g}" if isinstance(bound, float) else bound
        return "out-of-range", template.format(shown) + ("" if "length" in name else got), ""
    if kind == "value_error":
        return "invalid-value", str(context["error"]), ""
    if kind in ("finite_number", "string_pattern_mismatch"):
        wanted = f"must match `{context['pattern']}`" if "pattern" in context else _plain(error["msg"])
        return "invalid-value", wanted + got, ""
    wanted = _KINDS.get(kind.partition("_")[0], "")
    if not wanted:
        return "wrong-type", _plain(error["msg"]) + got, ""
    hint = ""
    if kind == "string_type" and not isinstance(node.value, (dict, list)) and node.value is not None:
        hint = f'write it in quotes: "{node.text[:_SHORT]}"'
    elif node.value is None:
        hint = "give a value or remove the key"
    return "wrong-type", f"must be {wanted}{got or _collection(node)}", hint


def _choice(context: dict[str, Any], node: Node, got: str) -> tuple[str, str, str]:
    expected = str(context["expected"])
    words = expected.replace("'", "").replace(" or ", ", ").split(", ")
    close = nearest(node.text, words, 0.6)
    hint = f"did you mean `{close}`?" if close else ""
    return "unknown-value", f"must be one of {', '.join(words)}{got or _collection(node)}", hint


def _collection(node: Node) -> str:
    return ", not a list" if isinstance(node.value, list) else ", not a mapping"


def _shown(node: Node) -> str:
    if node.value is None:
        return "null"
    text = node.text if len(node.text) <= _SHORT else node.text[: _SHORT - 3] + "..."
    return repr(text) if isinstance(node.value, str) else text


def _plain(message: str) -> str:
    return message.replace("Input should", "must").replace("Value error, ", "")


def _scrubbed(problem: Problem, path: Loc, node: Node) -> Problem:
    """The problem without anything that the user would not want in a build log."""
    message, hint = without_userinfo(problem.message), without_userinfo(problem.hint)
    # Tables of dialects name what is secret elsewhere (`input_tokens`, `api_key_id`) and hold none.
    if path[:1] != ("normalize",) and is_secret(path) and problem.code not in ("unknown-key", "missing-key"):
        message, hint = "is not valid (the value is secret and not shown)", ""
        if problem.code == "wrong-type" and isinstance(node.value, (dict, list, type(None))):
            message = problem.message
    return replace(problem, message=message, hint=hint)


def placed(problem: Problem, root: Node, section: str) -> Problem:
    """A section's own Problem, whose path is relative to the section, with the whole path and the place filled in."""
    loc = (section, *(parse_path(problem.path) or ()))
    path, node, place = locate(root, loc)
    found = replace(
        problem,
        path=dotted(loc),
        file=problem.file or place.file,
        line=problem.line or place.line,
        column=problem.column or place.column,
    )
    return _scrubbed(found, path, node)
