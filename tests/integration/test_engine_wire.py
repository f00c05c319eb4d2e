"""What goes into the engine comes out: byte for byte where nothing is added, and nothing but additions elsewhere."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from enricher.runtime.engine import CoreEngine
from tests.support import wire
from tests.support.additions import assert_only_added, attributes, canonical_of
from tests.support.engines import NOW, drained, engine
from tests.support.generate import Generator

_seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def core() -> CoreEngine:
    return engine()


@pytest.fixture(scope="module")
def bare() -> CoreEngine:
    return engine("normalize: {keep_originals: false}")


@pytest.fixture(scope="module")
def bounded() -> CoreEngine:
    return engine(payload_bytes=2000)


def _taken(core: CoreEngine, messages: list[bytes]) -> list[bytes]:
    """What leaves when these messages are all there is; protobuf's own decoder must take it."""
    for message in messages:
        ExportTraceServiceRequest.FromString(message)
        assert core.ingest(message, NOW).rejected == 0
    payloads = drained(core)
    for payload in payloads:
        ExportTraceServiceRequest.FromString(payload)
    return payloads


def _all(messages: list[bytes]) -> Counter[tuple[bytes, bytes, bytes]]:
    return Counter(found for message in messages for found in wire.located(message))


@given(seed=_seeds)
@settings(max_examples=250)
def test_spans_that_say_nothing_of_models_come_out_byte_for_byte(
    core: CoreEngine, bounded: CoreEngine, seed: int
) -> None:
    messages = Generator(seed).requests()
    for one in (core, bounded):
        assert _all(_taken(one, messages)) == _all(messages)


@given(seed=_seeds)
@settings(max_examples=250)
def test_spans_of_model_calls_are_added_to_and_nothing_else(core: CoreEngine, seed: int) -> None:
    messages = Generator(seed, model_calls=True).requests()
    before = {_id(span): (resource, scope, span) for resource, scope, span in _all(messages)}
    after = [found for payload in _taken(core, messages) for found in wire.located(payload)]
    assert len(after) == len(before)
    for resource, scope, span in after:
        old = before.pop(_id(span))
        assert (resource, scope) == old[:2]
        assert_only_added(old[2], span)


@cache
def _under(policy: str) -> CoreEngine:
    return engine(f"normalize: {{content: {policy}}}")


@pytest.mark.parametrize("policy", ["drop", "truncate", "redact"])
@given(seed=_seeds)
@settings(max_examples=60)
def test_a_content_policy_leaves_spans_without_content_byte_for_byte(policy: str, seed: int) -> None:
    core = _under(policy)
    messages = Generator(seed).requests()
    assert _all(_taken(core, messages)) == _all(messages)


@given(seed=_seeds)
@settings(max_examples=100)
def test_without_originals_only_what_stands_under_its_new_name_goes(bare: CoreEngine, seed: int) -> None:
    messages = Generator(seed, model_calls=True).requests()
    before = {_id(span): span for _, _, span in _all(messages)}
    for _, _, new in (found for payload in _taken(bare, messages) for found in wire.located(payload)):
        old = before.pop(_id(new))
        assert [one for one in wire.fields(old) if one.number != 9] == [
            one for one in wire.fields(new) if one.number != 9
        ]
        then, now = attributes(old), attributes(new)
        for key in then.keys() - now.keys():
            assert any(canonical in now for canonical in canonical_of(key)), key
    assert not before


def _id(span: bytes) -> bytes:
    return next(one.content for one in wire.fields(span) if one.number == 2)


@given(seed=_seeds)
@settings(max_examples=150)
def test_payloads_keep_their_bound_and_their_spans_are_counted(bounded: CoreEngine, seed: int) -> None:
    messages = Generator(seed, model_calls=True).requests()
    for message in messages:
        bounded.ingest(message, NOW)
    report = bounded.drain(NOW)
    for payload, count in zip(report.payloads, report.payload_spans, strict=True):
        assert len(list(wire.located(payload))) == count > 0
        assert len(payload) <= 2000 or count == 1
    assert sum(report.payload_spans) == sum(_all(messages).values())


def test_one_span_larger_than_a_payload_leaves_alone() -> None:
    core = engine(payload_bytes=1000)
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in range(1, 6):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"))
        span.attributes.add(key="x").value.string_value = "y" * (5000 if number == 3 else 10)
    core.ingest(message.SerializeToString(), NOW)
    report = core.drain(NOW)
    assert sorted(report.payload_spans) == [1, 2, 2]
    assert sorted(len(payload) > 1000 for payload in report.payloads) == [False, False, True]


def test_the_generator_makes_what_it_promises() -> None:
    """Guards the tests above: model calls, strangers and both orders do occur."""
    whole = b"".join(message for seed in range(30) for message in Generator(seed, model_calls=True).requests())
    assert b"gen_ai.request.model" in whole
    spans = [
        span for seed in range(30) for message in Generator(seed).requests() for _, _, span in wire.located(message)
    ]
    firsts = {next(iter(wire.fields(span))).number for span in spans}
    assert {1, 2**29 - 1, 1000} <= firsts | {one.number for span in spans for one in wire.fields(span)}
    assert 1 in firsts
    assert firsts - {1}
