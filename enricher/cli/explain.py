"""`enricher explain`: what the engine concludes about the traces of a file, span by span, and why.

Per span: its dialect, what was read and what was concluded from what, the price row and the arithmetic, and whether it
repeats a call told elsewhere. Per trace: every policy's vote, what it looked at, and the verdict.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys

from enricher.cli.common import add_config_arguments, load_settings
from enricher.cli.inputs import read_requests
from enricher.cli.style import Style
from enricher.config import compile_plan
from enricher.errors import DecodeError, InputError, Overloaded
from enricher.explain.rules import join
from enricher.explain.text import LEGEND, Teller
from enricher.runtime.engine import CoreEngine
from enricher.sample.compile import in_force

_WIDTH = 120
_NARROWEST = 80
_HEX = frozenset("0123456789abcdef")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "explain", help="what was concluded about spans, what they cost, how they were sampled", description=__doc__
    )
    parser.add_argument("inputs", metavar="IN", nargs="+", help="OTLP protobuf or JSON, also gzip or zstd; - is stdin")
    parser.add_argument("--trace", metavar="ID", type=_trace_id, help="only traces whose id begins so (hex)")
    add_config_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    parser.set_defaults(handler=explain)


def explain(options: argparse.Namespace) -> int:
    """Returns 0, or 1 when an input cannot be used or no trace was found."""
    settings = load_settings(options.config, options.sets)
    engine = CoreEngine(compile_plan(settings))
    requests = [payload for path in options.inputs for payload in read_requests(path, engine.otlp_from_json)]
    told = _told(engine, requests, options.trace or "")
    for reason in told["refused"]:
        print(f"enricher: spans refused: {reason}", file=sys.stderr)
    policies = in_force(settings.sampling)
    join(told, policies)
    if not told["traces"]:
        what = f"no trace whose id begins with {options.trace}" if options.trace else "no spans"
        raise InputError(f"{', '.join(options.inputs)}: {what}")
    if options.json:
        print(json.dumps(told, ensure_ascii=False))
        return 0
    style = Style.of(sys.stdout)
    columns = shutil.get_terminal_size((_WIDTH, 0)).columns if sys.stdout.isatty() else _WIDTH
    teller = Teller(policies, style, max(min(columns, _WIDTH), _NARROWEST))
    for trace in told["traces"]:
        print("\n".join(teller.trace(trace)), end="\n\n")
    print(style(LEGEND, "dim"))
    return 0


def _told(engine: CoreEngine, requests: list[bytes], trace: str) -> dict[str, list[dict[str, object]]]:
    try:
        now_ns = max(map(engine.latest_end_ns, requests), default=0)
        told: dict[str, list[dict[str, object]]] = json.loads(engine.explain(requests, now_ns, trace))
    except DecodeError as error:
        raise InputError(f"not OTLP: {error}") from error
    except Overloaded as error:
        raise InputError(f"the spans do not fit the buffer together, raise limits.buffer_mib: {error}") from error
    return told


def _trace_id(text: str) -> str:
    trace = text.lower().replace("-", "")
    if not trace or len(trace) > 32 or not _HEX.issuperset(trace):
        raise argparse.ArgumentTypeError(f"{text}: a trace id is up to 32 hex digits")
    return trace
