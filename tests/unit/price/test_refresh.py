"""A new price book while the service runs: from a file or over HTTPS, checked first, the old one kept on any fault."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from enricher.errors import InputError, PlanError
from enricher.measure import events
from enricher.price import refresh, store
from enricher.price.book import Book, ModelRow, PriceRow
from enricher.price.check import check
from enricher.price.compile import compile_plan
from enricher.price.settings import BookSettings, PricesSettings
from enricher.runtime.engine import CorePrices
from enricher.runtime.price_book import PriceBooks
from tests.conftest import REAL_AGE_DAYS
from tests.support import certs


def small(price: str, built: str = "2026-11-21") -> Book:
    model = ModelRow("openai", "gpt-x", "gpt-x", "", "s", built)
    row = PriceRow("openai", "gpt-x", "input", price, 10**6, "", "", "", "", "", "", "s", built)
    return Book(built, {"test": "1"}, [model], [row], [], [])


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "book.zip"
    store.pack(small("1"), path)
    return path


def test_archives_and_directories_hold_the_same_book(archive: Path, tmp_path: Path) -> None:
    store.save(small("1"), tmp_path / "book")
    assert store.load(archive) == store.load(tmp_path / "book") == small("1")
    before = archive.read_bytes()
    store.pack(small("1"), archive)
    assert archive.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gpt-x,input,1", "gpt-x,input,-1"),
        ("gpt-x,input,1", "gpt-x,input,NaN"),
        ("gpt-x,input,1", "gpt-x,input,1e99"),
        ("gpt-x,input,1", "gpt-x,inptu,1"),
        (",1000000,,,", ",0,,,"),
        (",1000000,,,", ",1000000,soon,,"),
        (",1000000,,,", ",1000000,2026-02-01,2026-01-01,"),
        ("provider,model,unit", "provider,model"),
        ('"2026-11-21"', '"yesterday"'),
        ("gpt-x,input,1", "gpt-\udcff"),
    ],
)
def test_faulty_books_are_refused_with_file_and_line(old: str, new: str, archive: Path) -> None:
    with zipfile.ZipFile(archive) as zipped:
        files = {name: zipped.read(name).decode() for name in zipped.namelist()}
    assert any(old in text for text in files.values())
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(name, text.replace(old, new).encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"book\.zip"):
        store.load(archive)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    for name, content in (("text.zip", b"no archive"), ("empty.zip", b"PK\x05\x06" + b"\0" * 18)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            store.load(tmp_path / name)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("prices.csv", b"0" * (65 * 1024 * 1024))
    with pytest.raises(InputError, match="larger than"):
        store.unpack(bomb, "bomb")


class Engine:
    """Takes books as the service does: compiles them with the core."""

    def __init__(self) -> None:
        self.taken: list[Book] = []
        self.error: Exception | None = None

    def take(self, book: Book) -> None:
        if self.error:
            raise self.error
        CorePrices(json.dumps(compile_plan(PricesSettings(), book)).encode())
        self.taken.append(book)


def _refused() -> float:
    found = {reading.name: reading.series for reading in events.snapshot()}
    return found["enricher_price_book_refreshes_total"].get(("refused",), 0.0)


def test_a_changed_file_is_taken_over_and_a_faulty_one_is_not(archive: Path) -> None:
    engine = Engine()
    held = PriceBooks(BookSettings(path=str(archive)), engine.take)
    assert held.book == small("1")
    assert not held.look(), "nothing has changed"
    store.pack(small("22"), archive)
    assert held.look()
    assert (held.book, engine.taken) == (small("22"), [small("22")])
    before = _refused()
    archive.write_bytes(b"broken, and longer than it was")
    assert not held.look()
    assert held.book == small("22")
    assert "not an archive" in held.describe()["problem"]
    assert not held.look(), "it is told once"
    assert _refused() == before + 1
    archive.unlink()
    assert not held.look()
    store.pack(small("333"), archive)
    engine.error = PlanError("no")
    assert not held.look()
    assert (held.book, held.describe()["problem"]) == (small("22"), "no")
    engine.error = None
    store.pack(small("4444"), archive)
    assert held.look()
    assert held.describe()["problem"] is None


def test_a_book_that_comes_back_as_it_was_is_no_fault_any_more(archive: Path) -> None:
    held = PriceBooks(BookSettings(path=str(archive)), Engine().take)
    away = archive.with_name("away")
    archive.rename(away)
    assert not held.look()
    assert "cannot read" in held.describe()["problem"]
    away.rename(archive)
    assert held.look()
    assert held.describe()["problem"] is None
    assert not held.look(), "once"
    found = {reading.name: reading.series for reading in events.snapshot()}
    assert found["enricher_price_book_last_refresh_successful"] == {(): 1.0}


def test_a_book_that_does_not_compile_is_not_taken(archive: Path) -> None:
    held = PriceBooks(BookSettings(path=str(archive)), Engine().take)
    orphan = replace(small("1").prices[0], model="nobody", price="123456")
    store.pack(replace(small("1"), prices=[orphan, *small("1").prices]), archive)
    assert not held.look()
    assert "does not list" in held.describe()["problem"]
    one = small("1")
    newcomer = replace(one, models=[replace(one.models[0], provider="newcomer")])
    store.pack(replace(newcomer, prices=[replace(one.prices[0], provider="newcomer")]), archive)
    assert not held.look()
    assert "provider that this version does not know" in held.describe()["problem"]


def test_the_thread_finds_a_new_file(archive: Path) -> None:
    done = threading.Event()
    held = PriceBooks(BookSettings(path=str(archive), refresh=1), lambda _: done.set())
    store.pack(small("55555"), archive)
    held.start()
    try:
        assert done.wait(10)
    finally:
        held.stop()
    assert held.book == small("55555")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The address of an HTTPS server, and what it serves by path."""
    made = certs.make(tmp_path)
    content: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path)
            moved = content.get(f"moved {self.path}", b"").decode()
            self.send_response(302 if moved else 404 if body is None else 200)
            if moved:
                self.send_header("Location", moved)
            if self.path in content.get("cut off", b"").decode().split():
                self.send_header("Content-Length", str(len(body or b"") + 100))
            self.end_headers()
            try:
                for byte in body or b"" if self.path in content.get("slow", b"").decode().split() else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
                self.wfile.write(body or b"")
            except OSError:
                pass  # It was given up, as it should be.

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server_cert, made.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.ca))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}", content
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_address_with_its_checksum(site: tuple[str, dict[str, bytes]], archive: Path) -> None:
    root, content = site
    engine = Engine()
    held = PriceBooks(BookSettings(url=f"{root}/book.zip"), engine.take)
    assert held.book == store.shipped(), "until it has been fetched"
    assert not held.look()
    assert "404" in held.describe()["problem"]
    content["/book.zip"] = archive.read_bytes()
    content["/book.zip.sha256"] = b"0" * 64
    assert not held.look()
    assert "checksum" in held.describe()["problem"]
    content["/book.zip.sha256"] = b"soon"
    assert not held.look()
    content["/book.zip.sha256"] = f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  book.zip\n".encode()
    assert held.look()
    assert held.book == small("1")
    assert not held.look(), "the same sum is the same book, which is not fetched again"
    pinned = BookSettings(url=f"{root}/book.zip", sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    assert refresh.Finder().look(pinned) == small("1")
    with pytest.raises(InputError, match="checksum"):
        refresh.Finder().look(pinned.model_copy(update={"sha256": "f" * 64}))


def test_a_fault_of_an_address_is_told_and_passes(
    site: tuple[str, dict[str, bytes]],
    archive: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, content = site
    good = archive.read_bytes()
    pinned = hashlib.sha256(good).hexdigest()
    engine = Engine()
    monkeypatch.setattr(refresh, "_WHOLE_S", 0.2)
    monkeypatch.setattr(refresh, "MOST_BYTES", len(good) + 10)
    held = PriceBooks(BookSettings(url=f"{root}/book.zip", sha256=pinned), engine.take)
    faults: list[tuple[str, dict[str, bytes]]] = [
        ("404", {}),
        ("checksum", {"/book.zip": good[:-1] + b"?"}),
        ("checksum", {"/book.zip": good[:100]}),
        ("cut off", {"/book.zip": good[:100], "cut off": b"/book.zip"}),
        ("not there after", {"/book.zip": good, "slow": b"/book.zip"}),
        ("larger than", {"/book.zip": good * 2}),
    ]
    for words, served in faults:
        content.clear()
        content.update(served)
        before = _refused()
        caplog.clear()
        assert not held.look()
        assert held.book == store.shipped(), words
        assert words in held.describe()["problem"]
        assert [words in record.message for record in caplog.records] == [True]
        assert _refused() == before + 1
    content.clear()
    content["/book.zip"] = good
    assert held.look(), "a pinned book whose fetch failed is fetched again"
    assert (held.book, held.describe()["problem"]) == (small("1"), None)


def test_a_fault_in_between_is_forgotten_when_the_same_book_is_there_again(
    site: tuple[str, dict[str, bytes]], archive: Path
) -> None:
    root, content = site
    engine = Engine()
    held = PriceBooks(BookSettings(url=f"{root}/book.zip"), engine.take)
    checksum = f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  book.zip\n".encode()
    content |= {"/book.zip": archive.read_bytes(), "/book.zip.sha256": checksum}
    engine.error = PlanError("no")
    assert not held.look()
    assert not held.look(), "it is tried again, and refused again"
    assert held.describe()["problem"] == "no"
    engine.error = None
    assert held.look()
    del content["/book.zip.sha256"]
    assert not held.look()
    assert "404" in held.describe()["problem"]
    content["/book.zip.sha256"] = checksum
    assert not held.look()
    assert (held.book, held.describe()["problem"]) == (small("1"), None)


def test_the_copy_of_a_fetched_book_serves_the_next_start_and_the_other_commands(
    site: tuple[str, dict[str, bytes]], archive: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, content = site
    copy = tmp_path / "data" / "book.zip"
    settings = BookSettings(url=f"{root}/book.zip", copy_path=str(copy))
    [problem] = check(PricesSettings(book=settings))
    assert (problem.code, problem.path, problem.severity) == ("book-not-fetched", "book.url", "warning")
    assert refresh.chosen(settings) == store.shipped()
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    content |= {"/book.zip": archive.read_bytes(), "/book.zip.sha256": checksum.encode()}
    assert PriceBooks(settings, Engine().take).look()
    assert check(PricesSettings(book=settings)) == []
    assert refresh.chosen(settings) == PriceBooks(settings, Engine().take).book == small("1")
    pinned = settings.model_copy(update={"sha256": "f" * 64})
    assert refresh.chosen(pinned) == store.shipped()
    assert "checksum" in check(PricesSettings(book=pinned))[0].message
    copy.write_bytes(b"no archive")
    assert "not an archive" in check(PricesSettings(book=settings))[0].message
    unkept = settings.model_copy(update={"copy_path": ""})
    assert [problem.code for problem in check(PricesSettings(book=unkept))] == ["book-not-fetched"]
    (tmp_path / "file").write_text("")
    lost = settings.model_copy(update={"copy_path": str(tmp_path / "file" / "book.zip")})
    held = PriceBooks(lost, Engine().take)
    assert held.look(), "a copy that cannot be kept is no reason to refuse the book"
    assert any("cannot keep" in record.message for record in caplog.records)


def test_only_https_and_only_so_much(monkeypatch: pytest.MonkeyPatch, site: tuple[str, dict[str, bytes]]) -> None:
    root, content = site
    with pytest.raises(ValueError, match="url"):
        BookSettings(url="http://example.com/book.zip")
    content["/book.zip"] = b"x" * 1000
    monkeypatch.setattr(refresh, "MOST_BYTES", 999)
    with pytest.raises(InputError, match="larger than"):
        refresh.Finder().look(BookSettings(url=f"{root}/book.zip", sha256="0" * 64))


def test_no_address_on_the_way_is_other_than_https(site: tuple[str, dict[str, bytes]]) -> None:
    root, content = site
    content["/book.zip"] = b"x"
    content["moved /here"] = f"{root}/there".encode()
    content["moved /there"] = f"{root}/book.zip".encode()
    with pytest.raises(InputError, match="book"):
        refresh.Finder().look(BookSettings(url=f"{root}/here", sha256=hashlib.sha256(b"x").hexdigest()))
    asked: list[str] = []

    class Plain(BaseHTTPRequestHandler):
        """Leads back to where HTTPS is."""

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"{root}/book.zip")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    plain = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    try:
        content["moved /there"] = f"http://localhost:{plain.server_port}/back".encode()
        with pytest.raises(InputError, match=r"there leads to http://localhost:\d+/back, which is not HTTPS"):
            refresh.Finder().look(BookSettings(url=f"{root}/here", sha256="0" * 64))
    finally:
        plain.shutdown()
        plain.server_close()
    assert asked == []


def test_age_is_counted_in_days() -> None:
    assert REAL_AGE_DAYS(small("1"), date(2026, 12, 1)) == 10
    assert REAL_AGE_DAYS(store.shipped()) >= 0
    held = PriceBooks(BookSettings(max_age_days=4), Engine().take)
    told = held.describe()
    assert (told["older_than_limit"], told["from"]) == (True, "package")


def test_a_calendar_that_has_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    end = store.shipped().calendars()["china"]
    assert end == date(2026, 12, 31)
    assert refresh.ended_calendars(store.shipped(), end) == {}
    late = refresh.ended_calendars(store.shipped(), date(2027, 1, 1))
    assert late == {"china": end}
    monkeypatch.setattr(refresh, "ended_calendars", lambda _: late)
    assert [problem.code for problem in check(PricesSettings())] == ["ended-calendar"]
    told = PriceBooks(BookSettings(), Engine().take).describe()
    assert (told["calendars"], told["ended_calendars"]) == ({"china": "2026-12-31"}, ["china"])
