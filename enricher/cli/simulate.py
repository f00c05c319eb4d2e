"""`enricher simulate`: what sampling rules would have kept of recorded traffic, side by side.

Each --policies file is a configuration, laid on those of -c, and gets an engine of its own; all see the same requests
in one pass. Without --policies the configuration of -c is tried alone. Time is that of the spans, as in `enricher
process`, and the counts are the same. Totals are estimated from the kept traces as a backend would, each weighed by
1/probability; since all traffic is seen here, the error to expect and the actual one are told.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from enricher.cli.common import add_config_arguments, add_log_argument, load_settings, log_to_stderr, positive
from enricher.cli.feed import Feed
from enricher.cli.progress import Progress
from enricher.cli.style import Style
from enricher.errors import InputError
from enricher.runtime.replay import Replay
from enricher.simulate import page, table
from enricher.simulate.candidates import MOST, Candidate, Request, names_of, report, run
from enricher.simulate.rows import rows
from enricher.simulate.traffic.generate import Generator
from enricher.simulate.traffic.settings import load, shipped

log = logging.getLogger(__name__)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "simulate", help="what sampling rules would have kept of recorded traffic", description=__doc__
    )
    parser.add_argument("inputs", metavar="IN", nargs="*", help="OTLP protobuf or JSON, also gzip or zstd; - is stdin")
    parser.add_argument(
        "--traffic",
        metavar="NAME",
        help=f"made-up traffic under a virtual clock instead of IN: {', '.join(shipped())}, or a file of your own",
    )
    parser.add_argument("--traces", metavar="N", type=_count, help="how many traces of it")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="another number, other chances (0)")
    parser.add_argument(
        "-p",
        "--policies",
        metavar="FILE",
        action="append",
        type=Path,
        default=[],
        help="a configuration to try; give several to compare them",
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--costly-usd", metavar="USD", type=positive, default=0.10, help="from which cost a trace is costly (0.10)"
    )
    parser.add_argument(
        "--slow-ms", metavar="MS", type=positive, help="from which duration it is slow (slowest 5 %% of its operation)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the report as a page with charts")
    add_log_argument(parser)
    parser.set_defaults(handler=simulate)


def simulate(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when an input could not be used; what came before it is counted all the same."""
    log_to_stderr(options.log_level)
    if bool(options.inputs) == bool(options.traffic):
        raise InputError("give files of spans, or --traffic: one of the two")
    generator = Generator(load(options.traffic), traces=options.traces, seed=options.seed) if options.traffic else None
    candidates = _candidates(options)
    reader = _Reader(options.inputs, [candidate.replay for candidate in candidates])
    run(candidates, _made_up(generator) if generator else reader.requests(), reader.refused)
    found = report(candidates)
    told = rows(found, options.costly_usd, options.slow_ms)
    if options.html is not None:
        _write(options.html, page.render(found, told))
    print(json.dumps(found, indent=2) if options.json else table.render(found, told, Style.of(sys.stdout)))
    return reader.status


def _made_up(generator: Generator) -> Iterator[Request]:
    progress = Progress([])
    for arrival in generator.arrivals():
        progress.add(len(arrival.payload))
        yield Request("the traffic", arrival.payload, arrival.time_ns)
    progress.end()


class _Reader:
    """The requests of the inputs; a file that cannot be used is told and left at the fault."""

    def __init__(self, inputs: list[str], replays: list[Replay]) -> None:
        self._inputs = inputs
        self._replays = replays
        self.status = 0

    def refused(self, error: InputError) -> None:
        log.error("%s", error)
        self.status = 1

    def requests(self) -> Iterator[Request]:
        progress = Progress(self._inputs)
        feed = Feed(self._inputs, self._replays)
        for number, path in enumerate(self._inputs):
            try:
                for payload in feed.requests(number, progress.add):
                    yield Request(path, payload)
            except InputError as error:
                progress.end()
                self.refused(error)
        progress.end()
        feed.end()


def _candidates(options: argparse.Namespace) -> list[Candidate]:
    files: list[Path] = options.policies
    if len(files) > MOST:
        raise InputError(f"at most {MOST} --policies at once: each is an engine with a buffer of its own")
    names = names_of(files) or [options.config[-1].stem if options.config else "default"]
    found = []
    laid_on = [[file] for file in files] or [[]]
    for name, on_top in zip(names, laid_on, strict=True):
        settings = load_settings([*options.config, *on_top], options.sets)
        found.append(Candidate(name, settings, costly_usd=options.costly_usd, slow_ms=options.slow_ms))
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10**8:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1 to 100,000,000")
    return int(text)
