"""Compare, and write what came of it: `python -m tests.comparison PYTHON LITELLM_WHEEL`, then `make docs`.

PYTHON: an interpreter with genai-prices and litellm installed, of the releases that the book was built from.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from enricher.price import litellm, store
from tests.comparison import compare
from tests.comparison.page import RESULT, popular


def _unknown(answered: list[dict[str, Any]], library: str) -> list[str]:
    """The much-used models that a library has no answer for."""
    known = {(call["provider"], call["name"]) for call in answered if call[library] is not None}
    return [f"{provider}/{name}" for provider, name in popular() if (provider, name) not in known]


def main(python: str, wheel: str) -> None:
    book = store.shipped()
    version, lists = litellm.read(Path(wheel))
    if version != book.sources[litellm.PACKAGE]:
        raise SystemExit(f"the book was built from litellm {book.sources[litellm.PACKAGE]}, this is {version}")
    answered = compare.ask(Path(python), compare.calls(book, lists))
    differences = [asdict(one) for one in compare.differences(compare.Ours(book), answered)]
    result = {
        "at": compare.AT,
        "sources": book.sources,
        "models": len({(call["provider"], call["name"]) for call in answered}),
        "calls": len(answered),
        "answered": {name: sum(call[name] is not None for call in answered) for name in ("genai_prices", "litellm")},
        "unknown": {name: _unknown(answered, name) for name in ("genai_prices", "litellm")},
        "differences": differences,
    }
    RESULT.write_text(json.dumps(result, indent=0, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
