"""An exact name keeps its price however it is wrapped.

Names come with a path before them (`bedrock/NAME`, `arn:…:inference-profile/NAME`). A pattern of another model, such as
`*amazon.nova-pro*`, would take the whole of such a text before what stands behind the path is looked up.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from enricher.price.book import ModelRow


def excluded(models: Sequence[ModelRow]) -> list[ModelRow]:
    """The rows; patterns that begin with `*` exclude the exact names of the provider's other models behind a path."""
    exact: dict[str, dict[str, str]] = defaultdict(dict)
    for row in models:
        exact[row.provider].update({name: row.model for name in row.names.split() if "*" not in name})
    return [_without(row, exact[row.provider]) for row in models]


def _without(row: ModelRow, exact: dict[str, str]) -> ModelRow:
    globs = [name for name in row.names.split() if name.startswith("*")]
    if not globs:
        return row
    taken = re.compile("|".join(".*".join(map(re.escape, glob.split("*"))) + r"\Z" for glob in globs))
    others = {f"*/{name}" for name, model in exact.items() if model != row.model and taken.match(f"x/{name}")}
    known = row.excluded.split()
    return replace(row, excluded=" ".join([*known, *sorted(others.difference(known))]))
