"""Arguments and habits that several subcommands share."""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from enricher.config import Settings, load


class _Utc(logging.Formatter):
    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return datetime.fromtimestamp(record.created, UTC).strftime(datefmt or "%Y-%m-%dT%H:%M:%S.%fZ")


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        action="append",
        type=Path,
        default=[],
        help="configuration file; several are merged",
    )
    parser.add_argument(
        "--set",
        metavar="PATH=VALUE",
        action="append",
        default=[],
        dest="sets",
        help="one value, laid on top of all files",
    )


def add_log_argument(parser: argparse.ArgumentParser) -> None:
    levels = ("debug", "info", "warning", "error")
    parser.add_argument("--log-level", choices=levels, default="info", help="what is logged to stderr (default: info)")


def log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Utc("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def load_settings(paths: list[Path], sets: list[str]) -> Settings:
    """The settings; warnings and notes go to stderr. Raises ConfigError."""
    loaded = load(paths, sets)
    settings = loaded.require()
    for problem in loaded.problems:
        print(problem, file=sys.stderr)
    return settings


def positive(text: str) -> float:
    """An argument's number, above 0 and below 10^12. Raises argparse.ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e12:
        raise argparse.ArgumentTypeError(f"{text}: must be a number above 0")
    return number
