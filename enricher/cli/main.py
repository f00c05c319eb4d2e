"""`enricher`: arguments, and dispatch to the subcommand that they name."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from enricher.cli import check, demo, explain, prices, process, run
from enricher.errors import ConfigError, EnricherError
from enricher.runtime.engine import VERSION

SUBCOMMANDS = (run, check, process, explain, prices, demo)
"""Modules with `register(subparsers)`, in the order of the help text."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 faults in what the user gave or what went wrong, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.handler(options)
        # Here and not at the interpreter's end, where a reader that has gone would be a traceback.
        sys.stdout.flush()
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    except EnricherError as error:
        print(f"enricher: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader of our output has seen enough; what is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="enricher", description="OTLP processor for gen_ai spans: normalize, price, count, sample, forward."
    )
    root.add_argument("--version", action="version", version=f"enricher {VERSION}")
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in SUBCOMMANDS:
        module.register(subparsers)
    return root
