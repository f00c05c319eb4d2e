"""Values as a slow reader sees them: attributes decoded, JSON followed, transforms applied one after the other."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

MAX_COUNT = 10**12
_EPOCH = datetime.fromtimestamp(0, UTC)
NOTHING = ("", "none", "null", "unknown", "n/a", "nan")


def plain(value: AnyValue) -> Any:
    """A decoded attribute value; None for an empty one."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: plain(item.value) for item in value.kvlist_value.values}
    return getattr(value, kind)


def decoded(value: Any) -> Any:
    """Text that is JSON, JSON in JSON, or a Python literal, as what it denotes; anything else as it is."""
    for _ in range(2):
        if not isinstance(value, str):
            break
        try:
            value = json.loads(value)
        except ValueError:
            try:
                value = ast.literal_eval(value)
            except (ValueError, SyntaxError):
                break
    return value


def follow(value: Any, path: str) -> list[Any]:
    """All values at `path` in a decoded value; of a `**.` path those of the outermost object that has any."""
    if path.startswith("**."):
        for holder in objects(value):
            if found := list(_walk(holder, _steps(path[3:]))):
                return found
        return []
    return list(_walk(value, _steps(path)))


def objects(value: Any, opaque: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Every object in a value, the outermost first; none below the fields named `opaque`."""
    level = [value]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                yield item
                below += (below_it for key, below_it in item.items() if key not in opaque)
            elif isinstance(item, list):
                below += item
        level = below


def _steps(path: str) -> list[str]:
    return re.findall(r"\[\d*\]|[^.\[\]]+", path)


def _walk(value: Any, steps: list[str]) -> Iterator[Any]:
    if not steps:
        if value is not None:
            yield value
        return
    step, rest = steps[0], steps[1:]
    if step in ("*", "*~"):
        for name, member in value.items() if isinstance(value, dict) else ():
            if _is_number(member):
                yield name if step == "*~" else member
    elif step == "[]":
        for item in value if isinstance(value, list) else ():
            yield from _walk(item, rest)
    elif step.startswith("["):
        if isinstance(value, list) and int(step[1:-1]) < len(value):
            yield from _walk(value[int(step[1:-1])], rest)
    elif isinstance(value, dict) and step in value:
        yield from _walk(value[step], rest)


def _is_number(value: Any) -> bool:
    """Numbers, and text that is one."""
    if isinstance(value, str):
        return re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", value) is not None
    return type(value) in (int, float) and math.isfinite(value)


def transformed(value: Any, steps: tuple[str, ...], context: dict[str, Any]) -> Any:
    """The value after all transforms; None when one of them finds it unusable.

    context: `start` (Unix nanoseconds of the span), `maps`, `id_prefixes`.
    """
    for step in steps:
        value = _transform(value, step, context)
        if value is None:
            return None
    return value


def _transform(value: Any, step: str, context: dict[str, Any]) -> Any:
    name, _, table = step.partition(":")
    if name in ("ms", "us", "ns", "usd_ticks"):
        number = as_number(value)
        return None if number is None else number / {"ms": 1e3, "us": 1e6, "ns": 1e9, "usd_ticks": 1e10}[name]
    if name in ("modality", "ttl"):
        parts = [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
        named = [part for part in parts if str(part.get(name)).rpartition(".")[2].lower() == table]
        keys = ("inputTokens",) if name == "ttl" else ("tokenCount", "token_count")
        counts = [int(part[key]) for part in named for key in keys if key in part]
        return sum(counts) if counts else None
    if name == "sum":
        return _sum(decoded(value), *table.split("!"))
    if name == "key":
        return context["key"].split(".")[int(table)]
    if name == "true":
        return True
    if name in ("map", "remap"):
        found = context["maps"][table].get(_word(value)) if not isinstance(value, (list, dict)) else None
        return found if found is not None or name == "map" else value
    if not isinstance(value, str):
        return (not value if isinstance(value, bool) else value) if name == "not" else value
    match name:
        case "iso":
            try:
                moment = datetime.fromisoformat(value.strip().strip('"').replace("Z", "+00:00"))
            except ValueError:
                return None
            after = (moment - _EPOCH) // timedelta(microseconds=1) * 1000 - context["start"]
            return after / 1e9 if after >= 0 else None
        case "lower":
            return value.lower()
        case "after_dot":
            return value.rpartition(".")[2]
        case "before_dot":
            return value.partition(".")[0]
        case "host":
            return host(value)
        case "path":
            return url_path(value)
        case "known_id":
            known = any(value.startswith(prefix) and value != prefix for prefix in context["id_prefixes"])
            return value if known else None
        case "no_uuid":
            uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
            return None if re.fullmatch(uuid, value, re.IGNORECASE) else value
        case "literal":
            found = re.fullmatch(r"<class '(?:.*\.)?(.*)'>", value)
            return found[1] if found else value
        case "list":
            items = [item.strip() for item in value.split(",")]
            return value if value.strip().startswith("[") else [item for item in items if item]
    return value


def _sum(value: Any, members: str, *without: str) -> int | None:
    """The counts of an object that begin alike; without a `*` only where one has just that name."""
    if not isinstance(value, dict) or not (members.endswith("*") or members in value):
        return None
    begin = members.rstrip("*")
    taken = [
        one
        for key, one in value.items()
        if (key == begin or key.startswith(begin if members.endswith("*") else begin + "_"))
        and not any(word in key for word in without)
        and type(one) in (int, float)
    ]
    counts = [one for one in taken if isinstance(one, int) and one >= 0]
    return sum(counts) if taken and counts == taken else None


def _word(value: Any) -> str:
    return str(value).lower().strip()


def host(text: str) -> str:
    """The host of a URL or of host:port."""
    text = re.split(r"[/?#]", text.strip().rpartition("://")[2])[0].rpartition("@")[2]
    return re.sub(r":\d*$", "", text) if text.count(":") == 1 or "]:" in text else text


def url_path(text: str) -> str | None:
    """The path of a URL, with or without scheme and host."""
    found = re.fullmatch(r"(?:.*?://)?[^/?#]*(/[^?#]*)?.*", text.strip(), re.DOTALL)
    return found[1] if found else None


def as_number(value: Any) -> float | None:
    """A finite number; None when there is none."""
    if isinstance(value, (bool, list, dict)):
        return None
    if isinstance(value, str):
        text = value.strip().strip('"')
        if text.lower() in NOTHING:
            return None
        try:
            value = float(text)
        except ValueError:
            return None
    return float(value) if math.isfinite(value) else None


def read(kind: str, value: Any) -> Any:
    """The value as a concept of that type has it; None when it is absent in disguise or unusable."""
    if kind in ("count", "int", "quantity", "number") and isinstance(value, list) and len(value) == 1:
        value = value[0] if not isinstance(value[0], (bool, list, dict)) else None
    match kind:
        case "count" | "int":
            number = as_number(value)
            if number is None or number != int(number) or abs(number) > MAX_COUNT:
                return None
            return None if kind == "count" and number < 0 else int(value if isinstance(value, int) else number)
        case "quantity":
            number = as_number(value)
            return number if number is not None and 0 <= number <= MAX_COUNT else None
        case "number":
            return as_number(value)
        case "bool":
            return _boolean(value)
        case "list":
            items = decoded(value) if isinstance(value, str) and value.strip().startswith("[") else value
            every = items if isinstance(items, list) else [items]
            texts = [_text(item) for item in every if isinstance(item, str)]
            return [text for text in texts if text] or None
        case "content":
            return value if isinstance(value, str) and value else None
    return _text(value)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    words = {"true": True, "1": True, "false": False, "0": False}
    return words.get(_word(value)) if isinstance(value, (str, int)) else None


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 1 and text[0] == text[-1] == '"':
            text = text[1:-1]
        return None if text in ("", "None", "null") else text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return _text(value[0]) if value and isinstance(value[0], str) else None
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return str(value) if isinstance(value, (int, float)) else None
