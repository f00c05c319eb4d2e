"""The demonstration as a user runs it: a process, a short run, its files, its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]


class Demo:
    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory / "demo"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "enricher", "demo", "--directory", str(self.directory), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=directory,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        )

    def wait_for(self, words: str) -> str:
        """Reads standard output up to the line with `words`; that line."""
        assert self.process.stdout is not None
        return next(line for line in self.process.stdout if words in line)

    def end(self) -> tuple[str, str, int]:
        out, err = self.process.communicate(timeout=50)
        return out, err, self.process.returncode

    def serves(self) -> bool:
        """Whether a service that this demonstration started is still there."""
        mark = str(self.directory / "enricher.yaml").encode()
        return any(mark in line for line in map(_command, Path("/proc").glob("[0-9]*/cmdline")))


def _command(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def demo_in(tmp_path: Path) -> Path:
    return tmp_path


def test_a_short_run_agrees_with_itself_and_leaves_only_files(demo_in: Path) -> None:
    demo = Demo(demo_in, "--seconds", "4", "--rate", "200", "--seed", "1")
    out, err, status = demo.end()
    assert status == 0, out + err
    assert err == ""
    checks = [line for line in out.splitlines() if line.startswith(("  ✓", "  ✗"))]
    assert len(checks) == 7
    assert all(line.startswith("  ✓") for line in checks)
    records = [json.loads(line) for line in (demo.directory / "calls.jsonl").read_text().splitlines()]
    assert f"{len(records):,} sent = {len(records):,} in the metrics = {len(records):,} in calls.jsonl" in out
    assert {"normal", "failing", "slow", "costly"} <= set(out.replace(",", "").split())
    assert not demo.serves()

    kept = {record["trace_id"] for record in records if record["sampled"]}
    stored = (demo.directory / "traces.jsonl").read_text()
    in_file = {
        span["traceId"]
        for line in stored.splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }
    assert kept <= in_file
    assert not {record["trace_id"] for record in records if not record["sampled"]} & in_file

    # The next step that it prints works as printed.
    command = next(text for text in out.replace("\\\n", "").splitlines() if " explain " in text).split()
    assert command[:3] == ["python", "-m", "enricher"]
    told = subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True, cwd=demo_in, env=_environment(), check=False
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"trace {command[-1]}")
    assert "KEPT by " in told.stdout.splitlines()[0]


def test_ctrl_c_sums_up_and_leaves_nothing_running(demo_in: Path) -> None:
    demo = Demo(demo_in, "--seconds", "60", "--rate", "100")
    demo.wait_for(" spans ")
    demo.process.send_signal(signal.SIGINT)
    out, err, status = demo.end()
    assert status == 130, out + err
    assert "Traceback" not in out + err
    assert "model calls" in out
    assert "✗" not in out
    assert not demo.serves()


def test_it_can_stay_so_that_prometheus_can_look(demo_in: Path) -> None:
    demo = Demo(demo_in, "--seconds", "1", "--stay")
    url = demo.wait_for("Still serving").split()[2]
    with urllib.request.urlopen(url, timeout=10) as response:
        assert b"llm_cost_usd_total" in response.read()
    demo.process.send_signal(signal.SIGTERM)
    _, err, status = demo.end()
    assert (status, err) == (0, "")
    wait_until(lambda: not demo.serves(), 5)


def test_a_service_that_dies_is_told_with_its_last_words(demo_in: Path) -> None:
    demo = Demo(demo_in, "--seconds", "60")
    demo.wait_for("service on ")
    mark = str(demo.directory / "enricher.yaml").encode()
    service = next(
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if mark in (command := _command(path)) and b"\0run\0" in command
    )
    os.kill(service, signal.SIGKILL)
    _, err, status = demo.end()
    assert status == 1
    assert err.startswith("enricher: ")
    assert "enricher.log" in err
    assert "Traceback" not in err


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}
