"""Which failures are retried and after how long (OTLP specification, "Failures" and "Throttling")."""

from __future__ import annotations

import itertools
from email.utils import formatdate
from time import time

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from enricher.export.retry import Refused, TryAgain, of_grpc, of_http, waits
from enricher.export.settings import Retry

RETRYABLE = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


def hint(seconds: float) -> list[tuple[str, str | bytes]]:
    info = error_details_pb2.RetryInfo()
    info.retry_delay.FromNanoseconds(int(seconds * 1e9))
    status = status_pb2.Status()
    status.details.add().Pack(info)
    return [("other", "x"), ("grpc-status-details-bin", status.SerializeToString())]


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_each_grpc_code_is_retried_or_not_as_specified(code: grpc.StatusCode) -> None:
    result = of_grpc(code, "why", [])
    assert isinstance(result, TryAgain if code.name in RETRYABLE else Refused)
    assert result.reason == f"{code.name}: why"


def test_resource_exhausted_is_retried_only_with_retry_info() -> None:
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(of_grpc(code, "", []), Refused)
    assert of_grpc(code, "", hint(7.5)) == TryAgain("RESOURCE_EXHAUSTED: ", 7.5)
    assert isinstance(of_grpc(code, "", [("grpc-status-details-bin", b"\xff\xff")]), Refused)


def test_retry_info_is_followed_for_other_codes_too() -> None:
    assert of_grpc(grpc.StatusCode.UNAVAILABLE, "", hint(3)) == TryAgain("UNAVAILABLE: ", 3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 413, 500, 501])
def test_other_http_statuses_are_final(status: int) -> None:
    assert isinstance(of_http(status, "why", "3"), Refused)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_the_four_retryable_http_statuses_are_retried_after_what_the_server_says(status: int) -> None:
    assert of_http(status, "busy", "7") == TryAgain(f"HTTP {status}: busy", 7)
    assert of_http(status, "", None) == TryAgain(f"HTTP {status}", None)
    assert of_http(status, "", "soon") == TryAgain(f"HTTP {status}", None)
    dated = of_http(status, "", formatdate(time() + 60, usegmt=True))
    assert isinstance(dated, TryAgain)
    assert dated.after_s == pytest.approx(60, abs=2)


def test_waits_grow_up_to_the_longest_and_are_spread_to_both_sides() -> None:
    settings = Retry.model_validate({"initial_interval": "1s", "multiplier": 2, "max_interval": "5s"})
    low = list(itertools.islice(waits(settings, lambda least, _: least), 5))
    high = list(itertools.islice(waits(settings, lambda _, most: most), 5))
    assert low == [0.5, 1, 2, 2.5, 2.5]
    assert high == [1.5, 3, 6, 7.5, 7.5]
