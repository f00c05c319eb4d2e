"""Money adds up: what the engine says in all is, to the last digit, the sum of what it says of each call."""

from __future__ import annotations

import json
import re
from decimal import Decimal, localcontext

from tests.support.engines import CHAT, NOW, engine, metric, request_of, span

CALLS = 500
"""In one request; each costs another amount, rounded to 1e-12 USD line by line."""
BATCHES = 60
"""Requests; with 2,000 of them the calls are a million."""
MARK = int.from_bytes(b"batch-no", "big")
SETTINGS = """
sampling: {policies: [{name: all, type: always_sample}]}
prices:
  overrides: [{model: gpt-4o, per_million: {input: "0.333333333333", output: "7.777777777777"}}]
"""
COST = re.compile(rb'"cost_usd":"([^"]+)"')


def test_the_total_is_the_sum_of_the_records() -> None:
    core = engine(SETTINGS, call_records=True)
    spans = [
        span(
            (MARK << 64) + number,
            number,
            attributes=CHAT | {"gen_ai.usage.input_tokens": 7 * number + 1, "gen_ai.usage.output_tokens": number % 13},
        )
        for number in range(1, CALLS + 1)
    ]
    request = request_of(*spans)
    mark = MARK.to_bytes(8, "big")
    assert request.count(mark) == CALLS
    total, counted = Decimal(0), 0
    with localcontext(prec=60):
        for batch in range(1, BATCHES + 1):
            core.ingest(request.replace(mark, batch.to_bytes(8, "big")), NOW)
            more = True
            while more:
                report = core.drain(NOW)
                costs = COST.findall(report.calls)
                total += sum(Decimal(cost.decode()) for cost in costs)
                counted += len(costs)
                more = report.more
        each = sum(_worked(7 * n + 1, n % 13) for n in range(1, CALLS + 1))
    summary = json.loads(core.summary())
    assert (counted, summary["calls"]["counted"]) == (CALLS * BATCHES, CALLS * BATCHES)
    assert Decimal(summary["cost_usd"]) == total == each * BATCHES
    assert abs(metric(core, "llm_cost_usd_total") - float(total)) < 1e-9 * float(total)


def _worked(tokens_in: int, tokens_out: int) -> Decimal:
    lines = (tokens_in * Decimal("0.333333333333"), tokens_out * Decimal("7.777777777777"))
    return sum((line / 10**6).quantize(Decimal("1e-12")) for line in lines) + Decimal(0)
