"""Whether a regular expression will compile in the core, whose engine runs in linear time."""

from __future__ import annotations

from enricher.runtime.engine import regex_fault

_LONGEST = 4096
_SHOWN = 20


def explain_fault(pattern: str) -> str:
    """Why the pattern will not compile, and at which character; "" when it will."""
    if len(pattern) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    found = regex_fault(pattern)
    if found is None:
        return ""
    place, reason = found
    if place is None:
        return reason
    shown = " ".join(pattern[place : place + _SHOWN].split())
    return f"character {place + 1}" + (f", at `{shown}`" if shown else "") + f": {reason}"
