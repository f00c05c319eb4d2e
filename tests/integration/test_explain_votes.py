"""What `explain` tells of votes: which span or resource made a condition hold, with which value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.engines import CHAT, explained, request_of, span


def verdict_of(policies: list[dict[str, Any]], request: bytes, **options: Any) -> dict[str, Any]:
    (trace,) = explained(json.dumps({"sampling": {"policies": policies, **options}}), request)
    verdict: dict[str, Any] = trace["verdict"]
    return verdict


def text(key: str, value: str) -> dict[str, Any]:
    return {"name": key, "type": "string_attribute", "string_attribute": {"key": key, "values": [value]}}


def test_a_condition_names_the_span_the_key_and_the_value() -> None:
    spans = (span(1, 1), span(1, 0xA2, 1, {"vip": "yes"}))
    (vote,) = verdict_of([text("vip", "yes")], request_of(*spans))["votes"]
    seen = {"attribute_matched": True, "on": f"{0xA2:016x}", "key": "vip", "value": "yes"}
    assert (vote["vote"], vote["looked_at"]) == (1, seen)


def test_a_condition_may_hold_on_the_resource_or_nowhere() -> None:
    request = request_of(span(1, 1), resource={"service.name": "shop"})
    here, nowhere = verdict_of([text("service.name", "shop"), text("vip", "yes")], request)["votes"]
    assert here["looked_at"] == {"attribute_matched": True, "on": "resource", "key": "service.name", "value": "shop"}
    assert (nowhere["vote"], nowhere["looked_at"]) == (None, {"attribute_matched": False})


def test_a_condition_on_what_normalize_found_shows_that() -> None:
    facts = {"llm.model_name": "gpt-4o", "openinference.span.kind": "LLM"}
    (vote,) = verdict_of([text("gen_ai.request.model", "gpt-4o")], request_of(span(1, 7, attributes=facts)))["votes"]
    assert vote["looked_at"]["value"] == "gpt-4o"


def test_an_ottl_condition_names_its_span_and_reads_what_normalize_found() -> None:
    block = {"span": ['attributes["gen_ai.request.model"] == "gpt-4o" and status.code != STATUS_CODE_ERROR']}
    policy = {"name": "o", "type": "ottl_condition", "ottl_condition": block}
    facts = {"llm.model_name": "gpt-4o", "openinference.span.kind": "LLM"}
    (vote,) = verdict_of([policy], request_of(span(1, 7, attributes=facts)))["votes"]
    paths = [['attributes["gen_ai.request.model"]', "gpt-4o"], ["status.code", 0]]
    assert (vote["vote"], vote["looked_at"]) == (1, {"attribute_matched": True, "on": f"{7:016x}", "paths": paths})


def test_a_costly_trace_names_its_dearest_call() -> None:
    dearest = {**CHAT, "gen_ai.usage.input_tokens": 9000}
    policy = {"name": "c", "type": "cost", "cost": {"trace_usd": 0.001}}
    spans = (span(1, 1), span(1, 2, 1, CHAT), span(1, 3, 1, dearest))
    (vote,) = verdict_of([policy], request_of(*spans))["votes"]
    assert vote["looked_at"]["max_call_span"] == f"{3:016x}"


def test_what_is_missing_or_on_trial_is_told() -> None:
    verdict = verdict_of([text("vip", "yes")], request_of(span(1, 2, 1)), dry_run=True)
    assert verdict["keep"] is True
    assert verdict["incomplete"] is True
    assert verdict["trial"] == {"keep": False, "policy": None, "probability": 0}


def test_sub_policies_are_told_by_name_each_with_its_vote_and_value() -> None:
    error = {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    limited = {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 5}}
    inner = {"name": "no-vip", "type": "not", "not": {"not_sub_policy": text("vip", "yes")}}
    both = {"name": "both", "type": "and", "and": {"and_sub_policy": [limited, error, inner]}}
    (vote,) = verdict_of([both], request_of(span(1, 1, 0, {"vip": "no"})))["votes"]
    told = {one["policy"]: one for one in vote["sub_policies"]}
    assert list(told) == ["few", "failed", "no-vip"]
    assert (told["failed"]["vote"], told["failed"]["asked"]) == (None, True)
    assert told["failed"]["looked_at"] == {"status_codes": ["UNSET"]}
    # Nothing is asked of a limit that others leave nothing to; of the rest it is told what they would say.
    assert (told["few"]["vote"], told["few"]["asked"]) == (None, False)
    assert (told["no-vip"]["vote"], told["no-vip"]["asked"]) == (1, True)
    (vip,) = told["no-vip"]["sub_policies"]
    seen = {"attribute_matched": False, "on": f"{1:016x}", "key": "vip", "value": "no"}
    assert (vip["policy"], vip["vote"], vip["looked_at"]) == ("vip", None, seen)


def test_conditions_on_one_span_are_told_each_by_itself() -> None:
    error = {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    block = {"same_span": True, "and_sub_policy": [error, text("vip", "yes")]}
    policy = {"name": "one", "type": "and", "and": block}
    (vote,) = verdict_of([policy], request_of(span(1, 1, error=True), span(1, 2, 1, {"vip": "yes"})))["votes"]
    assert (vote["vote"], vote["looked_at"]) == (None, {"span_matched": False})
    assert [(one["policy"], one["vote"]) for one in vote["sub_policies"]] == [("failed", 1), ("vip", 1)]
    (vote,) = verdict_of([policy], request_of(span(1, 1), span(1, 2, 1, {"vip": "yes"}, error=True)))["votes"]
    assert (vote["vote"], vote["looked_at"]) == (1, {"span_matched": True, "on": f"{2:016x}"})


@pytest.mark.parametrize("wanted", [True, False])
def test_a_condition_in_ottl_is_judged_on_one_span(wanted: bool) -> None:
    error = {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    large = {"name": "large", "type": "ottl_condition", "ottl_condition": {"span": ['attributes["k"] > 3']}}
    asked = large if wanted else {"name": "not", "type": "not", "not": {"not_sub_policy": large}}
    policy = {"name": "one", "type": "and", "and": {"same_span": True, "and_sub_policy": [error, asked]}}
    (vote,) = verdict_of([policy], request_of(span(1, 1, error=True), span(1, 2, 1, {"k": 4})))["votes"]
    assert vote["vote"] == (None if wanted else 1)
    (vote,) = verdict_of([policy], request_of(span(1, 1), span(1, 2, 1, {"k": 4}, error=True)))["votes"]
    assert vote["vote"] == (1 if wanted else None)


def test_a_condition_in_ottl_tells_what_its_paths_led_to() -> None:
    block = {"span": ['attributes["k"] > 3 and name != "x"', 'resource.attributes["r"] == "a"']}
    policy = {"name": "large", "type": "ottl_condition", "ottl_condition": block}
    for k, vote, on in ((2, None, 2), (5, 1, 2)):
        request = request_of(span(1, 1), span(1, 2, 1, {"k": k}), span(1, 3, 1, {"k": k}))
        (told,) = verdict_of([policy], request)["votes"]
        assert (told["vote"], told["looked_at"]["on"]) == (vote, f"{on:016x}")
        paths = dict(told["looked_at"]["paths"])
        assert paths['attributes["k"]'] == k
        assert set(paths) == {'attributes["k"]', "name"}


def test_a_root_that_is_no_probe_tells_what_it_asked_for() -> None:
    policy = {"name": "probes", "type": "health_check"}
    request = request_of(span(1, 2, 1, {"url.path": "/other"}), span(1, 1, 0, {"url.path": "/ask"}))
    (vote,) = verdict_of([policy], request)["votes"]
    assert vote["looked_at"]["root"] == [{"key": "url.path", "value": "/ask"}]


def test_a_limit_tells_what_it_had_and_what_is_left() -> None:
    few = {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 5}}
    verdict = verdict_of([few], request_of(span(1, 1), span(1, 2, 1)), limit={"traces_per_second": 3})
    bucket = {"per_second": 5, "burst": 10, "tokens": 10, "tokens_left": 8, "traces_at_once": 1}
    assert verdict["votes"][0]["learned"] == bucket
    limit = {"per_second": 3, "burst": 6, "tokens": 6, "tokens_left": 5, "traces_at_once": 1}
    assert verdict["limits"] == [{**limit, "unit": "traces", "trace": 1}]


def test_shares_of_a_composite_are_told() -> None:
    subs = [{"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}]
    subs += [{"name": "rest", "type": "always_sample"}]
    block = {"max_total_spans_per_second": 10, "composite_sub_policy": subs}
    (vote,) = verdict_of([{"name": "c", "type": "composite", "composite": block}], request_of(span(1, 1)))["votes"]
    assert [(one["policy"], one["vote"]) for one in vote["sub_policies"]] == [("failed", None), ("rest", 1)]
    assert [(one["per_second"], one["tokens_left"]) for one in vote["learned"]["shares"]] == [(5, 5), (5, 4)]


def test_a_loop_tells_the_tool_and_how_often_it_ran() -> None:
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.tool.call.arguments": "{}"}
    policy = {"name": "loops", "type": "runaway", "runaway": {"repeats": 4}}
    spans = [span(1, number, 0 if number == 1 else 1, tool) for number in range(1, 7)]
    other = {**tool, "gen_ai.tool.name": "open"}
    (vote,) = verdict_of([policy], request_of(*spans, span(1, 8, 1, other), span(1, 9, 1, CHAT)))["votes"]
    assert vote["vote"] == 1
    assert (vote["learned"]["repeats"], vote["learned"]["tool"], vote["learned"]["calls"]) == (6, "search", 1)
