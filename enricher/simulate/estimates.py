"""How well totals can be estimated from kept traces alone, when each was kept with a known probability.

The Horvitz-Thompson estimator of a total is the sum of y/p over what was kept; its variance, for decisions that are
independent, is the sum of y²(1-p)/p over everything (Horvitz and Thompson 1952, JASA 47:663). Both are known here,
because traces that are dropped are seen as well. What is kept with probability 0 is in no estimate: `blind` says how
much that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Estimate:
    """One total: its truth, its estimate and the error to expect of it. `add` takes one trace at a time."""

    true: float = 0.0
    unseen: float = 0.0
    """The part of `true` whose traces are kept with probability 0."""
    estimated: float = 0.0
    variance: float = 0.0
    squares: float = 0.0

    def add(self, value: float, probability: float, kept: bool, before: float = 0.0) -> None:
        """before: what was added of the same trace already; its late spans share its fate."""
        self.true += value
        squared = (before + value) ** 2 - before**2
        self.squares += squared
        if probability <= 0:
            self.unseen += value
            return
        self.variance += squared * (1 - probability) / probability
        if kept:
            self.estimated += value / probability

    @property
    def blind(self) -> float | None:
        """Share of the total that no estimate holds; None when there is nothing to share."""
        return self.unseen / self.true if self.true else None

    @property
    def expected_error(self) -> float | None:
        """Standard error of the estimate, as a share of what it estimates; None when that is 0."""
        seen = self.true - self.unseen
        return math.sqrt(self.variance) / seen if seen > 0 else None

    @property
    def actual_error(self) -> float | None:
        """By how much this one estimate misses, as a share of what it estimates."""
        seen = self.true - self.unseen
        return (self.estimated - seen) / seen if seen > 0 else None

    def uniform_error(self, probability: float) -> float | None:
        """The standard error if every trace were kept with one probability."""
        if not self.true or not 0 < probability <= 1:
            return None
        return math.sqrt(self.squares * (1 - probability) / probability) / self.true

    def as_dict(self, uniform: float) -> dict[str, float | None]:
        return {
            "true": self.true,
            "estimated": self.estimated,
            "expected_error": self.expected_error,
            "actual_error": self.actual_error,
            "blind": self.blind,
            "uniform_error": self.uniform_error(uniform),
        }
