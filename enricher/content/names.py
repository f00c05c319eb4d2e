"""Names of what can be redacted."""

from typing import Literal

Kind = Literal["secret", "card", "iban", "email", "ip", "phone"]

KINDS: tuple[Kind, ...] = ("secret", "card", "iban", "email", "ip", "phone")
"""In the order in which they are looked for."""
