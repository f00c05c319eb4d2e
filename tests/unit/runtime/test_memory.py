"""The heaps of the C library are shared unless the environment says otherwise."""

import platform
import subprocess
import sys

from enricher.runtime.memory import share_heaps

PROGRAM = """
import sys, threading
from enricher.runtime.memory import share_heaps
print(share_heaps())
hold, ready = threading.Event(), threading.Barrier(9)
def work():
    kept = [bytes(700) for _ in range(1000)]
    ready.wait()
    hold.wait()
for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
import ctypes
libc = ctypes.CDLL(None)
libc.malloc_stats()
sys.stdout.flush()
"""


def heaps(**environment: str) -> tuple[str, int]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.strip(), done.stderr.count("Arena ")


def test_threads_share_two_heaps_unless_the_environment_says_otherwise() -> None:
    if platform.libc_ver()[0] != "glibc":
        # Other C libraries have no heaps by thread: nothing to share, and nothing breaks.
        assert not share_heaps()
        return
    shared, count = heaps()
    assert shared == "True"
    assert count <= 2
    assert heaps(MALLOC_ARENA_MAX="4") == ("False", 4)
