"""The composition root: makes the parts from the settings, starts and stops them in order.

Start: engine, destinations, ticker, admin and metrics, receivers. Stop, so that nothing acknowledged is lost: receivers
(no more requests), ticker, a last decision on everything buffered, destinations (flush), admin and metrics.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from enricher.admin import scrape, server
from enricher.admin.server import Probes, Readiness
from enricher.config import Settings, compile_plan, effective
from enricher.errors import CoreFault
from enricher.export.build import build
from enricher.price.book import Book
from enricher.receive import http
from enricher.receive.admission import Admission
from enricher.receive.grpc import GrpcReceiver
from enricher.receive.intake import Intake
from enricher.receive.tls import ssl_context
from enricher.runtime.engine import CoreEngine, otlp_to_json
from enricher.runtime.price_book import PriceBooks
from enricher.runtime.reload import Reloader
from enricher.runtime.state import StateFile
from enricher.runtime.ticker import Ticker, TickReport
from enricher.runtime.web import Site, WebHost

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
_HANGS_AFTER_S = 60.0
_RECEIVERS_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the configuration came from, to be read again at a reload."""

    paths: Sequence[Path] = ()
    sets: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the service tells what happens.

    listening: told the kind and the address of each listener. registry: makes what `/metrics` serves. calls: takes call
    records, a JSON object a line; None when nobody wants them.
    """

    listening: Callable[[str, str], None]
    registry: Callable[[CoreEngine], CollectorRegistry]
    calls: Callable[[bytes], None] | None = None


class Service:
    """One instance. `start` once, `reload` any number of times, `stop` once; all from one thread."""

    def __init__(self, settings: Settings, sources: Sources, outlets: Outlets) -> None:
        self._settings = settings
        self._outlets = outlets
        self._books = PriceBooks(settings.prices.book, self._take_book)
        # Reloads and new price books come from two threads.
        self._planning = threading.Lock()
        self._engine = CoreEngine(self._compiled(settings))
        self._reloader = Reloader(sources.paths, sources.sets, settings, self._engine, self._compiled)
        self._fanout = build(settings.exporters, otlp_to_json)
        self._ticker = Ticker(self._engine, self._hand_on)
        admission = Admission(settings.receivers.max_in_flight_mib * _MIB)
        self._intake = Intake(self._engine, self._fanout, admission, self._ticker.wake)
        state_file = settings.sampling.state_file
        self._state = None if state_file is None else StateFile(Path(state_file), self._engine)
        self._web = WebHost()
        self._grpc: GrpcReceiver | None = None
        self._receiving: list[Site] = []
        self._beside: list[Site] = []
        self._phase = "starting"

    def start(self) -> None:
        """Raises InputError when a listener cannot be bound or the state of sampling has no place; what was started
        then is stopped by `stop`."""
        if self._state is not None:
            self._state.restore()
            self._state.start()
        self._fanout.start()
        self._ticker.start()
        self._books.start()
        self._web.start()
        self._serve_admin()
        self._serve_receivers()
        self._phase = "ready"

    def reload(self) -> bool:
        """Read the configuration again; True when it is in force."""
        with self._planning:
            reloaded = self._reloader.reload()
            if reloaded:
                self._books.adopt(*self._planned)
            return reloaded

    def stop(self, timeout_s: float) -> int:
        """Stop within about `timeout_s` seconds; returns the number of items that were not delivered."""
        self._phase = "stopping"
        self._books.stop()
        deadline = time.monotonic() + timeout_s
        if self._grpc is not None:
            self._grpc.stop(timeout_s * _RECEIVERS_SHARE)
        for site in self._receiving:
            site.stop()
        self._ticker.stop()
        try:
            self._ticker.drain(discard=self._reloader.settings.sampling.drop_pending_traces_on_shutdown)
        except CoreFault:
            log.error("what was still buffered could not be decided and is lost")
        if self._state is not None:
            self._state.stop()
        left = self._fanout.stop(max(0.0, deadline - time.monotonic()))
        for site in self._beside:
            site.stop()
        self._web.stop()
        return left

    def _serve_admin(self) -> None:
        admin = self._settings.admin
        if admin.enabled:
            probes = Probes(self._hangs, self._readiness, lambda: effective(self._reloader.settings))
            self._serve_beside("admin", server.application(probes), "admin.endpoint", admin.endpoint)
        prometheus = self._settings.metrics.prometheus
        if prometheus.enabled:
            app = scrape.application(self._outlets.registry(self._engine))
            self._serve_beside("metrics", app, "metrics.prometheus.endpoint", prometheus.endpoint)

    def _serve_beside(self, kind: str, app: web.Application, option: str, endpoint: str) -> None:
        site = self._web.serve(option, app, endpoint)
        self._beside.append(site)
        self._outlets.listening(kind, site.address)

    def _serve_receivers(self) -> None:
        protocols = self._settings.receivers.otlp.protocols
        if protocols.grpc is not None:
            receiver = GrpcReceiver(protocols.grpc, self._intake)
            self._outlets.listening("otlp_grpc", receiver.start())
            self._grpc = receiver
        if protocols.http is not None:
            tls = None if protocols.http.tls is None else ssl_context(protocols.http.tls)
            app = http.application(protocols.http, self._intake)
            site = self._web.serve("receivers.otlp.protocols.http.endpoint", app, protocols.http.endpoint, tls)
            self._receiving.append(site)
            self._outlets.listening("otlp_http", site.address)

    def _compiled(self, settings: Settings) -> bytes:
        # What is served under fixed names must be measured under the same ones until the next start.
        fixed = settings.model_copy(update={"metrics": self._settings.metrics})
        wanted = settings.prices.book
        book = self._books.of(wanted)
        self._planned = (wanted, book)
        return compile_plan(fixed, call_records=self._outlets.calls is not None, book=book)

    def _take_book(self, book: Book) -> None:
        with self._planning:
            fixed = self._reloader.settings.model_copy(update={"metrics": self._settings.metrics})
            plan = compile_plan(fixed, call_records=self._outlets.calls is not None, book=book)
            self._engine.replace_plan(plan)

    def _hand_on(self, report: TickReport) -> None:
        for payload, spans in zip(report.payloads, report.payload_spans, strict=True):
            self._fanout.send("traces", payload, spans)
        if self._outlets.calls is not None and report.calls:
            self._outlets.calls(report.calls)

    def _hangs(self) -> str:
        silent = self._ticker.silent_s
        return f"no decision for {silent:.0f} s" if silent > _HANGS_AFTER_S else ""

    def _readiness(self) -> Readiness:
        state = self._reloader.state
        details = {
            "phase": self._phase,
            "config": {
                "last_reload": state.at or None,
                "last_reload_ok": state.ok,
                "problems": state.problems,
                "restart_needed": state.restart_needed,
            },
            "price_book": self._books.describe(),
            "exporters": self._fanout.describe(),
            "in_flight_bytes": self._intake.admission.held,
        }
        return Readiness(self._phase == "ready", details)
