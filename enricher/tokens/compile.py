"""The plan's `estimate` section, read by `core/src/tokens/plan.rs`."""

from __future__ import annotations

from typing import Any

from enricher.tokens import tables
from enricher.tokens.settings import EstimateSettings

_KIB = 1 << 10


def compile_plan(settings: EstimateSettings) -> dict[str, Any]:
    """The `estimate` section; empty when nothing is to be estimated."""
    if not settings.enabled:
        return {}
    table = tables.load()
    return {
        "vocabularies": [
            {"name": name, "path": str(tables.path(name)), **one.model_dump()}
            for name, one in table.vocabularies.items()
        ],
        "models": [{"match": rule.match.model_dump(), "vocabulary": rule.vocabulary} for rule in table.models],
        "operations": table.operations,
        "input": table.input,
        "output": table.output,
        "system": table.system,
        "tools": table.tools,
        "silent": table.silent,
        "verbatim": table.verbatim,
        "unseen": table.unseen,
        "unseen_types": table.unseen_types,
        "tool_calls": table.tool_calls,
        "marks": table.marks,
        "cut_lengths": table.cut_lengths,
        "finished": table.finished,
        "call_bytes": settings.call_kib * _KIB,
        "tick_bytes": settings.tick_kib * _KIB,
    }
