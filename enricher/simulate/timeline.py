"""Counts over time in a bounded number of bins, whatever time the input covers."""

from __future__ import annotations

_MOST = 240


class Timeline:
    """Bins of equal width, which doubles when there are too many."""

    def __init__(self) -> None:
        self.width_s = 1
        self._bins: dict[int, list[int]] = {}

    def add(self, second: float, count: int, kept: bool) -> None:
        """count: how many of something at that Unix time."""
        index = int(second // self.width_s)
        found = self._bins.setdefault(index, [0, 0])
        found[0] += count
        found[1] += count if kept else 0
        while len(self._bins) > _MOST:
            self._coarsen()

    def points(self) -> list[tuple[int, int, int]]:
        """(Unix second at which the bin begins, count, of them kept), without empty bins."""
        return [(index * self.width_s, count, kept) for index, (count, kept) in sorted(self._bins.items())]

    def _coarsen(self) -> None:
        self.width_s *= 2
        bins: dict[int, list[int]] = {}
        for index, (count, kept) in self._bins.items():
            found = bins.setdefault(index // 2, [0, 0])
            found[0] += count
            found[1] += kept
        self._bins = bins
