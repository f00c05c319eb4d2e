"""Token counts in their normal form, worked out slowly: input with cached tokens, output with reasoning tokens."""

from __future__ import annotations

from typing import Any

from tests.oracle.tables import table

USAGE = ("input_tokens", "output_tokens", "total_tokens")


def conclude(
    facts: dict[str, Any],
    dialect: dict[str, Any],
    provider: str | None,
    said: tuple[str, ...],
    provider_total: bool | None,
) -> None:
    """Brings the counts to normal form: input with cached tokens, output with reasoning tokens."""
    total = facts.get("total_tokens")
    for missing, other in (("input_tokens", "output_tokens"), ("output_tokens", "input_tokens")):
        if missing not in facts and other in facts and total is not None and total > facts[other]:
            facts[missing] = total - facts[other]
    if not any(concept in facts for concept in USAGE):
        return
    split = sum(facts.get(f"cache_write_{lifetime}_tokens", 0) for lifetime in ("5m", "1h", "12h"))
    if split > facts.get("cache_write_tokens", 0):
        facts["cache_write_tokens"] = split
    if not facts.get("input_tokens") and not facts.get("output_tokens"):
        for concept in USAGE if not total else USAGE[:2]:
            facts.pop(concept, None)
        return
    cached = facts.get("cache_read_tokens", 0) + facts.get("cache_write_tokens", 0)
    if "input_tokens" in facts and cached and _excludes(facts, dialect, provider, said, provider_total, cached, total):
        facts["input_tokens"] += cached
    if "output_tokens" not in facts:
        return
    plain = facts.get("input_tokens", 0) + facts["output_tokens"]
    reasoning = facts.get("reasoning_tokens", 0)
    stated = next((word for word in said if word in ("inside", "outside", "apart", "missing")), None)
    rule = stated or _of_provider(dialect.get("reasoning"), provider)
    if reasoning:
        api = _api_reasoning(provider)
        from_response = provider_total is not None or "inside" in said or "apart" in said
        apart = (api == "apart" and (rule is None or (rule == "inside" and from_response))) or rule == "apart"
        outside = apart or reasoning > facts["output_tokens"] or (total == plain + reasoning and total != plain)
        if not outside and total != plain:
            outside = (rule or _api_reasoning(provider)) == "outside"
        if outside:
            facts["output_tokens"] += reasoning
    elif rule == "missing" and total is not None and total > plain:
        facts["reasoning_tokens"] = total - plain
        facts["output_tokens"] = total - facts.get("input_tokens", 0)
    if "input_tokens" not in facts:
        return
    whole = facts["input_tokens"] + facts["output_tokens"]
    if total is None or total < whole:
        facts["total_tokens"] = whole


def _excludes(
    facts: dict[str, Any],
    dialect: dict[str, Any],
    provider: str | None,
    said: tuple[str, ...],
    provider_total: bool | None,
    cached: int,
    total: int | None,
) -> bool:
    if (semantics := facts.get("token_semantics")) in ("inclusive", "exclusive"):
        return bool(semantics == "exclusive")
    if cached > facts["input_tokens"]:
        return True
    if total is not None and "output_tokens" in facts:
        plain, reasoning = facts["input_tokens"] + facts["output_tokens"], facts.get("reasoning_tokens", 0)
        if total not in (plain, plain + reasoning) and total in (plain + cached, plain + cached + reasoning):
            return True
        api = table("providers.yaml")["api"]
        returned = provider is not None and provider not in api["no_total"]
        own = provider_total if provider_total is not None else dialect.get("provider_total", True) and returned
        if plain == total and own:
            return False
    stated = next((word for word in said if word in ("inclusive", "exclusive")), None)
    rule = stated or _of_provider(dialect.get("includes_cached"), provider)
    if rule in (None, "unknown"):
        rule = "exclusive" if provider in table("providers.yaml")["api"]["exclusive"] else "inclusive"
    return bool(rule == "exclusive")


def _of_provider(rule: Any, provider: str | None) -> str | None:
    if isinstance(rule, dict):
        rule = rule.get(provider, rule.get("default"))
    return None if rule is None else str(rule)


def _api_reasoning(provider: str | None) -> str:
    api = table("providers.yaml")["api"]
    return next((word for word in ("outside", "apart") if provider in api[f"reasoning_{word}"]), "inside")
