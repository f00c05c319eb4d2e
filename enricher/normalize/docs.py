"""Writes docs/dialects.md from the tables. `python -m enricher.normalize.docs` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from enricher.normalize import tables
from enricher.normalize.settings import Dialect

_VERIFIED = {
    "source": "read in the library's source",
    "docs": "read in the vendor's documents",
    "secondary": "read in another project's parser",
    "unverified": "not verified",
}

_HEAD = """\
# Dialects

What enricher reads, generated from the tables in `enricher/normalize/` by `python -m enricher.normalize.docs`. Every
span is read for all of these spellings. The detected dialect's come first, in the order given here, then
OpenTelemetry's own, then the others; the first key that is present wins, and values are never added up. Bare keys, and
those listed under *only here*, count in their own dialect alone.

How a source is written: `KEY` is a span attribute, `KEY#path` a value inside its JSON, `event:NAME/KEY` an attribute of
a span event, `resource:KEY` a resource attribute, `log:NAME/KEY` an attribute or body field of a log record
that was written in the span; what follows `|` is done to the value. `sum:input` adds up the members of a JSON object,
`input` and every `input_…`. Your own dialects have the same form in the configuration:

```yaml
normalize:
  attributes:
    tenant_id: [acme.customer]          # a key of your own for one concept, asked before all others
  dialects:
    - name: acme
      detect: [acme.llm.model]          # any one of these keys (or KEY=VALUE, scope:NAME, span:NAME) tells
      includes_cached: inclusive
      attributes:
        request_model: [acme.llm.model]
        input_tokens: ["acme.llm.usage#in"]
        output_tokens: ["acme.llm.usage#out"]
        ttft: [acme.llm.ttft_ms | ms]
      roles:                            # the first whose tests all hold; `!` in front of a test is its opposite
        - {when: ["span:acme.agent*", "usage:yes"], role: wrapper}
        - {when: [acme.llm.kind=vectors], operation: embeddings}
```

## Cached tokens

`gen_ai.usage.input_tokens` includes cached tokens on every span that enricher has seen. Whether a dialect's own number
does is decided in this order: what the span says (`gen_ai.token.semantics`), arithmetic (cached tokens larger than the
input, a total that fits only one reading), the rule of the source, the dialect's rule below, the provider's API.

A span that enricher has written to carries `enricher.role` and `enricher.dialect`. An enricher behind the first (a
gateway behind sidecars, `process` over its own output) takes both from there and the canonical attributes as they are,
so that it counts the same calls, tokens and costs; a Collector in between must leave these two on the span. Nothing
proves who wrote them: an app that may write spans can write these, as it can leave its usage out or not report a call
at all. Where apps are not trusted to report what they spend, count at a gateway of yours, and let the Collector in
front of the first enricher delete both (`attributes` processor, `action: delete`).

| dialect | input tokens |
| --- | --- |
"""


def render() -> str:
    """The whole page."""
    return _HEAD + "".join(_page())


def _page() -> Iterator[str]:
    dialects = tables.shipped_dialects()
    for dialect in dialects:
        if dialect.includes_cached:
            note = f": {dialect.cached_note}" if dialect.cached_note else ""
            yield f"| `{dialect.name}` | {_cached(dialect)}{_cell(note)} |\n"
    yield "\n## Detection\n\nThe first line that holds decides.\n\n| test | dialect |\n| --- | --- |\n"
    for rule in tables.load(tables.Detection).detection:
        tests, word = (rule.all, " and ") if rule.all else (rule.any, " or ")
        yield f"| {word.join(f'`{_cell(test)}`' for test in tests)} | `{rule.dialect}` |\n"
    yield "\n## Canonical attributes\n\n| concept | written as | older name |\n| --- | --- | --- |\n"
    for name, entry in tables.load(tables.Canonical).concepts.items():
        if entry.key:
            legacy = f"`{entry.legacy[0]}`" if entry.legacy else ""
            yield f"| {name} | `{entry.key}` | {legacy} |\n"
    for dialect in dialects:
        yield from _dialect(dialect)


def _dialect(dialect: Dialect) -> Iterator[str]:
    yield f"\n## {dialect.name}\n\n{dialect.title}; {_VERIFIED[dialect.verified]}.\n"
    if dialect.scopes:
        yield f"Scopes: {', '.join(f'`{scope}`' for scope in dialect.scopes)}.\n"
    if dialect.attributes:
        yield "\n| concept | sources |\n| --- | --- |\n"
        for concept, sources in dialect.attributes.items():
            yield f"| {concept} | {', '.join(f'`{_cell(source)}`' for source in sources)} |\n"
    if dialect.recover:
        yield f"\nRaw responses: {', '.join(f'`{source}`' for source in dialect.recover)}.\n"
    if dialect.only_here:
        yield f"\nOnly here: {', '.join(f'`{key}`' for key in dialect.only_here)}.\n"
    if dialect.everywhere:
        yield f"\nEverywhere: {', '.join(f'`{key}`' for key in dialect.everywhere)}.\n"
    if dialect.ignore:
        yield f"\nNever read: {', '.join(f'`{key}`' for key in dialect.ignore)}.\n"
    if dialect.roles or dialect.operations:
        yield "\n| spans | role | operation |\n| --- | --- | --- |\n"
        for rule in dialect.roles:
            tests = " and ".join(f"`{_cell(test)}`" for test in rule.when)
            yield f"| {tests} | {rule.role or ''} | {rule.operation or ''} |\n"
        for value, meaning in dialect.operations.items():
            yield f"| kind or operation `{value}` | {meaning.role or ''} | {meaning.operation or ''} |\n"
    for guess in dialect.guesses:
        yield f"\nToken counts are guessed where {' and '.join(f'`{_cell(test)}`' for test in guess.when)}.\n"
    if dialect.notes:
        yield "\n"
        yield from (f"- {note}\n" for note in dialect.notes)


def _cached(dialect: Dialect) -> str:
    rule = dict(dialect.includes_cached)
    default = rule.pop("default", "unknown")
    words = {"inclusive": "include cached ones", "exclusive": "exclude cached ones", "unknown": "not established"}
    by_provider = [f"{value} for {name.replace('scope:', 'scope ')}" for name, value in rule.items()]
    return words[default] + (f"; {', '.join(by_provider)}" if by_provider else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(render(), end="")
