"""Made-up traffic: as described, in the order of arrival, the same for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.errors import ConfigError, InputError
from enricher.simulate.traffic.generate import Generator
from enricher.simulate.traffic.settings import Traffic, load, shipped
from enricher.trial.traces import SECOND
from tests.support.engines import spans_of

TWO_KINDS = {
    "traces": 2000,
    "lasts": "4h",
    "rate": [1, 0, 2, 1],
    "kinds": [
        {"name": "short", "share": 3, "spans": [{"name": "short", "duration": "1s"}]},
        {"name": "long", "share": 1, "spread": 0.5, "spans": [{"name": "long", "duration": "1h", "start": "1s"}]},
    ],
}


def sent(generator: Generator) -> list[tuple[int, list[Span]]]:
    return [(arrival.time_ns, spans_of([arrival.payload])) for arrival in generator.arrivals()]


def test_shares_and_rates_are_as_described() -> None:
    generator = Generator(Traffic.model_validate(TWO_KINDS))
    spans = [span for _, found in sent(generator) for span in found]
    assert len(spans) == len({span.trace_id for span in spans}) == generator.spans == 2000
    kinds = Counter(span.name for span in spans)
    assert kinds["long"] == pytest.approx(500, abs=80)
    short = [span for span in spans if span.name == "short"]
    hours = Counter((span.start_time_unix_nano - generator.begin_ns) // (3600 * SECOND) for span in short)
    assert hours[1] == 0
    assert hours[2] == pytest.approx(2 * hours[0], rel=0.2)
    assert hours[3] == pytest.approx(hours[0], rel=0.2)


def test_requests_come_in_the_order_of_time_and_after_what_they_tell() -> None:
    requests = sent(Generator(Traffic.model_validate(TWO_KINDS), traces=500))
    times = [time_ns for time_ns, _ in requests]
    assert times == sorted(set(times))
    waits = [time_ns - span.end_time_unix_nano for time_ns, found in requests for span in found]
    assert min(waits) >= 0
    assert max(waits) <= SECOND + 1  # durations are rounded to nanoseconds


def test_spread_varies_durations_around_the_written_one() -> None:
    spans = [span for _, found in sent(Generator(Traffic.model_validate(TWO_KINDS))) for span in found]
    took = sorted((s.end_time_unix_nano - s.start_time_unix_nano) / SECOND for s in spans if s.name == "long")
    assert took[len(took) // 2] == pytest.approx(3600, rel=0.15)
    assert took[int(len(took) * 0.84)] == pytest.approx(3600 * 2.718**0.5, rel=0.25)


def test_a_seed_makes_the_same_traffic_and_another_one_makes_other() -> None:
    def payloads(seed: int) -> list[bytes]:
        return [arrival.payload for arrival in Generator(load("typical"), traces=100, seed=seed).arrivals()]

    assert payloads(1) == payloads(1)
    assert payloads(1) != payloads(2)


def test_what_comes_with_the_package_can_be_sent() -> None:
    assert {"typical", "day"} <= set(shipped())
    for name in shipped():
        traffic = load(name)
        spans = [span.name for _, found in sent(Generator(traffic, traces=300)) for span in found]
        assert {kind.spans[0].name for kind in traffic.kinds} <= set(spans)


def test_faults_of_a_description_are_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("kinds:\n  - {name: a, share: 0, spans: [{nam: x}]}\n")
    with pytest.raises(ConfigError) as caught:
        load(str(path))
    told = [str(problem) for problem in caught.value.problems]
    assert any(f"{path}:2:22: error: kinds[0].share: must be more than 0" in line for line in told)
    assert any("unknown key `nam` (did you mean `name`?)" in line for line in told)
    path.write_text("rate: [0]\nkinds: [{name: a, share: 1, spans: [{}]}]\n")
    with pytest.raises(ConfigError, match="rate needs a number above 0"):
        load(str(path))
    with pytest.raises(InputError, match=r"traffic that comes with enricher: .*typical"):
        load("typcial")
