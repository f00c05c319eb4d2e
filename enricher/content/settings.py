"""The `normalize.content:` section."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from enricher.config.base import Section, fault
from enricher.content.names import KINDS, Kind
from enricher.sample.regex import explain_fault

Policy = Literal["keep", "drop", "truncate", "redact"]
_ANCHOR = 4


def _linear(pattern: str) -> str:
    if reason := explain_fault(pattern):
        raise fault(
            "bad-regex", reason, "linear-time syntax only, as in Go and Rust: no look-around, no back-references"
        )
    return pattern


def _key(key: str) -> str:
    literal = min((key.find(mark) for mark in "{*" if mark in key), default=len(key))
    if literal < min(_ANCHOR, len(key)) or "*" in key[:-1]:
        raise fault(
            "invalid-value",
            f"the key `{key}` is too wide",
            f"begin it with at least {_ANCHOR} fixed characters; `*` may stand at the end only",
        )
    return key


def _named(value: Any) -> Any:
    return {"regex": value} if isinstance(value, str) else value


def policy_alone(value: Any) -> Any:
    """A bare word is the policy."""
    return {"policy": value} if isinstance(value, str) else value


class UserPattern(Section):
    """Text of your own to redact."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)] = "custom"
    """What stands in its place, in upper case and brackets, and the label of the metric: `employee_id` becomes
    `[EMPLOYEE_ID]`."""
    regex: Annotated[str, Field(min_length=1), AfterValidator(_linear)]
    """Linear-time syntax (RE2). Group 1, where there is one, is what is replaced."""


class ContentSettings(Section):
    """What leaves of prompts, completions, tool arguments and results, in attributes, events and log records."""

    policy: Policy = "keep"
    """`keep` changes nothing. `drop` removes the attributes that carry content. `truncate` cuts their text; JSON stays
    JSON. `redact` replaces personal data and secrets in them, in error messages and in all log bodies. Facts are read
    before; usage, model and cost survive every policy."""
    truncate_bytes: Annotated[int, Field(ge=16, le=1 << 24)] | None = None
    """Bytes of text that a value keeps under `truncate` (1024 when not set), and, when set, under `redact`. Usage,
    model and cost inside it are kept beyond that, up to 4 KiB."""
    kinds: Annotated[list[Kind], Field(min_length=1)] = Field(default_factory=lambda: list(KINDS))
    """What `redact` looks for: `secret` (keys and tokens), `card` (Luhn), `iban` (mod 97), `email`, `ip`, `phone`."""
    patterns: Annotated[
        list[Annotated[UserPattern, BeforeValidator(_named, json_schema_input_type=str | UserPattern)]],
        Field(max_length=24),
    ] = Field(default_factory=list)
    """What else `redact` looks for: regular expressions, bare or `{name, regex}`."""
    keys: list[Annotated[str, Field(min_length=1), AfterValidator(_key)]] = Field(default_factory=list)
    """Attributes of your own that carry content: `[app.question, app.answer.*]`. On spans, events and log records."""
