"""A labelled set for redaction: personal data and secrets in the forms people write them, look-alikes that are neither,
and the texts and JSON they stand in. Made from a seed, by rules of its own: nothing here is read from the program."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass

_WORDS = ["order", "please", "refund", "the", "invoice", "customer", "called", "about", "her", "account", "yesterday"]
_ALNUM = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Case:
    """`text` holds `value` once; `kind` is what it is, "" for a look-alike. Forms write what stands around a value with
    it, and the value between «»."""

    kind: str
    form: str
    value: str
    text: str
    carrier: str


def cases(seed: int = 7, each: int = 12) -> list[Case]:
    """`each` values of every form, every one in a carrier of its own."""
    rng = random.Random(seed)
    made = []
    for kind, form, make in FORMS:
        for number in range(each):
            written = make(rng)
            value = written.partition("«")[2].partition("»")[0] or written
            carrier = list(CARRIERS)[number % len(CARRIERS)]
            text = CARRIERS[carrier](_sentence(rng, written.replace("«", "").replace("»", "")))
            made.append(Case(kind, form, value, text, carrier))
    return made


def _sentence(rng: random.Random, value: str) -> str:
    before = " ".join(rng.sample(_WORDS, 4))
    after = " ".join(rng.sample(_WORDS, 3))
    left, right = rng.choice(
        [(" ", " "), (": ", "."), (" (", ") "), ("\n", "\n"), (' "', '" '), ("\t", ", "), (" ", "!")]
    )
    return f"{before}{left}{value}{right}{after}"


def _twice(text: str) -> str:
    return json.dumps({"arguments": json.dumps({"query": text}), "id": "call_1"})


CARRIERS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json": lambda text: json.dumps([{"role": "user", "content": text}]),
    "escaped json": lambda text: json.dumps({"content": text}).replace("@", "\\u0040").replace("+", "\\u002b"),
    "json in json": _twice,
    "json in json in json": lambda text: json.dumps({"body": _twice(text)}),
    "python repr": lambda text: repr({"role": "user", "content": text}),
    "cut json": lambda text: json.dumps({"content": text, "more": "x" * 40})[:-9],
}


def _some(rng: random.Random, alphabet: str, count: int) -> str:
    # Keys have digits and letters both; a draw without either would be no key.
    while True:
        drawn = "".join(rng.choices(alphabet, k=count))
        if any(c.isdigit() for c in drawn) and any(c.isalpha() for c in drawn):
            return drawn


def _some_letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=count))


def _basic(rng: random.Random, name: int, password: int) -> str:
    return base64.b64encode(f"{_some_letters(rng, name)}:{_some_letters(rng, password)}".encode()).decode()


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def _luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def _card(prefix: str, length: int, groups: tuple[int, ...], separator: str) -> Callable[[random.Random], str]:
    def make(rng: random.Random) -> str:
        body = prefix + _digits(rng, length - 1 - len(prefix))
        number = body + _luhn_digit(body)
        parts, at = [], 0
        for size in groups:
            parts.append(number[at : at + size])
            at += size
        return separator.join(parts)

    return make


def _iban(country: str, bban: str, grouped: bool) -> Callable[[random.Random], str]:
    def make(rng: random.Random) -> str:
        body = "".join(
            rng.choice(string.digits) if c == "n" else rng.choice(string.ascii_uppercase) if c == "a" else c
            for c in bban
        )
        value = int("".join(str(int(c, 36)) for c in f"{body}{country}00"))
        iban = f"{country}{98 - value % 97:02d}{body}"
        return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)) if grouped else iban

    return make


def _email(local: str, domain: str) -> Callable[[random.Random], str]:
    return lambda rng: f"{local.replace('#', _digits(rng, 3))}@{domain}"


def _shape(shape: str) -> Callable[[random.Random], str]:
    """`#` is a digit, `9` one that is not 0 or 1."""
    return lambda rng: "".join(
        rng.choice(string.digits) if c == "#" else rng.choice("23456789") if c == "9" else c for c in shape
    )


def _key(prefix: str, count: int, alphabet: str = _ALNUM) -> Callable[[random.Random], str]:
    return lambda rng: prefix + _some(rng, alphabet, count)


def _jwt(rng: random.Random) -> str:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': _digits(rng, 8)})}.{_some(rng, _ALNUM, 43)}"


def _private_key(rng: random.Random) -> str:
    lines = "\n".join(_some(rng, _ALNUM + "+/", 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


def _ipv6(style: str) -> Callable[[random.Random], str]:
    def make(rng: random.Random) -> str:
        address = ipaddress.IPv6Address((0x20010DB8 << 96) | rng.getrandbits(32) << (0 if style != "full" else 60))
        return address.exploded if style == "full" else address.compressed

    return make


_HEX = string.digits + "abcdef"
FORMS: list[tuple[str, str, Callable[[random.Random], str]]] = [
    ("email", "plain", _email("anna.schmidt#", "example.com")),
    ("email", "plus", _email("bob+tag#", "mail.example.co.uk")),
    ("email", "accents", _email("jürgen.müller#", "example.de")),
    ("email", "long ending", _email("sales#", "shop.example.photography")),
    ("email", "number domain", _email("wei#", "163.com")),
    ("email", "mailto", lambda rng: f"mailto:«kim{_digits(rng, 3)}@example.org»"),
    ("email", "url query", lambda rng: f"https://shop.example/bye?u=«kim{_digits(rng, 3)}@example.org»&id=7"),
    ("email", "url query at once", lambda rng: f"https://shop.example?u=«kim{_digits(rng, 3)}@example.org»"),
    ("email", "url path", lambda rng: f"https://crm.example/u/«anna.b{_digits(rng, 3)}@example.com»/edit"),
    ("email", "url fragment", lambda rng: f"http://crm.example/#«anna{_digits(rng, 3)}@example.com»"),
    ("email", "markdown link", lambda rng: f"[profile](https://crm.example/u/«li{_digits(rng, 3)}@example.com»)"),
    ("email", "url escaped", lambda rng: f"https://t.example/?to=«bob{_digits(rng, 3)}%40example.org»"),
    ("email", "url in a url", lambda rng: f"https://t.example/?n=a%2Fu%3D«bob{_digits(rng, 3)}%40example.org»"),
    ("email", "url user", lambda rng: f"ftp://«jane{_digits(rng, 3)}@example.com»:pw99@host/x"),
    ("email", "apostrophe", _email("o'brien#", "example.ie")),
    ("card", "visa", _card("4", 16, (16,), "")),
    ("card", "visa spaced", _card("4", 16, (4, 4, 4, 4), " ")),
    ("card", "mastercard hyphens", _card("53", 16, (4, 4, 4, 4), "-")),
    ("card", "mastercard 2", _card("2345", 16, (4, 4, 4, 4), " ")),
    ("card", "amex", _card("37", 15, (4, 6, 5), " ")),
    ("card", "amex plain", _card("34", 15, (15,), "")),
    ("card", "discover", _card("6011", 16, (16,), "")),
    ("card", "no-break spaces", _card("4", 16, (4, 4, 4, 4), "\u00a0")),
    ("card", "no-break hyphens", _card("4", 16, (4, 4, 4, 4), "\u2011")),
    ("card", "diners", _card("36", 14, (4, 6, 4), " ")),
    ("iban", "germany", _iban("DE", "n" * 18, True)),
    ("iban", "germany plain", _iban("DE", "n" * 18, False)),
    ("iban", "britain", _iban("GB", "aaaa" + "n" * 14, True)),
    ("iban", "netherlands", _iban("NL", "aaaa" + "n" * 10, False)),
    ("iban", "france", _iban("FR", "n" * 10 + "n" * 11 + "nn", True)),
    ("iban", "malta", _iban("MT", "aaaa" + "n" * 23, False)),
    ("iban", "norway", _iban("NO", "n" * 11, True)),
    ("ip", "v4", lambda rng: str(ipaddress.IPv4Address(rng.getrandbits(31) | 1 << 24))),
    ("ip", "v4 and port", lambda rng: f"«10.{rng.randrange(256)}.{rng.randrange(256)}.7»:8080"),
    ("ip", "v6", _ipv6("short")),
    ("ip", "v6 full", _ipv6("full")),
    ("ip", "v6 in brackets", lambda rng: f"[«{_ipv6('short')(rng)}»]:443"),
    ("ip", "v6 link", lambda rng: f"fe80::{rng.getrandbits(16):x}:{rng.getrandbits(16):x}"),
    ("phone", "e164", _shape("+4930#######")),
    ("phone", "international spaced", _shape("+49 30 ### ####")),
    ("phone", "international with 0", _shape("+44 (0)20 #### ####")),
    ("phone", "france international", _shape("+33 6 ## ## ## ##")),
    ("phone", "us parentheses", _shape("(9##) 9##-####")),
    ("phone", "us hyphens", _shape("9##-9##-####")),
    ("phone", "us dots", _shape("9##.9##.####")),
    ("phone", "us with 1", _shape("1-9##-9##-####")),
    ("phone", "germany national", _shape("030 ########")),
    ("phone", "germany mobile", _shape("0171 #######")),
    ("phone", "germany slash", _shape("0171/#######")),
    ("phone", "france national", _shape("06 ## ## ## ##")),
    ("phone", "britain national", _shape("020 #### ####")),
    ("phone", "us unseparated", _shape("9##9######")),
    ("phone", "us unseparated after a word", lambda rng: f"phone: «{_shape('9##9######')(rng)}»"),
    ("phone", "unseparated in a sentence", lambda rng: f"call me at «{_shape('9##9######')(rng)}»"),
    ("phone", "germany unseparated", lambda rng: f"Telefon «0171{_digits(rng, 7)}»"),
    ("secret", "openai", _key("sk-", 48)),
    ("secret", "openai project", _key("sk-proj-", 74, _ALNUM + "_-")),
    ("secret", "anthropic", lambda rng: f"sk-ant-api03-{_some(rng, _ALNUM + '_-', 90)}AA"),
    ("secret", "openrouter", _key("sk-or-v1-", 64, _HEX)),
    ("secret", "github", _key("ghp_", 36)),
    ("secret", "github fine", lambda rng: f"github_pat_{_some(rng, _ALNUM, 22)}_{_some(rng, _ALNUM, 59)}"),
    ("secret", "aws", _key("AKIA", 16, string.ascii_uppercase + "234567")),
    ("secret", "aws secret", lambda rng: f"aws_secret_access_key = «{_some(rng, _ALNUM + '/+', 40)}»"),
    ("secret", "google", _key("AIza", 35, _ALNUM + "_-")),
    ("secret", "slack", lambda rng: f"xoxb-{_digits(rng, 12)}-{_digits(rng, 12)}-{_some(rng, _ALNUM, 24)}"),
    ("secret", "stripe", _key("sk_live_", 24)),
    ("secret", "gitlab", _key("glpat-", 20, _ALNUM + "_-")),
    ("secret", "hugging face", _key("hf_", 34)),
    ("secret", "groq", _key("gsk_", 52)),
    ("secret", "npm", _key("npm_", 36)),
    ("secret", "jwt", _jwt),
    ("secret", "bearer", lambda rng: f"Authorization: Bearer «{_some(rng, _ALNUM + '-._', 40)}»"),
    ("secret", "private key", _private_key),
    ("secret", "url password", lambda rng: f"postgres://app:«{_some(rng, _ALNUM, 14)}»@db/orders"),
    ("secret", "url password of an address", lambda rng: f"ftp://jo@example.com:«{_some(rng, _ALNUM, 8)}»@host/x"),
    ("secret", "url password of a domain", lambda rng: f"redis://:«{_some(rng, _ALNUM, 9)}»@cache.example.com:6379"),
    ("secret", "url token", lambda rng: f"https://a.example/cb?token=«{_some(rng, _ALNUM, 18)}»&u=1"),
    ("secret", "api key assigned", lambda rng: f"api_key=«{_some(rng, _HEX, 32)}»"),
    ("secret", "short key", lambda rng: f"x-api-key: «abcDEF{_digits(rng, 6)}»"),
    ("secret", "short key in a list", lambda rng: f'{{"X-API-Key": ["«kk{_some(rng, _ALNUM, 10)}»"]}}'),
    ("secret", "password with marks", lambda rng: f"password: «Tr0ub4dor&{_digits(rng, 2)}$x»"),
    ("secret", "password in a query", lambda rng: f"https://a.example/?password=«horse{_digits(rng, 3)}»&user=jo"),
    ("secret", "header", lambda rng: f"x-api-key: «{_some(rng, _HEX, 32)}»"),
    ("secret", "token assigned", lambda rng: f'ACCESS_TOKEN="«{_some(rng, _ALNUM, 24)}»"'),
    ("secret", "password", lambda rng: f"password: «hunter{_digits(rng, 2)}secret»"),
    ("secret", "password assigned", lambda rng: f"DB_PASSWORD=«{_some(rng, _ALNUM, 12)}»"),
    ("secret", "password word", lambda rng: f"password: «{_some_letters(rng, 8)}»"),
    ("secret", "password word quoted", lambda rng: f'"password": "«{_some_letters(rng, 12)}»"'),
    ("secret", "pwd word", lambda rng: f"Server=db;Uid=app;Pwd=«{_some_letters(rng, 9)}»;"),
    ("secret", "password flag", lambda rng: f"--password=«{_some_letters(rng, 7)}»!"),
    ("secret", "german password", lambda rng: f"Passwort: «{_some_letters(rng, 10).capitalize()}»"),
    ("secret", "basic", lambda rng: f"Authorization: Basic «{_basic(rng, 4, 5)}»"),
    ("secret", "basic long", lambda rng: f"'authorization': 'basic «{_basic(rng, 12, 20)}»'"),
    ("secret", "authorization token", lambda rng: f"Authorization: Token «{_some_letters(rng, 20)}»"),
    ("phone", "epp", _shape("+1.9#########")),
    ("phone", "my number", lambda rng: f"my number is «{_shape('9##9######')(rng)}»"),
    ("phone", "number and what it is", lambda rng: f"«{_shape('9##9######')(rng)}» (cell)"),
    ("phone", "number of somebody", lambda rng: f"«{_shape('9##9######')(rng)}» is her new number"),
    ("phone", "spain unseparated", lambda rng: f"móvil: «6{_digits(rng, 8)}»"),
    ("phone", "france unseparated", lambda rng: f"téléphone «06{_digits(rng, 8)}»"),
    ("phone", "india unseparated", lambda rng: f"Mobile No. «98{_digits(rng, 8)}»"),
    ("phone", "contact number", lambda rng: f"contact number: «{_shape('9##9######')(rng)}»"),
    ("phone", "argument", lambda rng: f"phone_number=«{_shape('9##9######')(rng)}»"),
    ("phone", "dial", lambda rng: f"dial «{_shape('9##9######')(rng)}»"),
    ("phone", "whatsapp", lambda rng: f"WhatsApp: «{_shape('9##9######')(rng)}»"),
    ("phone", "name and number", lambda rng: f"John Smith «{_shape('9##9######')(rng)}»"),
    ("", "uuid", lambda rng: str(uuid.UUID(int=rng.getrandbits(128), version=4))),
    ("", "sha256", lambda rng: _some(rng, _HEX, 64)),
    ("", "git commit", lambda rng: _some(rng, _HEX, 7)),
    ("", "nanoseconds", lambda rng: f"17{_digits(rng, 17)}"),
    ("", "milliseconds", lambda rng: f"17{_digits(rng, 11)}"),
    ("", "order number", lambda rng: f"ORD-{_digits(rng, 10)}"),
    ("", "ten digits", _shape("9##9######")),
    ("", "call id", lambda rng: f"call_id {_shape('9##9######')(rng)}"),
    ("", "tel of a word", lambda rng: f"hotel {_shape('9##9######')(rng)}"),
    ("", "date", lambda rng: f"{rng.randrange(1, 29):02d}-{rng.randrange(1, 13):02d}-20{_digits(rng, 2)}"),
    (
        "",
        "iso time",
        lambda rng: f"2026-0{rng.randrange(1, 9)}-1{_digits(rng, 1)}T0{rng.randrange(9)}:42:17.{_digits(rng, 6)}Z",
    ),
    ("", "date and time", lambda rng: f"0{rng.randrange(1, 9)}.11.2026 14:{rng.randrange(10, 60)}"),
    ("", "price", lambda rng: f"{rng.randrange(1, 999)},{_digits(rng, 3)}.{_digits(rng, 2)} EUR"),
    ("", "decimal", lambda rng: f"0.{_digits(rng, 12)}"),
    ("", "version", lambda rng: f"v{rng.randrange(9)}.{rng.randrange(30)}.{rng.randrange(30)}"),
    ("", "package", lambda rng: f"lodash@4.17.{rng.randrange(30)}"),
    ("", "model", lambda rng: f"claude-sonnet-4-5-2025{rng.randrange(10, 12)}{rng.randrange(10, 29)}"),
    ("", "response id", lambda rng: f"chatcmpl-{_some(rng, _ALNUM, 29)}"),
    ("", "tool call id", lambda rng: f"toolu_{_some(rng, _ALNUM, 24)}"),
    ("", "failed luhn", lambda rng: (c := _card("4", 16, (4, 4, 4, 4), " ")(rng))[:-1] + str((int(c[-1]) + 5) % 10)),
    ("", "failed iban", lambda rng: (c := _iban("DE", "n" * 18, False)(rng))[:-1] + str((int(c[-1]) + 1) % 10)),
    ("", "c++", lambda rng: f"std::vector<int> v{_digits(rng, 2)}; fs::path p;"),
    ("", "rust", lambda rng: f"use crate::wire::reader::Reader{_digits(rng, 1)};"),
    ("", "decorator", lambda rng: f"@app.route('/v{_digits(rng, 1)}/users')"),
    ("", "css", lambda _: "sk-fading-circle-container-wide"),
    ("", "clock", lambda rng: f"{rng.randrange(10, 24)}:{rng.randrange(10, 60)}:{rng.randrange(10, 60)}"),
    ("", "mac address", lambda rng: ":".join(_some(rng, _HEX, 2) for _ in range(6))),
    ("", "isbn", lambda rng: f"978-3-16-{_digits(rng, 6)}-{_digits(rng, 1)}"),
    ("", "handle", lambda rng: f"@anna_{_digits(rng, 3)}"),
    ("", "image", lambda rng: f"icon{_digits(rng, 2)}@2x.png"),
    ("", "numbers", lambda rng: " ".join(str(rng.randrange(10, 99)) for _ in range(6))),
    ("", "sum", lambda rng: f"{rng.randrange(100, 999)}+{rng.randrange(100, 999)}={rng.randrange(1000, 1999)}"),
    ("", "percent", lambda rng: f"+{rng.randrange(1, 99)}.{_digits(rng, 2)}%"),
    ("", "coordinates", lambda rng: f"52.{_digits(rng, 6)}, 13.{_digits(rng, 6)}"),
    ("", "placeholder key", lambda _: "sk-xxxxxxxxxxxxxxxxxxxxxxxx"),
    ("", "version of four", lambda rng: f"Chrome {rng.randrange(90, 140)}.0.{_digits(rng, 4)}.{_digits(rng, 2)}"),
    ("", "version of four after its word", lambda rng: f"version {rng.randrange(9)}.2.{rng.randrange(9)}.4"),
    ("", "package of four", lambda rng: f"torch 2.{rng.randrange(9)}.{rng.randrange(9)}.0"),
    ("", "browser", lambda rng: f"Chrome/1{rng.randrange(10, 56)}.0.0.0 Safari/537.36"),
    ("", "numbered section", lambda rng: f"section {rng.randrange(9)}.1.2.{rng.randrange(1, 20)}"),
    ("", "signed coordinates", lambda rng: f"lat +52.{_digits(rng, 6)} lon +13.{_digits(rng, 6)}"),
    ("", "signed decimal", lambda rng: f"delta +0.{_digits(rng, 9)}"),
    ("", "serial number", _shape("0###-####-#### serial")),
    ("", "rows", _shape("9## 9## #### rows")),
    ("", "git remote", lambda rng: f"git@github.com:org{_digits(rng, 2)}/repo"),
    ("", "user of a repository", lambda rng: f"https://build{_digits(rng, 2)}@git.example.com/org/repo"),
    ("", "package in a url", lambda rng: f"https://esm.example/react@18.{_digits(rng, 1)}.0/client"),
    ("", "handle in a url", lambda rng: f"https://blog.example/@anna.b/post-{_digits(rng, 5)}"),
    ("", "place in a url", lambda rng: f"https://maps.example/maps/@52.{_digits(rng, 6)},13.{_digits(rng, 6)},14z"),
    ("", "picture in a url", lambda rng: f"https://cdn.example/icon{_digits(rng, 2)}@2x.png"),
    ("", "tokenizer", lambda rng: f"token: cl{_digits(rng, 3)}k_base"),
    ("", "token limit", lambda rng: f"max token: {_digits(rng, 4)}, secret: none, token is required"),
    ("", "user of a bucket", lambda rng: f"s3://bucket{_digits(rng, 2)}@prod.data"),
    ("", "list with colons", lambda _: "1:2:3:4:5:6:7:8"),
    ("", "tokens counted", lambda rng: f"max_tokens: {_digits(rng, 4)}, total tokens = {_digits(rng, 5)}"),
    ("", "password asked for", lambda _: "password: required, api_key: str = Field(default=None)"),
    ("", "password in code", lambda rng: f'password=os.environ["DB_{_digits(rng, 1)}"], pwd = getpass.getpass()'),
    ("", "password of a type", lambda _: "def login(user: str, password: string) -> None"),
    ("", "password rule", lambda rng: f"password: must be at least {_digits(rng, 1)} characters"),
    ("", "password in a sentence", lambda _: "forgot your password: click the link below"),
    ("", "password masked", lambda _: 'password: "********", passphrase = xxxxxxxx'),
    ("", "password flag alone", lambda _: "--password=$DB_PASSWORD"),
    ("", "basic word", lambda _: "Basic authentication and basic knowledge"),
    ("", "bearer placeholder", lambda _: "Authorization: Bearer <token>"),
    ("", "order number is", lambda rng: f"order number is {_shape('9##9######')(rng)}"),
    ("", "account number", lambda rng: f"account number: {_shape('9##9######')(rng)}"),
    ("", "contact id", lambda rng: f"contact_id={_shape('9##9######')(rng)}"),
    ("", "ticket", lambda rng: f"ticket #{_shape('9##9######')(rng)} of my number of tickets"),
    ("", "seconds since 1970", lambda rng: f"created_at: 17{_digits(rng, 8)}"),
    ("", "amount", lambda rng: f"a total of {_shape('9##9######')(rng)} bytes at work"),
    ("", "section", lambda rng: f"see 3.{rng.randrange(9)}.{rng.randrange(9)}.{rng.randrange(9)} of the standard"),
]
