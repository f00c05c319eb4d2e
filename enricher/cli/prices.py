"""`enricher prices`: look into the price book, bring it up to date, compare two."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enricher.cli.common import add_config_arguments, load_settings
from enricher.config.base import parse_span_time
from enricher.config.shape import nearest
from enricher.errors import InputError
from enricher.price import report, store
from enricher.price import rules as rules_of
from enricher.price.book import Book, PriceRow
from enricher.price.check import near_models
from enricher.price.settings import PricesSettings
from enricher.price.terms import Terms

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]


def register(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser("prices", help="the price book: list, show, update, diff", description=__doc__)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _list(actions)
    _show(actions)
    _update(actions)
    _diff(actions)


def _list(actions: Subparsers) -> None:
    parser = _action(actions, "list", list_models, "models and their newest standard prices, USD per million tokens")
    parser.add_argument("--provider", help="only this provider's models, by any name that spans call it")
    _add_book(parser)
    add_config_arguments(parser)


def _show(actions: Subparsers) -> None:
    parser = _action(
        actions, "show", show_model, "every price of a model, and what a call of 1,000 + 1,000 tokens costs"
    )
    parser.add_argument("model", metavar="MODEL", help="a name as spans have it")
    parser.add_argument("--provider", help="the provider as spans have it; found from the model's name without it")
    parser.add_argument("--at", metavar="TIME", type=_time, help="when the call starts, ISO 8601, UTC (default: now)")
    parser.add_argument("--host", default="", help="the host that is called: its region may have prices of its own")
    parser.add_argument("--tenant", default="", help="the tenant that calls, for terms of its own")
    _add_book(parser)
    add_config_arguments(parser)


def _add_book(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--book",
        metavar="PLACE",
        type=Path,
        help="a directory or a .zip that `update` wrote (default: the configuration's book, else the package's)",
    )


def _update(actions: Subparsers) -> None:
    parser = _action(actions, "update", update, "build the book from the newest published data and our corrections")
    parser.add_argument(
        "--wheel",
        metavar="FILE",
        dest="wheels",
        type=Path,
        action="append",
        default=[],
        help="a downloaded wheel of genai-prices or litellm, in place of the newest published one; may be repeated: "
        "older wheels of litellm add the models that newer ones have dropped",
    )
    parser.add_argument(
        "--output",
        metavar="PLACE",
        type=Path,
        default=store.DIRECTORY,
        help="a directory, or a file ending in .zip for `prices.book` (default: the package's book)",
    )


def _diff(actions: Subparsers) -> None:
    parser = _action(actions, "diff", diff, "what changed between two books")
    parser.add_argument("old", metavar="OLD", type=Path, help="directory of a book")
    parser.add_argument("new", metavar="NEW", type=Path, help="directory of another")


def _action(actions: Subparsers, name: str, handler: Any, text: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="print one JSON value")
    parser.set_defaults(handler=handler)
    return parser


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time; write 2026-11-20 or 2026-11-20T16:00Z") from None
    try:
        return parse_span_time(moment)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def list_models(options: argparse.Namespace) -> int:
    """Print the models."""
    terms = _terms(options)
    entries = terms.listed(_provider(options.provider) if options.provider else None, datetime.now(UTC))
    if options.json:
        print(json.dumps(entries, indent=1, ensure_ascii=False))
        return 0
    for entry in entries:
        others = f"  + {', '.join(entry['other_units'])}" if entry["other_units"] else ""
        name = "/".join(part for part in (entry["provider"], entry["model"]) if part)
        print(f"{name}  {_three(entry)}{others}")
        if "list" in entry:
            print(f"    list price {_three(entry['list'])}")
        for term in entry.get("yours", []):
            print(f"    yours: {term}")
    for alias in terms.aliases():
        print(f"yours: {alias}")
    print(f"{len(entries)} models: input / cached / output, USD per million tokens; book of {terms.book.built}")
    return 0


def _three(prices: dict[str, Any]) -> str:
    return " / ".join(prices[unit] or "-" for unit in ("input", "cache_read", "output"))


def _terms(options: argparse.Namespace) -> Terms:
    """The book and the terms of the configuration that was given, else the package's book."""
    given = options.config or options.sets
    settings = load_settings(options.config, options.sets).prices if given else PricesSettings()
    return Terms(settings, store.load(options.book) if options.book else None)


