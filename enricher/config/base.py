"""What every section of the configuration shares: strict models and the field types of the Collector."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def parse_duration(value: Any) -> float:
    """Seconds of a Go duration such as `1m30s`, `250ms`; a bare number is seconds.

    Raises ValueError with what to write instead.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("must be a duration such as 30s, 250ms or 1m30s")
    if isinstance(value, (int, float)):
        if not 0 <= value < 1e9:
            raise ValueError("must be a duration between 0 and 1e9 seconds")
        return float(value)
    text = value.strip()
    if text == "0":
        return 0.0
    position, nanos = 0, 0.0
    for part in _DURATION_PART.finditer(text):
        if part.start() != position:
            break
        nanos += float(part[1]) * _NANOS[part[2]]
        position = part.end()
    if not text or position != len(text):
        raise ValueError(f"{value!r} is not a duration; write it as 30s, 250ms or 1m30s")
    return nanos / 1e9


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""A Go duration in YAML, seconds (float) in Python."""


class Section(BaseModel):
    """Base of all configuration models: unknown keys are faults, values are frozen, docstrings describe fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
