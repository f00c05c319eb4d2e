"""The stub is the contract: it must say what the built module offers, no more and no less."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from enricher import _core

STUB = Path(__file__).parents[2] / "enricher" / "_core.pyi"


def _public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_module_and_classes_offer_what_the_stub_says() -> None:
    tree = ast.parse(STUB.read_text())
    stubbed: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            stubbed.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            stubbed.add(node.target.id)
        elif isinstance(node, ast.ClassDef):
            stubbed.add(node.name)
            members = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            real = _public(dir(getattr(_core, node.name)))
            assert real == _public(list(members)), node.name
    assert _public(dir(_core)) == stubbed


def test_every_public_name_of_the_stub_has_a_docstring() -> None:
    for node in ast.walk(ast.parse(STUB.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name != "__new__":
            assert ast.get_docstring(node), node.name


def test_stubtest_agrees() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "enricher._core", "--ignore-missing-stub"],
        capture_output=True,
        text=True,
        cwd=STUB.parents[1],
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
