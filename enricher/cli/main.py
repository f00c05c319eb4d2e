"""`enricher`: arguments, and dispatch to the subcommand that they name."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from enricher.cli import check, demo, explain, prices, process, run, simulate
from enricher.config.shape import nearest
from enricher.errors import ConfigError, EnricherError
from enricher.runtime.engine import VERSION

SUBCOMMANDS = (run, check, process, explain, simulate, prices, demo)
"""Modules with `register(subparsers)`, in the order of the help text."""

_UNKNOWN = re.compile(r"^argument COMMAND: invalid choice: '(.*?)'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 faults in what the user gave or what went wrong, 2 wrong usage."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given:
        parser().print_help(sys.stderr)
        return 2
    options = parser().parse_args(given)
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
        _abandon_stdout()
        return 1
    except OSError as error:
        # Files that commands know of are InputErrors; this is most often a full disk behind standard output.
        print(f"enricher: {error}", file=sys.stderr)
        _abandon_stdout()
        return 1
    return status


def _abandon_stdout() -> None:
    """What is left in the buffer goes nowhere, so that the interpreter's end does not try again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Parser(argparse.ArgumentParser):
    """Names the nearest command instead of an unknown one, and the help that tells more."""

    def error(self, message: str) -> NoReturn:
        if found := _UNKNOWN.search(message):
            close = nearest(found[1], tuple(module.__name__.rpartition(".")[2] for module in SUBCOMMANDS))
            hint = f"did you mean `{close}`?" if close else "`enricher --help` lists the commands"
            message = f"no command is called `{found[1]}`; {hint}"
        self.exit(2, f"{self.format_usage()}{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    root = _Parser(
        prog="enricher",
        description="OTLP processor for gen_ai spans: normalize, price, count, sample, forward.",
        epilog="`enricher demo` shows the main job at work; `enricher COMMAND --help` tells more.",
    )
    root.add_argument("--version", action="version", version=f"enricher {VERSION}")
    subparsers = root.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in SUBCOMMANDS:
        module.register(subparsers)
    return root
