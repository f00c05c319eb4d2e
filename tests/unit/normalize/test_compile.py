"""The plan section: rules by concept and key, the order in which they are asked, and what users add."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from enricher.normalize.compile import compile_plan
from enricher.normalize.settings import NormalizeSettings

Plan = dict[str, Any]


def plan(**settings: Any) -> Plan:
    return compile_plan(NormalizeSettings.model_validate(settings))


def index(section: Plan, name: str) -> int:
    found: int = next(at for at, dialect in enumerate(section["dialects"]) if dialect["name"] == name)
    return found


def order(section: Plan, concept: str, dialect: str | None) -> list[str]:
    """Sources in the order in which the core asks them on spans of `dialect` (None: of none)."""
    at = index(section, dialect) if dialect else None
    usable = [
        (bool(not rule.get("dialects")), rule["priority"], place, rule["source"])
        for place, rule in enumerate(section["rules"])
        if rule["concept"] == concept and (not rule.get("dialects") or at in rule["dialects"])
    ]
    return list(dict.fromkeys(source for *_, source in sorted(usable)))


def test_it_is_json_and_small() -> None:
    assert len(json.dumps(plan())) < 1_000_000


def test_a_dialects_own_sources_come_first_then_the_conventions() -> None:
    section = plan()
    asked = order(section, "input_tokens", "openinference")
    assert asked[0] == "llm.token_count.prompt"
    assert asked[1] == "gen_ai.usage.input_tokens"
    spans = [source for source in order(section, "input_tokens", None) if not source.startswith("event:")]
    assert spans[:2] == ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]
    assert order(section, "input_tokens", "litellm_v2")[0] == "gen_ai.usage.input_tokens"


def test_one_key_has_few_rules_however_many_dialects_there_are() -> None:
    section = plan()
    rules = [rule for rule in section["rules"] if rule["key"] == "gen_ai.usage.input_tokens"]
    readers = {at for rule in rules for at in rule.get("dialects", [])}
    assert len(readers) > 20
    assert len(rules) <= 5


def test_bare_and_ambiguous_keys_are_read_in_their_dialect_only() -> None:
    section = plan()
    assert "model" in order(section, "request_model", "claude_code")
    assert "model" not in order(section, "request_model", "openllmetry")
    assert "output.value#id | known_id" not in order(section, "response_id", None)
    strands = order(section, "ttft", "strands")
    assert strands[0] == "gen_ai.server.time_to_first_token | ms"
    assert "gen_ai.server.time_to_first_token" not in strands
    assert not any("server.time_to_first_token" in source for source in order(section, "ttft", None))


def test_enrichers_own_attributes_win_everywhere() -> None:
    section = plan()
    own = "enricher.usage.cache_write_1h_tokens"
    assert order(section, "cache_write_1h_tokens", "litellm_v1")[0] == own
    assert order(section, "cache_write_1h_tokens", None)[0] == own


def test_users_attributes_are_asked_before_all_others() -> None:
    section = plan(attributes={"tenant_id": ["acme.customer", "acme.org"], "input_tokens": "acme.in"})
    for dialect in ("handwritten_llm", None):
        assert order(section, "tenant_id", dialect)[:3] == ["acme.customer", "acme.org", "enricher.tenant.id"]
    assert order(section, "input_tokens", "langfuse")[0] == "acme.in"


def test_users_dialects_are_detected_first() -> None:
    acme = {
        "name": "acme",
        "detect": ["acme.model", {"all": ["scope:acme", "acme.kind=llm"]}],
        "attributes": {"request_model": ["acme.model"], "input_tokens": ["acme.usage#in | exclusive"]},
        "includes_cached": {"default": "inclusive", "anthropic": "exclusive", "scope:acme.raw": "exclusive"},
        "separate": True,
        "last_step": True,
        "operations": {"Think": "chat"},
        "roles": [{"when": ["span:acme.flow*"], "role": "wrapper"}],
    }
    section = plan(dialects=[acme])
    assert section["dialects"][0]["name"] == "acme"
    assert [test["dialect"] for test in section["detection"][:2]] == [0, 0]
    assert section["detection"][1]["all"] == [{"scope": "acme"}, {"attr": {"key": "acme.kind", "value": "llm"}}]
    counts = {"default": "inclusive", "providers": {"anthropic": "exclusive"}, "scopes": {"acme.raw": "exclusive"}}
    assert section["dialects"][0]["cached"] == counts
    assert section["dialects"][0]["separate"] is True
    assert section["dialects"][0]["last_step"] is True
    assert section["dialects"][0]["operations"] == {"think": {"role": "inference", "operation": "chat"}}
    assert section["dialects"][0]["tests"] == [{"all": [{"span": "acme.flow*"}], "role": "wrapper"}]
    rule = next(rule for rule in section["rules"] if rule["key"] == "acme.usage")
    assert (rule["path"], rule["cached"]) == ("in", "exclusive")


def test_bare_keys_are_read_in_their_dialect_alone_unless_it_says_everywhere() -> None:
    acme = {"name": "acme", "detect": ["acme.x"], "attributes": {"input_tokens": ["acme_in"], "user_id": ["acme_user"]}}
    section = plan(dialects=[{**acme, "everywhere": ["acme_in"]}])
    assert "acme_in" in order(section, "input_tokens", "openlit")
    assert "acme_user" not in order(section, "user_id", "openlit")


def test_a_users_dialect_replaces_the_shipped_one_of_its_name() -> None:
    section = plan(dialects=[{"name": "openlit", "attributes": {"input_tokens": ["acme.in"]}}])
    assert [dialect["name"] for dialect in section["dialects"]].count("openlit") == 1
    assert order(section, "input_tokens", "openlit")[0] == "acme.in"
    # With tests of its own or without, it is known as the shipped one is.
    assert any(test["dialect"] == 0 for test in section["detection"])
    section = plan(dialects=[{"name": "openlit", "detect": ["acme.openlit"]}])
    found = [test["all"][0] for test in section["detection"] if test["dialect"] == 0]
    assert found[0] == {"attr": {"key": "acme.openlit"}}
    assert {"scope": "openlit.*"} in found


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"attributes": {"tenant": ["x.y"]}}, "there is no concept `tenant`"),
        ({"attributes": {"tenant_id": ["x.y | sec"]}}, "unknown transform `sec`"),
        ({"dialects": [{"name": "Bad Name"}]}, "pattern"),
        ({"dialects": [{"name": "d", "detect": ["kind:server"]}]}, "cannot detect a dialect"),
        ({"dialects": [{"name": "d", "includes_cached": {"opnai": "inclusive"}}]}, "no provider `opnai`"),
        ({"dialects": [{"name": "d", "includes_cached": {"scope:": "inclusive"}}]}, "no provider `scope:`"),
        ({"dialects": [{"name": "d", "operations": {"x": "chta"}}]}, "no operation `chta`"),
        ({"content": "shred"}, "'keep', 'drop', 'truncate' or 'redact'"),
        ({"conventions": "old"}, "'both' or 'latest'"),
    ],
)
def test_faults_are_named(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        NormalizeSettings.model_validate(settings)


def test_every_transform_and_map_used_exists() -> None:
    section = plan()
    maps = set(section["maps"])
    for rule in section["rules"]:
        for step in rule.get("transform", []):
            name, _, table = step.partition(":")
            assert name not in ("map", "remap") or table in maps, step
            assert name


def test_shapes_in_containers_come_before_bare_ones() -> None:
    shapes = plan()["usage_shapes"]
    contained = ["." in shape["detect"][0] for shape in shapes]
    assert contained == sorted(contained, reverse=True)
    chat = next(shape for shape in shapes if shape["detect"] == ["usage.prompt_tokens"])
    fields = {field["concept"]: field["paths"] for field in chat["fields"]}
    assert fields["input_tokens"] == ["usage.prompt_tokens"]
    assert fields["response_model"] == ["model", "modelVersion", "model_version"]
