"""Whether a regular expression will compile in the core, whose engine runs in linear time.

The core's own verdict is final; this check exists to give a reason and a place before a plan is built. It reads the
syntax that Rust's `regex` crate and Go share, by rewriting what Python spells differently and refusing what only
backtracking engines know.
"""

from __future__ import annotations

import re
import warnings

_LONGEST = 4096

_NAMED_CLASS = re.compile(r"\[:\^?[a-z]+:\]")
_COUNTED = re.compile(r"\{[0-9]+(?:,[0-9]*)?\}")
_FLAGS = re.compile(r"\(\?(?!\))[imsRUux]*(?:-[imsRUux]+)?([:)])")
_NAMED_GROUP = re.compile(r"\(\?P?<([A-Za-z_][A-Za-z0-9_.\[\]]*)>")
_UNICODE_CLASS = re.compile(r"\\[pP](?:[CLMNPSZclmnpsz]|\{\^?[A-Za-z_=!: ]+\})")
_HEX = re.compile(r"\\(?:[xuU]\{[0-9A-Fa-f]{1,6}\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})")
_PLAIN_ESCAPES = frozenset("dDsSwWbBAaftnrv")
_PLACES = ("b", "B", "A", "z", "<", ">")
_REFUSED_GROUPS = {
    "(?=": "look-around is not supported",
    "(?!": "look-around is not supported",
    "(?<=": "look-around is not supported",
    "(?<!": "look-around is not supported",
    "(?P=": "back-references are not supported",
    "(?(": "conditional groups are not supported",
    "(?>": "atomic groups are not supported",
    "(?#": "comments are not supported",
}


class _Refused(Exception):
    pass


def explain_fault(pattern: str) -> str:
    """Why the pattern will not compile; "" when it will."""
    if len(pattern) > _LONGEST:
        return f"longer than {_LONGEST} characters"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(_as_python(pattern))
    except _Refused as error:
        return str(error)
    except re.error as error:
        return error.msg
    except (RecursionError, OverflowError):
        return "nested too deep or repeated too often"
    return ""


def _as_python(pattern: str) -> str:
    """The pattern in Python's spelling, good enough to be parsed; what it matches does not matter."""
    out: list[str] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            text, position = _escape(pattern, position)
        elif char == "[":
            text, position = _class(pattern, position)
        elif char == "(":
            text, position = _group(pattern, position)
        elif char in "*+?{":
            text, position = _repetition(pattern, position, after="".join(out[-1:]))
        else:
            text, position = char, position + 1
        out.append(text)
    return "".join(out)


def _repetition(pattern: str, start: int, after: str) -> tuple[str, int]:
    counted = _COUNTED.match(pattern, start)
    if pattern[start] == "{" and counted is None:
        raise _Refused("a { is neither a repetition such as {2,5} nor written \\{")
    if after in ("", "(", "(?:", "|"):
        raise _Refused("nothing to repeat")
    end = counted.end() if counted else start + 1
    if pattern.startswith("+", end):
        raise _Refused("possessive quantifiers such as *+ are not supported")
    return pattern[start:end], end


def _escape(pattern: str, start: int) -> tuple[str, int]:
    letter = pattern[start + 1 : start + 2]
    if not letter:
        raise _Refused("it ends in a single backslash")
    for syntax in (_UNICODE_CLASS, _HEX):
        found = syntax.match(pattern, start)
        if found:
            return "x", found.end()
    if letter.isdigit() or letter in "kg":
        raise _Refused("back-references are not supported")
    if letter == "z":
        return r"\Z", start + 2
    if letter.isascii() and letter.isalpha() and letter not in _PLAIN_ESCAPES:
        raise _Refused(f"\\{letter} is not a known escape")
    return "\\" + letter, start + 2


def _class(pattern: str, start: int) -> tuple[str, int]:
    """A bracket class; nested classes and set operations, which Python lacks, become plain characters."""
    position = _opened(pattern, start)
    out = [pattern[start:position].replace("]", r"\]")]
    depth = 1
    while position < len(pattern):
        char = pattern[position]
        named = _NAMED_CLASS.match(pattern, position)
        if named:
            text, position = "x", named.end()
        elif char == "\\":
            if pattern[position + 1 : position + 2] in _PLACES:
                raise _Refused(f"\\{pattern[position + 1]} stands for a place, not for a character of a class")
            text, position = _escape(pattern, position)
        elif char == "[":
            depth += 1
            text, position = r"\[", _opened(pattern, position)
        else:
            depth -= char == "]"
            position += 1
            if depth == 0:
                return "".join(out) + "]", position
            text = "\\" + char if char in "[]&~" else char
        out.append(text)
    raise _Refused("a [ is not closed")


def _opened(pattern: str, start: int) -> int:
    """Behind a class's `[` or `[^`, and behind the `]` that stands for itself when it comes first."""
    position = start + 1
    if pattern.startswith("^", position):
        position += 1
    return position + pattern.startswith("]", position)


def _group(pattern: str, start: int) -> tuple[str, int]:
    if not pattern.startswith("(?", start):
        return "(", start + 1
    for prefix, reason in _REFUSED_GROUPS.items():
        if pattern.startswith(prefix, start):
            raise _Refused(reason)
    named = _NAMED_GROUP.match(pattern, start)
    if named:
        return f"(?P<{re.sub('[^A-Za-z0-9_]', '_', named[1])}>", named.end()
    flags = _FLAGS.match(pattern, start)
    if flags:
        return "(?:" if flags[1] == ":" else "", flags.end()
    raise _Refused("a group begins with (? and something unknown")
