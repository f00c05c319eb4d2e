"""The `normalize:` section, and the schema of a dialect: the shipped tables and those that users add have the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from enricher.config.base import Section, fault
from enricher.config.shape import nearest
from enricher.content.settings import ContentSettings, Policy, policy_alone
from enricher.normalize.names import concepts, maps, operations, providers, table
from enricher.normalize.notation import TEXT_ONLY, UNITS, NotationError, parse_source, parse_test
from enricher.tokens.settings import EstimateSettings, switch_alone

Inclusion = Literal["inclusive", "exclusive", "unknown"]
Reasoning = Literal["inside", "outside", "apart", "missing"]
Role = Literal["inference", "wrapper", "other", "never", "none"]

# What words like `inclusive` and `outside` can be said of.
_READ = ("input_tokens", "output_tokens")


def _known_concept(name: str) -> str:
    if name not in concepts():
        close = nearest(name, concepts())
        raise fault("unknown-value", f"there is no concept `{name}`", f"did you mean `{close}`?" if close else "")
    return name


def _source(text: str) -> str:
    try:
        parse_source(text, maps())
    except NotationError as wrong:
        raise fault("bad-source", str(wrong), wrong.hint) from None
    return text


def _fitting(attributes: dict[str, list[str]]) -> dict[str, list[str]]:
    wrong = [misfit for concept, texts in attributes.items() for text in texts for misfit in _misfits(concept, text)]
    if wrong:
        raise fault("bad-source", "; ".join(message for message, _ in wrong), wrong[0][1])
    return attributes


def _misfits(concept: str, text: str) -> Iterator[tuple[str, str]]:
    """What a source says that its concept cannot be, with what to do."""
    kind = table("canonical.yaml")["concepts"][concept]["type"]
    source = parse_source(text, maps())
    if kind in ("count", "quantity", "int", "number"):
        for step in (step for step in source.transforms if step in TEXT_ONLY):
            yield f"`{text}` yields no number, and {concept} is one", f"leave `{step}` out"
    if kind not in ("quantity", "number"):
        for step in (step for step in source.transforms if step in UNITS):
            yield f"`{text}` converts a time, and {concept} is none", f"leave `{step}` out"
    for reading in source.readings if concept not in _READ else ():
        yield f"`{text}` says `{reading}`, and {concept} is neither of {' and '.join(_READ)}", f"leave `{reading}` out"


def _test(text: str) -> str:
    return _checked_test(text, roles=False)


def _role_test(text: str) -> str:
    return _checked_test(text, roles=True)


def _checked_test(text: str, *, roles: bool) -> str:
    try:
        parse_test(text, roles=roles)
    except NotationError as wrong:
        raise fault("bad-test", str(wrong), wrong.hint) from None
    return text


def _operation(name: str) -> str:
    if name not in operations():
        close = nearest(name, operations())
        raise fault("unknown-value", f"there is no operation `{name}`", f"did you mean `{close}`?" if close else "")
    return name


def _provider(name: str) -> str:
    if name not in providers():
        close = nearest(name, providers())
        raise fault("unknown-value", f"there is no provider `{name}`", f"did you mean `{close}`?" if close else "")
    return name


def _default_or_provider(name: str) -> str:
    return name if name == "default" else _provider(name)


def _counting(name: str) -> str:
    scope = name.removeprefix("scope:")
    return name if scope != name and scope else _default_or_provider(name)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _per_provider(value: Any) -> Any:
    return {"default": value} if isinstance(value, str) else value


def _one_test(value: Any) -> Any:
    """Text is a test and nothing else, so that a wrong one is one fault."""
    return _test(value) if isinstance(value, str) else value


def _meaning(value: Any) -> Any:
    return {"operation": value} if isinstance(value, str) else value


Concept = Annotated[str, AfterValidator(_known_concept)]
Source = Annotated[str, Field(min_length=1), AfterValidator(_source)]
Sources = Annotated[
    list[Source], Field(min_length=1), BeforeValidator(_one_or_many, json_schema_input_type=str | list[str])
]
Operation = Annotated[str, AfterValidator(_operation)]
Provider = Annotated[str, AfterValidator(_provider)]
ProviderOrDefault = Annotated[str, AfterValidator(_default_or_provider)]
CountsBy = Annotated[str, AfterValidator(_counting)]
Test = Annotated[str, Field(min_length=1), AfterValidator(_test)]
RoleTest = Annotated[str, Field(min_length=1), AfterValidator(_role_test)]


class Meaning(Section):
    """What a value of an operation or span kind stands for."""

    operation: Operation | None = None
    """The canonical operation; none: the value says nothing about the operation."""
    role: Role | None = None
    """The part such spans play in counting calls; none: the role of the operation."""


class RoleRule(Section):
    """Spans that pass all tests have a role or an operation, whatever else they carry."""

    when: Annotated[list[RoleTest], Field(min_length=1)]
    """Tests, all of which must hold."""
    role: Role | None = None
    """inference (claims a model call), wrapper (repeats or sums other calls), other (no model call), never (not a call,
    whatever usage it carries), none (says nothing about a model: the span stays as it came)."""
    operation: Operation | None = None
    """The operation of such spans."""


class Guess(Section):
    """Spans whose token counts nobody told."""

    when: Annotated[list[RoleTest], Field(min_length=1)]
    """Tests, all of which must hold."""


class Implied(Section):
    """What every call of a dialect has in common, without a word about it on the span."""

    provider: Provider | None = None
    """The provider behind all its calls."""
    gateway: str | None = None
    """The gateway that all its calls pass."""
    operation: Operation | None = None
    """The operation of calls that name none."""
    model_claims: bool = False
    """A span with a model is a call even without usage or operation."""


class Detect(Section):
    """A way to know the dialect."""

    all: Annotated[list[Test], Field(min_length=1)]
    """Tests, all of which must hold."""


class Dialect(Section):
    """One instrumentation's way of naming what a span says about a model call."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
    """Lower-case identifier, shown in call records and by `explain`."""
    title: str = ""
    """What it is, for people."""
    verified: Literal["source", "docs", "secondary", "unverified"] = "unverified"
    """Where the table was read: the library's source, its documents, another project's parser, or nowhere yet."""
    scopes: list[str] = Field(default_factory=list)
    """Instrumentation scopes it is known to use; for people, detection has tests of its own."""
    detect: list[Annotated[Test | Detect, BeforeValidator(_one_test)]] = Field(default_factory=list)
    """How spans of this dialect are known; any one is enough. `{all: […]}` needs several tests at once."""
    attributes: Annotated[dict[Concept, Sources], AfterValidator(_fitting)] = Field(default_factory=dict)
    """Where each concept stands: sources in order, the first present wins, values are never added up."""
    only_here: list[str] = Field(default_factory=list)
    """Keys that mean this in this dialect only. Keys without a dot are never read elsewhere."""
    everywhere: list[str] = Field(default_factory=list)
    """Keys without a dot that are read on spans of other dialects as well."""
    separate: bool = False
    """True where its spans come from another instrumentation than those of other dialects with the same scope, so that
    what both report is one call."""
    last_step: bool = False
    """True where the span of a call may stand for a loop of several calls and shows the usage of the last one, while
    the agent around it shows that of all: what the agent shows beyond its calls is then counted as one call more."""
    ignore: list[Annotated[str, Field(min_length=1)]] = Field(default_factory=list)
    """Span attributes that mean nothing here, whatever other dialects read from them."""
    includes_cached: Annotated[
        dict[CountsBy, Inclusion],
        BeforeValidator(_per_provider, json_schema_input_type=Inclusion | dict[str, Inclusion]),
    ] = Field(default_factory=dict)
    """Whether input tokens contain cached ones: `inclusive`, `exclusive`, `unknown`, or a map from provider to
    these with a `default`; `scope:NAME` is an instrumentation that counts in its own way, whatever the provider. What
    is not said here is decided by the provider's API, after arithmetic."""
    cached_note: str = ""
    """What is known about cached tokens, for people."""
    reasoning: Annotated[
        dict[ProviderOrDefault, Reasoning],
        BeforeValidator(_per_provider, json_schema_input_type=Reasoning | dict[str, Reasoning]),
    ] = Field(default_factory=dict)
    """Whether output tokens contain reasoning tokens (`inside`, `outside`), or they are `apart` from the total as well,
    or `missing` and show in the total only."""
    provider_total: bool | None = None
    """False where the emitter adds the total up itself, so that it proves nothing."""
    implies: Implied = Implied()
    """Facts that all its spans share."""
    operations: dict[str, Annotated[Meaning, BeforeValidator(_meaning, json_schema_input_type=str | Meaning)]] = Field(
        default_factory=dict
    )
    """What its values of operation and span kind stand for; compared without regard to case."""
    roles: list[RoleRule] = Field(default_factory=list)
    """Spans whose role shows in something else; the first rule that holds wins."""
    guesses: list[Guess] = Field(default_factory=list)
    """Spans whose token counts the instrumentation worked out from the text. They are marked
    `enricher.usage.estimated`, and counts that were told win over them."""
    recover: list[Source] = Field(default_factory=list)
    """Where a provider's raw response, or its usage object, is found when no attribute gives tokens."""
    notes: list[str] = Field(default_factory=list)
    """What else to know, for people."""


