"""`explain` and `process` over the same files: what is explained is what is done."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.cli.main import main
from tests.support.engines import CHAT, NOW, SECOND, request_of, span

CONFIGURATIONS = {
    "limits": """
sampling:
  limit: { traces_per_second: 4 }
  policies:
    - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
    - { name: few, type: rate_limiting, rate_limiting: { spans_per_second: 6 } }
    - { name: small, type: bytes_limiting, bytes_limiting: { bytes_per_second: 900 } }
""",
    "composite": """
sampling:
  decision_wait: 3s
  decision_wait_after_root_received: 0s
  policies:
    - name: shared
      type: composite
      composite:
        max_total_spans_per_second: 8
        composite_sub_policy:
          - name: failed
            type: and
            and:
              and_sub_policy:
                - { name: error, type: status_code, status_code: { status_codes: [ERROR] } }
                - { name: some, type: probabilistic, probabilistic: { sampling_percentage: 60 } }
          - { name: rest, type: always_sample }
        rate_allocation: [{ policy: failed, percent: 30 }, { policy: rest, percent: 70 }]
""",
    "adaptive": """
sampling:
  decision_wait: 2s
  group_by: conversation
  maximum_trace_size_bytes: 700
  policies:
    - name: budgeted
      type: budget
      budget: { usd: 0.005, factor: 0.5, budget_sub_policy: { type: adaptive, adaptive: { traces_per_second: 3 } } }
    - { name: rare, type: rare, rare: { keys: [model, error_class] } }
    - { name: quick, type: not, not: { not_sub_policy: { type: slow } }, dry_run: true }
""",
    "first": """
sampling:
  sample_on_first_match: true
  decision_cache: { sampled_cache_size: 1000, non_sampled_cache_size: 1000 }
  policies:
    - { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }
    - { name: few, type: rate_limiting, rate_limiting: { spans_per_second: 3 } }
    - name: gone
      type: drop
      drop: { drop_sub_policy: [{ type: probabilistic, probabilistic: { sampling_percentage: 30 } }] }
""",
}


def traffic(seed: int) -> list[bytes]:
    """Twelve seconds of traces of several sizes, some without a root, some with spans long after the others."""
    chance = random.Random(seed)
    arrivals: list[tuple[int, Span]] = []
    for _ in range(120):
        trace = chance.getrandbits(128) | 1
        start = NOW + chance.randrange(12 * SECOND)
        size = chance.choice((1, 2, 3, 8))
        for number in range(1, size + 1):
            attributes: dict[str, Any] = {**CHAT, "gen_ai.request.model": chance.choice(("gpt-4o", "gpt-4o-mini"))}
            attributes["gen_ai.conversation.id"] = f"c{trace % 30}"
            parent = 0 if number == size and chance.random() < 0.8 else 99
            late = chance.choice((0, 0, 0, 7 * SECOND))
            at = start + late + number * 10**6
            ms = chance.randrange(1, 400)
            made = span(trace, number, parent, attributes, start=at, ms=ms, error=chance.random() < 0.1)
            arrivals.append((at + ms * 10**6, made))
    arrivals.sort(key=lambda arrival: arrival[0])
    spans = [made for _, made in arrivals]
    return [request_of(*spans[at : at + 5]) for at in range(0, len(spans), 5)]


def both(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, requests: list[bytes]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Trace records of `process`, and what `explain` tells."""
    data, config, records = tmp_path / "in.binpb", tmp_path / "c.yaml", tmp_path / "traces.jsonl"
    data.write_bytes(b"".join(len(one).to_bytes(4, "big") + one for one in requests))
    config.write_text(text)
    assert main(["process", str(data), "-c", str(config), "--traces", str(records)]) == 0
    capsys.readouterr()
    assert main(["explain", str(data), "-c", str(config), "--json"]) == 0
    told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["traces"]
    return [json.loads(line) for line in records.read_text().splitlines()], told


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_explain_gives_the_verdicts_of_process(
    name: str, seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records, told = both(tmp_path, capsys, CONFIGURATIONS[name], traffic(seed))
    done = sorted(
        (one["trace_id"], one["decided"], one["trigger"], one["late"], one["kept"], one["policy"], one["probability"],
         one["limited"], one["incomplete"], one["spans"])
        for one in records
    )  # fmt: skip
    explained = sorted(
        (one["trace_id"], said["decided"], said["trigger"], said["late"], said["keep"], said["policy"],
         said["probability"], said["limited"], said["incomplete"], len(one["spans"]))
        for one in told
        for said in (one["verdict"],)
    )  # fmt: skip
    assert explained == done
    votes = {one["trace_id"]: one["votes"] for one in records if not one["late"]}
    for one in told:
        if not one["verdict"]["late"]:
            said = {vote["policy"]: vote["vote"] for vote in one["verdict"]["votes"] if vote["vote"] is not None}
            assert said == pytest.approx(votes[one["trace_id"]])
    triggers = {one["trigger"] for one in records}
    assert triggers >= {"composite": {"decision_wait", "late"}, "adaptive": {"too_large"}}.get(name, {"root_received"})
    assert {one["kept"] for one in records} == {True, False}


def test_the_trace_that_is_asked_for_is_told_as_among_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = both(tmp_path, capsys, CONFIGURATIONS["limits"], traffic(3))
    data, config = str(tmp_path / "in.binpb"), str(tmp_path / "c.yaml")
    wanted = next(one for one in told if one["verdict"]["limited"])
    assert main(["explain", data, "-c", config, "--json", "--trace", wanted["trace_id"]]) == 0
    assert wanted in json.loads(capsys.readouterr().out)["traces"]


def test_text_says_what_a_limit_had_left_and_what_brought_the_decision_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both(tmp_path, capsys, CONFIGURATIONS["limits"], traffic(3))
    assert main(["explain", str(tmp_path / "in.binpb"), "-c", str(tmp_path / "c.yaml")]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for words in (
        "of 8 tokens,",
        "sampling.limit 4 traces a second 1 trace;",
        "its root had ended (root_received)",
        "the input ended (shutdown)",
        "decided on incomplete data: more of its spans may come",
    ):
        assert words in text


def test_spans_that_come_late_are_told_behind_the_verdict_that_they_follow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = [
        request_of(span(5, 1, ms=1)),
        request_of(span(6, 1, start=NOW + 60 * SECOND)),
        request_of(span(5, 2, 1, start=NOW + 61 * SECOND)),
    ]
    config = "sampling: {policies: [{name: all, type: always_sample}]}"
    _, told = both(tmp_path, capsys, config, requests)
    ends = [(one["trace_id"][-1], one["verdict"]["trigger"], one["verdict"]["votes"] == []) for one in told]
    assert ends == [("5", "root_received", False), ("5", "late", True), ("6", "shutdown", False)]
    assert main(["explain", str(tmp_path / "in.binpb"), "-c", str(tmp_path / "c.yaml")]) == 0
    text = capsys.readouterr().out
    assert "KEPT by all  (late spans)" in text
    assert "kept, as the trace was" in text
