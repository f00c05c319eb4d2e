"""`enricher simulate` on recordings of real SDKs: the same numbers as `process` and `explain`, and reports of them."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from enricher.cli.main import main

ROOT = Path(__file__).parents[2]
RECORDINGS = sorted((ROOT / "tests" / "recordings" / "data").glob("*/requests.binpb"))
INCIDENTS = str(ROOT / "tests" / "recordings" / "data" / "incidents" / "requests.binpb")
MINIMAL, SIDECAR = str(ROOT / "pipelines" / "minimal.yaml"), str(ROOT / "pipelines" / "sidecar.yaml")

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_process_and_simulate_count_the_same_over_all_recordings(capsys: Capture) -> None:
    assert len(RECORDINGS) > 15
    inputs = [str(path) for path in RECORDINGS]
    processed = run(capsys, "process", *inputs, "-c", SIDECAR)
    found = run(capsys, "simulate", *inputs, "-p", SIDECAR, "-p", MINIMAL)
    one = found["candidates"][0]
    told = found["input"]
    assert [told["traces"], told["spans"], told["calls"]] == [
        processed["traces"]["in"],
        processed["spans"]["in"],
        processed["calls"]["counted"],
    ]
    assert Decimal(told["cost_usd"]) == Decimal(processed["cost_usd"])
    assert [one["kept"]["traces"], one["kept"]["spans"]] == [processed["traces"]["kept"], processed["spans"]["kept"]]
    assert {name: [p["voted"], p["decided"], p["kept"]] for name, p in one["policies"].items()} == {
        name: [p["voted"], p["credited"], p["kept"]] for name, p in processed["policies"].items()
    }
    assert Decimal(one["spend"]["kept_usd"]) == sum(Decimal(p["cost_usd"]) for p in one["policies"].values())


def test_explain_tells_of_each_trace_what_process_did(tmp_path: Path, capsys: Capture) -> None:
    inputs, traces = [str(path) for path in RECORDINGS], tmp_path / "traces.jsonl"
    run(capsys, "process", *inputs, "-c", SIDECAR, "--traces", str(traces))
    records = {one["trace_id"]: one for one in map(json.loads, traces.read_text().splitlines())}
    told = {one["trace_id"]: one for one in run(capsys, "explain", *inputs, "-c", SIDECAR)["traces"]}
    assert told.keys() == records.keys()
    for trace, record in records.items():
        verdict, totals = told[trace]["verdict"], told[trace]["totals"]
        assert (record["kept"], record["policy"]) == (verdict["keep"], verdict["policy"])
        assert record["probability"] == pytest.approx(verdict["probability"])
        assert [record[key] for key in ("calls", "cost_usd", "input_tokens", "output_tokens")] == [
            totals[key] for key in ("calls", "cost_usd", "input_tokens", "output_tokens")
        ]
        assert record["votes"] == {one["policy"]: one["vote"] for one in verdict["votes"] if one["vote"] is not None}


def test_what_a_candidate_keeps_is_what_its_rules_say(tmp_path: Path, capsys: Capture) -> None:
    rules = tmp_path / "failures.yaml"
    rules.write_text(
        "sampling: {policies: [{name: failures, type: status_code, status_code: {status_codes: [ERROR]}}]}\n"
    )
    everything = tmp_path / "everything.yaml"
    everything.write_text("{}\n")
    failures, all_of_it = run(capsys, "simulate", INCIDENTS, "-p", str(rules), "-p", str(everything))["candidates"]
    assert failures["classes"]["failed"]["share"] == 1
    assert failures["classes"]["other"]["kept"] == 0
    assert failures["estimates"]["failed"]["actual_error"] == 0
    assert 0 < failures["estimates"]["traces"]["blind"] < 1
    assert all_of_it["kept_share"] == {"traces": 1, "spans": 1, "bytes": 1}
    assert all_of_it["spend"]["share"] == 1
    assert all_of_it["storage"]["saved_share"] == 0
    assert all_of_it["storage"]["exported_bytes"] > failures["storage"]["exported_bytes"] > 0
    assert all(one["expected_error"] == 0 for one in all_of_it["estimates"].values() if one["true"])


def test_what_is_in_dry_run_is_told_beside_what_is_kept(tmp_path: Path, capsys: Capture) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "sampling: {policies: [{name: failures, type: status_code, status_code: {status_codes: [ERROR]}}]}\n"
    )
    real = run(capsys, "simulate", INCIDENTS, "-p", str(rules))["candidates"][0]
    trial = run(capsys, "simulate", INCIDENTS, "-p", str(rules), "--set", "sampling.dry_run=true")["candidates"][0]
    assert real["dry_run"] is None
    assert trial["kept_share"]["traces"] == 1
    assert trial["dry_run"] == real["kept"]
    assert main(["simulate", INCIDENTS, "-p", str(rules), "--set", "sampling.dry_run=true"]) == 0
    assert "traces kept with what is in dry_run" in capsys.readouterr().out


def test_files_of_the_same_name_are_told_apart_and_values_can_be_set(tmp_path: Path, capsys: Capture) -> None:
    for folder, percentage in (("a", 0), ("b", 100)):
        (tmp_path / folder).mkdir()
        rule = f"{{name: share, type: probabilistic, probabilistic: {{sampling_percentage: {percentage}}}}}"
        (tmp_path / folder / "rules.yaml").write_text(f"sampling: {{policies: [{rule}]}}\n")
    files = [str(tmp_path / folder / "rules.yaml") for folder in ("a", "b")]
    found = run(capsys, "simulate", INCIDENTS, "-p", files[0], "-p", files[1], "--set", "sampling.decision_wait=10s")
    assert [one["name"] for one in found["candidates"]] == files
    assert [one["kept"]["traces"] for one in found["candidates"]] == [0, found["input"]["traces"]]


def test_the_table_and_the_page_tell_of_every_candidate(tmp_path: Path, capsys: Capture) -> None:
    page = tmp_path / "report.html"
    assert main(["simulate", INCIDENTS, "-p", MINIMAL, "-p", SIDECAR, "--html", str(page)]) == 0
    table = capsys.readouterr().out
    for word in ("minimal", "sidecar", "spend captured", "are failed", "the-rest", "say little about a month"):
        assert word in table
    text = page.read_text()
    assert not re.search(r"https?:|<script|<link|@import|url\(", text)
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) >= 5
    for drawing in drawings:
        assert list(ElementTree.fromstring(drawing))


def test_names_of_strangers_do_not_become_markup(tmp_path: Path, capsys: Capture) -> None:
    rules, page = tmp_path / "<b>x&amp;.yaml", tmp_path / "report.html"
    rules.write_text('sampling: {policies: [{name: "<script>alert(1)</script>", type: always_sample}]}\n')
    assert main(["simulate", INCIDENTS, "-p", str(rules), "--html", str(page)]) == 0
    capsys.readouterr()
    assert "<script" not in page.read_text()
    assert "&lt;b&gt;x&amp;amp;" in page.read_text()


def test_what_cannot_be_read_is_told_and_the_rest_is_counted(tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"resourceSpans": 1}\n')
    assert main(["simulate", str(bad), INCIDENTS, "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["input"]["traces"] > 0
    assert "bad.jsonl: message 1 is not OTLP JSON" in told.err
    assert main(["simulate", str(bad)]) == 1
    assert "there are no spans in the input" in capsys.readouterr().err


def test_what_the_engine_refuses_is_told_and_the_rest_is_counted(tmp_path: Path, capsys: Capture) -> None:
    large = tmp_path / "large.jsonl"
    spans = [{"traceId": "0" * 31 + "1", "spanId": f"{n:016x}", "name": "x" * 1000} for n in range(1, 1500)]
    large.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    small = "limits: {buffer_mib: 1, trace_mib: 1}\n"
    (tmp_path / "small.yaml").write_text(small)
    assert main(["simulate", str(large), INCIDENTS, "-p", str(tmp_path / "small.yaml"), "--json"]) == 1
    told = capsys.readouterr()
    assert "large.jsonl: a request does not fit the buffer, raise limits.buffer_mib" in told.err
    assert json.loads(told.out)["input"]["traces"] == 11


def test_the_classical_table_keeps_what_matters_and_saves_most_of_the_storage(capsys: Capture) -> None:
    rules = str(ROOT / "pipelines" / "classical.yaml")
    (one,) = run(capsys, "simulate", "--traffic", "typical", "--traces", "8000", "-p", rules)["candidates"]
    classes = one["classes"]
    assert [classes[name]["share"] for name in ("failed", "costly", "blocked")] == [1, 1, 1]
    assert all(classes[name]["traces"] > 20 for name in ("failed", "slow", "costly", "blocked"))
    # What is slow has to be learned first, which takes the first part of the day.
    assert classes["slow"]["share"] > 0.8
    assert one["policies"]["drop_health_checks"]["decided"] > 1000
    assert one["policies"]["drop_health_checks"]["kept"] == 0
    assert one["policies"]["normal"]["kept"] / one["policies"]["normal"]["decided"] == pytest.approx(0.1, abs=0.015)
    assert one["storage"]["saved_share"] == pytest.approx(0.84, abs=0.02)
    assert one["spend"]["share"] > 0.6
    for estimate in one["estimates"].values():
        assert abs(estimate["actual_error"]) <= 4 * estimate["expected_error"]
