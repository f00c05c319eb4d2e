"""The `prices:` section: the user's own prices, names and discounts, and whose figure wins."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from enricher.config.base import EPOCH, Duration, Moment, Section, fault

TokenUnit = Literal[
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_5m",
    "cache_write_1h",
    "cache_write_12h",
    "reasoning",
    "audio_input",
    "audio_output",
    "audio_cache_read",
    "image_input",
    "image_output",
    "image_cache_read",
    "video_input",
    "video_output",
    "citation",
]
OtherUnit = Literal[
    "audio_seconds",
    "images",
    "characters",
    "pages",
    "annotated_pages",
    "web_searches",
    "x_searches",
    "file_searches",
    "rerank_searches",
    "messages",
    "requests",
    "seconds",
    "duration",
]
AnyUnit = Literal[TokenUnit, OtherUnit]

_PLACES = 12


def _exact(value: Any) -> Any:
    """YAML reads 0.1 as a binary float; what the user wrote is its shortest decimal."""
    return str(value) if isinstance(value, float) else value


Price = Annotated[
    Decimal, BeforeValidator(_exact), Field(ge=0, lt=1_000_000, decimal_places=_PLACES, allow_inf_nan=False)
]
Name = Annotated[str, Field(min_length=1, max_length=256)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class _Dated(Section):
    """What may hold for a time, a tenant, a provider only."""

    provider: str = ""
    """Provider that the span must name, as in `gen_ai.provider.name` (`openai`, `azure.ai.openai`); any when empty."""
    tenant: str = ""
    """Tenant that the span must name; any when empty."""
    valid_from: Annotated[Moment | None, Field(alias="from")] = None
    """Calls that start before this time (UTC) are not concerned."""
    until: Moment | None = None
    """Calls that start at or after this time (UTC) are not concerned."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.until and self.until <= (self.valid_from or EPOCH):
            raise fault("empty-range", "ends before it begins", "swap `from` and `until`", at=("until",))
        return self


class Override(_Dated):
    """A price of your own: for a model that the book lacks, or in place of its price. It is the price you pay: the
    book's uplifts and your discounts do not change it. What it does not name costs what your own terms make of it
    (cached tokens your input price, reasoning and audio your output price, as where a list names no price for them),
    then what the book says: with `{input: 0, output: 0}` every token is free. The provider's fees for requests and
    searches stay, since they are items of their own on its bill; name them (`each: {requests: 0}`) to replace them."""

    model: Name
    """Model name, or a glob in which `*` stands for any text. Tried before the book, exact names before globs."""
    per_million: dict[TokenUnit, Price] = Field(default_factory=dict)
    """Price per million tokens, by kind of token."""
    each: dict[OtherUnit, Price] = Field(default_factory=dict)
    """Price of one of what is not tokens: `requests`, `web_searches`, `images`, `audio_seconds` …; `duration` is the
    seconds that the call took, for models that you pay by the time: without a price of tokens beside it, the book's
    prices of the model are not owed."""
    currency: Currency = "USD"
    """Currency of these prices; others than USD need a rate in `prices.currencies`."""
    above_input_tokens: Annotated[int, Field(ge=0, lt=10**12)] = 0
    """Holds for requests of more input tokens than this (the whole request is billed at it)."""
    batch: bool = False
    """Holds for batch calls only."""
    service_tier: str = ""
    """Holds for calls served in this tier only: `flex`, `priority`."""
    speed: str = ""
    """Holds for calls of this speed only: `fast`."""
    inference_geo: str = ""
    """Holds for calls answered in this region only: `us`, `eu`."""
    search_context: str = ""
    """Holds for searches of this size of context only: `low`, `medium`, `high`."""

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if not self.per_million and not self.each:
            hint = "per_million: {input: 2.5, output: 10}"
            raise fault("missing-key", "needs a price: per_million, each or both", hint)
        return self


