"""`enricher process`: the engine of the service over files, for replays, backfills and trying a configuration.

Time is that of the spans: it advances with the latest span end seen, and the end of the input decides everything.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
from pathlib import Path
from typing import Any, BinaryIO

from enricher.cli.common import add_config_arguments, add_log_argument, load_settings, log_to_stderr
from enricher.cli.feed import Feed
from enricher.config import compile_plan
from enricher.errors import InputError
from enricher.runtime.engine import CoreEngine, TickReport, otlp_to_json
from enricher.runtime.replay import Replay

log = logging.getLogger(__name__)

_FORMATS = (".jsonl", ".binpb")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("process", help="run files of spans through the engine", description=__doc__)
    parser.add_argument("inputs", metavar="IN", nargs="+", help="OTLP protobuf or JSON, also gzip or zstd; - is stdin")
    add_config_arguments(parser)
    parser.add_argument(
        "-o",
        "--out",
        metavar="OUT",
        type=_output,
        help="kept spans: .jsonl (OTLP JSON lines) or .binpb (length-prefixed)",
    )
    parser.add_argument("--calls", metavar="CALLS", type=Path, help="call records, a JSON object a line")
    parser.add_argument(
        "--traces", metavar="TRACES", type=Path, help="trace records, dropped ones included: the verdict, why and when"
    )
    parser.add_argument("--keep-all", action="store_true", help="export everything, without sampling stamps")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    add_log_argument(parser)
    parser.set_defaults(handler=process)


def process(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when an input could not be used; what came before it is written all the same."""
    log_to_stderr(options.log_level)
    settings = load_settings(options.config, options.sets)
    plan = compile_plan(
        settings,
        keep_all=options.keep_all,
        call_records=options.calls is not None,
        trace_records=options.traces is not None,
    )
    engine = CoreEngine(plan)
    with contextlib.ExitStack() as files:
        output = Output(files, options.out, options.calls, options.traces)
        status = 0
        replay = Replay(engine, output.take)
        feed = Feed(options.inputs, [replay])
        for number, path in enumerate(options.inputs):
            try:
                for payload in feed.requests(number):
                    replay.take(path, payload)
            except InputError as error:
                log.error("%s", error)
                status = 1
        replay.finish()
        feed.end()
    summary = json.loads(engine.summary())
    if options.json:
        print(json.dumps(summary, indent=2))
    elif status == 0 or summary["spans"]["in"]:
        print(_table(summary))
    return status


class Output:
    """The files that kept spans and records go to."""

    def __init__(self, files: contextlib.ExitStack, out: Path | None, calls: Path | None, traces: Path | None) -> None:
        self._as_json = out is not None and out.suffix == ".jsonl"
        self._out = None if out is None else files.enter_context(_create(out))
        self._calls = None if calls is None else files.enter_context(_create(calls))
        self._traces = None if traces is None else files.enter_context(_create(traces))

    def take(self, report: TickReport) -> None:
        if self._out is not None:
            for payload in report.payloads:
                if self._as_json:
                    self._out.write(otlp_to_json("traces", payload) + b"\n")
                else:
                    self._out.write(len(payload).to_bytes(4, "big") + payload)
        if self._calls is not None:
            self._calls.write(report.calls)
        if self._traces is not None:
            self._traces.write(report.traces)


def _table(summary: dict[str, Any]) -> str:
    """The summary for people."""
    traces, spans, calls, tokens = (summary[name] for name in ("traces", "spans", "calls", "tokens"))
    states = ", ".join(f"{count:,} {state}" for state, count in calls["by_state"].items() if count)
    lines = [
        f"traces   {traces['in']:,} in, {traces['kept']:,} kept, {traces['dropped']:,} dropped",
        f"spans    {spans['in']:,} in, {spans['kept']:,} kept, {spans['rejected']:,} rejected",
        f"calls    {calls['counted']:,} counted, {calls['errors']:,} of them failed; "
        f"{calls['duplicates']:,} spans repeat one",
        f"tokens   {tokens['input']:,} input ({tokens['cache_read']:,} read from a cache, "
        f"{tokens['cache_write']:,} written to one), {tokens['output']:,} output ({tokens['reasoning']:,} reasoning)",
        f"cost     {summary['cost_usd']} USD" + (f" ({states})" if states else ""),
    ]
    logs = summary["log_records"]
    if any(logs.values()):
        lines.append(
            f"logs     {logs['joined']:,} records joined to their spans, {logs['unmatched']:,} without a span, "
            f"{logs['refused']:,} without room"
        )
    if summary["unpriced_models"]:
        lines.append(f"unpriced {', '.join(summary['unpriced_models'])}")
    width = max(map(len, summary["policies"]), default=0)
    lines += [
        f"policy   {name:<{width}}  voted for {policy['voted']:,}, decided {policy['credited']:,}, "
        f"kept {policy['kept']:,}"
        for name, policy in summary["policies"].items()
    ]
    return "\n".join(lines)


def _output(text: str) -> Path:
    path = Path(text)
    if path.suffix not in _FORMATS:
        raise argparse.ArgumentTypeError(f"{text}: the name must end in {' or '.join(_FORMATS)}")
    return path


def _create(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
