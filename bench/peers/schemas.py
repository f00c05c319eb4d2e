"""Rewrite the Kubernetes schemas of the PyPI package `kubernetes-validate` into the layout that kubeconform reads.

The package refers to its definitions by an absolute address and names each file with an `$id`; kubeconform resolves
references relative to the file. Only the newest Kubernetes release in the package is converted.
"""

import json
import re
from pathlib import Path
from typing import Any


def newest(package: Path) -> Path:
    """The strict schema folder of the newest release in the package, e.g. `v1.37.0-local-strict`."""

    def release(folder: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", folder.name))

    folders = list((package / "kubernetes-json-schema").glob("v*-local-strict"))
    if not folders:
        raise FileNotFoundError(f"no schemas below {package}; has the package's layout changed?")
    return max(folders, key=release)


def relative(node: Any) -> Any:
    """A copy of a schema without `$id` and `$schema`, its references relative to its own folder."""
    if isinstance(node, dict):
        kept = {key: relative(value) for key, value in node.items() if key not in ("$id", "$schema")}
        reference = kept.get("$ref")
        if isinstance(reference, str):
            kept["$ref"] = reference.replace("/api/_definitions.json", "_definitions.json")
        return kept
    if isinstance(node, list):
        return [relative(value) for value in node]
    return node


def convert(package: Path, work: Path) -> None:
    """Write `work/schemas/*.json` from the installed package at `package`."""
    target = work / "schemas"
    target.mkdir()
    for source in sorted(newest(package).glob("*.json")):
        (target / source.name).write_text(json.dumps(relative(json.loads(source.read_text()))))
