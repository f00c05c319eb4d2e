"""Which traces count as failed, slow, costly, blocked."""

from __future__ import annotations

from typing import Any

from enricher.simulate import classes
from enricher.simulate.classes import Classes
from enricher.simulate.timeline import Timeline

PLAIN: dict[str, Any] = {
    "kept": False,
    "error": False,
    "failed_calls": 0,
    "guardrail": None,
    "service": "shop",
    "root": "GET /",
    "duration_ms": 10.0,
}


def counted(*records: dict[str, Any], slow_ms: float | None = None) -> dict[str, dict[str, int]]:
    found = Classes(0.1, slow_ms)
    for record in records:
        cost = record.pop("cost", 0.0)
        found.add({**PLAIN, **record}, cost)
    return found.counts()


def test_a_trace_is_of_every_class_that_fits_and_else_of_none() -> None:
    found = counted(
        {"error": True, "kept": True},
        {"failed_calls": 1, "cost": 0.1},
        {"guardrail": "blocked"},
        {"guardrail": "allowed", "kept": True},
        {"cost": 0.09},
        slow_ms=10.0,
    )
    assert found == {
        "failed": {"traces": 2, "kept": 1},
        "slow": {"traces": 0, "kept": 0},
        "costly": {"traces": 1, "kept": 0},
        "blocked": {"traces": 1, "kept": 0},
        "other": {"traces": 2, "kept": 1},
    }


def test_what_comes_late_counts_except_for_how_slow_a_trace_was() -> None:
    found = Classes(0.1, slow_ms=50.0)
    place = found.add({**PLAIN, "kept": True}, 0.06)
    late = {**PLAIN, "duration_ms": 1000.0}
    found.add_late(place, late, 0.0)
    assert found.counts()["other"] == {"traces": 1, "kept": 1}
    found.add_late(place, {**late, "guardrail": "blocked"}, 0.05)
    found.add_late(place, {**late, "error": True}, 0.0)
    counts = found.counts()
    assert [counts[name]["traces"] for name in ("failed", "slow", "costly", "blocked", "other")] == [1, 0, 1, 1, 0]
    assert counts["failed"]["kept"] == 1


def test_slow_is_the_slowest_twentieth_of_each_operation() -> None:
    quick = [{"duration_ms": float(n), "kept": n > 95} for n in range(1, 101)]
    tardy = [{"duration_ms": 1000.0 + n, "root": "POST /report"} for n in range(1, 101)]
    assert counted(*quick, *tardy)["slow"] == {"traces": 10, "kept": 5}


def test_rare_operations_are_judged_together() -> None:
    records = [{"duration_ms": float(n), "root": f"job {n}"} for n in range(1, 41)]
    assert counted(*records)["slow"]["traces"] == 2


def test_names_without_end_take_no_memory_without_end() -> None:
    found = Classes(0.1)
    for number in range(classes._OPERATIONS + 500):
        found.add({**PLAIN, "root": f"GET /{number}"}, 0.0)
    assert len(found._operations) <= classes._OPERATIONS + 1
    assert sum(one["traces"] for one in found.counts().values()) == classes._OPERATIONS + 500


def test_a_timeline_keeps_its_counts_in_few_bins_whatever_it_covers() -> None:
    timeline = Timeline()
    for second in range(0, 86_400, 30):
        timeline.add(1_780_000_000.5 + second, 3, kept=second % 60 == 0)
    points = timeline.points()
    assert len(points) <= 240
    assert timeline.width_s > 1
    assert sum(count for _, count, _ in points) == 3 * 2880
    assert sum(kept for _, _, kept in points) == 3 * 1440
    assert all(begin % timeline.width_s == 0 for begin, _, _ in points)
