"""The page about metrics says what the catalogue and the program say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_current() -> None:
    # In a process of its own: the instruments of a program are those of its modules, not of other tests.
    command = [sys.executable, "-m", "enricher.measure.reference"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=50)
    page = (ROOT / "docs" / "metrics.md").read_text()
    assert page == made.stdout, "run: python -m enricher.measure.reference > docs/metrics.md"
