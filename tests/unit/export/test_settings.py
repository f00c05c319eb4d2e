"""The `exporters:` section: names, defaults, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from enricher.export.settings import (
    DebugExporter,
    ExportersSettings,
    OtlpGrpcExporter,
    OtlpHttpExporter,
)

SECTION: TypeAdapter[Any] = TypeAdapter(ExportersSettings)


def only(name: str, options: Any) -> Any:
    return SECTION.validate_python({name: options})[name]


def why(name: str, options: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        SECTION.validate_python({name: options})
    return str(refused.value)


@pytest.mark.parametrize("name", ["otlp", "otlp/a", "otlp_grpc", "otlp_grpc/tempo"])
def test_both_names_of_the_grpc_exporter_are_taken(name: str) -> None:
    assert isinstance(only(name, {"endpoint": "tempo:4317"}), OtlpGrpcExporter)


@pytest.mark.parametrize("name", ["otlphttp", "otlp_http/jaeger"])
def test_both_names_of_the_http_exporter_are_taken(name: str) -> None:
    assert isinstance(only(name, {"endpoint": "http://jaeger:4318"}), OtlpHttpExporter)


def test_an_exporter_without_options_has_its_defaults() -> None:
    assert only("debug", None) == DebugExporter()


def test_the_defaults_are_those_of_the_collector() -> None:
    exporter = only("otlp", {"endpoint": "tempo:4317"})
    assert (exporter.compression, exporter.timeout) == ("gzip", 5)
    assert (exporter.retry_on_failure.initial_interval, exporter.retry_on_failure.max_elapsed_time) == (5, 300)
    assert (exporter.sending_queue.queue_size, exporter.sending_queue.num_consumers) == (1000, 10)
    assert only("otlp_http", {"endpoint": "http://x"}).timeout == 30


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("kafka", {}, "its name is one of otlp_grpc"),
        ("debug", 3, "options are a mapping"),
        ("otlp", {"endpoint": "tempo:4317", "compression": "zstd"}, "use otlp_http for zstd"),
        ("otlp", {"endpoint": "tempo"}, "for instance tempo:4317"),
        ("otlp", {"endpoint": "http://tempo:4317/v1"}, "no path"),
        ("otlp", {"endpoint": "t:1", "tls": {"insecure_skip_verify": True}}, "name the certificate in ca_file"),
        ("otlp", {"endpoint": "t:1", "tls": {"cert_file": "x"}}, "cert_file and key_file go together"),
        ("otlp", {"endpoint": "t:1", "headers": {"a b": "x"}}, "is not a header name"),
        ("otlp", {"endpoint": "t:1", "headers": {"a": "x\n"}}, "must be printable ASCII"),
        ("otlp", {"endpoint": "t:1", "sending_queue": {"sizer": "spans"}}, "'requests', 'items' or 'bytes'"),
        ("otlp_http", {}, "needs endpoint, or traces_endpoint"),
        ("otlp_http", {"endpoint": "jaeger:4318"}, "write it as http://host:4318"),
        ("otlp_http", {"endpoint": "https://x", "tls": {"insecure": True}}, "contradicts https://"),
        ("file", {}, "Field required"),
        ("debug", {"signals": []}, "at least 1"),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_write(name: str, options: Any, words: str) -> None:
    assert words in why(name, options)


def test_headers_are_not_shown_where_settings_are_printed() -> None:
    assert "s3cret" not in repr(only("otlp", {"endpoint": "t:1", "headers": {"authorization": "s3cret"}}))
