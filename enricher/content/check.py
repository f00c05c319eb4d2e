"""Checks of `normalize.content` that look at more than one value."""

from __future__ import annotations

from enricher.content.names import KINDS
from enricher.content.settings import ContentSettings
from enricher.errors import Problem

_USERS = {
    "truncate_bytes": ("truncate", "redact"),
    "kinds": ("redact",),
    "patterns": ("redact",),
    "keys": ("drop", "truncate", "redact"),
}


def check(settings: ContentSettings) -> list[Problem]:
    """Options that the policy does not read, names that are taken. Paths are relative to `normalize`."""
    problems = []
    for option, policies in _USERS.items():
        if option in settings.model_fields_set and settings.policy not in policies:
            message = f"`{option}` has no effect under the policy `{settings.policy}`"
            hint = f"write `policy: {policies[0]}`, or leave it out"
            problems.append(Problem("no-effect", f"content.{option}", message, hint))
    for index, pattern in enumerate(settings.patterns):
        if pattern.name in KINDS:
            message = f"the name {pattern.name!r} is one of the shipped kinds"
            problems.append(Problem("invalid-value", f"content.patterns[{index}].name", message, "choose another"))
    return problems