class Alias(Section):
    """What one of your model names really is, and where it runs."""

    model: Annotated[str, Field(max_length=256)] = ""
    """A model name of the book (`gpt-4o`, `azure/eu/gpt-4o`), or one of your overrides; the span's own names when
    empty. The model that the response names is priced before it, so that a deployment that has moved to a newer model
    costs what that costs."""
    provider: str = ""
    """Provider whose model it is; the span's own when empty."""
    region: str = ""
    """Region or data zone that serves the calls, as the book's names begin: `eu`, `us` (Azure data zones),
    `eu-west-2` (Bedrock). It holds whatever the response, the host or an ARN say. Taken from `model` when that begins
    with one."""
    when_provider: str = ""
    """Applies to spans of this provider only."""
    when_host: Annotated[str, Field(max_length=256, pattern=r"^[^/:\s]*$")] = ""
    """Applies to calls to this host (`server.address`, without scheme and port) only; `*` stands for any text."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.model.strip() or self.region):
            raise fault("missing-key", "needs a model, a region or both", "model: gpt-4o")
        return self


class Discount(_Dated):
    """A share off list prices."""

    model: Name = "*"
    """Model name or glob; all models of the provider by default."""
    percent: Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=100, decimal_places=6)] | None = None
    """Per cent off."""
    units: list[AnyUnit] = Field(default_factory=list)
    """What the percentage is off: `input`, `output`, `cache_read`, `web_searches` …; everything when empty."""
    per_million: dict[TokenUnit, Price] = Field(default_factory=dict)
    """US dollars off the price of a million tokens, by kind of token; nothing gets cheaper than free. Amounts come off
    the list price first, percentages off what is left."""
    each: dict[OtherUnit, Price] = Field(default_factory=dict)
    """US dollars off the price of one of what is not tokens: `web_searches`, `images` …."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.percent or self.per_million or self.each):
            raise fault("missing-key", "takes nothing off: percent, per_million or each", "percent: 10")
        return self


def _aliases(value: Any) -> Any:
    """A model's name, a mapping, or a list of either."""
    each = value if isinstance(value, list) else [value]
    return [{"model": one} if isinstance(one, str) else one for one in each]


Aliases = Annotated[
    list[Alias],
    Field(min_length=1, max_length=1000),
    BeforeValidator(_aliases, json_schema_input_type=str | Alias | list[str | Alias]),
]
Rate = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, lt=1_000_000, decimal_places=_PLACES)]


class BookSettings(Section):
    """Which price book is used, and how a new one comes while the service runs. A new book is checked first; the old
    one stays in force on any fault, and calls keep the price of their time."""

    path: Annotated[str, Field(max_length=4096)] = ""
    """A directory or a `.zip` that `enricher prices update --output` wrote. It is looked at every few seconds."""
    url: Annotated[str, Field(max_length=4096, pattern=r"^(https://\S+)?$")] = ""
    """HTTPS address of such a `.zip`. The book that comes with the package is used until it has been fetched."""
    sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] = ""
    """Checksum that the archive must have; when empty, `<url>.sha256` is fetched, as `sha256sum` writes it."""
    copy_path: Annotated[str, Field(max_length=4096)] = ""
    """A file in which the archive from `url` is kept once it has been taken over. `enricher run` starts with it, and
    `check`, `process`, `explain` and `simulate` price by it; without one they price by the package's book and say
    so."""
    refresh: Annotated[Duration, Field(ge=1)] = 3600.0
    """Time between two looks at the address."""
    max_age_days: Annotated[int, Field(ge=1, le=10_000)] = 90
    """A book built longer ago than this is a warning in `enricher check` and in `/readyz`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.path and self.url:
            raise fault("invalid-value", "names a path and a url", "keep one of them", at=("url",))
        return self


class PricesSettings(Section):
    """What model calls cost, beyond the list prices of the book that comes with the package."""

    reported: Literal["provider", "always", "never"] = "provider"
    """Whose figure wins when a cost was reported with the call. `provider`: one that the provider or gateway returned
    is kept, one that an SDK worked out is computed anew where the book prices the model. `always`: any reported figure
    is kept. `never`: none is. A reported 0 beside usage that the book prices is never believed."""
    book: BookSettings = BookSettings()
    """The price book."""
    overrides: list[Override] = Field(default_factory=list)
    """Your own prices."""
    aliases: dict[Name, Aliases] = Field(default_factory=dict)
    """Your names for models, such as Azure deployments: `my-gpt4o-prod: azure/gpt-4o`. A name that means something else
    at another host or provider takes a list; the first entry that applies to a call holds:
    `prod: [{model: gpt-4o, when_host: eu.*}, gpt-4o-mini]`."""
    discounts: list[Discount] = Field(default_factory=list)
    """Shares and amounts off list prices. Of several that hold for one call, amounts add up and shares multiply."""
    currencies: dict[Currency, Rate] = Field(default_factory=dict)
    """US dollars for one unit of other currencies: `EUR: 1.08`. Your own prices are converted at these rates, and so
    are costs that apps report (`gen_ai.usage.cost.currency`). One in a currency without a rate is not taken."""
