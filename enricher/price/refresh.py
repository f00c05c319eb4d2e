"""A price book from a file or an HTTPS address, looked for again and again while the service runs.

Whatever is wrong with a new book, the one in force stays. Calls keep the price of their time in any case: rows are
picked by the start of the call.
"""

from __future__ import annotations

import hashlib
import io
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.client import HTTPException
from pathlib import Path

from enricher.errors import InputError
from enricher.price import book as books
from enricher.price.book import Book
from enricher.price.settings import BookSettings

MOST_BYTES = 64 * 1024 * 1024
"""The largest archive that is read, and the largest file in one."""
_TIMEOUT_S = 30.0
_CHECKSUM_BYTES = 4096


def chosen(settings: BookSettings) -> Book:
    """The book of the file that the settings name, else the one that comes with the package. Raises InputError."""
    return books.load(Path(settings.path)) if settings.path else books.shipped()


def age_days(book: Book, today: date | None = None) -> int:
    """Days since the book was built."""
    return ((today or datetime.now(UTC).date()) - date.fromisoformat(book.built)).days


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at last: files by name, time and size, or the checksum of what an address serves."""

    place: str
    mark: object


class Finder:
    """Tells whether there is another book than the last time. Used from one thread."""

    def __init__(self) -> None:
        self._seen: _Seen | None = None

    def look(self, settings: BookSettings) -> Book | None:
        """The new book; None when nothing has changed. Raises InputError, once for each faulty book."""
        if settings.path:
            seen = _Seen(settings.path, _identity(Path(settings.path)))
        elif settings.url:
            seen = _Seen(settings.url, settings.sha256 or _checksum(settings.url))
        else:
            return None
        if seen == self._seen:
            return None
        self._seen = seen
        if settings.path:
            return books.load(Path(settings.path))
        assert isinstance(seen.mark, str)
        return _verified(settings.url, seen.mark)

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


def _verified(url: str, checksum: str) -> Book:
    archive = _fetch(url, MOST_BYTES)
    found = hashlib.sha256(archive).hexdigest()
    if found != checksum.lower():
        raise InputError(f"{url} has the checksum {found}, not {checksum}")
    return books.unpack(io.BytesIO(archive), url)


def _fetch(url: str, most: int) -> bytes:
    if not url.startswith("https://"):
        raise InputError(f"{url} is not an HTTPS address")
    try:
        # The address is HTTPS, and so must be wherever it leads.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            if urllib.parse.urlsplit(answer.url).scheme != "https":
                raise InputError(f"{url} leads to {answer.url}, which is not HTTPS")
            body: bytes = answer.read(most + 1)
    except (OSError, HTTPException, ValueError) as error:
        # Of what failed below HTTP only the reason is worth telling.
        below = isinstance(error, urllib.error.URLError) and not isinstance(error, urllib.error.HTTPError)
        raise InputError(f"cannot fetch {url}: {getattr(error, 'reason', error) if below else error}") from error
    if len(body) > most:
        raise InputError(f"{url} is larger than {most} bytes")
    return body
