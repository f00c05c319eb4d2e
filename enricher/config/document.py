"""YAML text to a tree of nodes that know their place in the file.

The tree is built from parser events, without recursion, so that depth, size and alias expansion are bounded before
anything is interpreted. Scalars follow the YAML 1.2 core schema, as the Collector's loader does in effect: `on`, `no`
and `1:30` are text, not a boolean and a number in base sixty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from enricher.errors import Problem

MAX_TEXT = 4 << 20
MAX_NODES = 100_000
MAX_DEPTH = 48
_MAX_DIGITS = 400

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_TAG = "tag:yaml.org,2002:"
_TYPED = {_TAG + name for name in ("int", "float", "bool", "null")}
_KNOWN_TAGS = _TYPED | {_TAG + name for name in ("str", "map", "seq")}

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """A position in one of the sources: line and column count from 1, 0 when unknown."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Node:
    """One value and where it stands. `value` is a scalar, a list of nodes, or a dict of nodes.

    text: a scalar as it was written. quoted: it was in quotes or a block. keys: places of a mapping's keys.
    size and height: of the subtree, with every alias counted as often as it is used.
    """

    place: Place
    value: Scalar | list[Node] | dict[str, Node] = None
    text: str = ""
    quoted: bool = False
    keys: dict[str, Place] = field(default_factory=dict)
    size: int = 1
    height: int = 1

    def data(self) -> Any:
        """The subtree as plain Python values."""
        if isinstance(self.value, dict):
            return {key: child.data() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.data() for child in self.value]
        return self.value

    def measure(self) -> None:
        """Set size and height from the children's."""
        children: list[Node] = []
        if isinstance(self.value, dict):
            children = list(self.value.values())
        elif isinstance(self.value, list):
            children = self.value
        self.size = 1 + sum(child.size for child in children)
        self.height = 1 + max((child.height for child in children), default=0)


class _Fault(Exception):
    def __init__(self, code: str, message: str, place: Place, hint: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(code, "", message, hint, place.file, place.line, place.column)


@dataclass(slots=True)
class _Frame:
    node: Node
    anchor: str | None
    key: Node | None = None


def resolve(text: str) -> Scalar:
    """The value of a plain scalar by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= _MAX_DIGITS:
        if _INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
    return text


def parse(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """The tree of one YAML document and the faults found on the way; None when there is no tree to speak of.

    An empty document is an empty mapping. Duplicate keys are faults; the first one counts.
    """
    if len(text) > MAX_TEXT:
        return None, [Problem("too-large", "", f"the file is larger than {MAX_TEXT >> 20} MiB", file=file)]
    builder = _Builder(file)
    try:
        root = builder.build(yaml.parse(text, Loader=_LOADER))
    except _Fault as error:
        return None, [*builder.problems, error.problem]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        message = ": ".join(part for part in (error.context, error.problem) if part) or "not YAML"
        around = text.split("\n")[max(0, line - 1) : line]
        hint = 'inside { } and [ ], values with ${…} need quotes: "${env:NAME}"' if "${" in "".join(around) else ""
        return None, [*builder.problems, Problem("yaml-syntax", "", message, hint, file, line, column)]
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        reason = getattr(error, "reason", "") or "it holds a character that YAML does not allow"
        return None, [*builder.problems, Problem("yaml-syntax", "", f"not YAML: {reason}", file=file)]
    return root, builder.problems


def _too_large(node: Node) -> _Fault:
    return _Fault("too-large", f"more than {MAX_NODES} values", node.place, "aliases count as often as used")


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._anchors: dict[str, Node | None] = {}
        self._stack: list[_Frame] = []
        self._root: Node | None = None
        self._count = 0

    def build(self, events: Iterator[Any]) -> Node:
        documents = 0
        for event in events:
            place = self._place(event.start_mark)
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        raise _Fault("yaml-syntax", "a second document begins here", place, "keep one document a file")
                case yaml.AliasEvent():
                    self._add(self._alias(event.anchor, place))
                case yaml.ScalarEvent():
                    self._scalar(event, place)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event, place)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
        if self._root is None or (self._root.value is None and not self._root.quoted):
            return Node(Place(self.file, 1, 1), {})
        return self._root

    def _place(self, mark: Any) -> Place:
        return Place(self.file, mark.line + 1, mark.column + 1)

    def _check_tag(self, tag: str | None, place: Place) -> None:
        if tag is not None and tag != "!" and tag not in _KNOWN_TAGS:
            raise _Fault("yaml-syntax", f"the tag {tag!r} has no meaning here", place, "remove it")

    def _alias(self, anchor: str | None, place: Place) -> Node:
        if anchor is None or anchor not in self._anchors:
            raise _Fault("yaml-syntax", f"no anchor named {anchor!r} stands above this alias", place)
        node = self._anchors[anchor]
        if node is None:
            raise _Fault("yaml-syntax", f"the alias {anchor!r} stands inside its own anchor", place)
        return node

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        self._check_tag(event.tag, place)
        text: str = event.value
        plain = event.implicit[0] or event.tag in _TYPED
        node = Node(place, resolve(text) if plain else text, text, quoted=not plain)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _open(self, event: Any, place: Place) -> None:
        self._check_tag(event.tag, place)
        if len(self._stack) >= MAX_DEPTH:
            raise _Fault("too-deep", f"nested more than {MAX_DEPTH} levels deep", place)
        if event.anchor:
            self._anchors[event.anchor] = None
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._stack.append(_Frame(Node(place, {} if mapping else []), event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        node = frame.node
        node.measure()
        if node.size > MAX_NODES:
            raise _too_large(node)
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _Fault("too-deep", f"nested more than {MAX_DEPTH} levels deep", node.place)
        if frame.anchor:
            self._anchors[frame.anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise _too_large(node)
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        parent = frame.node
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            if frame.key is None:
                if isinstance(node.value, (dict, list)):
                    raise _Fault("yaml-syntax", "a key must be a plain name", node.place)
                frame.key = node
                return
            key, frame.key = frame.key, None
            name, place = key.text, key.place
            if name == "<<" and not key.quoted:
                self._merge(parent, node, place)
            elif name in parent.keys:
                first = parent.keys[name]
                self.problems.append(
                    Problem(
                        "duplicate-key",
                        name,
                        f"the key `{name}` is written twice in one mapping",
                        f"the first is on line {first.line}",
                        place.file,
                        place.line,
                        place.column,
                    )
                )
            else:
                parent.value[name] = node
                parent.keys[name] = place

    def _merge(self, parent: Node, node: Node, place: Place) -> None:
        """The YAML merge key: what the mapping itself says wins over what is merged in, wherever `<<` stands."""
        sources = node.value if isinstance(node.value, list) else [node]
        for source in sources:
            if not isinstance(source.value, dict):
                raise _Fault("yaml-syntax", "`<<` takes a mapping or a list of mappings", place)
            assert isinstance(parent.value, dict)
            for name, child in source.value.items():
                parent.value.setdefault(name, child)
