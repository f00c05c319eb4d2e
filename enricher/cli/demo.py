"""`enricher demo`: serve with files as the backend, feed recorded traffic of real SDKs, show it live, sum up."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
import time
from pathlib import Path

from urllib3.exceptions import HTTPError

from enricher.cli.common import positive
from enricher.cli.style import Style
from enricher.demo import summary, view
from enricher.demo.recording import load
from enricher.demo.screen import Screen
from enricher.demo.session import Feeder, Files, Server
from enricher.demo.traffic import Traffic
from enricher.errors import EnricherError

_FRAME_SECONDS = 0.5
_LINE_SECONDS = 5.0
_SETTLE_SECONDS = 30.0
_STILL_SECONDS = 0.25
_GIVE_UP_SECONDS = 10.0
_INTERRUPTED = 130


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("demo", help="see the main job at work on recorded traffic", description=__doc__)
    parser.add_argument("--seconds", type=positive, default=30.0, help="how long to send (default: 30)")
    parser.add_argument("--rate", type=positive, default=300.0, help="spans a second (default: 300)")
    parser.add_argument("--seed", type=int, help="make the traffic repeatable, apart from its times")
    parser.add_argument(
        "--directory", type=Path, default=Path("enricher-data/demo"), help="where files go (default: %(default)s)"
    )
    parser.add_argument("--stay", action="store_true", help="keep serving metrics after the summary, until Ctrl-C")
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """Returns 0 when it ran to its end and every figure agreed, 1 when not, 130 after Ctrl-C."""
    files = Files(options.directory)
    files.prepare()
    units = load()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    print(f"{len(units)} recorded runs of real SDKs, replayed at {options.rate:g} spans/s for {options.seconds:g} s")
    server = Server(files)
    try:
        server.wait_ready()
        return Demonstration(files, server, Traffic(units, options.seed), options).run()
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return _INTERRUPTED
    finally:
        server.stop()


class Demonstration:
    """Feeds and watches a server that runs."""

    def __init__(self, files: Files, server: Server, traffic: Traffic, options: argparse.Namespace) -> None:
        self._files = files
        self._server = server
        self._url = f"http://{server.ports['metrics']}/metrics"
        self._seconds: float = options.seconds
        self._stay: bool = options.stay
        self._feeder = Feeder(server.ports["otlp_grpc"], traffic, options.rate, files.sent)
        self._style = Style.of(sys.stdout)
        self._screen = Screen(sys.stdout) if sys.stdout.isatty() else None

    def run(self) -> int:
        print(f"service on {self._server.ports['otlp_grpc']} (gRPC)\nmetrics for Prometheus at {self._url}")
        print(f"files in {self._files.directory}\n", flush=True)
        interrupted = False
        with self._screen or contextlib.nullcontext():
            self._feeder.start()
            try:
                self._watch()
            except KeyboardInterrupt:
                interrupted = True
                if not self._screen:
                    print("stopping: the traces under way are decided first (Ctrl-C again: at once)", flush=True)
            finally:
                self._feeder.stop()
            figures = self._settle()
        if interrupted or not self._stay:
            self._server.stop()
        agree = self._sum_up(figures)
        if interrupted:
            return _INTERRUPTED
        if self._stay:
            with contextlib.suppress(KeyboardInterrupt):
                print(f"\nStill serving {self._url} until Ctrl-C", flush=True)
                while True:
                    # Not signal.pause(): a signal that comes just before it would be slept through.
                    time.sleep(_LINE_SECONDS)
        return self._server.stop() if agree else 1

    def _watch(self) -> None:
        started = time.monotonic()
        pause = _FRAME_SECONDS if self._screen else _LINE_SECONDS
        while (elapsed := time.monotonic() - started) < self._seconds:
            # Ends early when sending fails.
            self._feeder.wait_ended(min(pause, self._seconds - elapsed))
            if self._feeder.fault:
                return
            elapsed = time.monotonic() - started
            figures = view.read(self._scrape())
            if self._screen:
                self._draw(self._screen, figures, elapsed)
            else:
                print(view.progress(figures, self._feeder.tally, elapsed), flush=True)

    def _draw(self, screen: Screen, figures: view.Figures, elapsed: float) -> None:
        columns, lines = shutil.get_terminal_size()
        seconds = (elapsed, self._seconds)
        screen.show(view.live(figures, self._feeder.tally, seconds, self._style, lines - 1, columns))

    def _settle(self) -> view.Figures:
        """Waits until every trace is decided; the figures then."""
        if self._feeder.fault:
            raise EnricherError(f"sending failed: {self._feeder.fault}; {self._last_words()}")
        started = still_since = time.monotonic()
        before: view.Figures | None = None
        while True:
            text = self._scrape()
            figures = view.read(text)
            if self._screen:
                self._draw(self._screen, figures, self._seconds)
            # A trace leaves the buffer before it is measured and recorded, on a busy machine long before. Those that do
            # not come at all are for the summary to tell.
            if figures != before:
                before, still_since = figures, time.monotonic()
            complete = figures.decided >= self._feeder.tally.traces and figures.recorded >= figures.calls
            quiet = time.monotonic() - still_since
            if not figures.undecided and quiet >= (_STILL_SECONDS if complete else _GIVE_UP_SECONDS):
                break
            if time.monotonic() - started > _SETTLE_SECONDS:
                raise EnricherError(f"{figures.undecided:,.0f} traces were not decided within {_SETTLE_SECONDS:g} s")
            time.sleep(0.25)
        if self._screen:
            # The summary shows the same tables, complete.
            self._screen.clear()
        self._files.metrics.write_text(text)
        return figures

    def _scrape(self) -> str:
        try:
            return view.scrape(self._url)
        except HTTPError as error:
            raise EnricherError(f"the service does not answer: {error}; {self._last_words()}") from error

    def _last_words(self) -> str:
        return f"from the service's log, {self._files.log}:\n{self._server.last_words()}"

    def _sum_up(self, figures: view.Figures) -> bool:
        """Prints the summary; returns whether all figures agree."""
        calls = summary.Calls(self._files.calls.read_text().splitlines() if self._files.calls.exists() else [])
        checked = summary.checks(figures, self._feeder.tally, calls)
        agree = all(check.agrees for check in checked)
        columns = shutil.get_terminal_size().columns
        text = summary.write(figures, self._feeder.tally, calls, checked, self._files, self._url, self._style, columns)
        print("\n" + text, flush=True)
        if not agree:
            print("\nenricher: these figures should agree; please report it as a bug", file=sys.stderr)
        return agree
