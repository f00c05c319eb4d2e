"""Names of what can be redacted."""

KINDS = ("secret", "card", "iban", "email", "ip", "phone")
"""In the order in which they are looked for."""
