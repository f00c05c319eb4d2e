"""The shape of the shipped YAML tables besides the dialects, and their loader."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, RootModel, model_validator

from enricher.config.base import Section
from enricher.normalize.names import table
from enricher.normalize.settings import Concept, Dialect, Operation, Provider, Reasoning, Role, Test

#: The dialects of OpenTelemetry's own conventions: every span is read for their spellings, in this order, before those
#: of the others.
CONVENTIONS = ("otel_genai_current", "otel_genai_v137_v141", "otel_genai_legacy")

Path = Annotated[str, Field(min_length=1)]
ValueType = Literal["count", "quantity", "int", "number", "bool", "string", "list", "content"]
ErrorClass = Literal[
    "context_length_exceeded", "content_filter", "rate_limit", "timeout", "auth", "server_error", "client_error"
]


class Match(Section):
    """A test of a text in lower case; exactly one of the fields is given."""

    exact: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    contains: str | None = None
    domain: str | None = None
    """The host itself or any below it."""
    regex: str | None = None
    """Linear-time syntax, not anchored unless it says so."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.plan()) != 1:
            raise ValueError("needs exactly one of exact, prefix, suffix, contains, domain, regex")
        return self

    def plan(self) -> dict[str, str]:
        """The plan's form, `{"prefix": "claude"}`."""
        names = ("exact", "prefix", "suffix", "contains", "domain", "regex")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class CanonicalConcept(Section):
    """How a concept is written onto spans."""

    key: str | None = None
    legacy: list[str] = Field(default_factory=list, max_length=1)
    fold: str | None = None
    """A map of `values.yaml` that every text of the concept passes."""
    from_finish: str | None = None
    """A map of `values.yaml` by which finish reasons tell the concept where nothing else does."""
    strictest: list[str] = Field(default_factory=list)
    """Of several values on one span the first of these is the fact."""
    type: ValueType


class Canonical(Section):
    """`canonical.yaml`."""

    concepts: dict[str, CanonicalConcept]


class DetectionRule(Section):
    """One line of `detection.yaml`."""

    dialect: str
    any: list[Test] = Field(default_factory=list)
    all: list[Test] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if bool(self.any) == bool(self.all):
            raise ValueError("needs either `any` or `all`")
        return self


class Detection(Section):
    """`detection.yaml`."""

    everyday: list[str]
    general: list[str]
    """Keys that stay when originals go."""
    detection: list[DetectionRule]


class OperationEntry(Section):
    """One operation of `operations.yaml`."""

    role: Role
    aliases: list[str] = Field(default_factory=list)


class ModelOperation(Match):
    """The operation of models whose id matches."""

    operation: Operation


class Operations(Section):
    """`operations.yaml`."""

    operations: dict[str, OperationEntry]
    by_model: list[ModelOperation]
    default: Operation


class ProviderMatch(Match):
    """The provider of what matches."""

    provider: Provider


class ScopeMatch(Match):
    """The provider behind what a scope instruments; none for a framework."""

    provider: Provider | None


class Host(Match):
    """The provider behind a host; none where the host says nothing about it."""

    provider: Provider | None
    gateway: str | None = None
    path: str | None = None
    """Regex whose first group names the provider in the path of a URL, where the host does not."""


class CountsAs(ProviderMatch):
    """Models that a provider counts as their maker does."""

    # The key in YAML is a reserved word.
    maker: Annotated[Provider, Field(alias="as")]


class Api(Section):
    """What the raw APIs mean by their numbers."""

    exclusive: list[Provider]
    no_total: list[Provider]
    counts_as: list[CountsAs]
    reasoning_outside: list[Provider]
    reasoning_apart: list[Provider]


class Providers(Section):
    """`providers.yaml`."""

    aliases: dict[str, list[str]]
    suffixes: list[str]
    not_providers: list[str]
    host_corrects: list[Provider]
    model_corrects: list[Provider]
    api: Api
    response_id_prefixes: list[str]
    hosts: list[Host]
    local_ports: dict[int, Provider]
    scopes: list[ScopeMatch]
    model_prefixes: dict[str, Provider]
    model_patterns: list[ProviderMatch]


class Shape(Section):
    """One usage shape."""

    name: str
    title: str
    containers: Annotated[list[str], Field(min_length=1)]
    any: Annotated[list[str], Field(min_length=1)]
    beside: list[str] = Field(default_factory=list)
    """What the response around the container must have as well."""
    includes_cached: Literal["inclusive", "exclusive"]
    reasoning: Reasoning
    provider_total: bool
    attributes: dict[Concept, list[Path]]
    plus: dict[Concept, list[Path]] = Field(default_factory=dict)
    response: dict[Concept, list[Path]] = Field(default_factory=dict)
    """Facts of this shape alone in the response around the container."""
    minus: dict[Concept, list[Path]] = Field(default_factory=dict)
    """What is taken off a count of `response`."""


class Shapes(Section):
    """`usage_shapes.yaml`."""

    opaque: list[str]
    response: dict[Concept, list[Path]]
    shapes: list[Shape]


class ErrorRule(Section):
    """What makes an error one of a class."""

    # The key in YAML is the reserved word.
    name: Annotated[ErrorClass, Field(alias="class")]
    types: list[str] = Field(default_factory=list)
    status: list[Annotated[int, Field(ge=100, le=599)]] = Field(default_factory=list)
    messages: list[str] = Field(default_factory=list)


class Errors(Section):
    """`errors.yaml`."""

    events: list[str]
    status_text: str
    """Regex by which a message names an HTTP status; `{status}` stands for those of a class."""
    classes: list[ErrorRule]


class Placeholders(Section):
    """Words that stand for no value, and the concepts they are looked for in."""

    words: list[str]
    concepts: list[Concept]


class Values(Section):
    """`values.yaml`."""

    placeholders: Placeholders
    maps: dict[str, dict[str, str]]


class DialectFile(RootModel[dict[Literal["dialects"], list[Dialect]]]):
    """One file of `dialects/`."""


T = TypeVar("T", Canonical, Detection, Operations, Providers, Shapes, Errors, Values)

_FILES: dict[type[Any], str] = {
    Canonical: "canonical.yaml",
    Detection: "detection.yaml",
    Operations: "operations.yaml",
    Providers: "providers.yaml",
    Shapes: "usage_shapes.yaml",
    Errors: "errors.yaml",
    Values: "values.yaml",
}


@cache
def _load(model: type[Any]) -> Any:
    return model.model_validate(table(_FILES[model]))


def load(model: type[T]) -> T:
    """A shipped table as its model; read and checked once."""
    loaded: T = _load(model)
    return loaded


@cache
def shipped_dialects() -> tuple[Dialect, ...]:
    """All shipped dialects, in the order of `detection.yaml`; enricher's own attributes first."""
    folder = resources.files(__package__).joinpath("dialects")
    found: dict[str, Dialect] = {}
    for file in sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml")):
        for dialect in DialectFile.model_validate(table(f"dialects/{file}")).root["dialects"]:
            if dialect.name in found:
                raise ValueError(f"dialects/{file}: {dialect.name} is defined twice")
            found[dialect.name] = dialect
    order = dict.fromkeys(["enricher", *(rule.dialect for rule in load(Detection).detection), *found])
    if unknown := [name for name in order if name not in found]:
        raise ValueError(f"detection.yaml names dialects that do not exist: {', '.join(unknown)}")
    return tuple(found[name] for name in order)
