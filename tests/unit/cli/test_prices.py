"""`enricher prices` from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.price import store
from tests.unit.price.test_build import CORRECTIONS, DATA, _build, _wheel, list_wheel


def _json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert main(["prices", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    entries = _json(capsys, "list", "--provider", "azure.ai.openai")
    assert entries
    assert {entry["provider"] for entry in entries} == {"azure"}
    assert len(_json(capsys, "list")) == len(store.shipped().models)
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


OWN = """
prices:
  overrides:
    - {model: acme-13b, per_million: {input: 1, output: 2}, currency: EUR}
    - {model: gpt-4o-mini, provider: openai, per_million: {output: 0.5}}
  discounts:
    - {provider: openai, model: gpt-4o, percent: 10}
    - {provider: openai, model: gpt-4o, percent: 5, tenant: acme}
  aliases:
    chat-prod: [{model: azure/eu/gpt-4o-2024-08-06, when_host: acme-eu.*}, gpt-4o]
  currencies: {EUR: 1.25}
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    return str(path)


def test_list_marks_your_own_terms(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    entries = {(one["provider"], one["model"]): one for one in _json(capsys, "list", "--config", own)}
    assert len(entries) == len(store.shipped().models) + 1
    mini, full = entries["openai", "gpt-4o-mini"], entries["openai", "gpt-4o"]
    assert (mini["input"], mini["output"], mini["list"]["output"]) == ("0.15", "0.5", "0.6")
    assert (full["input"], full["cache_read"], full["output"]) == ("2.25", "1.125", "9")
    assert full["yours"] == [
        "discount 10% off gpt-4o, provider openai",
        "discount 5% off gpt-4o, provider openai, tenant acme",
    ]
    assert (entries["", "acme-13b"]["output"], entries["openai", "gpt-5"].get("yours")) == ("2.5", None)
    assert main(["prices", "list", "--provider", "openai", "-c", own]) == 0
    text = capsys.readouterr().out
    assert "openai/gpt-4o  2.25 / 1.125 / 9" in text
    assert "yours: chat-prod is azure/eu/gpt-4o-2024-08-06 at acme-eu.*" in text
    assert "acme-13b" not in text


def test_show_applies_your_own_terms(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    def usd(*arguments: str) -> str:
        found: str = _json(capsys, "show", *arguments, "-c", own)["example"]["usd"]
        return found

    assert usd("gpt-4o") == "0.01125"
    assert usd("gpt-4o", "--tenant", "acme") == "0.0106875"
    assert usd("gpt-4o-mini") == "0.00065"
    assert usd("chat-prod", "--host", "acme-eu.openai.azure.com:443") == "0.01375"
    assert usd("gpt-4o", "--set", "prices.discounts=[]") == "0.0125"
    answer = _json(capsys, "show", "acme-13b", "-c", own)
    assert (answer["model"], answer["prices"], answer["example"]["usd"]) == (None, [], "0.00375")
    assert main(["prices", "show", "acme-13b", "-c", own]) == 0
    assert "yours: override acme-13b: input 1 / 1M, output 2 / 1M EUR" in capsys.readouterr().out
    assert main(["prices", "show", "gpt-4o", "-c", own + ".not"]) == 1


def test_show_tells_terms_of_the_tenant_alone(own: str, capsys: pytest.CaptureFixture[str]) -> None:
    def terms(*arguments: str) -> list[str]:
        found: list[str] = _json(capsys, "show", "gpt-4o", "-c", own, *arguments)["yours"]
        return found

    everybody = "discount 10% off gpt-4o, provider openai"
    assert terms() == [everybody]
    assert terms("--tenant", "acme") == [everybody, "discount 5% off gpt-4o, provider openai, tenant acme"]


def test_show_tells_standard_prices_from_those_in_circumstances(capsys: pytest.CaptureFixture[str]) -> None:
    rows = _json(capsys, "show", "gemini-3.1-pro-preview")["prices"]
    marks = {(row["context"], row["when"]): row["in_force"] for row in rows if row["unit"] == "input"}
    assert marks["", ""] == "standard"
    assert {mark for key, mark in marks.items() if any(key)} == {"conditional"}
    assert main(["prices", "show", "o3", "--at", "2025-07-01"]) == 0
    text = capsys.readouterr().out
    assert "+ in force then for calls beyond the threshold" in text
    assert "\n  cache_read         2.5 / 1M, … to 2025-06-10" in text
    assert "\n* cache_read         0.5 / 1M, 2025-06-10 to …" in text
    assert "\n+ cache_read         0.25 / 1M, service_tier=flex" in text


def test_list_and_show_take_another_book(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = _build(tmp_path, CORRECTIONS)
    store.pack(book, tmp_path / "book.zip")
    for place in ("book", "book.zip"):
        store.save(book, tmp_path / "book")
        assert len(_json(capsys, "list", "--book", str(tmp_path / place))) == len(book.models)
    found = _json(capsys, "show", "three", "--provider", "deepseek", "--book", str(tmp_path / "book"))
    assert found["model"]["model"] == "three"
    assert main(["prices", "list", "--book", str(tmp_path / "none")]) == 1


def test_show_takes_a_region_from_the_host_and_asks_for_the_provider(capsys: pytest.CaptureFixture[str]) -> None:
    llama = "meta.llama3-70b-instruct-v1:0"
    assert main(["prices", "show", llama]) == 1
    assert "the book has it with --provider aws.bedrock" in capsys.readouterr().out
    london = ["--provider", "aws.bedrock", "--host", "bedrock-runtime.eu-west-2.amazonaws.com"]
    assert _json(capsys, "show", llama, *london)["model"]["model"] == f"eu-west-2/{llama}"


@pytest.mark.parametrize(
    ("at", "input_prices"),
    [
        ("2026-08-16T15:59", ["0.435"]),
        ("2026-11-20T02:00", ["1.32"]),
        ("2026-11-20T05:00", ["0.66"]),
        ("2026-11-21T02:00", ["0.66"]),
        ("2026-10-01T02:00", ["0.66"]),
    ],
    ids=["before the list", "peak", "between peaks", "Saturday", "holiday"],
)
def test_show_marks_the_rows_whose_dates_and_hours_hold(
    at: str, input_prices: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prices", "show", "deepseek-v4-pro", "--at", at]) == 0
    marked = [line.split()[2] for line in capsys.readouterr().out.splitlines() if line.startswith("* input ")]
    assert sorted(marked) == input_prices


@pytest.mark.parametrize("arguments", [["gpt-4o", "--provider", "vllm"], ["hosted_vllm/gpt-4o"]])
def test_show_says_why_a_self_hosted_server_has_no_price(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _json(capsys, "show", *arguments, status=1)["why"] == "you run this server, and pay for its machines"
    assert main(["prices", "show", *arguments]) == 1
    assert "state its price in prices.overrides" in capsys.readouterr().out


def test_unknown_providers_and_times_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "list", "--provider", "nobody"]) == 1
    assert "no provider is called 'nobody'" in capsys.readouterr().err
    assert main(["prices", "show", "gpt-4o", "--provider", "azure.ai.opnai"]) == 1
    assert "did you mean 'azure.ai.openai'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["prices", "show", "gpt-4o", "--at", "yesterday"])
    assert "2026-11-20" in capsys.readouterr().err


def test_show_names_factors_and_those_that_apply(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "show", "grok-4.7", "--host", "us-east-1.api.x.ai"]) == 0
    text = capsys.readouterr().out
    assert "x1.1 US endpoint, at us-*.api.x.ai or us.api.x.ai, all tokens" in text
    assert "x0.8 batch, all tokens, where the list has no price of its own" in text
    assert "costs 0.0088 USD: US endpoint x1.1" in text
    assert main(["prices", "show", "grok-4.7", "--host", "api.x.ai"]) == 0
    assert "costs 0.008 USD\n" in capsys.readouterr().out
    factors = _json(capsys, "show", "grok-4.7")["factors"]
    assert [(row["name"], row["factor"], row["when"]) for row in factors] == [
        ("US endpoint", "1.1", ""),
        ("batch", "0.8", "batch"),
    ]


def test_diff(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = _build(tmp_path, CORRECTIONS)
    new = _build(tmp_path, CORRECTIONS.replace('"0.28"', '"0.29"').replace("[three, ", "[drei, "), old)
    for name, book in (("old", old), ("new", new)):
        store.save(book, tmp_path / name)
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
