"""From the `exporters:` section to destinations that are ready to start."""

from __future__ import annotations

from collections.abc import Callable

from enricher.errors import InputError
from enricher.export.debug import DebugSender
from enricher.export.destination import Destination, Policy, Sender
from enricher.export.fanout import Fanout
from enricher.export.file import FileSender
from enricher.export.json_lines import JsonLines
from enricher.export.otlp_grpc import OtlpGrpcSender
from enricher.export.otlp_http import OtlpHttpSender
from enricher.export.settings import (
    AnyExporter,
    BatchBounds,
    DebugExporter,
    FileExporter,
    OtlpGrpcExporter,
    OtlpHttpExporter,
    Queue,
    Retry,
)

_LOCAL_QUEUE = Queue(num_consumers=1, batch=BatchBounds(max_size=1 << 30))
"""Files and the log keep the order of requests and have no size limit of their own."""
_LOCAL_RETRY = Retry(initial_interval=0.5, max_interval=10.0)


def build(exporters: dict[str, AnyExporter], traces_to_json: Callable[[bytes], bytes]) -> Fanout:
    """Open every destination. Raises InputError, with the exporter's name, when one cannot be opened."""
    json_lines = JsonLines(traces_to_json)
    destinations: list[Destination] = []
    for name, settings in exporters.items():
        try:
            sender = _sender(name, settings, json_lines)
        except InputError as error:
            raise InputError(f"exporters.{name}: {error}") from error
        destinations.append(Destination(name, sender, _policy(settings)))
    return Fanout(destinations)


def _sender(name: str, settings: AnyExporter, json_lines: JsonLines) -> Sender:
    match settings:
        case OtlpGrpcExporter():
            return OtlpGrpcSender(settings)
        case OtlpHttpExporter():
            return OtlpHttpSender(settings)
        case FileExporter():
            return FileSender(settings, json_lines)
        case DebugExporter():
            return DebugSender(name, settings, json_lines)


def _policy(settings: AnyExporter) -> Policy:
    signals = frozenset(settings.signals)
    if isinstance(settings, OtlpGrpcExporter | OtlpHttpExporter):
        return Policy(signals, settings.sending_queue, settings.retry_on_failure)
    return Policy(signals, _LOCAL_QUEUE, _LOCAL_RETRY)
