"""`enricher demo`: serve with files as the backend, feed recorded traffic of real SDKs, show it live, sum up."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

from enricher.demo import view
from enricher.demo.recording import load
from enricher.demo.session import Feeder, Server
from enricher.demo.traffic import MIX, Traffic
from enricher.errors import InputError

_SETTLE_SECONDS = 7.0
"""Longer than the demonstration's decision_wait: every trace is decided before the last scrape."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("demo", help="see the main job at work on recorded traffic", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to send (default: 30)")
    parser.add_argument("--rate", type=float, default=300.0, help="spans a second (default: 300)")
    parser.add_argument("--seed", type=int, default=None, help="make the mix repeatable")
    parser.add_argument(
        "--directory", type=Path, default=Path("enricher-data/demo"), help="where files go (default: %(default)s)"
    )
    parser.set_defaults(handler=run)


def run(options: argparse.Namespace) -> int:
    """Returns 0 when the demonstration ran to its end."""
    if options.seconds <= 0 or options.rate <= 0:
        raise InputError("--seconds and --rate must be above 0")
    directory: Path = options.directory
    directory.mkdir(parents=True, exist_ok=True)
    for old in (*directory.glob("traces*.jsonl*"), *directory.glob("calls*.jsonl*")):
        old.unlink()
    bundles = load()
    print(f"enricher demo: {len(bundles)} recorded runs of real SDKs, {options.rate:g} spans/s, {options.seconds:g} s")
    print("mix: " + ", ".join(f"{kind} {share:.0%}" for kind, share in MIX.items()))
    server = Server(directory)
    url = f"http://{server.ports['metrics']}/metrics"
    feeder = Feeder(server.ports["otlp_grpc"], Traffic(bundles, options.seed), options.rate)
    interrupted = False
    try:
        feeder.start()
        _watch(url, feeder, options.seconds)
        feeder.stop()
        print("\nwaiting for the last traces to be decided")
        time.sleep(_SETTLE_SECONDS)
    except KeyboardInterrupt:
        interrupted = True
    text = view.scrape(url)
    (directory / "metrics.prom").write_text(text)
    code = server.stop()
    if feeder.fault is not None:
        print(f"sending failed: {feeder.fault}", file=sys.stderr)
        return 1
    _sum_up(view.read(text), directory, url, feeder.sent)
    return 130 if interrupted else code


def _watch(url: str, feeder: Feeder, seconds: float) -> None:
    live = sys.stdout.isatty()
    started = time.monotonic()
    height = 0
    while (elapsed := time.monotonic() - started) < seconds and feeder.is_alive():
        time.sleep(min(1.0 if live else 10.0, seconds - elapsed))
        frame = view.draw(view.read(view.scrape(url)), time.monotonic() - started, feeder.sent)
        if live and height:
            sys.stdout.write(f"\x1b[{height}F\x1b[J")
        print(frame if live else f"\n{frame}", flush=True)
        height = frame.count("\n") + 1


def _sum_up(figures: view.Figures, directory: Path, url: str, sent: int) -> None:
    calls = [json.loads(line) for line in (directory / "calls.jsonl").read_text().splitlines()]
    spent = sum((Decimal(call["cost_usd"]) for call in calls if call["cost_usd"] is not None), Decimal(0))
    kept = sum((Decimal(c["cost_usd"]) for c in calls if c["cost_usd"] is not None and c["sampled"]), Decimal(0))
    states = Counter(call["cost_state"] for call in calls)
    dialects = Counter(call["dialect"] or "(none)" for call in calls)
    decided = figures.kept + figures.dropped
    size = sum(file.stat().st_size for file in directory.glob("traces*.jsonl*"))
    print("\n" + view.draw(figures, 0, sent).split("\n", 2)[2])
    print(f"""
{sent:,} spans sent, {figures.spans:,.0f} received; {len(calls):,} model calls, each counted once
{spent:f} USD spent; {kept / spent if spent else 0:.0%} of it stands in the traces that were kept
{figures.kept:,.0f} of {decided:,.0f} traces kept ({figures.kept / decided if decided else 0:.0%}), {size / 1e6:.1f} MB
cost: {", ".join(f"{count} {state}" for state, count in states.most_common())}
dialects: {", ".join(f"{name} {count}" for name, count in dialects.most_common())}

Look at
  {directory}/calls.jsonl      one line a model call: who, which model, tokens, cost, sampled by what
  {directory}/traces.jsonl     the kept traces, OTLP JSON lines
  {directory}/metrics.prom     the last scrape (Prometheus scraped {url} while it ran)
  {directory}/enricher.yaml    the configuration; change a rule and run it: enricher run -c {directory}/enricher.yaml
Next
  enricher explain {directory}/traces.jsonl | less        what was concluded from what
  export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317   and `enricher run`: your own traffic
""")
