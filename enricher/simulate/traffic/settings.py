"""The description of made-up traffic, and its files: those that come with the package and the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from enricher.config import faults
from enricher.config.base import Duration, Section
from enricher.config.document import MAX_TEXT, parse
from enricher.errors import ConfigError, InputError
from enricher.trial.settings import WrittenSpan, check_parents

DIRECTORY = Path(__file__).parent
_MOST_PROBLEMS = 50


class Kind(Section):
    """One kind of trace."""

    name: str
    """What it stands for."""
    share: Annotated[float, Field(gt=0, le=1e6)]
    """How much of all traces it is, beside the shares of the other kinds."""
    spans: Annotated[list[WrittenSpan], Field(min_length=1)]
    """Its spans, written as in the `tests:` of a configuration."""
    spread: Annotated[float, Field(ge=0, le=3)] = 0.0
    """How much traces of the kind differ: durations, tokens and costs are log-normal around what `spans` says, with
    this standard deviation of the logarithm."""
    content_bytes: Annotated[int, Field(ge=0, le=1 << 20)] = 0
    """About how much prompt and answer each model call carries."""

    @model_validator(mode="after")
    def _linked(self) -> Self:
        check_parents(self.spans)
        return self


class Traffic(Section):
    """A mix of kinds of traces, and when they come."""

    traces: Annotated[int, Field(ge=1, le=10**8)] = 10_000
    """How many traces there are."""
    lasts: Annotated[Duration, Field(gt=0, le=31 * 86_400)] = 86_400.0
    """How long it lasts."""
    rate: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1, max_length=1_000)] = Field(default=[1])
    """How busy each part of that time is beside the others; the parts are equally long: 24 for the hours of a day."""
    kinds: Annotated[list[Kind], Field(min_length=1)]
    """What comes."""

    @model_validator(mode="after")
    def _busy(self) -> Self:
        if not any(self.rate):
            raise ValueError("rate needs a number above 0")
        return self


def shipped() -> list[str]:
    """Names of the descriptions that come with the package."""
    return sorted(path.stem for path in DIRECTORY.glob("*.yaml"))


def load(name: str) -> Traffic:
    """The traffic of that name, or of the user's file. Raises InputError, and ConfigError with all faults of a file."""
    path = DIRECTORY / f"{name}.yaml" if name in shipped() else Path(name)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TEXT + 1).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        known = ", ".join(shipped())
        raise InputError(f"cannot read {path}: {reason} (traffic that comes with enricher: {known})") from error
    root, problems = parse(text, str(path))
    if root is None or problems:
        raise ConfigError(problems)
    try:
        return Traffic.model_validate(root.data())
    except ValidationError as error:
        raise ConfigError(faults.from_validation(error, root, Traffic, _MOST_PROBLEMS)) from error
