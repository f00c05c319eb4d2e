"""The published price data of the `genai-prices` package, read without importing (or trusting) its code."""

from __future__ import annotations

import ast
import datetime
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from enricher.errors import InputError

PACKAGE = "genai-prices"
_DATA = "genai_prices/data.py"
_POSITIONAL = ("Decimal", "datetime.date", "datetime.time")


@dataclass(frozen=True, slots=True)
class Made:
    """One constructor call of the data module: `ModelInfo(id='x')` is `Made('ModelInfo', {'id': 'x'})`."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """The keyword argument; None when it was not given."""
        return self.values.get(name)


@dataclass(frozen=True, slots=True)
class Upstream:
    """One release: its version and its providers, in the package's order."""

    version: str
    providers: list[Made]


def download(package: str, directory: Path) -> Path:
    """The newest wheel from the package index that pip is set up for. Raises InputError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", package]
    done = subprocess.run([*command, "--dest", str(directory)], capture_output=True, text=True, check=False)
    wheels = sorted(directory.glob(f"{package.replace('-', '_')}-*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no wheel was found"]
        raise InputError(f"cannot download {package}: {reason[0]}; give a wheel with --wheel")
    return wheels[-1]


def release(wheel: Path) -> tuple[int, ...]:
    """The version in a wheel's name as numbers, for sorting."""
    version = wheel.name.split("-")[1] if "-" in wheel.name else ""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def read(wheel: Path) -> Upstream:
    """The data of a wheel. Raises InputError."""
    version = re.match(r"genai_prices-([^-]+)-", wheel.name)
    if version is None:
        raise InputError(f"{wheel} is not a wheel of {PACKAGE}")
    try:
        with zipfile.ZipFile(wheel) as archive:
            text = archive.read(_DATA).decode()
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read {_DATA} from {wheel}: {error}") from error
    return Upstream(version[1], parse(text))


def parse(text: str) -> list[Made]:
    """The list that the data module binds to `providers`. Raises InputError on anything but literals and calls."""
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.AnnAssign) and getattr(statement.target, "id", "") == "providers":
            value = _value(statement.value)
            if isinstance(value, list) and all(isinstance(entry, Made) for entry in value):
                return value
    raise InputError(f"{_DATA} has no list of providers: its layout has changed")


def _value(node: ast.expr | None) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [_value(entry) for entry in node.elts]
    if isinstance(node, ast.Dict):
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.Call):
        return _call(node)
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    raise InputError(f"{_DATA} line {getattr(node, 'lineno', 0)} is not a literal: its layout has changed")


def _call(node: ast.Call) -> Any:
    name = ast.unparse(node.func)
    if not re.fullmatch(r"[\w.]+", name) or (node.args and name not in _POSITIONAL):
        raise InputError(f"{_DATA} line {node.lineno} is not a literal: its layout has changed")
    positional = [_value(argument) for argument in node.args]
    if name == "Decimal":
        return Decimal(positional[0])
    if name == "datetime.date":
        return datetime.date(*positional)
    named = {keyword.arg: _value(keyword.value) for keyword in node.keywords if keyword.arg}
    if name == "datetime.time":
        if named.get("tzinfo") not in (None, "datetime.UTC", "datetime.timezone.utc"):
            raise InputError(f"{_DATA} line {node.lineno} has a time that is not UTC")
        return datetime.time(*positional)
    return Made(name, named)
