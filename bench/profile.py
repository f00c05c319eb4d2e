"""Where enricher's CPU time goes under full load: `python -m bench.profile [--shape 512] [--seconds 5]`.

Samples the running process with Linux `perf` (Debian: `linux-perf`) and prints its shares by where the code lives, by
stage of the core, and the hottest functions. The core must have its symbols: `cargo build --release`, not a stripped
wheel.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.measure import SHAPES, Shape, send, under_test
from bench.process import ProcessError
from bench.targets import TARGETS, Waits

FREQUENCY_HZ = 499
PLACES = (
    # (what it is, pattern of the shared object); the first that matches
    ("core (Rust)", r"_core\."),
    ("gRPC", r"cygrpc"),
    ("kernel", r"^\[kernel"),
    ("libc (memory, copies, locks)", r"libc[.-]|\[vdso\]|ld-linux"),
    ("Python", r"python"),
)


@dataclass(frozen=True)
class Sample:
    """One line of the report: a share of all samples in percent, the shared object and the function."""

    share: float
    object: str
    symbol: str

    @property
    def place(self) -> str:
        """Which part of the house the code belongs to."""
        return next((name for name, pattern in PLACES if re.search(pattern, self.object)), self.object)

    @property
    def stage(self) -> str:
        """The module of the core, `std and libraries` for code compiled into it from elsewhere."""
        module = re.search(r"\b_core::(\w+)::", self.symbol)
        return module[1] if module else "std and libraries"


def record(shape: Shape, seconds: float, data: Path) -> tuple[float, float]:
    """Load enricher for `seconds` under `perf record`; returns the spans sent and the CPU-seconds used meanwhile.

    Raises ProcessError when perf is missing or fails.
    """
    if shutil.which("perf") is None:
        raise ProcessError("perf is not installed (Debian: linux-perf)")
    with under_test(TARGETS["enricher"], Waits()) as (_, running):
        send(running.port, shape.spans, 9001, seconds=2)
        before = running.process.cpu_seconds()
        command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY_HZ), "-p", str(running.process.pid)]
        with subprocess.Popen([*command, "-o", str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as perf:
            report = send(running.port, shape.spans, 9002, seconds=seconds)
            used = running.process.cpu_seconds() - before
            perf.terminate()
            _, errors = perf.communicate()
        if not data.exists():
            raise ProcessError(f"perf recorded nothing: {errors.decode(errors='replace')}")
        return report["expected"]["spans"], used


def read(data: Path) -> list[Sample]:
    """The samples of a recording, summed by function, hottest first."""
    command = ["perf", "report", "-i", str(data), "--stdio", "--no-children", "-g", "none", "-F", "overhead,dso,sym"]
    out = subprocess.run([*command, "-t", "\t"], capture_output=True, text=True, check=True).stdout
    samples = []
    for line in out.splitlines():
        match = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[.\] (.+?)\s*$", line)
        if match:
            samples.append(Sample(float(match[1]), match[2], re.sub(r"::h[0-9a-f]{16}$", "", match[3])))
    return samples


def summed(shares_of: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """Shares added up by name, largest first."""
    total: dict[str, float] = {}
    for name, share in shares_of:
        total[name] = total.get(name, 0.0) + share
    return sorted(total.items(), key=lambda entry: -entry[1])


def lines(title: str, counted: list[tuple[str, float]], ns_per_percent: float) -> list[str]:
    """One grouping as text, with nanoseconds a span; what is under half a percent is left out."""
    rows = [
        f"  {share:5.1f} %  {share * ns_per_percent:7.0f} ns/span  {name}" for name, share in counted if share >= 0.5
    ]
    return [f"{title}:", *rows, ""]


def main(argv: list[str] | None = None) -> int:
    """Record and print; 1 when perf is not to be had or enricher did not start."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--shape", choices=[name for name, shape in SHAPES.items() if not shape.gzip], default="512")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--top", type=int, default=30, help="functions to list")
    options = parser.parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="enricher-profile-") as folder:
            data = Path(folder) / "perf.data"
            spans, used = record(SHAPES[options.shape], options.seconds, data)
            samples = read(data)
    except ProcessError as fault:
        print(f"bench.profile: {fault}", file=sys.stderr)
        return 1
    per_span_ns = used / spans * 1e9
    core = [sample for sample in samples if sample.place == PLACES[0][0]]
    places = summed((sample.place, sample.share) for sample in samples)
    stages = summed((sample.stage, sample.share) for sample in core)
    functions = summed((f"{sample.symbol}  [{sample.place}]", sample.share) for sample in samples)
    print(f"{spans:,.0f} spans in requests of {options.shape}, {per_span_ns:,.0f} ns of CPU a span\n")
    for title, counted in (("by place", places), ("core by stage", stages), ("by function", functions[: options.top])):
        print("\n".join(lines(title, counted, per_span_ns / 100)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
