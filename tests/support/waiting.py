"""Waiting for something that other threads or processes do."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Fails when `condition` does not become true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"nothing came of it within {timeout_s} s"
        time.sleep(0.01)
