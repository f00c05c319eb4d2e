"""Writes the vocabulary files of this package from those that the makers of models publish.

python -m enricher.tokens.build NAME=FILE… where FILE is a `.tiktoken` file, a `tekken.json` or a byte-level BPE
`tokenizer.json`. docs/tokens.md says which file of which package each was made from.

A vocabulary file is zlib; unpacked it holds each token in order of rank: its length (varint) and its bytes.
"""

from __future__ import annotations

import base64
import json
import sys
import zlib
from pathlib import Path
from typing import Any

from enricher.tokens import tables


def tokens_of(path: Path) -> list[bytes]:
    """The tokens of a published file, in order of rank. Raises ValueError for a file of another kind."""
    if path.suffix == ".tiktoken":
        return _tiktoken(path.read_bytes())
    document = json.loads(path.read_text(encoding="utf-8"))
    if "vocab" in document and "config" in document:
        return _tekken(document)
    if document.get("model", {}).get("type") == "BPE":
        return _merges(document["model"]["merges"])
    raise ValueError(f"{path} is no .tiktoken file, tekken.json or byte-level BPE tokenizer.json")


def _tiktoken(text: bytes) -> list[bytes]:
    ranked = sorted((int(rank), base64.b64decode(token)) for token, rank in map(bytes.split, text.splitlines()))
    if [rank for rank, _ in ranked] != list(range(len(ranked))):
        raise ValueError("the ranks have gaps")
    return [token for _, token in ranked]


def _tekken(document: Any) -> list[bytes]:
    config = document["config"]
    count = config["default_vocab_size"] - config["default_num_special_tokens"]
    return [base64.b64decode(entry["token_bytes"]) for entry in document["vocab"][:count]]


def _merges(merges: list[str | list[str]]) -> list[bytes]:
    """Bytes first, then what each merge makes: pairs are merged in the order of the list."""
    letters = _letters()
    tokens = {bytes([byte]): None for byte in range(256)}
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        tokens.setdefault(bytes(letters[letter] for letter in "".join(pair)))
    return list(tokens)


def _letters() -> dict[str, int]:
    """Bytes by the characters that byte-level BPE writes for them: printable ones as themselves, others from 256 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


def pack(tokens: list[bytes]) -> bytes:
    """The file."""
    out = bytearray()
    for token in tokens:
        length = len(token)
        while length >= 0x80:
            out.append(length & 0x7F | 0x80)
            length >>= 7
        out.append(length)
        out += token
    return zlib.compress(bytes(out), 9)


def main(arguments: list[str]) -> None:
    for argument in arguments:
        name, _, source = argument.partition("=")
        packed = pack(tokens_of(Path(source)))
        tables.path(name).write_bytes(packed)
        print(f"{name}: {len(packed):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
