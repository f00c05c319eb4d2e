"""Every metric that the core measures, each once. `core/src/measure` fills them; the collector names and explains them.

The program's own counters (`enricher.measure.events`) are declared where they are counted and have their text there.
Names of OpenTelemetry's metrics are theirs, as Prometheus writes them:
https://github.com/open-telemetry/semantic-conventions-genai (metrics).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]
BucketSet = Literal["duration", "ttft", "tokens", "scores", "probability"]

PROBABILITY_BUCKETS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 0.999, 1.0)
"""Upper bounds for votes of sampling policies; the last two part what is kept for certain from the rest."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One instrument.

    labels: in the order of the core's label values. spend: the labels of `metrics.labels` come before them.
    unit: as OpenMetrics names it, the end of the name; "" where the name has none. buckets: which bounds of
    `metrics.buckets` a histogram has, or `probability`.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    spend: bool = False
    unit: str = ""
    buckets: BucketSet | None = None

    def label_names(self, chosen: tuple[str, ...]) -> tuple[str, ...]:
        """All label names, given those of `metrics.labels`."""
        return (*chosen, *self.labels) if self.spend else self.labels


_CONVENTION = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")

GROUPS: dict[str, tuple[Metric, ...]] = {
    "Spend": (
        Metric(
            "llm_request_duration_seconds",
            "histogram",
            "Duration of model calls, each call once whatever stack of SDKs reported it.",
            spend=True,
            unit="seconds",
            buckets="duration",
        ),
        Metric(
            "llm_ttft_seconds",
            "histogram",
            "Time from the start of a model call to the first part of its answer, where a span tells it.",
            spend=True,
            unit="seconds",
            buckets="ttft",
        ),
        Metric(
            "llm_tokens_total",
            "counter",
            "Tokens of model calls. `input` includes `cache_read` and `cache_write`, `output` includes `reasoning`: "
            "do not add the five.",
            ("type",),
            spend=True,
        ),
        Metric(
            "llm_cost_usd_total",
            "counter",
            "Cost of model calls in USD, before sampling. Unpriced calls are not in it: see "
            "enricher_unpriced_calls_total.",
            spend=True,
        ),
        Metric(
            "llm_errors_total", "counter", "Model calls that failed, by class of error.", ("error_class",), spend=True
        ),
        Metric(
            "llm_guardrail_decisions_total",
            "counter",
            "Verdicts of guardrails that spans report, as the guardrail words them.",
            ("guardrail", "decision"),
        ),
        Metric(
            "llm_evaluation_score",
            "histogram",
            "Scores of evaluations that spans and log records beside them report. What is told again of a span counts "
            "once.",
            ("evaluation",),
            buckets="scores",
        ),
        Metric(
            "enricher_verdicts_forgotten_total",
            "counter",
            "Evaluations and guardrail decisions that were forgotten before six hours had passed, as the 65,536 last "
            "are remembered: should their spans be delivered again, they count again.",
        ),
        Metric(
            "llm_rate_limit_utilization_ratio",
            "gauge",
            "Part of a provider's rate limit that is used, by the newest of the captured response headers "
            "(`http.response.header.x-ratelimit-*` and `anthropic-ratelimit-*`); limit: requests, tokens, and "
            "Anthropic's input_tokens and output_tokens.",
            ("provider", "limit"),
        ),
        Metric("llm_active_sessions", "gauge", "Sessions with a model call within `metrics.session_window`."),
    ),
    "OpenTelemetry": (
        Metric(
            "gen_ai_client_token_usage",
            "histogram",
            "Input and output tokens of model calls (OpenTelemetry's gen_ai.client.token.usage).",
            (*_CONVENTION, "gen_ai_token_type"),
            buckets="tokens",
        ),
        Metric(
            "gen_ai_client_operation_duration_seconds",
            "histogram",
            "Duration of model calls (OpenTelemetry's gen_ai.client.operation.duration).",
            (*_CONVENTION, "error_type"),
            unit="seconds",
            buckets="duration",
        ),
        Metric(
            "gen_ai_client_operation_time_to_first_chunk_seconds",
            "histogram",
            "Time to the first chunk of the answer (OpenTelemetry's gen_ai.client.operation.time_to_first_chunk).",
            _CONVENTION,
            unit="seconds",
            buckets="ttft",
        ),
    ),
    "Trust": (
        Metric(
            "enricher_calls_total",
            "counter",
            "Model calls counted, by where their cost comes from: reported, computed, estimated, not_billed, unpriced.",
            ("cost_state",),
        ),
        Metric(
            "enricher_unpriced_calls_total",
            "counter",
            "Model calls without a cost, by reason (unknown_model, no_usage, no_unit_price) and model.",
            ("reason", "model"),
        ),
        Metric(
            "enricher_duplicate_reports_total",
            "counter",
            "Spans that repeat or sum a model call that is counted elsewhere, by the rule that found it.",
            ("rule",),
        ),
        Metric(
            "enricher_calls_forgotten_total",
            "counter",
            "What was forgotten before its time because a memory was full, by memory: response `ids` (131,072), "
            "`decided` calls (65,536), `reports` that other traces may tell of as well and `pairs` of such reports "
            "(131,072 each). A call that is told of again after that counts again.",
            ("memory",),
        ),
        Metric(
            "enricher_reports_not_compared_total",
            "counter",
            "Reports not compared with all that may tell of their call, by bound: in other traces `scopes` (32 of one "
            "service instance are told apart) and `searches` (32,768 reports are looked at for one call); `wrappers` "
            "(of those counted before, 512 are looked at for a call whose links have not come, and 64 are taken). "
            "Calls that both tell of count twice.",
            ("bound",),
        ),
        Metric(
            "enricher_reported_cost_difference_usd_total",
            "counter",
            "Difference between costs that spans report and the price book's, in USD: `over` where the span said more.",
            ("direction",),
        ),
        Metric(
            "enricher_suspect_zero_costs_total",
            "counter",
            "Calls reported with a cost of 0 beside tokens of a priced model; they were priced from the book.",
        ),
        Metric(
            "enricher_costs_without_unit_price_total",
            "counter",
            "Calls whose computed cost leaves out something that was counted, because no list prices it, by its unit.",
            ("unit",),
        ),
        Metric(
            "enricher_cost_usd_total",
            "counter",
            "Cost of model calls in USD by what became of their trace: `kept` over the sum is the spend captured.",
            ("decision",),
        ),
        Metric(
            "enricher_token_estimates_total",
            "counter",
            "Calls whose tokens were counted from their content because nobody told them (`counted`), or were not "
            "because a tick had counted as much as normalize.estimate_tokens.tick_kib allows, or the call has more "
            "than 16 reports and the first of them hold no content (`refused`).",
            ("outcome",),
        ),
        Metric(
            "enricher_anomalies_total",
            "counter",
            "What stands on spans and could not be used, by kind: `bad_number`, `bad_text`, `bad_json`, `bad_time`, "
            "`zero_usage` (0 tokens in and out on an answered call), and beyond a bound `oversize_text`, "
            "`oversize_json`, `events_beyond` (the first 1,024 events of a span are read), `paths_beyond` (at one "
            "place of a structured value at most 6 paths of the dialects' rules are followed), `copies_beyond` (log "
            "records add what they say to the first 8 copies of a span that differ), `evaluations_beyond` (a call "
            "record holds the first 256 evaluations of its call), `context_beyond` "
            "(spans that were not told who asked: those of their trace had gained four times its bytes and a MiB).",
            ("kind",),
        ),
    ),
    "Content": (
        Metric(
            "enricher_content_values_total",
            "counter",
            "Values that `normalize.content` changed on their way out: `dropped` and `truncated` by what they carry "
            "(input, output, system, tool_definitions, tool_arguments, tool_result, other), `redacted` by what was "
            "found (secret, card, iban, email, ip, phone, and the names of your own patterns).",
            ("action", "kind"),
        ),
    ),
    "Sampling": (
        Metric(
            "enricher_traces_total",
            "counter",
            "Traces decided, by decision and by what made them due.",
            ("decision", "trigger"),
        ),
        Metric("enricher_spans_total", "counter", "Spans of decided traces, by decision.", ("decision",)),
        Metric(
            "enricher_span_bytes_total",
            "counter",
            "Bytes of the spans of decided traces as received, by decision.",
            ("decision",),
        ),
        Metric(
            "enricher_late_spans_total",
            "counter",
            "Spans that arrived after the verdict of their trace and followed it, by decision.",
            ("decision",),
        ),
        Metric(
            "enricher_sampling_policy_traces_total",
            "counter",
            "Traces by policy: it voted for them, it was credited with the decision, and they were kept by it.",
            ("policy", "outcome"),
        ),
        Metric(
            "enricher_sampling_policy_spans_total",
            "counter",
            "Spans of these traces, by policy and outcome.",
            ("policy", "outcome"),
        ),
        Metric(
            "enricher_sampling_policy_probability",
            "histogram",
            "Probabilities that a policy voted (a `drop`: for dropping), once for each trace that it voted for.",
            ("policy",),
            buckets="probability",
        ),
        Metric(
            "enricher_sampling_incomplete_traces_total",
            "counter",
            "Traces decided before all of their spans were there, as far as that shows: without their root, or early, "
            "by size, memory or shutdown.",
            ("decision",),
        ),
        Metric(
            "enricher_sampling_limited_traces_total",
            "counter",
            "Traces whose probability `sampling.limit` lowered, by decision.",
            ("decision",),
        ),
        Metric(
            "enricher_sampling_dry_run_traces_total",
            "counter",
            "Traces decided with something in `dry_run`: what was done, and what would have been.",
            ("decision", "would"),
        ),
        Metric(
            "enricher_sampling_condition_errors_total",
            "counter",
            "Times that a condition of an `ottl_condition` policy could not be worked out for a span.",
        ),
        Metric(
            "enricher_sampling_target_per_second",
            "gauge",
            "Target of an `adaptive` policy, in its unit (traces, spans or bytes).",
            ("policy",),
        ),
        Metric(
            "enricher_sampling_expected_total",
            "counter",
            "What an `adaptive` policy expected to keep, in its unit; its rate is to meet the target.",
            ("policy",),
        ),
        Metric(
            "enricher_sampling_keys",
            "gauge",
            "Keys that a learning policy tells apart at present (`max_keys`, `max_fingerprints`).",
            ("policy",),
        ),
        Metric(
            "enricher_sampling_keys_overflow_total",
            "counter",
            "Traces, calls or values whose key found no place of its own in a learning policy.",
            ("policy",),
        ),
    ),
    "Budgets and runaways": (
        Metric(
            "llm_runaway_detections_total",
            "counter",
            "Loops and bursts of spend that policies of type `runaway` saw as spans arrived: loop, calls, spend.",
            ("policy", "kind"),
        ),
        Metric(
            "llm_runaway_active",
            "gauge",
            "Traces, sessions, agents or tenants that were beyond a threshold of a `runaway` policy within its window.",
            ("policy",),
        ),
        Metric(
            "llm_budget_usd_limit",
            "gauge",
            "What a tenant may spend in a period by a policy of type `budget`, in USD.",
            ("policy", "tenant"),
        ),
        Metric(
            "llm_budget_usd_spent",
            "gauge",
            "What a tenant has spent in the current period, before sampling, in USD.",
            ("policy", "tenant"),
        ),
        Metric(
            "llm_budget_utilization_ratio",
            "gauge",
            "Spend of the current period over its limit; from 1 on the tenant is over its budget.",
            ("policy", "tenant"),
            unit="ratio",
        ),
        Metric(
            "llm_budget_other_usd_spent",
            "gauge",
            "What tenants beyond `max_tenants` have spent together in the current period, in USD.",
            ("policy",),
        ),
    ),
    "Buffer": (
        Metric("enricher_spans_received_total", "counter", "Spans taken into the buffer."),
        Metric("enricher_spans_rejected_total", "counter", "Spans refused one by one and reported as partial success."),
        Metric("enricher_requests_refused_total", "counter", "Trace requests refused because the buffer was full."),
        Metric(
            "enricher_trace_faults_total",
            "counter",
            "Traces that the core failed to decide and passed on as they came; each is a bug worth reporting.",
        ),
        Metric(
            "enricher_log_events_total",
            "counter",
            "Log records that say something about a model call: `joined` to their span, `unmatched` because the span "
            "did not come in time, `refused` because limits.log_facts_mib was reached or 256 others said something of "
            "the same span. All of them pass through.",
            ("outcome",),
        ),
        Metric(
            "enricher_log_facts_bytes",
            "gauge",
            "Memory held by what log records say about spans that are not decided yet.",
            unit="bytes",
        ),
        Metric("enricher_buffer_bytes", "gauge", "Memory held by traces that are not decided yet.", unit="bytes"),
        Metric("enricher_buffer_traces", "gauge", "Traces that are not decided yet."),
    ),
}
"""The metrics of the core, by the heading they stand under in the docs."""

METRICS = {metric.name: metric for group in GROUPS.values() for metric in group}

LABELS: dict[str, str] = {
    "service": "`service.name` of the resource",
    "provider": "`gen_ai.provider.name`, normalized",
    "model": "the model that answered, else the one asked for",
    "request_model": "the model asked for",
    "response_model": "the model that answered",
    "operation": "`gen_ai.operation.name`, normalized",
    "feature": "the feature of the product that asked",
    "tenant": "the tenant it asked for",
    "team": "the team it asked for",
    "user": "the end user; many values, so raise `label_limit` knowingly",
    "agent": "the agent's name",
    "workflow": "the workflow's name",
    "prompt": "the prompt template's name",
    "variant": "the experiment's variant",
    "environment": "the deployment environment",
    "service_tier": "the service tier that served the call",
    "gateway": "the gateway it went through",
}
"""What `metrics.labels` may list, and what each shows."""
