"""`enricher prices` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.price import book as books
from tests.unit.price.test_build import CORRECTIONS, DATA, _build, _wheel, list_wheel


def _json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["prices", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    entries = _json(capsys, "list", "--provider", "azure.ai.openai")
    assert entries
    assert {entry["provider"] for entry in entries} == {"azure"}
    assert len(_json(capsys, "list")) == len(books.shipped().models)
    assert main(["prices", "list", "--provider", "x_ai"]) == 0
    assert "x-ai/grok-4.7  2 / 0.5 / 6" in capsys.readouterr().out


def test_show_prices_a_call_at_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    before = _json(capsys, "show", "gpt-5.6-sol", "--at", "2026-08-20T23:59:59Z")
    after = _json(capsys, "show", "gpt-5.6-sol", "--at", "2026-08-21")
    assert (before["example"]["usd"], after["example"]["usd"]) == ("0.035", "0.024")
    assert before["model"]["provider"] == "openai"
    assert main(["prices", "show", "claude-sonnet-4-5@20250929", "--provider", "gcp.vertex_ai"]) == 0
    text = capsys.readouterr().out
    assert "vertex/claude-sonnet-4-5@20250929" in text
    assert "costs 0.018 USD" in text


def test_show_offers_the_nearest_names(capsys: pytest.CaptureFixture[str]) -> None:
    answer = _json(capsys, "show", "gtp-4o", "--provider", "openai", status=1)
    assert answer["model"] is None
    assert "gpt-4o" in answer["nearest"]
    assert main(["prices", "show", "gtp-4o"]) == 1
    assert "nearest: gpt-4o" in capsys.readouterr().out


def test_unknown_providers_and_times_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "list", "--provider", "nobody"]) == 1
    assert "no provider is called 'nobody'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prices", "show", "gpt-4o", "--at", "yesterday"])
    assert "2026-11-20" in capsys.readouterr().err


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = _build(tmp_path, CORRECTIONS)
    new = _build(tmp_path, CORRECTIONS.replace('"0.28"', '"0.29"').replace("[three, ", "[drei, "), old)
    for name, book in (("old", old), ("new", new)):
        books.save(book, tmp_path / name)
    changes = _json(capsys, "diff", str(tmp_path / "old"), str(tmp_path / "new"))
    assert [(change["what"], change["kind"], change["row"]) for change in changes] == [
        ("changed", "model", "deepseek/three"),
        ("changed", "price", "deepseek/three input"),
    ]
    assert "0.28" in changes[1]["before"]
    assert "0.29" in changes[1]["after"]
    assert main(["prices", "diff", str(tmp_path / "old"), str(tmp_path / "old")]) == 0
    assert capsys.readouterr().out == "0 changes\n"
    assert main(["prices", "diff", str(tmp_path / "nowhere"), str(tmp_path / "old")]) == 1


def test_update_refuses_a_wheel_without_the_models_that_corrections_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheels = ["--wheel", str(_wheel(tmp_path, DATA)), "--wheel", str(list_wheel(tmp_path, {}))]
    assert main(["prices", "update", *wheels, "--output", str(tmp_path / "book")]) == 1
    assert "corrections.yaml" in capsys.readouterr().err
    assert not (tmp_path / "book").exists(), "the old book stays on any fault"
