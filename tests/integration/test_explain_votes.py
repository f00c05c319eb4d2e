"""What `explain` tells of votes: which span or resource made a condition hold, with which value."""

from __future__ import annotations

import json
from typing import Any

from tests.support.engines import CHAT, NOW, engine, request_of, span


def explained(policies: list[dict[str, Any]], request: bytes, **options: Any) -> dict[str, Any]:
    core = engine(json.dumps({"sampling": {"policies": policies, **options}}))
    (trace,) = json.loads(core.explain([request], NOW))["traces"]
    verdict: dict[str, Any] = trace["verdict"]
    return verdict


def text(key: str, value: str) -> dict[str, Any]:
    return {"name": key, "type": "string_attribute", "string_attribute": {"key": key, "values": [value]}}


def test_a_condition_names_the_span_the_key_and_the_value() -> None:
    spans = (span(1, 1), span(1, 0xA2, 1, {"vip": "yes"}))
    (vote,) = explained([text("vip", "yes")], request_of(*spans))["votes"]
    seen = {"attribute_matched": True, "on": f"{0xA2:016x}", "key": "vip", "value": "yes"}
    assert (vote["vote"], vote["looked_at"]) == (1, seen)


def test_a_condition_may_hold_on_the_resource_or_nowhere() -> None:
    request = request_of(span(1, 1), resource={"service.name": "shop"})
    here, nowhere = explained([text("service.name", "shop"), text("vip", "yes")], request)["votes"]
    assert here["looked_at"] == {"attribute_matched": True, "on": "resource", "key": "service.name", "value": "shop"}
    assert (nowhere["vote"], nowhere["looked_at"]) == (None, {"attribute_matched": False})


def test_a_condition_on_what_normalize_found_shows_that() -> None:
    facts = {"llm.model_name": "gpt-4o", "openinference.span.kind": "LLM"}
    (vote,) = explained([text("gen_ai.request.model", "gpt-4o")], request_of(span(1, 7, attributes=facts)))["votes"]
    assert vote["looked_at"]["value"] == "gpt-4o"


def test_an_ottl_condition_names_its_span_and_reads_what_normalize_found() -> None:
    block = {"span": ['attributes["gen_ai.request.model"] == "gpt-4o" and status.code != STATUS_CODE_ERROR']}
    policy = {"name": "o", "type": "ottl_condition", "ottl_condition": block}
    facts = {"llm.model_name": "gpt-4o", "openinference.span.kind": "LLM"}
    (vote,) = explained([policy], request_of(span(1, 7, attributes=facts)))["votes"]
    assert (vote["vote"], vote["looked_at"]) == (1, {"attribute_matched": True, "on": f"{7:016x}"})


def test_a_costly_trace_names_its_dearest_call() -> None:
    dearest = {**CHAT, "gen_ai.usage.input_tokens": 9000}
    policy = {"name": "c", "type": "cost", "cost": {"trace_usd": 0.001}}
    spans = (span(1, 1), span(1, 2, 1, CHAT), span(1, 3, 1, dearest))
    (vote,) = explained([policy], request_of(*spans))["votes"]
    assert vote["looked_at"]["max_call_span"] == f"{3:016x}"


def test_what_is_missing_or_on_trial_is_told() -> None:
    verdict = explained([text("vip", "yes")], request_of(span(1, 2, 1)), dry_run=True)
    assert verdict["keep"] is True
    assert verdict["incomplete"] is True
    assert verdict["trial"] == {"keep": False, "policy": None, "probability": 0}
