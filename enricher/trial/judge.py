"""Compares what is expected of a trace with what became of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from enricher.config.paths import dotted
from enricher.config.shape import nearest
from enricher.errors import Problem
from enricher.trial.settings import Expect, ExpectTrial

# Thresholds are written with four hex digits, as the OpenTelemetry specification's default has it.
_PROBABILITY = 1e-3
# Prices are exact; the span's own figure is a double.
_COST = 1e-9
_SHORT = 60

_PLAIN = (
    "policy",
    "trigger",
    "calls",
    "failed_calls",
    "input_tokens",
    "output_tokens",
    "guardrail",
    "incomplete",
)
"""What is compared as it stands in the trace record, under the same name."""


@dataclass(frozen=True, slots=True)
class Got:
    """trace: its trace record. calls: its call records. spans: its kept spans as OTLP JSON. late: spans after the
    verdict. waited_s: from the trace's beginning to its decision."""

    trace: dict[str, Any]
    calls: list[dict[str, Any]]
    spans: list[dict[str, Any]]
    late: int
    waited_s: float


def judge(expect: Expect, got: Got, policies: Sequence[str]) -> list[Problem]:
    """What is other than expected. Paths are relative to `expect` and begin with a dot."""
    told = verdict(got)
    return [
        Problem("test-failed", f".{dotted(path)}", f"expected {_shown(wanted)}, got {_shown(found)}", hint or told)
        for path, wanted, found, hint in _differences(expect, got, policies)
    ]


Difference = tuple[tuple[str | int, ...], Any, Any, str]


def _differences(expect: Expect, got: Got, policies: Sequence[str]) -> Iterator[Difference]:
    trace = got.trace
    written = expect.model_fields_set
    for name in _PLAIN:
        wanted = getattr(expect, name)
        if name in written and wanted != trace[name]:
            yield (name,), wanted, trace[name], _policy_hint(wanted, policies) if name == "policy" else ""
    yield from _decision(expect, trace, ())
    if expect.dry_run is not None:
        if trace["dry_run"] is None:
            yield ("dry_run",), "something in dry_run", None, "set `dry_run: true` on a policy, or under `sampling`"
        else:
            yield from _decision(expect.dry_run, trace["dry_run"], ("dry_run",))
            if expect.dry_run.policy not in (None, trace["dry_run"]["policy"]):
                yield ("dry_run", "policy"), expect.dry_run.policy, trace["dry_run"]["policy"], ""
    if expect.cost_usd is not None:
        cost = None if trace["cost_usd"] is None else float(trace["cost_usd"])
        if cost is None or not _near(expect.cost_usd, cost, _COST):
            yield ("cost_usd",), expect.cost_usd, cost, ""
    if expect.late_spans is not None and expect.late_spans != got.late:
        yield ("late_spans",), expect.late_spans, got.late, ""
    for policy, share in expect.votes.items():
        vote = trace["votes"].get(policy)
        if not _same(share, vote, _PROBABILITY):
            yield ("votes", policy), share, vote, _policy_hint(policy, policies)
    yield from _call(expect.call, got.calls)
    yield from _spans(expect.spans, got)


def _decision(expect: Expect | ExpectTrial, found: dict[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    if expect.keep is not None and expect.keep != found["kept"]:
        yield (*path, "keep"), expect.keep, found["kept"], ""
    if expect.probability is not None and not _near(expect.probability, found["probability"], _PROBABILITY):
        yield (*path, "probability"), expect.probability, found["probability"], ""


def _call(wanted: dict[str, Any], calls: list[dict[str, Any]]) -> Iterator[Difference]:
    if wanted and not calls:
        yield ("call",), "a model call", None, "no span of the trace is counted as one: `enricher explain` tells why"
        return
    for name, value in wanted.items():
        found = calls[0][name]
        if name == "cost_usd" and found is not None:
            found = float(found)
        if not _same(value, found, _COST):
            yield ("call", name), value, found, ""


def _spans(wanted: dict[str, dict[str, Any]], got: Got) -> Iterator[Difference]:
    for name, attributes in wanted.items():
        span = next((span for span in got.spans if span["name"] == name), None)
        if span is None:
            there = ", ".join(dict.fromkeys(span["name"] for span in got.spans))
            yield ("spans", name), "a span that leaves", None, f"those that leave: {there}" if there else ""
            continue
        found = {one["key"]: _plain(one["value"]) for one in span.get("attributes", ())}
        for key, value in attributes.items():
            if not _same(value, found.get(key), _COST):
                yield ("spans", name, key), value, found.get(key), ""


def verdict(got: Got) -> str:
    """What became of the trace, in one line."""
    trace = got.trace
    votes = ", ".join(f"{name} {vote:.4g}" for name, vote in trace["votes"].items()) or "none"
    outcome = "kept" if trace["kept"] else "dropped"
    by = f" by {trace['policy']}" if trace["policy"] else ""
    calls = f"{trace['calls']} call{'' if trace['calls'] == 1 else 's'}"
    cost = f"; {calls}, {trace['cost_usd'] or 'unknown'} USD" if trace["calls"] else ""
    return (
        f"{outcome}{by} with probability {trace['probability']:.4g} after {got.waited_s:g} s ({trace['trigger']}); "
        f"votes: {votes}{cost}"
    )


def _policy_hint(name: Any, policies: Sequence[str]) -> str:
    if not isinstance(name, str) or name in policies:
        return ""
    close = nearest(name, policies)
    return f"no policy is called {name[:_SHORT]!r}" + (f", did you mean `{close}`?" if close else "")


def _same(wanted: Any, found: Any, tolerance: float) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return wanted is found
    if isinstance(wanted, (int, float)) and isinstance(found, (int, float)):
        return _near(wanted, found, tolerance)
    return bool(wanted == found)


def _near(wanted: float, found: float, tolerance: float) -> bool:
    return math.isclose(wanted, found, rel_tol=tolerance, abs_tol=1e-15)


def _plain(value: dict[str, Any]) -> Any:
    """An attribute's value in OTLP JSON as plain data."""
    kind: str
    content: Any
    kind, content = next(iter(value.items()), ("", None))
    if kind == "intValue":
        return int(content)
    if kind == "arrayValue":
        return [_plain(item) for item in content.get("values", ())]
    if kind == "kvlistValue":
        return {item["key"]: _plain(item["value"]) for item in content.get("values", ())}
    return content


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    text = str(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"
