"""Values drawn by rules of their own: numbers that check, keys of the right alphabet, tokens that decode."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import re
import string
from collections.abc import Callable

ALNUM = string.ascii_letters + string.digits
HEX = string.digits + "abcdef"
Make = Callable[[random.Random], str]


def some(rng: random.Random, alphabet: str, count: int) -> str:
    # Keys have digits and letters both; a draw without either would be no key.
    while True:
        drawn = "".join(rng.choices(alphabet, k=count))
        if any(c.isdigit() for c in drawn) and any(c.isalpha() for c in drawn):
            return drawn


def some_letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=count))


def basic(rng: random.Random, name: int, password: int) -> str:
    return base64.b64encode(f"{some_letters(rng, name)}:{some_letters(rng, password)}".encode()).decode()


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.digits, k=count))


def luhn_digit(body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * 2 if place % 2 == 0 else int(digit)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def card(prefix: str, length: int, groups: tuple[int, ...], separator: str) -> Make:
    def make(rng: random.Random) -> str:
        body = prefix + digits(rng, length - 1 - len(prefix))
        number = body + luhn_digit(body)
        parts, at = [], 0
        for size in groups:
            parts.append(number[at : at + size])
            at += size
        return separator.join(parts)

    return make


def iban(country: str, bban: str, grouped: bool) -> Make:
    def make(rng: random.Random) -> str:
        body = "".join(
            rng.choice(string.digits) if c == "n" else rng.choice(string.ascii_uppercase) if c == "a" else c
            for c in bban
        )
        value = int("".join(str(int(c, 36)) for c in f"{body}{country}00"))
        iban = f"{country}{98 - value % 97:02d}{body}"
        return " ".join(iban[at : at + 4] for at in range(0, len(iban), 4)) if grouped else iban

    return make


def email(local: str, domain: str) -> Make:
    return lambda rng: f"{local.replace('#', digits(rng, 3))}@{domain}"


def shape(shape: str) -> Make:
    """`#` is a digit, `9` one that is not 0 or 1."""
    return lambda rng: "".join(
        rng.choice(string.digits) if c == "#" else rng.choice("23456789") if c == "9" else c for c in shape
    )


def key(prefix: str, count: int, alphabet: str = ALNUM) -> Make:
    return lambda rng: prefix + some(rng, alphabet, count)


def jwt(rng: random.Random) -> str:
    def part(data: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': digits(rng, 8)})}.{some(rng, ALNUM, 43)}"


def private_key(rng: random.Random) -> str:
    lines = "\n".join(some(rng, ALNUM + "+/", 64) for _ in range(4))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{lines}\n-----END RSA PRIVATE KEY-----"


def ipv6(style: str) -> Make:
    def make(rng: random.Random) -> str:
        address = ipaddress.IPv6Address((0x20010DB8 << 96) | rng.getrandbits(32) << (0 if style != "full" else 60))
        return address.exploded if style == "full" else address.compressed

    return make


_ALPHABETS = {"a": ALNUM, "h": HEX, "k": ALNUM + "_-", "b": ALNUM + "/+", "u": string.ascii_uppercase + "234567"}


def fill(template: str) -> Make:
    """`{a24}` draws 24 letters and digits, `{k…}` with `_` and `-`, `{b…}` base64, `{h…}` hexadecimal, `{u…}` base32,
    `{d…}` digits, `{w…}` small letters."""

    def make(rng: random.Random) -> str:
        def draw(match: re.Match[str]) -> str:
            kind, count = match[1], int(match[2])
            if kind == "d":
                return digits(rng, count)
            return some_letters(rng, count) if kind == "w" else some(rng, _ALPHABETS[kind], count)

        return re.sub(r"\{([a-z])(\d+)\}", draw, template)

    return make


def wide(text: str, zero: int = 0xFF10) -> str:
    """The text with digits of another script and, in full width, its letters and marks as well."""
    shifted = ((ord(c) - 0x30 + zero) if c.isdigit() or (zero == 0xFF10 and "!" <= c <= "~") else ord(c) for c in text)
    return "".join(chr(0x3000) if code == 0x20 and zero == 0xFF10 else chr(code) for code in shifted)
