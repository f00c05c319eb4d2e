"""The report takes medians, compares with the aims, and does not let a wrong answer pass unseen."""

import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import report
from bench.measure import Check, Result
from bench.process import Process, ProcessError


def run(target: str, rate: float, *checks: Check) -> Result:
    """One run of 512-span requests."""
    return Result(target, "512", {"spans_per_cpu_second": rate}, list(checks))


def test_speed_shows_medians_and_shares_of_ceiling_and_collector() -> None:
    results = [run("grpcio", 700_000.0)]
    results += [run("enricher", rate) for rate in (100_000.0, 350_000.0, 360_000.0)]
    results += [run("collector-tail", 70_000.0)]
    text = report.speed(results)
    assert "| 512 | 700k | 350k | 70k | 50% of the ceiling (aim 50%), 5.0x the Collector (aim 4x) |" in text


def test_wrong_answer_is_named_in_the_report(tmp_path: Path) -> None:
    results = [run("enricher", 1.0, Check("spans at the sink", 10, 9, False), Check("calls that failed", 0, 0, True))]
    assert not results[0].correct
    text = report.write(results, 1.0, 0.5, tmp_path)
    assert "1 of 2 checks held." in text
    assert "WRONG: enricher 512: spans at the sink: expected 10, got 9" in text
    assert (tmp_path / "report.md").read_text() == text
    assert '"correct": false' in (tmp_path / "report.json").read_text()


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="no program is called colector; there are: grpcio, enricher"):
        command.main(["--targets", "colector"])


def test_process_counts_the_cpu_time_of_its_children(tmp_path: Path) -> None:
    # The child spends its time in a grandchild that has ended, so that only the sum over children shows it.
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    script = (
        f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {burn!r}])\nprint('done', flush=True)"
    )
    process = Process([sys.executable, "-c", script + "\ntime.sleep(60)"], tmp_path / "log")
    try:
        process.wait_for_line("^done$")
        assert process.cpu_seconds() >= 0.3
        now, peak = process.memory_bytes()
        assert 0 < now <= peak
    finally:
        process.stop()


def test_process_that_ends_at_once_is_an_error_with_its_output(tmp_path: Path) -> None:
    process = Process([sys.executable, "-c", "raise SystemExit('no such port')"], tmp_path / "log")
    with pytest.raises(ProcessError, match="no such port"):
        process.wait_for_line("^ready$")
