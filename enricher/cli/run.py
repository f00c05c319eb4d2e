"""`enricher run`: the service, until SIGTERM or SIGINT. SIGHUP and changed configuration files reload."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import queue
import signal
import sys
from types import FrameType
from typing import Literal

from enricher.cli.common import add_config_arguments, add_log_argument, load_settings, log_to_stderr
from enricher.config.base import parse_duration
from enricher.errors import EnricherError
from enricher.measure.call_log import CallLog
from enricher.measure.collector import registry
from enricher.runtime.memory import share_heaps
from enricher.runtime.reload import Watcher
from enricher.runtime.service import Outlets, Service, Sources

log = logging.getLogger(__name__)
Wish = Literal["stop", "reload"]
_LONGEST_WAIT_S = 1.0


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("run", help="serve", description=__doc__)
    add_config_arguments(parser)
    add_log_argument(parser)
    parser.add_argument(
        "--shutdown-timeout",
        metavar="DURATION",
        type=_duration,
        default=25.0,
        help="longest time for finishing and delivering what was accepted (default: 25s)",
    )
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """Serve; returns 0 after an orderly stop, also when a destination could not take everything in time."""
    log_to_stderr(options.log_level)
    share_heaps()
    wishes: queue.SimpleQueue[Wish] = queue.SimpleQueue()
    # It remembers the files as they are before they are read, so that no change falls between.
    watcher = Watcher(options.config, lambda: wishes.put("reload"))
    settings = load_settings(options.config, options.sets)
    metrics = settings.metrics
    call_log = None if metrics.call_log is None else CallLog(metrics.call_log)
    outlets = Outlets(
        listening=_listening,
        registry=lambda engine: registry(engine.metrics, metrics),
        calls=None if call_log is None else call_log.write,
    )
    service = Service(settings, Sources(options.config, options.sets), outlets)
    # Before the start: who sees `ready` may send a signal at once.
    _on_signals(wishes)
    try:
        service.start()
    except EnricherError:
        service.stop(0.0)
        raise
    log.info("undecided traces and sending queues live in memory only: a crash loses them")
    _say("ready")
    # What start-up made stays for good; the collector need not walk it again.
    gc.collect()
    gc.freeze()
    watcher.start()
    while _next(wishes) == "reload":
        watcher.note()
        service.reload()
    # A second signal ends the process at once, from when it is told that the first was understood.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    log.info("stopping: no new requests, deciding what is buffered, delivering")
    watcher.stop()
    left = service.stop(options.shutdown_timeout)
    if call_log is not None:
        call_log.close()
    log.info("stopped; %s", f"{left} items were not delivered" if left else "everything accepted was delivered")
    return 0


def _next(wishes: queue.SimpleQueue[Wish]) -> Wish:
    """Waits for a wish. A signal that comes just as a wait begins is only seen when it ends: no wait is without end."""
    while True:
        with contextlib.suppress(queue.Empty):
            return wishes.get(timeout=_LONGEST_WAIT_S)


def _on_signals(wishes: queue.SimpleQueue[Wish]) -> None:
    meanings: dict[signal.Signals, Wish] = {signal.SIGTERM: "stop", signal.SIGINT: "stop", signal.SIGHUP: "reload"}

    def wish(number: int, _: FrameType | None) -> None:
        wishes.put(meanings[signal.Signals(number)])

    for number in meanings:
        signal.signal(number, wish)


def _listening(kind: str, address: str) -> None:
    _say(f"listening {kind} {address}")


def _say(line: str) -> None:
    """One of the lines that scripts wait for: exactly this text, without a time stamp."""
    print(line, file=sys.stderr, flush=True)


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
