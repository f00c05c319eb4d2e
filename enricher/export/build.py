"""From the `exporters:` section to destinations that are ready to start."""

from __future__ import annotations

from enricher.errors import InputError
from enricher.export.debug import DebugSender
from enricher.export.destination import Destination, Policy, Sender
from enricher.export.fanout import Fanout
from enricher.export.file import FileSender
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
    ToJson,
)

_LOCAL_QUEUE = Queue(num_consumers=1, batch=BatchBounds(max_size=1 << 30))
"""Files and the log keep the order of requests and have no size limit of their own."""
_LOCAL_RETRY = Retry(initial_interval=0.5, max_interval=10.0)


def build(exporters: dict[str, AnyExporter], to_json: ToJson) -> Fanout:
    """Open every destination. Raises InputError, with the exporter's name, when one cannot be opened."""
    destinations: list[Destination] = []
    for name, settings in exporters.items():
        try:
            sender = _sender(name, settings, to_json)
        except InputError as error:
            raise InputError(f"exporters.{name}: {error}") from error
        destinations.append(Destination(name, sender, _policy(settings)))
    return Fanout(destinations)


def _sender(name: str, settings: AnyExporter, to_json: ToJson) -> Sender:
    match settings:
        case OtlpGrpcExporter():
            return OtlpGrpcSender(settings)
        case OtlpHttpExporter():
            return OtlpHttpSender(settings)
        case FileExporter():
            return FileSender(settings, to_json)
        case DebugExporter():
            return DebugSender(name, settings, to_json)


def _policy(settings: AnyExporter) -> Policy:
    signals = frozenset(settings.signals)
    if isinstance(settings, OtlpGrpcExporter | OtlpHttpExporter):
        return Policy(signals, settings.sending_queue, settings.retry_on_failure)
    return Policy(signals, _LOCAL_QUEUE, _LOCAL_RETRY)
