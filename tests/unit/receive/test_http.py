"""The HTTP receiver answers as the OTLP specification says, in the content type of the request."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator

import pytest
import urllib3
import zstandard
from google.rpc import status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from enricher.errors import DecodeError, Overloaded
from enricher.receive import http
from enricher.receive.settings import HttpServer
from enricher.runtime.web import WebHost
from tests.support import otlp
from tests.unit.receive.fakes import Bench, Report

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
LIMIT = 100_000


class Client:
    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"
        self._pool = urllib3.PoolManager()

    def __call__(
        self, body: bytes, headers: dict[str, str], path: str = "/v1/traces", method: str = "POST"
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, self._base + path, body=body, headers=headers, retries=False, timeout=10)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def post(bench: Bench) -> Iterator[Client]:
    cors = {"allowed_origins": ["https://*.example.com"], "allowed_headers": ["x-key"], "max_age": 600}
    settings = HttpServer.model_validate({"max_request_body_size": LIMIT, "cors": cors})
    host = WebHost()
    host.start()
    site = host.serve("test", http.application(settings, bench.intake()), "127.0.0.1:0")
    yield Client(site.address)
    site.stop()
    host.stop()


def test_protobuf_is_taken_plain_gzip_and_zstd(bench: Bench, post: Client) -> None:
    body = otlp.traces(3)
    assert post(body, PROTOBUF).status == 200
    assert post(gzip.compress(body), {**PROTOBUF, "content-encoding": "gzip"}).status == 200
    assert post(zstandard.compress(body), {**PROTOBUF, "content-encoding": "zstd"}).status == 200
    assert bench.engine.payloads == [body] * 3


def test_an_accepted_request_is_answered_with_an_empty_message_of_its_type(post: Client) -> None:
    answer = post(otlp.traces(), PROTOBUF)
    assert (answer.data, answer.headers["content-type"]) == (b"", "application/x-protobuf")
    answer = post(b"{}", {"content-type": "application/json; charset=utf-8"})
    assert (json.loads(answer.data), answer.headers["content-type"]) == ({}, "application/json")


def test_json_is_converted_before_the_engine_sees_it(bench: Bench, post: Client) -> None:
    post(b'{"resourceSpans":[]}', JSON)
    assert bench.engine.payloads == [b'json:{"resourceSpans":[]}']


def test_metrics_and_logs_have_their_paths(bench: Bench, post: Client) -> None:
    assert post(otlp.metrics(2), PROTOBUF, "/v1/metrics").status == 200
    assert post(otlp.logs(3), PROTOBUF, "/v1/logs").status == 200
    assert [signal for signal, _, _ in bench.exporters.sent] == ["metrics", "logs"]


def test_rejected_spans_are_told_as_partial_success(bench: Bench, post: Client) -> None:
    bench.engine.report = Report(accepted=1, rejected=2, message="zero ids")
    answer = ExportTraceServiceResponse.FromString(post(otlp.traces(), PROTOBUF).data)
    assert (answer.partial_success.rejected_spans, answer.partial_success.error_message) == (2, "zero ids")
    in_json = json.loads(post(b"{}", JSON).data)
    assert in_json == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": "zero ids"}}


def test_bytes_that_are_not_otlp_are_a_400_with_a_status_in_the_type_of_the_request(bench: Bench, post: Client) -> None:
    bench.engine.error = DecodeError("a field is cut off")
    answer = post(b"\x0a\xff", PROTOBUF)
    assert answer.status == 400
    assert status_pb2.Status.FromString(answer.data).message == "a field is cut off"
    answer = post(b"no json", JSON)
    assert answer.status == 400
    assert json.loads(answer.data)["message"] == "not a JSON object"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_body_that_is_not_what_its_encoding_says_is_a_400(post: Client, encoding: str) -> None:
    assert post(b"plain text", {**PROTOBUF, "content-encoding": encoding}).status == 400


def test_an_overload_is_a_429_with_retry_after_in_whole_seconds(bench: Bench, post: Client) -> None:
    bench.engine.error = Overloaded("the buffer is full", 1.2)
    answer = post(otlp.traces(), PROTOBUF)
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")


def test_a_small_body_that_becomes_a_large_one_is_refused(bench: Bench, post: Client) -> None:
    bomb = gzip.compress(bytes(LIMIT * 100))
    assert len(bomb) < LIMIT
    assert post(bomb, {**PROTOBUF, "content-encoding": "gzip"}).status == 413
    bomb = zstandard.compress(bytes(LIMIT * 100))
    assert post(bomb, {**PROTOBUF, "content-encoding": "zstd"}).status == 413
    assert bench.engine.payloads == []


def test_a_body_beyond_the_limit_is_a_413(bench: Bench, post: Client) -> None:
    assert post(bytes(LIMIT + 1), PROTOBUF).status == 413
    assert bench.engine.payloads == []


def test_wrong_types_paths_and_methods_are_told_apart(post: Client) -> None:
    assert post(b"x", {"content-type": "text/plain"}).status == 415
    assert post(b"x", {**PROTOBUF, "content-encoding": "br"}).status == 415
    assert post(b"x", PROTOBUF, "/v1/profiles").status == 404
    answer = post(b"", PROTOBUF, method="GET")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_browsers_of_allowed_origins_may_send_and_others_may_not(post: Client) -> None:
    asked = {"origin": "https://app.example.com", "access-control-request-method": "POST"}
    answer = post(b"", asked, method="OPTIONS")
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    assert answer.headers["access-control-allow-headers"] == "Content-Type, x-key"
    assert answer.headers["access-control-max-age"] == "600"
    answer = post(otlp.traces(), {**PROTOBUF, "origin": "https://app.example.com"})
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    answer = post(b"", {**asked, "origin": "https://example.com.evil.test"}, method="OPTIONS")
    assert (answer.status, "access-control-allow-origin" in answer.headers) == (405, False)


def test_nothing_is_held_of_the_budget_when_all_requests_are_answered(bench: Bench) -> None:
    intake = bench.intake()
    host = WebHost()
    host.start()
    site = host.serve("test", http.application(HttpServer(max_request_body_size=LIMIT), intake), "127.0.0.1:0")
    send = Client(site.address)
    for body, headers in ((otlp.traces(), PROTOBUF), (b"no", JSON), (bytes(LIMIT + 1), PROTOBUF)):
        send(body, headers)
    assert intake.admission.held == 0
    site.stop()
    host.stop()
