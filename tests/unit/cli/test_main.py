"""What every command has in common: usage, the end of a pipe, output that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from enricher.cli.main import SUBCOMMANDS, main

ROOT = Path(__file__).parents[3]
NAMES = [module.__name__.rpartition(".")[2] for module in SUBCOMMANDS]


def stopped(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_without_arguments_it_shows_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    err = capsys.readouterr().err
    assert [line.split()[0] for line in err.splitlines() if line.startswith("    ") and line[4] != " "] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped(name, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: enricher {name} ")


def test_the_version_is_the_cores(capsys: pytest.CaptureFixture[str]) -> None:
    assert stopped("--version") == 0
    cargo = (ROOT / "core" / "Cargo.toml").read_text()
    version = next(line.split('"')[1] for line in cargo.splitlines() if line.startswith("version"))
    assert capsys.readouterr().out == f"enricher {version}\n"


@pytest.mark.parametrize(
    ("typed", "hint"), [("chek", "did you mean `check`?"), ("zzz", "`enricher --help` lists the commands")]
)
def test_an_unknown_command_is_named_with_the_nearest(
    typed: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert stopped(typed) == 2
    assert capsys.readouterr().err.endswith(f"enricher: no command is called `{typed}`; {hint}\n")


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
    )


@pytest.mark.parametrize("lines", [0, 1])
def test_a_reader_that_goes_is_no_fault_to_tell(lines: int) -> None:
    done = run(f'"$PYTHON" -m enricher prices list | head -n {lines}')
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == lines


def test_output_that_cannot_be_written_is_told_without_a_traceback() -> None:
    done = run('"$PYTHON" -m enricher prices list > /dev/full')
    assert done.returncode == 1
    assert done.stderr == "enricher: [Errno 28] No space left on device\n"
