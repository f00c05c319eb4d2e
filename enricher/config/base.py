"""What every section of the configuration shares: strict models, the field types of the Collector, and `fault`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_NANOS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_LONGEST = 10**9


def fault(code: str, message: str, hint: str = "", at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The exception for a validator of a section to raise: it becomes a Problem with this code, message and hint.

    code: kebab-case, listed in `enricher.config.codes`. at: path below the validated value at which to point.
    """
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint, "at": at})


def parse_duration(value: Any) -> float:
    """Seconds of a Go duration such as `1m30s`, `250ms`; a bare number is seconds.

    Raises ValueError with what to write instead.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("must be a duration such as 30s, 250ms or 1m30s")
    if isinstance(value, str):
        value = _seconds(value.strip())
    if not 0 <= value < _LONGEST:
        raise ValueError("must be a duration between 0 and 1e9 seconds")
    return float(value)


def _seconds(text: str) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    position, nanos = 0, 0.0
    for part in _DURATION_PART.finditer(text):
        if part.start() != position:
            break
        nanos += float(part[1]) * _NANOS[part[2]]
        position = part.end()
    if not text or position != len(text):
        raise ValueError(f"{_short(text)} is not a duration; write it as 30s, 250ms or 1m30s")
    return nanos / 1e9


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": ["string", "number"], "examples": ["30s", "250ms", "1m30s"]}, mode="validation"),
]
"""A Go duration in YAML, seconds (float) in Python."""


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The first time that a span can have."""
_LAST_YEAR = 2261


def parse_moment(value: datetime) -> datetime:
    """The time in UTC; one without a zone is meant so. Raises ValueError before 1970, where spans' clocks begin."""
    try:
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or moment < EPOCH:
        raise ValueError("must be a time from 1970-01-01 on, the first that a span can have")
    return moment


def parse_span_time(value: datetime) -> datetime:
    """The same of a time that a span is to have. Raises ValueError also beyond what nanoseconds in 64 bits reach."""
    moment = parse_moment(value)
    if moment.year > _LAST_YEAR:
        raise ValueError(f"must be a time from 1970 to {_LAST_YEAR}, which spans can have")
    return moment


Moment = Annotated[datetime, AfterValidator(parse_moment)]
"""A date or a time, in UTC; without an end."""
SpanTime = Annotated[datetime, AfterValidator(parse_span_time)]
"""A date or a time, in UTC, that a span can have."""


class Section(BaseModel):
    """Base of all configuration models: unknown keys are faults, values are frozen, docstrings describe fields.

    A section written without a value (`debug:`) is an empty one, as in the Collector.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value
