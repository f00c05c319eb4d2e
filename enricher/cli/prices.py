"""`enricher prices`: look into the price book, bring it up to date, compare two."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enricher.config.shape import nearest
from enricher.errors import InputError
from enricher.price import book as books
from enricher.price import report
from enricher.price import rules as rules_of
from enricher.price.book import Book, ModelRow
from enricher.price.check import near_models
from enricher.price.compile import compile_plan
from enricher.price.settings import PricesSettings
from enricher.runtime.engine import CorePrices

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


def _show(actions: Subparsers) -> None:
    parser = _action(
        actions, "show", show_model, "every price of a model, and what a call of 1,000 + 1,000 tokens costs"
    )
    parser.add_argument("model", metavar="MODEL", help="a name as spans have it")
    parser.add_argument("--provider", help="the provider as spans have it; found from the model's name without it")
    parser.add_argument("--at", metavar="TIME", type=_time, help="when the call starts, ISO 8601, UTC (default: now)")


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
        default=books.DIRECTORY,
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
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def list_models(options: argparse.Namespace) -> int:
    """Print the models."""
    book = books.shipped()
    entries = report.listed(book, _provider(options.provider) if options.provider else None)
    if options.json:
        print(json.dumps(entries, indent=1, ensure_ascii=False))
        return 0
    for entry in entries:
        prices = " / ".join(entry[unit] or "-" for unit in ("input", "cache_read", "output"))
        others = f"  + {', '.join(entry['other_units'])}" if entry["other_units"] else ""
        print(f"{entry['provider']}/{entry['model']}  {prices}{others}")
    print(f"{len(entries)} models: input / cached / output, USD per million tokens; book of {book.built}")
    return 0


def show_model(options: argparse.Namespace) -> int:
    """Print a model's rows and a worked example; nearest names and status 1 when the book does not know it."""
    book = books.shipped()
    at = options.at or datetime.now(UTC)
    provider = rules_of.load().providers[_provider(options.provider)].names[0] if options.provider else ""
    core = CorePrices(json.dumps(compile_plan(PricesSettings())).encode())
    example = json.loads(core.price(report.sample_request(options.model, provider, at)))
    if example["matched"] is None:
        return _unknown(options, book)
    owner, _, model = example["matched"]["book"].partition("/")
    found = next(row for row in book.models if (row.provider, row.model) == (owner, model))
    if options.json:
        rows = [asdict(row) for row in book.prices_of(owner, model)]
        result = {"model": asdict(found), "prices": rows, "at": at.isoformat(), "example": example, "built": book.built}
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _print_model(found, book, at, example)
    return 0


def _print_model(found: ModelRow, book: Book, at: datetime, example: dict[str, Any]) -> None:
    print(f"{found.provider}/{found.model}, found as {example['matched']['name']!r}; goes by: {found.names}")
    rows = book.prices_of(found.provider, found.model)
    now = report.in_force(rows, at)
    for row in sorted(rows, key=lambda row: row.key):
        mark = "*" if row in now else " "
        print(f"{mark} {row.unit:<18} {report.price_text(row)}  ({row.source}, {row.date})")
    print(f"* in force at {at.isoformat(timespec='seconds')}; prices in USD; book of {book.built}")
    if example["usd"] is None:
        print(f"a call of 1,000 input and 1,000 output tokens is unpriced: {example['reason']}")
    else:
        print(f"a call of 1,000 input and 1,000 output tokens then costs {example['usd']} USD")


def _unknown(options: argparse.Namespace, book: Book) -> int:
    chain = rules_of.load().chain(_provider(options.provider)) if options.provider else None
    near = near_models(options.model, book, chain)
    if options.json:
        print(json.dumps({"model": None, "nearest": near}, ensure_ascii=False))
    else:
        print(f"the book does not know {options.model!r}" + (f"; nearest: {', '.join(near)}" if near else ""))
    return 1


def _provider(name: str) -> str:
    rules = rules_of.load()
    found = rules.provider_of(name)
    if found is None:
        near = nearest(name, sorted(rules.providers))
        hint = f"did you mean {near!r}?" if near else f"one of: {', '.join(sorted(rules.providers))}"
        raise InputError(f"no provider is called {name!r}; {hint}")
    return found


def update(options: argparse.Namespace) -> int:
    """Build the book and write it."""
    from enricher.price.build import build

    archive = options.output.suffix == ".zip"
    there = options.output if archive else options.output / "about.json"
    previous = books.load(options.output) if there.exists() else books.shipped() if archive else None
    book = build(options.wheels, previous=previous)
    changes = report.differences(previous, book) if previous else []
    (books.pack if archive else books.save)(book, options.output)
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
    changes = report.differences(books.load(options.old), books.load(options.new))
    if options.json:
        print(json.dumps([asdict(change) for change in changes], indent=1, ensure_ascii=False))
        return 0
    signs = {"added": "+", "removed": "-", "changed": "~"}
    for change in changes:
        values = " -> ".join(value for value in (change.before, change.after) if value)
        print(f"{signs[change.what]} {change.kind} {change.row}: {values}")
    print(f"{len(changes)} changes")
    return 0
