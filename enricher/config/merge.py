"""Several sources become one tree: mappings merge deeply, everything else is replaced; `--set` is laid on top."""

from __future__ import annotations

from enricher.config.document import Node, Place, parse
from enricher.config.paths import Loc, parse_path
from enricher.errors import Problem

SET = "--set"


def merge(base: Node, over: Node) -> Node:
    """`over` laid on `base`; neither is changed."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    value = dict(base.value)
    for key, child in over.value.items():
        value[key] = merge(value[key], child) if key in value else child
    merged = Node(over.place, value, keys={**base.keys, **over.keys})
    merged.measure()
    return merged


def apply_set(root: Node, assignment: str, ordinal: int) -> tuple[Node, list[Problem]]:
    """One `--set path=value`. Paths are dotted, with `[0]` for list elements and `["a.b"]` for keys that hold dots; the
    value is YAML. The assignment's ordinal (from 1) is its line."""
    path, equals, text = assignment.partition("=")
    place = Place(SET, ordinal, 1)
    segments = parse_path(path.strip())
    if not equals or segments is None:
        return root, [_fault(place, path.strip(), "must read path=value", "for example sampling.decision_wait=10s")]
    node, problems = parse(text, SET)
    if node is None or problems:
        return root, [_fault(place, path.strip(), "the value is not YAML", "quote it")]
    if not text.strip():
        node = Node(place)
    _move(node, Place(SET, ordinal, len(path) + 2))
    try:
        return _put(root, segments, node, place), []
    except LookupError as error:
        return root, [_fault(place, path.strip(), str(error.args[0]), "")]


def _put(node: Node, segments: Loc, value: Node, place: Place) -> Node:
    if not segments:
        return value
    segment, rest = segments[0], segments[1:]
    if isinstance(segment, int):
        if not isinstance(node.value, list) or segment > len(node.value):
            raise LookupError(f"there is no list with an element [{segment}] here")
        items = list(node.value)
        below = items[segment] if segment < len(items) else Node(place, None)
        items[segment:] = [_put(below, rest, value, place), *items[segment + 1 :]]
        changed = Node(node.place, items)
    else:
        if node.value is not None and not isinstance(node.value, dict):
            raise LookupError(f"{segment!r} is set below a value that is not a mapping")
        known = dict(node.value or {})
        known[segment] = _put(known.get(segment, Node(place, None)), rest, value, place)
        changed = Node(node.place, known, keys={**node.keys, segment: place})
    changed.measure()
    return changed


def _move(node: Node, place: Place) -> None:
    """Give a whole subtree the place of its assignment."""
    node.place = place
    node.keys = dict.fromkeys(node.keys, place)
    children = node.value.values() if isinstance(node.value, dict) else node.value
    if children is not None and not isinstance(children, (str, int, float, bool)):
        for child in children:
            _move(child, place)


def _fault(place: Place, path: str, message: str, hint: str) -> Problem:
    return Problem("bad-set", path, message, hint, place.file, place.line, place.column)
