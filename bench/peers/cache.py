"""Where built peers live: one folder per name and version, outside the work tree, complete or absent.

A build happens in a folder of its own and is renamed into place at the end, so that an interrupted build leaves nothing
that looks finished. A lock per peer keeps two builds of one peer (a test run beside a benchmark) from racing.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def root() -> Path:
    """The cache folder: `$XDG_CACHE_HOME/enricher/peers`, or the same below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "enricher" / "peers"


def folder(name: str, version: str) -> Path:
    """The folder of one peer at one version, whether or not it exists yet."""
    return root() / f"{name}-{version}"


@contextlib.contextmanager
def locked(name: str, version: str) -> Iterator[None]:
    """Hold the build lock of one peer; a second builder waits here, then finds the peer built."""
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / f".{name}-{version}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def building(name: str, version: str) -> Iterator[Path]:
    """Yield an empty folder to build into; rename it into place on success, remove it on failure."""
    root().mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{name}-{version}.", dir=root()))
    try:
        yield work
        work.chmod(0o755)
        target = folder(name, version)
        if target.exists():
            shutil.rmtree(target)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
