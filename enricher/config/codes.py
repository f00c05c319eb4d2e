"""The catalogue of everything `enricher check` can report. A test fails for a code that has no case."""

CODES: dict[str, str] = {
    "unreadable-file": "A configuration file cannot be read or is not UTF-8.",
    "yaml-syntax": "The text is not YAML, or uses a part of YAML that has no meaning here.",
    "too-large": "The document is larger than any configuration needs to be.",
    "too-deep": "The document is nested deeper than any configuration needs to be.",
    "duplicate-key": "A key is written twice in one mapping.",
    "bad-set": "A `--set path=value` cannot be applied.",
    "bad-expansion": "A `${…}` is not closed, or is not `${env:NAME}`.",
    "unset-variable": "An environment variable is not set and has no default.",
    "unknown-key": "No such key is known at this place.",
    "missing-key": "A required key is not there.",
    "wrong-type": "The value is of another type than the key asks for.",
    "unknown-value": "The value is none of those the key can have.",
    "out-of-range": "The value is too small, too large, too short or too long.",
    "invalid-value": "The value has the right type and makes no sense.",
    "not-available": "The option is planned and does nothing yet, so it is refused.",
    "ignored-option": "An option of a pasted Collector block that means nothing here.",
}
"""Code to meaning, for the codes of the loader; each section's room adds its own to this in `enricher.config.model`."""
