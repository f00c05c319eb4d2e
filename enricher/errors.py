"""Exceptions and the record of one fault in what the user wrote.

EnricherError
├── ConfigError      the configuration has faults; carries every Problem found
├── DecodeError      bytes that are not OTLP (the sender's fault, permanent)
├── Overloaded       the buffer is full; the sender should retry
├── PlanError        a compiled plan that the core refuses (our fault)
├── CoreFault        a panic in the core, caught and counted (our fault)
└── InputError       a file given on the command line that cannot be used
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a configuration or data file.

    code: stable kebab-case identifier, e.g. `unknown-key`.
    path: dotted path inside the document, e.g. `sampling.policies[2].latency.threshold_ms`.
    message: what is wrong. hint: what to write instead ("" when there is nothing to offer).
    file, line, column: where, 1-based; 0 when unknown. severity: "error", "warning" or "note".
    """

    code: str
    path: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    severity: str = "error"

    def __str__(self) -> str:
        place = f":{self.line}:{self.column}" if self.line else ""
        where = f"{self.file}{place}: " if self.file else ""
        hint = f" ({self.hint})" if self.hint else ""
        path = f"{self.path}: " if self.path else ""
        return f"{where}{self.severity}: {path}{self.message}{hint}"


class EnricherError(Exception):
    """Base of everything that enricher raises on purpose."""


class ConfigError(EnricherError):
    """A configuration with faults. `problems` holds all of them, in document order."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(str(p) for p in problems))
        self.problems = problems


class DecodeError(EnricherError):
    """Bytes that are not the OTLP message they should be. Permanent: a retry will not help."""


class Overloaded(EnricherError):
    """The buffer is full. `retry_after_s` is the wait to suggest, in seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PlanError(EnricherError):
    """The core refuses a plan that the compiler wrote."""


class CoreFault(EnricherError):
    """The core panicked; the request was not taken."""


class InputError(EnricherError):
    """A file or argument that cannot be used; the message says what to do instead."""
