"""A process under test: start it, find its listeners, read its CPU time and memory from /proc, stop it."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class ProcessError(Exception):
    """A process did not start, ended early or did not stop; the message carries the end of its output."""


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def descendants(pid: int) -> list[int]:
    """The process and all that live below it."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


class Process:
    """A child process whose output goes to a log file, with a thread-free reader of that file."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start `command`; its standard output and error go to `log`."""
        self.log = log
        with open(log, "wb") as handle:
            self.child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
            )
        self.reaper = threading.Thread(target=self.child.wait, daemon=True)
        self.reaper.start()

    @property
    def pid(self) -> int:
        """The process id."""
        return self.child.pid

    def output(self) -> str:
        """Everything the process has written so far."""
        return self.log.read_text(errors="replace")

    def fail(self, what: str) -> ProcessError:
        """An error about this process with the last lines it wrote."""
        return ProcessError(f"{what}; its output ends:\n" + "\n".join(self.output().splitlines()[-20:]))

    def check_alive(self) -> None:
        """Raise ProcessError when the process has ended."""
        if self.child.returncode is not None:
            raise self.fail(f"process ended with {self.child.returncode}")

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Wait for a line of output that matches; raise ProcessError when the process ends or the time is over."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            match = re.search(pattern, self.output(), re.MULTILINE)
            if match:
                return match
            self.check_alive()
            time.sleep(0.05)
        raise self.fail(f"no line {pattern!r} in {START_TIMEOUT_S:.0f} s")

    def wait_for_port(self, port: int) -> None:
        """Wait until something accepts connections on a loopback port."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            self.check_alive()
            time.sleep(0.05)
        raise self.fail(f"nothing listens on {port} after {START_TIMEOUT_S:.0f} s")

    def cpu_seconds(self) -> float:
        """User plus system time of the process, its living descendants and those it has waited for."""
        ticks = 0
        for pid in descendants(self.pid):
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            fields = stat.rsplit(")", 1)[1].split()
            ticks += sum(int(value) for value in fields[11:15])  # utime stime cutime cstime
        return ticks / TICKS

    def memory_bytes(self) -> tuple[int, int]:
        """Resident set now and at its highest, summed over the process and its descendants."""
        now = peak = 0
        for pid in descendants(self.pid):
            try:
                text = Path(f"/proc/{pid}/status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB", text, re.MULTILINE):
                if name == "VmRSS":
                    now += int(value) * 1024
                else:
                    peak += int(value) * 1024
        return now, peak

    def stop(self) -> int:
        """Ask the process to end, kill it when it does not, and return its exit code."""
        if self.child.returncode is None:
            self.child.send_signal(signal.SIGTERM)
            self.reaper.join(STOP_TIMEOUT_S)
        if self.child.returncode is None:
            self.child.kill()
            self.reaper.join()
        code: int | None = self.child.returncode
        return -1 if code is None else code