class NormalizeSettings(Section):
    """How model calls are read and what is written onto their spans."""

    conventions: Literal["both", "latest"] = "both"
    """`both` writes the older names of the GenAI conventions beside the current ones, such as `gen_ai.system` beside
    `gen_ai.provider.name`, so that old dashboards keep working; `latest` writes only the current ones."""
    fix_legacy: bool = False
    """True also corrects an older name that is on a span already with another value, such as `gen_ai.system: OpenAI`,
    and keeps the original as `enricher.original.gen_ai.system`; false leaves it to the dashboards that ask for it."""
    keep_originals: bool = True
    """False removes an attribute once its value stands under the canonical key."""
    content: Annotated[
        ContentSettings, BeforeValidator(policy_alone, json_schema_input_type=Policy | ContentSettings)
    ] = ContentSettings()
    """What leaves of prompts and answers: one of `keep`, `drop`, `truncate`, `redact`, by itself or with options."""
    estimate_tokens: Annotated[
        EstimateSettings, BeforeValidator(switch_alone, json_schema_input_type=bool | EstimateSettings)
    ] = EstimateSettings()
    """Whether tokens are counted from content when a call's usage is nowhere told, with options; see docs/tokens.md.
    Such calls are marked `enricher.usage.estimated` and their cost is `estimated`."""
    attributes: Annotated[dict[Concept, Sources], AfterValidator(_fitting)] = Field(default_factory=dict)
    """Further keys of your own for a concept, asked before all others: `tenant_id: [acme.customer]`."""
    dialects: list[Dialect] = Field(default_factory=list)
    """Dialects of your own, detected before the shipped ones. One that is named like a shipped one replaces its table;
    what detects the shipped one then detects yours, besides its own `detect`. See docs/dialects.md for the schema at
    work."""
