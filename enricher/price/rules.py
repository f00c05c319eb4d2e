"""`providers.yaml`: how providers, model names and circumstances are spelled."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from enricher.config.base import Section
from enricher.errors import InputError

PATH = Path(__file__).parent / "providers.yaml"


class Elsewhere(Section):
    """How calls show that another provider serves them than the one whose SDK sent them."""

    hosts: list[str] = Field(default_factory=list)
    """Globs of hosts."""
    models: list[str] = Field(default_factory=list)
    """Globs of model names that only that provider has."""


class Provider(Section):
    """One provider of the book."""

    names: list[str] = Field(min_length=1)
    """What spans and first segments of model names call it, in lower case."""
    fallbacks: list[str] = Field(default_factory=list)
    """Ids of the providers whose models it resells at their list price."""
    slashed: bool = False
    """Its own model names carry the maker before a slash."""
    request_first: bool = False
    """The request's model names a region that the response's does not."""
    regions: str = ""
    """Regular expression of the regions and data zones that its names of the book begin with: `eu-west-2/…`."""
    region_hosts: list[str] = Field(default_factory=list)
    """Globs of hosts of which one label is the region."""
    self_hosted: str = ""
    """Why no list has its price, for those whose users pay for machines; no other provider's price holds for them."""
    maker: bool = False
    """As the first segment of a model's name it is a maker's name, which does not say who runs the model."""
    variants: list[str] = Field(default_factory=list)
    """Last parts of names that tell the members of a family of its models apart: `lite` of `flash-lite`."""
    once: dict[str, list[str]] = Field(default_factory=dict)
    """Units that are billed once a call, however many were counted: globs of the models of which they are."""
    search_tokens: dict[str, int] = Field(default_factory=dict)
    """Input tokens that a web search is billed as besides its fee, by model of the book: globs."""
    makes: list[str] = Field(default_factory=list)
    """Globs of the models that calls of unknown providers are priced at here."""
    elsewhere: dict[str, Elsewhere] = Field(default_factory=dict)
    """Ids of the providers that serve what clients of this one's SDK send there."""


class Rules(Section):
    """The whole file."""

    providers: dict[str, Provider]
    """Providers by their id in the book."""
    prefixes: list[str]
    """Leading parts of model names that may be dropped."""
    suffixes: list[str]
    """Trailing parts of model names that may be dropped."""
    request_suffixes: list[str]
    """Trailing parts of requested names that the response leaves out and that decide the price."""
    resources: list[str]
    """How names begin that are paths of resources: what follows their last slash names the model."""
    paths: dict[str, str]
    """Segments of resource paths after which a place comes, and the host that serves it there, `*` for the place."""
    service_tier: dict[str, str]
    """Spellings of served tiers, in lower case, to the book's."""
    speed: dict[str, str]
    """Spellings of speeds."""
    inference_geo: dict[str, str]
    """Spellings of inference regions."""
    search_context: dict[str, str]
    """Spellings of search context sizes."""
    batch_tiers: list[str]
    """Served tiers that mean a batch."""
    standard: list[str]
    """Words for tiers, speeds and places that mean the standard one."""

    def provider_of(self, name: str) -> str | None:
        """The id of the provider that a span, or a person, calls `name`."""
        name = name.lower()
        if name in self.providers:
            return name
        return next((id_ for id_, provider in self.providers.items() if name in provider.names), None)

    def split_region(self, provider: str, name: str) -> tuple[str, str]:
        """The region that a name of the provider's begins with, "" for none, and the rest of the name."""
        first, slash, rest = name.partition("/")
        known = self.providers.get(provider)
        if slash and known is not None and known.regions and re.fullmatch(known.regions, first):
            return first, rest
        return "", name

    def self_hosted(self, provider: str, *models: str) -> str:
        """Why no list has the price of a call that goes to the provider, or whose model's name begins with one (as in
        `core/src/price/finder.rs`); "" where lists may have one."""
        said = self.providers.get(self.provider_of(provider) or "")
        for model in models:
            first, slash, _ = model.partition("/")
            named = self.providers.get(self.provider_of(first) or "") if slash else None
            if named and named.self_hosted and not named.maker and not (said and said.slashed):
                return named.self_hosted
        return said.self_hosted if said else ""

    def chain(self, provider: str) -> list[str]:
        """The provider, then those whose models it resells."""
        return [provider, *self.providers[provider].fallbacks]


@cache
def load() -> Rules:
    """The rules that come with the package. Raises InputError."""
    try:
        return Rules.model_validate(yaml.safe_load(PATH.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InputError(f"cannot read {PATH}: {error}") from error
