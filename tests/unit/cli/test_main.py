import tomllib
from pathlib import Path

import pytest

from enricher.cli.main import main

CRATE = Path(__file__).parents[3] / "core" / "Cargo.toml"


def test_the_version_is_the_crates(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"enricher {tomllib.loads(CRATE.read_text())['package']['version']}\n"


def test_a_missing_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main([])
    assert "COMMAND" in capsys.readouterr().err
