"""`enricher explain`: what the engine concludes about the traces of a file, span by span, and why.

Per span: its dialect, what was read and what was concluded from what, the price row and the arithmetic, and whether it
repeats a call told elsewhere. Per trace: every policy's vote, what it looked at, the verdict and what brought it about.

The files go through the engine as `enricher process` runs them, so that the verdicts are those that it gives.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from typing import Any

from enricher.cli.common import add_config_arguments, load_settings, log_to_stderr
from enricher.cli.feed import Feed
from enricher.cli.style import Style
from enricher.config import compile_plan
from enricher.errors import InputError
from enricher.explain.rules import join
from enricher.explain.text import LEGEND, Teller
from enricher.runtime.engine import CoreEngine, TickReport
from enricher.runtime.replay import Replay
from enricher.sample.compile import in_force

_WIDTH = 120
_NARROWEST = 80
_HEX = frozenset("0123456789abcdef")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "explain", help="what was concluded about spans, what they cost, how they were sampled", description=__doc__
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", help="OTLP protobuf or JSON, also gzip or zstd; - is stdin")
    parser.add_argument("--trace", metavar="ID", type=_trace_id, help="only traces whose id begins so (hex)")
    add_config_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(handler=explain)


def explain(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when an input cannot be used or no trace was found."""
    log_to_stderr("warning")
    settings = load_settings(options.config, options.sets)
    engine = CoreEngine(compile_plan(settings, explain=options.trace or ""))
    told = _told(engine, options.inputs)
    policies = in_force(settings.sampling)
    join(told, policies)
    if not told["traces"]:
        what = f"no trace whose id begins with {options.trace}" if options.trace else "no spans"
        raise InputError(f"{', '.join(options.inputs)}: {what}")
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
        return 0
    style = Style.of(sys.stdout)
    columns = shutil.get_terminal_size((_WIDTH, 0)).columns if sys.stdout.isatty() else _WIDTH
    teller = Teller(policies, style, max(min(columns, _WIDTH), _NARROWEST))
    for trace in told["traces"]:
        print("\n".join(teller.trace(trace)), end="\n\n")
    print(style(LEGEND, "dim"))
    return 0


def _told(engine: CoreEngine, inputs: list[str]) -> dict[str, list[Any]]:
    """Explanations by the start of their traces, and why spans were refused."""
    traces: list[dict[str, Any]] = []

    def take(report: TickReport) -> None:
        traces.extend(map(json.loads, report.explanations.splitlines()))

    replay = Replay(engine, take)
    feed = Feed(inputs, [replay])
    reports = [replay.take(path, payload) for number, path in enumerate(inputs) for payload in feed.requests(number)]
    replay.finish()
    feed.end()
    # What came late stands behind what it follows: the order of decisions within a trace stays.
    begun: dict[str, int] = {}
    for trace in traces:
        begun[trace["trace_id"]] = min(_start(trace), begun.get(trace["trace_id"], _start(trace)))
    traces.sort(key=lambda trace: (begun[trace["trace_id"]], trace["trace_id"]))
    return {"traces": traces, "refused": [report.message for report in reports if report.rejected]}


def _start(trace: dict[str, Any]) -> int:
    return min(int(span["start_unix_nano"]) for span in trace["spans"])


def _trace_id(text: str) -> str:
    trace = text.lower().replace("-", "")
    if not trace or len(trace) > 32 or not _HEX.issuperset(trace):
        raise argparse.ArgumentTypeError(f"{text}: a trace id is up to 32 hex digits")
    return trace
