"""Which values are secret, and how they look when printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import SecretBytes, SecretStr

MASK = "****"

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:headers?|authorization|token|password|passwd|secret|credentials?|cookie|key_pem)(?:$|[_\-.])"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|bearer",
    re.IGNORECASE,
)
_PUBLIC_KEY = re.compile(r"_file$|_tokens$|^allowed_headers$", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


def is_secret(loc: Sequence[str | int]) -> bool:
    """Whether the value at a path must never be printed: below `headers`, or under a key that names a secret."""
    return any(isinstance(key, str) and _SECRET_KEY.search(key) and not _PUBLIC_KEY.search(key) for key in loc)


def masked(value: Any, loc: tuple[str | int, ...] = ()) -> Any:
    """Plain data of the same shape with every secret replaced. User names and passwords in URLs are secrets too."""
    if isinstance(value, dict):
        return {key: masked(child, (*loc, str(key))) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [masked(child, (*loc, index)) for index, child in enumerate(value)]
    if isinstance(value, (SecretStr, SecretBytes)):
        return MASK
    if is_secret(loc) and value not in (None, "", b"") and not isinstance(value, bool):
        return MASK
    return without_userinfo(value) if isinstance(value, str) else value


def without_userinfo(text: str) -> str:
    """A text whose URLs show no user name and no password."""
    return _USERINFO.sub(f"{MASK}@", text)
