"""How the C library hands out memory.

glibc gives up to eight heaps per processor to the threads that ask. What one thread takes in and another decides leaves
holes in all of them: with 232 MiB of spans in the buffer the process held 1.38 bytes a byte, with two heaps 1.27, and
was no slower (`python -m bench --only memory`).
"""

from __future__ import annotations

import ctypes
import os

_M_ARENA_MAX = -8
"""From glibc's malloc.h."""
_HEAPS = 2


def share_heaps() -> bool:
    """Bound the number of heaps, unless the environment does (MALLOC_ARENA_MAX, GLIBC_TUNABLES). True when it was done.

    Has to be called before threads begin to allocate. Other C libraries have no such heaps.
    """
    if "MALLOC_ARENA_MAX" in os.environ or "arena_max" in os.environ.get("GLIBC_TUNABLES", ""):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(_M_ARENA_MAX, _HEAPS) == 1
