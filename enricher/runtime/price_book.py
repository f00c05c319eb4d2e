"""Takes over a new price book while the service runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from enricher.errors import CoreFault, InputError, PlanError
from enricher.measure import events
from enricher.price import refresh
from enricher.price.book import Book
from enricher.price.settings import BookSettings

log = logging.getLogger(__name__)

_AGE = events.gauge("enricher_price_book_age_seconds", "Seconds since the price book in force was built.")
_MODELS = events.gauge("enricher_price_book_models", "Models that the price book in force lists.")
_REFRESHES = events.counter(
    "enricher_price_book_refreshes_total", "New price books by outcome: ok, refused.", "outcome"
)
_LAST_OK = events.gauge("enricher_price_book_last_refresh_successful", "0 when the last new book was refused.")

_FILE_EVERY_S = 5.0
"""A file is looked at this often at least; an address every `prices.book.refresh`."""


@dataclass(frozen=True, slots=True)
class RefreshState:
    """What the last look at a new book came to. at: ISO time, empty before the first. problem: why it was refused."""

    at: str = ""
    problem: str = ""


class PriceBooks:
    """Holds the book in force and looks for the next one in a thread of its own.

    take: puts a book in force; raises PlanError, CoreFault or InputError when it cannot be, and the old one stays.
    """

    def __init__(self, settings: BookSettings, take: Callable[[Book], None]) -> None:
        self.state = RefreshState()
        self.book = refresh.chosen(settings)
        self._settings = settings
        self._take = take
        self._finder = refresh.Finder()
        self._finder.expect(settings)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="price-book", daemon=True)
        _AGE.of().read_from(lambda: _age_s(self.book))
        _MODELS.of().read_from(lambda: float(len(self.book.models)))
        _LAST_OK.of().set(1)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=1.0)

    def of(self, settings: BookSettings) -> Book:
        """The book for a new configuration: another file's, or the one in force. Raises InputError."""
        if (settings.path, settings.url) == (self._settings.path, self._settings.url):
            return self.book
        return self.book if settings.url else refresh.chosen(settings)

    def adopt(self, settings: BookSettings, book: Book) -> None:
        """The configuration and the book that are in force now."""
        self._settings, self.book = settings, book

    def look(self) -> bool:
        """Look once; True when a new book is in force."""
        settings = self._settings
        try:
            book = self._finder.look(settings)
            if book is None:
                self._recovered()
                return False
            self._put_in_force(book)
        except (InputError, PlanError, CoreFault) as error:
            self._refused(str(error))
            return False
        self.book = book
        self.state = RefreshState(_now())
        _REFRESHES.of("ok").add()
        _LAST_OK.of().set(1)
        self._keep(settings)
        log.info("price book of %s with %d models is in force", book.built, len(book.models))
        return True

    def describe(self) -> dict[str, Any]:
        """For readiness."""
        age = refresh.age_days(self.book)
        return {
            "built": self.book.built,
            "age_days": age,
            "older_than_limit": age > self._settings.max_age_days,
            "calendars": {name: end.isoformat() for name, end in self.book.calendars().items()},
            "ended_calendars": sorted(refresh.ended_calendars(self.book)),
            "models": len(self.book.models),
            "sources": self.book.sources,
            "from": self._settings.path or self._settings.url or "package",
            "last_refresh": self.state.at or None,
            "problem": self.state.problem or None,
        }

    def _refused(self, problem: str) -> None:
        # An address that is down for a day says so once.
        if problem != self.state.problem:
            log.error("the new price book is refused, the old one stays in force: %s", problem)
        self.state = RefreshState(_now(), problem)
        _REFRESHES.of("refused").add()
        _LAST_OK.of().set(0)

    def _put_in_force(self, book: Book) -> None:
        try:
            self._take(book)
        except (InputError, PlanError, CoreFault):
            self._finder.forget()
            raise

    def _recovered(self) -> None:
        # An address that serves the book in force again has no fault any more; a faulty file has until it changes.
        if self._settings.url and self.state.problem:
            self.state = RefreshState(_now())
            _LAST_OK.of().set(1)
            log.info("the address of the price book serves the book in force again")

    def _keep(self, settings: BookSettings) -> None:
        try:
            if settings.url:
                refresh.keep(settings, self._finder.archive)
        except InputError as error:
            log.warning("%s", error)

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                self.look()
            except Exception:  # The thread must outlive whatever a file or an address brings.
                log.exception("looking for a new price book failed")
            wait = self._settings.refresh if self._settings.url else min(self._settings.refresh, _FILE_EVERY_S)


def _age_s(book: Book) -> float:
    built = datetime.combine(date.fromisoformat(book.built), time(), UTC)
    return (datetime.now(UTC) - built).total_seconds()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
