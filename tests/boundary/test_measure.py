"""What the core measures arrives under the names, labels and fields that are promised."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from prometheus_client.openmetrics import exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from enricher.config import Settings, compile_plan
from enricher.measure import catalogue
from enricher.measure.collector import registry
from enricher.measure.settings import Label
from enricher.runtime.engine import CoreEngine
from tests.support.engines import metric, spans_of
from tests.support.spans import key_values

START = 1_790_000_000 * 10**9
SECOND = 10**9
FIELDS = """
    time trace_id span_id service operation provider request_model response_model response_id calls
    input_tokens output_tokens total_tokens cache_read_tokens cache_write_tokens reasoning_tokens tokens_estimated
    cost_usd cost_state price duration_ms ttft_ms tokens_per_second streaming status error_class http_status
    finish_reasons session_id user_id tenant_id feature agent_id prompt_name prompt_version variant tools guardrail
    evaluations dialect inferred counted_before duplicates sampled policy
"""
"""Of a call record, in the order of the design."""


def request(calls: list[dict[str, Any]], scope: str = "test") -> bytes:
    """One trace for each call; keys are attributes, `span` gives fields of the span."""
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add()
    spans.resource.attributes.add(key="service.name").value.string_value = "shop"
    group = spans.scope_spans.add()
    group.scope.name = scope
    for number, call in enumerate(calls, start=1):
        span = Span(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="chat")
        span.kind = Span.SPAN_KIND_CLIENT
        span.start_time_unix_nano, span.end_time_unix_nano = START, START + 2 * SECOND
        if "error" in call:
            span.status.code = Status.STATUS_CODE_ERROR
        span.attributes.extend(key_values({key: value for key, value in call.items() if key != "error"}))
        group.spans.append(span)
    return made.SerializeToString()


def chat(**more: Any) -> dict[str, Any]:
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 500,
        **{key.replace("__", "."): value for key, value in more.items()},
    }


def engine(settings: Settings) -> CoreEngine:
    return CoreEngine(compile_plan(settings, call_records=True))


def decide(core: CoreEngine, payload: bytes) -> list[dict[str, Any]]:
    """The call records of all traces in `payload`."""
    core.ingest(payload, START + 3 * SECOND)
    report = core.drain(START + 4 * SECOND)
    return [json.loads(line) for line in report.calls.splitlines()]


def everything() -> list[dict[str, Any]]:
    """Calls that fill every metric."""
    return [
        chat(gen_ai__response__time_to_first_chunk=0.5, gen_ai__conversation__id="c1", enricher__usage__images=2),
        chat(error=True, error__type="rate_limit_error"),
        chat(gen_ai__request__model="no-such-model"),
    ]


def judged() -> list[dict[str, Any]]:
    """OpenLLMetry's guardrails and OpenTelemetry's evaluations, as attributes."""
    return [
        chat(gen_ai__guardrail__name="pii", gen_ai__guardrail__status="FAILED", traceloop__workflow__name="w"),
        chat(gen_ai__evaluation__name="relevance", gen_ai__evaluation__score__value=0.75),
    ]


def limited() -> list[dict[str, Any]]:
    """A provider's account of its limit, in captured headers."""
    headers = {
        "http__response__header__x-ratelimit-limit-requests": 100,
        "http__response__header__x-ratelimit-remaining-requests": 25,
    }
    return [chat(**headers)]


def test_every_series_is_in_the_catalogue_with_its_labels() -> None:
    settings = Settings()
    core = engine(settings)
    decide(core, request(everything() + judged() + limited()))
    names = set()
    for name, labels, *_ in core.metrics():
        metric = catalogue.METRICS[name]
        assert len(labels) == len(metric.label_names(tuple(settings.metrics.labels))), name
        names.add(name)
    # A policy's series need a policy, that of sampling or that of content.
    of_policies = {name for name, metric in catalogue.METRICS.items() if "policy" in metric.labels}
    assert set(catalogue.METRICS) - names == of_policies | {"enricher_content_values_total"}


def test_what_no_list_prices_is_named_on_the_span_and_counted() -> None:
    core = engine(Settings())
    core.ingest(request([chat(enricher__usage__images=2, enricher__usage__web_searches=1), chat()]), START + 3 * SECOND)
    spans = spans_of(core.drain(START + 4 * SECOND).payloads)
    named = [[value for pair in span.attributes if pair.key == "enricher.cost.without_price"
              for value in (one.string_value for one in pair.value.array_value.values)] for span in spans]  # fmt: skip
    assert sorted(named) == [[], ["images"]], "gpt-4o has a price for searches"
    assert metric(core, "enricher_costs_without_unit_price_total", "images") == 1
    assert metric(core, "enricher_costs_without_unit_price_total") == 1


