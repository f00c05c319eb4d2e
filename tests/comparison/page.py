"""docs/prices.md, from the book, its rules and the last comparison: `python -m tests.comparison.page`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from enricher.price import litellm, past, plausible, report, store
from enricher.price.book import Book, PriceRow

RESULT = Path(__file__).parent / "result.json"
POPULAR = Path(__file__).parent / "popular.yaml"
_LIBRARIES = {"genai_prices": "genai-prices", "litellm": "LiteLLM"}

_HEAD = """# Prices

<!-- Written by `python -m tests.comparison.page`; a test compares. Change the book or its rules, not this page. -->

The price book of {built} lists {models:,} models with {prices:,} prices. `enricher prices show MODEL` shows every row
of a model with its source; `enricher prices update` builds the book anew.

## Where prices come from

1. [genai-prices](https://github.com/pydantic/genai-prices) {genai}: dated prices with their history, model names.
2. Our own corrections (`enricher/price/corrections.yaml`): what is known better, each with its source. They win.
3. [LiteLLM](https://github.com/BerriAI/litellm) {litellm}: more models, tiers, batch prices and units. It has no dates:
   a price taken over holds as long as the standard price that it stands beside. Models that newer releases have dropped
   come from {retired}.

What a rebuild finds gone stays in the book; an undated price that changes ends on the day of the rebuild.

Where the old release of LiteLLM states another price for a name than the new one, the old price held until the change.
What dates the change decides: a correction, genai-prices' history, a rule below. Where nothing does, the change is
taken to be on the day of the old release ({releases}), the last one on which the old price is known to have held;
today's price holds since. The sources of these rows say so; "Prices whose change nothing dates" lists them.

A retired name keeps its last list: a call that was answered was billed, and by that list. None is unpriced because it
came late, or early.

## How a call is billed

- Every token once: cached, cache-written, audio, image and video tokens are parts of the input, reasoning, audio and
  image tokens parts of the output. A part without a price of its own costs what the whole costs; `enricher explain`
  says so.
- Beyond a context threshold the whole request costs the higher price. The threshold is on all input, cached tokens
  included; it is passed (>), at xAI reached (>=).
- The tier that was served decides, then the one that was asked for. `fast` is priority. A batch without a price of its
  own costs what the provider takes off batches.
- A tier, speed, place of inference or batch that the list says nothing of costs the standard price, at least for a part
  of the call, and `enricher.cost.assumed` on the span and `enricher explain` name it (`service_tier`, `speed`,
  `inference_geo`, `batch`). So does a tier that is paid in advance (`scale`, provisioned throughput).
- Cached tokens of a batch, where no list prices them: OpenAI and Groq take nothing more off them, they cost what the
  batch's other input does (at Azure that is assumed); at Anthropic, Mistral and xAI the batch's discount holds for
  them as well; at Google they cost what they cost in any request. Elsewhere the standard price is assumed.
- Peak hours hold on working days. On a day beyond the calendar of public holidays that the book knows they hold, too,
  and `enricher.cost.assumed` says `holidays`; `enricher check` and `/readyz` warn once the calendar has ended.
- Uplifts and percentages multiply; amounts off come first. What you write under `prices.overrides` is final, and holds
  for the parts that it does not name as a list does: cached tokens cost your price of input, reasoning yours of output.
  What it says nothing of, such as the provider's fees for requests and searches, costs what the book says. A model that
  you pay by the time (`each: {{duration: …}}`) and not by tokens costs its time alone.
- Servers that you run yourself (vLLM, TGI, SGLang, Triton …) are unpriced, whatever others ask for the same model,
  until you state a price. What runs on the caller's own machine (Ollama, LM Studio, llama.cpp) costs 0.
- What a call counts and no list prices for its model adds nothing: `enricher.cost.without_price` on the span and
  `enricher explain` name it. A call of which nothing has a price is unpriced. `iterations` are the model calls that
  Anthropic's totals leave out (compaction, an advisor), where a captured response shows them.
- Prices are those in force when the call started, to the second, in the provider's peak hours, on its holidays.
- A Bedrock region with a list of its own is billed by it: the region in the model's ARN, which is where the resource
  that is billed lies, else the one in the host (`bedrock-runtime.eu-west-2.amazonaws.com`, FIPS, dual-stack and private
  endpoints too). A name that says where itself, by the prefix of an inference profile (`us.` `eu.` `apac.` `global.` …)
  or a region's segment, keeps its price wherever it is called.
- What Anthropic's, Google's and OpenAI's SDKs send to Bedrock, Vertex AI or Azure is priced there, though the span
  names the maker: by the host, or by a name that only the cloud has (`us.anthropic.claude-…`, `claude-…@20250929`).
- A model's name that is the path of a resource says its place, whatever the host: `projects/p/locations/us-east5/…`
  costs what the host of us-east5 costs, `locations/global` the list price.
- Regional hosts of Vertex AI, OpenAI and xAI cost what the provider adds for them; port, path and case of
  `server.address` do not matter. A host of Azure names the resource, not where a deployment is served: an alias states
  its data zone, whatever the response says (`prices.aliases: {{chat-prod: {{region: eu}}}}` or `azure/eu/gpt-4o`). A
  model without a list in the region costs what it costs elsewhere.
- What is free for some quantity a day or month is billed from the first one on: no span tells what is left.

## Who is followed where the sources differ

The first rule that fits a name decides ({conflicts:,} prices are stated differently by the two, or twice by LiteLLM).

| provider | names | known by | followed | prices | why |
| --- | --- | --- | --- | ---: | --- |
{rules}

Several of LiteLLM's keys can be one name of the book (`azure/x` and `azure_ai/x`). Their prices are put together; where
they contradict each other, one of the keys is believed (known by: `doubled`). Prices that LiteLLM states for one token
and means for more are put right (`misstated`). Not believed at all, and left out (`refused`), are prices of more than
{most} USD for a million tokens ({embedded} for embeddings), and those that are more than {apart} times off the middle
of what {others} or more other providers ask for the model.

`enricher/price/book/conflicts.csv` lists each of them.

## Prices whose change nothing dates

{past}
"""

_COMPARED = """
## Beside the two libraries

genai-prices {genai} and LiteLLM {litellm} were asked for the cost of {calls:,} generated calls to {models:,} models
(plain, with cached input, with a million tokens of input; and, where LiteLLM states a rate for it, in a batch, in the
flex and priority tiers, in the EU at OpenAI, in us-east5 at Vertex), dated {at}. Of tiers and batches that
genai-prices has no price for it answers the standard price, which is not counted as an answer. genai-prices answered
{genai_answers:,}, LiteLLM's token function {litellm_answers:,}. The table counts models whose cost differs by more than
rounding.

| library | models | why |
| --- | ---: | --- |
{classes}

### The fifty most used models

USD per million tokens: input / cached input / output.

| model | price | genai-prices | LiteLLM |
| --- | --- | --- | --- |
{popular}

### Every difference

Costs of the first generated call that differs.
{differences}
"""


def page() -> str:
    """The page, in Markdown."""
    book, result = store.shipped(), json.loads(RESULT.read_text(encoding="utf-8"))
    differences: list[dict[str, Any]] = result["differences"]
    head = _HEAD.format(
        built=book.built,
        models=len(book.models),
        prices=len(book.prices),
        genai=book.sources["genai-prices"],
        litellm=book.sources["litellm"],
        retired=f"LiteLLM {book.sources.get('litellm (retired)', 'of older releases')}",
        conflicts=len(book.conflicts),
        most=plausible.MOST,
        embedded=plausible.MOST_EMBEDDED,
        apart=plausible.APART,
        others=plausible.OTHERS,
        rules="\n".join(_rules(book)),
        past="\n".join(_past(book)),
        releases=", ".join(f"{version}: {day}" for version, day in litellm.reading().releases.items()),
    )
    compared = _COMPARED.format(
        genai=result["sources"]["genai-prices"],
        litellm=result["sources"]["litellm"],
        calls=result["calls"],
        models=result["models"],
        at=result["at"],
        genai_answers=result["answered"]["genai_prices"],
        litellm_answers=result["answered"]["litellm"],
        classes="\n".join(_classes(differences)),
        popular="\n".join(_popular(book, result)),
        differences="\n".join(_differences(differences)),
    )
    return head + compared


def popular() -> list[tuple[str, str]]:
    return [(provider, name) for provider, name in yaml.safe_load(POPULAR.read_text(encoding="utf-8"))]


def _rules(book: Book) -> Iterator[str]:
    how, counts = litellm.reading(), Counter(row.why for row in book.conflicts)
    corrected = sum(count for why, count in counts.items() if why.startswith("our correction"))
    yield f"| any | any | exact, pattern | book | {corrected} | our correction |"
    for rule in how.conflicts:
        names = ", ".join(f"`{name}`" for name in rule.names)
        found = ", ".join(rule.found) or "any"
        provider = "any" if rule.provider == "*" else rule.provider
        yield f"| {provider} | {names} | {found} | {rule.take} | {counts[rule.why]} | {rule.why} |"
    within = [(one, "doubled", one.source) for one in how.doubled] + [(one, "misstated", "") for one in how.misstated]
    for one, known, source in within:
        names = ", ".join(f"`{name}`" for name in one.names)
        who = f"litellm {source}".strip()
        yield f"| {one.provider} | {names} | {known} | {who} | {counts[one.why]} | {one.why} |"
    rest = Counter((row.found, row.taken, row.why) for row in book.conflicts)
    stated = {one.why for one, _, _ in within}
    for (known, taken, why), count in sorted(rest.items()):
        if known in ("doubled", plausible.REFUSED) and why not in stated:
            yield f"| any | any | {known} | {taken} | {count} | {why} |"


def _past(book: Book) -> Iterator[str]:
    """Models by provider that have a price of an older release, with its last day."""
    rows = [row for row in book.prices if row.source.startswith(past.PAST)]
    for provider, of_provider in groupby(rows, key=lambda row: row.provider):
        names = sorted({f"`{row.model}`" for row in of_provider})
        yield f"- {provider}: {', '.join(names)}"


def _classes(differences: list[dict[str, Any]]) -> Iterator[str]:
    counts = Counter((one["library"], one["why"] or "**unexplained**") for one in differences)
    for (library, why), count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        yield f"| {_LIBRARIES[library]} | {count} | {why} |"


def _popular(book: Book, result: dict[str, Any]) -> Iterator[str]:
    for provider, name in popular():
        model = book.find(name, [provider])
        owner = model or book.find(name, ["google", "openai"])
        assert owner is not None, f"the book has no {provider}/{name}"
        price = _price(book.prices_of(owner.provider, owner.model))
        said = [_told(result, provider, name, library) for library in _LIBRARIES]
        yield f"| {provider}/{name} | {price} | {' | '.join(said)} |"


def _price(rows: list[PriceRow]) -> str:
    plain = [row for row in rows if not (row.when or row.context or row.window)]
    newest = {unit: report.newest(plain, unit) for unit in ("input", "cache_read", "output")}
    ended = report.ended(plain)
    return " / ".join(price or "-" for price in newest.values()) + (f" (until {ended})" if ended else "")


def _told(result: dict[str, Any], provider: str, name: str, library: str) -> str:
    if f"{provider}/{name}" in result["unknown"][library]:
        return "does not know it"
    found = [
        one
        for one in result["differences"]
        if (one["provider"], one["name"], one["library"]) == (provider, name, library)
    ]
    return "; ".join(f"{one['shapes']}: {one['why'] or '**unexplained**'}" for one in found) or "agrees"


def _differences(differences: list[dict[str, Any]]) -> Iterator[str]:
    def kind(one: dict[str, Any]) -> tuple[str, str]:
        return one["library"], one["why"]

    for (library, why), members in groupby(sorted(differences, key=kind), kind):
        yield f"\n**{_LIBRARIES[library]}: {why or 'unexplained'}**\n"
        yield "| model | usage | ours | theirs |"
        yield "| --- | --- | ---: | ---: |"
        for one in members:
            yield f"| {one['provider']}/{one['name']} | {one['shapes']} | {one['ours']} | {one['theirs']} |"


if __name__ == "__main__":
    print(page(), end="")
