"""A price book from a file or an HTTPS address, looked for again and again while the service runs.

Whatever is wrong with a new book, the one in force stays. Calls keep the price of their time in any case: rows are
picked by the start of the call.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO

from enricher.errors import InputError
from enricher.price import store
from enricher.price.book import Book
from enricher.price.settings import BookSettings

MOST_BYTES = 64 * 1024 * 1024
"""The largest archive that is read, and the largest file in one."""
_TIMEOUT_S = 30.0
"""Without a byte from the server."""
_WHOLE_S = 120.0
_PIECE_BYTES = 64 * 1024
_CHECKSUM_BYTES = 4096


def chosen(settings: BookSettings) -> Book:
    """The book of the file that the settings name, else the kept copy of the one at their address, else the one that
    comes with the package. Raises InputError for a file that is no book."""
    return found(settings)[0]


def found(settings: BookSettings) -> tuple[Book, str]:
    """The same, and why it is not the one at the address that the settings name, "" when it is."""
    if settings.path:
        return store.load(Path(settings.path)), ""
    if not settings.url:
        return store.shipped(), ""
    if not settings.copy_path:
        return store.shipped(), "no copy of it is kept"
    try:
        archive = Path(settings.copy_path).read_bytes()
    except FileNotFoundError:
        return store.shipped(), f"{settings.copy_path} is not there yet"
    except OSError as error:
        return store.shipped(), f"cannot read {settings.copy_path}: {error.strerror}"
    try:
        return _verified(archive, settings.sha256, settings.copy_path), ""
    except InputError as error:
        return store.shipped(), str(error)


def keep(settings: BookSettings, archive: bytes) -> None:
    """Put the archive where the settings keep a copy of what they fetch. Raises InputError; the old copy stays then."""
    if not settings.copy_path:
        return
    path = Path(settings.copy_path)
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_bytes(archive)
        new.replace(path)
    except OSError as error:
        raise InputError(f"cannot keep a copy of the price book in {path}: {error.strerror}") from error


def age_days(book: Book, today: date | None = None) -> int:
    """Days since the book was built."""
    return ((today or datetime.now(UTC).date()) - date.fromisoformat(book.built)).days


def ended_calendars(book: Book, today: date | None = None) -> dict[str, date]:
    """Calendars of public holidays that do not reach until today, and their last known days."""
    now = today or datetime.now(UTC).date()
    return {calendar: end for calendar, end in book.calendars().items() if end < now}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at last: files by name, time and size, or the checksum of what an address serves."""

    place: str
    mark: object


class Finder:
    """Tells whether there is another book than the last time. Used from one thread."""

    def __init__(self) -> None:
        self.archive = b""
        """What was fetched last, when a book came from an address."""
        self._seen: _Seen | None = None

    def look(self, settings: BookSettings) -> Book | None:
        """The new book; None when nothing has changed. Raises InputError: once for each faulty file, each time that an
        address serves no good book, because what is wrong there may pass."""
        if settings.path:
            try:
                seen = _Seen(settings.path, _identity(Path(settings.path)))
            except InputError:
                # What comes back is news, though it be the same.
                self._seen = None
                raise
        elif settings.url:
            seen = _Seen(settings.url, settings.sha256 or _checksum(settings.url))
        else:
            return None
        if seen == self._seen:
            return None
        if settings.path:
            self._seen = seen
            return store.load(Path(settings.path))
        assert isinstance(seen.mark, str)
        archive = _fetch(settings.url, MOST_BYTES)
        book = _verified(archive, seen.mark, settings.url)
        self._seen, self.archive = seen, archive
        return book

    def forget(self) -> None:
        """What was found last could not be put in force: look at an address anew."""
        if self.archive:
            self._seen = None

    def expect(self, settings: BookSettings) -> None:
        """The book of a file has just been read: only a change of it is news."""
        if settings.path:
            self._seen = _Seen(settings.path, _identity(Path(settings.path)))


def _identity(path: Path) -> object:
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple((file.name, (status := os.stat(file)).st_mtime_ns, status.st_size) for file in files)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error


def _checksum(url: str) -> str:
    """What `sha256sum` wrote beside the archive: the first word is the sum."""
    text = _fetch(f"{url}.sha256", _CHECKSUM_BYTES).decode("ascii", "replace").split()
    if not text or len(text[0]) != 64 or not set(text[0].lower()) <= set("0123456789abcdef"):
        raise InputError(f"{url}.sha256 holds no SHA-256 checksum")
    return text[0].lower()


def _verified(archive: bytes, checksum: str, name: str) -> Book:
    """The book in an archive that has the checksum, if there is one."""
    actual = hashlib.sha256(archive).hexdigest()
    if checksum and actual != checksum.lower():
        raise InputError(f"{name} has the checksum {actual}, not {checksum}")
    return store.unpack(io.BytesIO(archive), name)


def _fetch(url: str, most: int) -> bytes:
    if not url.startswith("https://"):
        raise InputError(f"{url} is not an HTTPS address")
    try:
        with urllib.request.build_opener(_OnlyHttps).open(url, timeout=_TIMEOUT_S) as answer:
            body = _read(answer, url, most)
    except (OSError, HTTPException, ValueError) as error:
        # Of what failed below HTTP only the reason is worth telling.
        below = isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError)
        raise InputError(f"cannot fetch {url}: {getattr(error, 'reason', error) if below else error}") from error
    return body


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows an address that is HTTPS to others that are, so that nobody on the way chooses where it ends."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """Raises InputError for an address that is not HTTPS."""
        if urllib.parse.urlsplit(newurl).scheme != "https":
            raise InputError(f"{req.full_url} leads to {newurl}, which is not HTTPS")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _read(answer: HTTPResponse, url: str, most: int) -> bytes:
    """The whole body. A server that sends a byte now and then is given up."""
    deadline = time.monotonic() + _WHOLE_S
    body = bytearray()
    while piece := answer.read1(_PIECE_BYTES):
        body += piece
        if len(body) > most:
            raise InputError(f"{url} is larger than {most} bytes")
        if time.monotonic() > deadline:
            raise InputError(f"{url} was not there after {_WHOLE_S:g} s")
    if answer.length:
        raise InputError(f"{url} was cut off after {len(body)} bytes, {answer.length} before its end")
    return bytes(body)