def show_model(options: argparse.Namespace) -> int:
    """Print a model's rows and a worked example; nearest names and status 1 when nothing goes by the name."""
    terms = _terms(options)
    at = options.at or datetime.now(UTC)
    provider = terms.rules.providers[_provider(options.provider)].names[0] if options.provider else ""
    request = json.loads(report.sample_request(options.model, provider, at))
    request |= {"host": options.host, "tenant": options.tenant}
    example = json.loads(terms.core.price(json.dumps(request)))
    matched = example["matched"]
    if matched is None:
        return _unknown(options, terms)
    owner, _, model = matched["book"].partition("/")
    found = next((row for row in terms.book.models if (row.provider, row.model) == (owner, model)), None)
    rows = sorted(terms.book.prices_of(owner, model), key=lambda row: row.key) if found else []
    now = report.in_force(rows, at, terms.book)
    factors = report.modifiers_of(terms.book, owner, model, at) if found else []
    own = terms.aliases(options.model) + terms.of(matched, options.tenant)
    if options.json:
        print(
            json.dumps(
                {
                    "model": asdict(found) if found else None,
                    "prices": [asdict(row) | {"in_force": _MARKS[now.get(row, "")]} for row in rows],
                    "factors": [asdict(row) for row in factors],
                    "yours": own,
                    "at": at.isoformat(),
                    "example": example,
                    "built": terms.book.built,
                },
                indent=1,
                ensure_ascii=False,
            )
        )
        return 0
    if found:
        print(f"{matched['book']}, found as {matched['name']!r}; goes by: {found.names}")
    else:
        print(f"{matched['own']}, a model of yours, found as {matched['name']!r}")
    if rows:
        _print_rows(rows, now, at, terms.book)
    for row in factors:
        print(f"{report.modifier_text(row)}  ({row.source}, {row.date})")
    for line in own:
        print(f"yours: {line}")
    if example["usd"] is None:
        print(f"a call of 1,000 input and 1,000 output tokens is unpriced: {example['reason']}")
    else:
        applied = dict.fromkeys(label for line in example["lines"] for label in line["modifiers"])
        why = f": {', '.join(applied)}" if applied else ""
        print(f"a call of 1,000 input and 1,000 output tokens then costs {example['usd']} USD{why}")
    return 0


_MARKS = {report.STANDARD: "standard", report.CONDITIONAL: "conditional", "": None}


def _print_rows(rows: list[PriceRow], now: dict[PriceRow, str], at: datetime, book: Book) -> None:
    for row in rows:
        mark = now.get(row, " ")
        print(f"{mark} {row.unit:<18} {report.price_text(row)}  ({row.source}, {row.date})")
    print(f"{report.STANDARD} in force at {at.isoformat(timespec='seconds')}; prices in USD; book of {book.built}")
    if report.CONDITIONAL in now.values():
        print(f"{report.CONDITIONAL} in force then for calls beyond the threshold or in the circumstances named")


def _unknown(options: argparse.Namespace, terms: Terms) -> int:
    why = terms.rules.self_hosted(options.provider or "", options.model)
    if why:
        if options.json:
            print(json.dumps({"model": None, "nearest": [], "providers": [], "why": why}, ensure_ascii=False))
        else:
            print(f"no list prices {options.model!r} there: {why}; state its price in prices.overrides")
        return 1
    chain = terms.rules.chain(_provider(options.provider)) if options.provider else None
    near = near_models(options.model, terms.book, chain)
    sellers = terms.sellers(options.model)
    if options.json:
        print(json.dumps({"model": None, "nearest": near, "providers": sellers}, ensure_ascii=False))
    elif sellers:
        who = f"of {options.provider}" if options.provider else "without its provider"
        print(f"{options.model!r} has no price {who}; the book has it with --provider {', '.join(sellers)}")
    else:
        where = f" of {options.provider}" if options.provider else ""
        hint = f"; nearest: {', '.join(near)}" if near else "; see `enricher prices list`"
        print(f"the book does not know {options.model!r}{where}{hint}")
    return 1


def _provider(name: str) -> str:
    rules = rules_of.load()
    found = rules.provider_of(name)
    if found is None:
        near = nearest(
            name, sorted({*rules.providers, *(one for rule in rules.providers.values() for one in rule.names)})
        )
        hint = f"did you mean {near!r}?" if near else f"one of: {', '.join(sorted(rules.providers))}"
        raise InputError(f"no provider is called {name!r}; {hint}")
    return found


def update(options: argparse.Namespace) -> int:
    """Build the book and write it."""
    from enricher.price.build import build

    archive = options.output.suffix == ".zip"
    there = options.output if archive else options.output / "about.json"
    previous = store.load(options.output) if there.exists() else store.shipped() if archive else None
    book = build(options.wheels, previous=previous)
    changes = report.differences(previous, book) if previous else []
    (store.pack if archive else store.save)(book, options.output)
    if options.json:
        counts = {"models": len(book.models), "prices": len(book.prices), "changes": len(changes)}
        print(json.dumps({"built": book.built, "sources": book.sources, "directory": str(options.output), **counts}))
    else:
        sources = ", ".join(f"{name} {version}" for name, version in sorted(book.sources.items()))
        print(f"{options.output}: {len(book.models)} models, {len(book.prices)} prices from {sources}")
        print(f"{len(changes)} changes")
    return 0


def diff(options: argparse.Namespace) -> int:
    """Print what changed."""
    changes = report.differences(store.load(options.old), store.load(options.new))
    if options.json:
        print(json.dumps([asdict(change) for change in changes], indent=1, ensure_ascii=False))
        return 0
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for change in changes:
        values = " -> ".join(value for value in (change.before, change.after) if value)
        print(f"{signs[change.what]} {change.kind} {change.row}: {values}")
    print(f"{len(changes)} changes")
    return 0
