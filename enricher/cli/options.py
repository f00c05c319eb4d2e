"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from enricher.config import Loaded, load


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """`-c/--config FILE` and `--set PATH=VALUE`, both as often as needed."""
    parser.add_argument(
        "-c",
        "--config",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="configuration file; of several, later ones are laid on earlier ones (default: none)",
    )
    parser.add_argument(
        "--set",
        action="append",
        dest="sets",
        default=[],
        metavar="PATH=VALUE",
        help="set one value, for example sampling.decision_wait=10s; wins over all files",
    )


def load_configuration(arguments: argparse.Namespace) -> Loaded:
    """What the options of `add_config_options` name, loaded and checked."""
    return load(arguments.config, arguments.sets)
