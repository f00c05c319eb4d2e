"""The work that a build with a profile learns from: it runs, and it is whole."""

import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

from bench.train import requests
from enricher.wire import count_items

REPOSITORY = Path(__file__).parents[3]


def test_the_build_names_a_command_that_takes_and_decides_all_of_its_traffic() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["maturin"]
    interpreter, *arguments = shlex.split(settings["pgo-command"])
    assert interpreter == "python"
    command = [sys.executable, *arguments, "--decks", "1"]
    told = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    spans = sum(count_items(body) for body, _ in requests(1))
    assert told.startswith(f"{spans:,} spans of ")