def test_a_scrape_reads_back_with_exemplars_that_lead_to_traces() -> None:
    settings = Settings()
    core = engine(settings)
    decide(core, request(everything()))
    text = exposition.generate_latest(registry(core.metrics, settings.metrics)).decode()  # type: ignore[no-untyped-call]
    samples = [s for f in text_string_to_metric_families(text) for s in f.samples]  # type: ignore[no-untyped-call]
    cost = {s.labels["model"]: s.value for s in samples if s.name == "llm_cost_usd_total"}
    assert cost == {"gpt-4o": pytest.approx(2 * (1000 * 2.5 + 500 * 10) / 1e6, rel=1e-12)}
    exemplars = {s.exemplar.labels["trace_id"] for s in samples if s.exemplar}
    assert exemplars <= {f"{number:032x}" for number in (1, 2, 3)}
    assert exemplars


@pytest.mark.parametrize("label", get_args(Label))
def test_the_core_knows_every_label_that_may_be_chosen(label: Label) -> None:
    core = engine(Settings.model_validate({"metrics": {"labels": [label]}}))
    decide(core, request([chat()]))
    values = [labels for name, labels, *_ in core.metrics() if name == "llm_request_duration_seconds"]
    assert len(values) == 1
    assert len(values[0]) == 1


def test_label_values_are_bounded_and_lose_no_count() -> None:
    core = engine(Settings.model_validate({"metrics": {"labels": ["model"], "label_limit": 5}}))
    decide(core, request([chat(gen_ai__request__model=f"model-{number}") for number in range(200)]))
    tokens = {labels[0]: value for name, labels, value, *_ in core.metrics() if name == "llm_tokens_total"}
    assert len(tokens) == 6
    assert "other" in tokens
    inputs = [v for n, labels, v, *_ in core.metrics() if n == "llm_tokens_total" and labels[1] == "input"]
    assert sum(value for value in inputs if isinstance(value, float)) == 200_000


def test_a_call_record_has_every_field_and_null_for_what_is_unknown() -> None:
    [record] = decide(engine(Settings()), request([chat(gen_ai__response__id="chatcmpl-1", user__id="u")]))
    assert list(record) == FIELDS.split()
    assert record["cost_usd"] == "0.0075"
    assert record["cost_state"] == "computed"
    assert (record["input_tokens"], record["output_tokens"], record["total_tokens"]) == (1000, 500, 1500)
    assert record["tokens_per_second"] == 250
    assert record["service"] == "shop"
    assert record["sampled"] is True
    for field in ("response_model", "cache_read_tokens", "ttft_ms", "error_class", "session_id", "guardrail", "policy"):
        assert record[field] is None, field


def test_a_record_never_carries_content() -> None:
    secret = "the prompt of a person"
    content = chat(
        gen_ai__input__messages=json.dumps([{"role": "user", "parts": [{"type": "text", "content": secret}]}])
    )
    core = engine(Settings())
    core.ingest(request([content]), START + 3 * SECOND)
    assert secret.encode() not in core.drain(START + 4 * SECOND).calls


def test_the_summary_adds_up() -> None:
    core = engine(Settings())
    decide(core, request(everything()))
    summary = json.loads(core.summary())
    assert summary["traces"] == {"in": 3, "kept": 3, "dropped": 0}
    assert summary["calls"]["counted"] == 3
    assert summary["calls"]["errors"] == 1
    assert sum(summary["calls"]["by_state"].values()) == 3
    assert summary["tokens"]["input"] == 3000
    assert summary["cost_usd"] == "0.015"
    assert summary["unpriced_models"] == ["no-such-model"]


def test_two_sdks_that_report_one_call_make_one_record() -> None:
    made = ExportTraceServiceRequest.FromString(request([chat()], scope="framework"))
    other = ExportTraceServiceRequest.FromString(
        request([chat(gen_ai__response__model="gpt-4o-2024-08-06")], scope="sdk")
    )
    inner = other.resource_spans[0].scope_spans[0].spans[0]
    inner.span_id = (77).to_bytes(8, "big")
    inner.parent_span_id = made.resource_spans[0].scope_spans[0].spans[0].span_id
    made.MergeFrom(other)
    core = engine(Settings())
    [record] = decide(core, made.SerializeToString())
    assert record["span_id"] == f"{77:016x}"
    assert record["duplicates"] == 1
    assert json.loads(core.summary())["calls"]["duplicates"] == 1
