"""Build peers into the cache: `python bench/peers/build.py [--jobs N] NAME...`, or `all`.

Prints one line a peer, `NAME VERSION PATH`, PATH being the program. What is cached is not built again.
"""

import argparse
import os
import sys
import time
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from bench.peers import cache, recipes
from bench.peers.recipes import BuildError

JOBS = os.cpu_count() or 1


def ensure(name: str, jobs: int = JOBS) -> Path:
    """Return the path of a peer's program, building it first when the cache lacks it.

    Raises BuildError when the name is unknown or the build fails; never returns a path that does not exist.
    """
    known = recipes.all_recipes()
    if name not in known:
        raise BuildError(f"no peer is called {name!r}; there are: {', '.join(known)}")
    recipe = known[name]
    target = cache.folder(recipe.name, recipe.version)
    with cache.locked(recipe.name, recipe.version):
        if not all((target / file).exists() for file in recipe.files):
            print(f"building {recipe.name} {recipe.version} (cached afterwards)", file=sys.stderr, flush=True)
            started = time.monotonic()
            with cache.building(recipe.name, recipe.version) as work:
                recipe.build(work, jobs)
                missing = [file for file in recipe.files if not (work / file).exists()]
                if missing:
                    raise BuildError(f"{recipe.name}: the build ended without {', '.join(missing)}")
            print(f"built {recipe.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return target / recipe.files[0]


def main(argv: list[str] | None = None) -> int:
    """Build the peers named on the command line; 0 when all are there, 1 with the reason when one is not."""
    parser = argparse.ArgumentParser(description="build the programs enricher is measured against and tested with")
    parser.add_argument("names", nargs="+", metavar="NAME", help=f"all, or: {', '.join(recipes.all_recipes())}")
    parser.add_argument("--jobs", type=int, default=JOBS, help="packages compiled at a time (default: cores)")
    options = parser.parse_args(argv)
    names = list(recipes.all_recipes()) if options.names == ["all"] else options.names
    for name in names:
        try:
            program = ensure(name, options.jobs)
        except BuildError as fault:
            print(f"{name}: {fault}", file=sys.stderr)
            return 1
        print(name, program.parent.name.removeprefix(f"{name}-"), program)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
