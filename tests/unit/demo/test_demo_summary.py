"""The figures of a demonstration are compared with each other before anyone is shown them."""

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from enricher.cli.style import Style
from enricher.config import load
from enricher.demo import summary, view
from enricher.demo.session import Files, Tally
from enricher.errors import InputError


def record(**fields: Any) -> str:
    base = {"trace_id": "ab" * 16, "cost_usd": "0.5", "sampled": True, "status": "ok", "cost_state": "computed"}
    base |= {"dialect": "openllmetry", "duplicates": 0, "inferred": None}
    base |= {"calls": 1, "input_tokens": 10, "output_tokens": 2}
    return json.dumps(base | fields)


def figures(calls: float = 2, usd: float = 0.75) -> view.Figures:
    told = view.Figures(spans=6, kept=1, dropped=1, errors=1)
    told.models["openai", "gpt-4o"] = view.Model(calls, 10, 2, usd)
    return told


CALLS = [
    record(),
    record(cost_usd="0.25", sampled=False, status="error", input_tokens=None, output_tokens=None, trace_id="cd" * 16),
]
TALLY = Tally(spans=6, traces=2, calls=2, failed_calls=1, input_tokens=12, output_tokens=4)


def test_everything_agrees() -> None:
    checked = summary.checks(figures(), TALLY, summary.Calls(CALLS))
    assert [check.what for check in checked if not check.agrees] == []


@pytest.mark.parametrize(
    ("told", "calls", "what"),
    [
        (figures(calls=3), CALLS, ["model calls"]),
        (figures(usd=0.9), CALLS, ["USD"]),
        (figures(), CALLS[:1], ["model calls", "failed calls", "USD"]),
    ],
)
def test_a_figure_that_is_off_is_shown_as_such(told: view.Figures, calls: list[str], what: list[str]) -> None:
    off = [check for check in summary.checks(told, TALLY, summary.Calls(calls)) if not check.agrees]
    assert [check.what for check in off] == what
    assert all("≠" in check.line(Style(False)) for check in off)


def test_money_is_added_exactly() -> None:
    calls = summary.Calls([record(cost_usd="0.1")] * 3 + [record(cost_usd=None, cost_state="unpriced")])
    assert calls.usd == Decimal("0.3")
    assert calls.states == {"computed": 3, "unpriced": 1}


def test_the_trace_to_look_at_is_kept_and_told_twice() -> None:
    other = record(trace_id="ef" * 16, duplicates=1, inferred=["provider"])
    assert summary.Calls([*CALLS, other]).telling() == "ef" * 16
    assert summary.Calls([]).telling() is None


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_the_summary_names_files_and_next_steps(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/enricher"])
    files = Files(Path("enricher-data/demo"))
    calls = summary.Calls(CALLS)
    checked = summary.checks(figures(), TALLY, calls)
    calls.dialects.update({f"dialect_number_{number}": 1000 + number for number in range(20)})
    url = "http://127.0.0.1:34567/metrics"
    text = summary.write(figures(), TALLY, calls, checked, files, url, Style(False), columns)
    lines = text.splitlines()
    assert max(map(len, lines)) <= max(80, min(columns, 105))
    told = [line for line in lines if "dialect_number_" in line]
    assert len(told) > 3
    assert not any(line.split()[-1].replace(",", "").isdigit() for line in told), "a count stands beside its name"
    for path in (files.calls, files.traces, files.sent, files.metrics):
        assert str(path) in text
    assert url in text
    command = f"  .venv/bin/enricher explain {files.sent} -c {files.config} --trace abababab\n"
    assert command in text.replace(" \\\n     ", "")
    assert "0.75 USD on 2 calls" in text
    assert "with 67% of the spend" in text


def test_commands_are_named_as_they_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / ".venv" / "bin" / "enricher"
    program.parent.mkdir(parents=True)
    program.write_text("")
    program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert summary.called_as(str(program)) == ".venv/bin/enricher"
    monkeypatch.setenv("PATH", str(program.parent))
    assert summary.called_as(str(program)) == "enricher"


def test_files_of_other_origin_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").write_text("mine")
    with pytest.raises(InputError, match=r"traces\.jsonl is not from a demonstration"):
        Files(tmp_path).prepare()
    assert (tmp_path / "traces.jsonl").read_text() == "mine"


def test_an_earlier_demonstration_is_cleared_away(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.prepare()
    files.calls.write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    files.prepare()
    assert not files.calls.exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_it_runs_with_is_a_valid_configuration(tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.prepare()
    loaded = load([files.config], [])
    assert loaded.problems == []
    assert {policy.name for policy in loaded.require().sampling.policies} == {"errors", "slow", "costly", "the-rest"}


@pytest.mark.parametrize("option", ["--seconds", "--rate"])
@pytest.mark.parametrize("value", ["0", "-3", "soon", "nan", "inf"])
def test_options_that_make_no_sense_are_refused(option: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["demo", f"{option}={value}"])
    assert stopped.value.code == 2
    assert f"{value}: must be a number above 0" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--directory", str(tmp_path / "file" / "demo")]) == 1
    err = capsys.readouterr().err
    assert f"cannot write to {tmp_path}/file/demo" in err
    assert "--directory" in err
