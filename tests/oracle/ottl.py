"""Conditions of the OpenTelemetry Transformation Language, the part that rules mostly use, worked out by reading the
text again for every span.

Source: the language's own page (`pkg/ottl/LANGUAGE.md` of the Collector): `not` binds closer than `and`, that closer
than `or`; values of two types are unequal, and neither is below the other; numbers compare by value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)|(?P<text>\"[^\"]*\")|(?P<operator>==|!=|<=|>=|<|>)"
    r"|(?P<word>[A-Za-z_][\w.]*)|(?P<mark>[\[\](),]))"
)
_FAILED = object()
_NUMBERS = {"STATUS_CODE_UNSET": 0, "STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
_WORDS = {"true": True, "false": False, "nil": None, **_NUMBERS}


def holds(text: str, fields: Mapping[str, Any], attributes: Mapping[str, Any], resource: Mapping[str, Any]) -> bool:
    """Whether a condition holds on a span; one that cannot be worked out does not. fields: `name`, `status.code` …"""
    reader = _Reader(text, {"attributes": attributes, "resource.attributes": resource}, fields)
    found = reader.either()
    assert not reader.left, reader.left
    return found is True


Found = bool | None
"""None: it cannot be worked out. What a side to the left has settled is not asked of the right one."""


class _Reader:
    def __init__(self, text: str, maps: Mapping[str, Mapping[str, Any]], fields: Mapping[str, Any]) -> None:
        self.left = [(match.lastgroup or "", match[match.lastgroup or 0]) for match in _TOKEN.finditer(text)]
        self.maps, self.fields = maps, fields

    def next(self) -> tuple[str, str]:
        return self.left.pop(0)

    def take(self, *texts: str) -> str:
        """The next token if it is one of these, else nothing."""
        return self.next()[1] if self.left and self.left[0][1] in texts else ""

    def either(self) -> Found:
        found = self.both()
        while self.take("or"):
            right = self.both()
            found = right if found is False else found
        return found

    def both(self) -> Found:
        found = self.one()
        while self.take("and"):
            right = self.one()
            found = right if found is True else found
        return found

    def one(self) -> Found:
        if self.take("not"):
            found = self.one()
            return None if found is None else not found
        if self.take("("):
            found = self.either()
            assert self.take(")")
            return found
        left = self.value()
        operator = self.take("==", "!=", "<", "<=", ">", ">=")
        if operator:
            return _compare(left, operator, self.value())
        return None if left is _FAILED else left is True

    def value(self) -> Any:
        kind, text = self.next()
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "text":
            return text[1:-1]
        if text in self.maps:
            assert self.take("[")
            key = self.next()[1][1:-1]
            assert self.take("]")
            return self.maps[text].get(key)
        if text == "IsMatch":
            assert self.take("(")
            target = self.value()
            assert self.take(",")
            pattern = self.value()
            assert self.take(")")
            if isinstance(target, list):
                return _FAILED
            return target is not None and re.search(pattern, _written(target)) is not None
        return _WORDS[text] if text in _WORDS else self.fields[text]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _compare(left: Any, operator: str, right: Any) -> bool:
    numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in (left, right))
    alike = numbers or type(left) is type(right)
    if operator in ("==", "!="):
        return (alike and left == right) == (operator == "==")
    if not alike or not isinstance(left, (int, float, str)):
        return False
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[operator])
