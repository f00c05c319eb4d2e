"""Who ran the model, worked out slowly."""

from __future__ import annotations

import re
from typing import Any

from tests.oracle.tables import fits, matching, table
from tests.oracle.values import host, url_path


def conclude(scope: str, dialect: dict[str, Any], facts: dict[str, Any]) -> str | None:
    """Concludes and writes the provider; its official name where it has one."""
    names = table("providers.yaml")
    told = facts.get("provider")
    known, custom = _named(told)
    named_host: tuple[str | None, str | None] = (None, None)
    if told and custom:
        address = _of_address(told)
        if address is None:
            ends = [end for end in names["suffixes"] if told.lower().endswith(end.lower())]
            facts["provider"] = told[: -len(ends[0])] if ends else told
            return None
        named_host = address
    if known and known not in names["host_corrects"]:
        facts["provider"] = known
        return known
    by_host, gateway = named_host if any(named_host) else _of_host(facts)
    by_host = by_host or _of_path(facts)
    if gateway:
        facts.setdefault("gateway", gateway)
    found = by_host or known
    if gateway and not by_host and known in names["model_corrects"]:
        # A client of many providers cannot know whom a gateway asks.
        found = _of_model(facts.get("request_model")) or _of_model(facts.get("response_model")) or known
    if not found:
        found = dialect.get("implies", {}).get("provider") or matching(names["scopes"], scope.lower())
    for concept in ("request_model", "response_model"):
        found = found or _of_model(facts.get(concept))
    facts.pop("provider", None)
    if found:
        facts["provider"] = found
    return found


def counts_as(who: str | None, facts: dict[str, Any]) -> str | None:
    """The provider whose way of counting a call's usage follows."""
    models = [str(facts.get(concept, "")).lower() for concept in ("response_model", "request_model")]
    for rule in table("providers.yaml")["api"]["counts_as"]:
        if rule["provider"] == who and any(fits(rule, model) for model in models):
            return str(rule["as"])
    return who


def _named(told: str | None) -> tuple[str | None, bool]:
    """The official provider of a value, and whether the value is a name that nobody knows."""
    names = table("providers.yaml")
    owner = {_folded(alias): name for name, aliases in names["aliases"].items() for alias in (name, *aliases)}
    nobody = {_folded(str(name)) for name in names["not_providers"]}
    if told is None or _folded(told) in nobody - set(owner):
        return None, False
    word = _folded(told)
    while word:
        if word in owner:
            return owner[word], False
        if word in nobody:
            return None, False
        word = word.rpartition(".")[0]
    return None, True


def _of_address(told: str) -> tuple[str | None, str | None] | None:
    """What a value says that is the address of an API; None for one that is none."""
    name = host(told).lower()
    if name == "localhost" or re.fullmatch(r"\d+\.\d+\.\d+\.\d+|\[?::1\]?", name):
        return None, None
    for rule in table("providers.yaml")["hosts"]:
        if "." in name and fits(rule, name):
            return rule["provider"], rule.get("gateway")
    return None


def _folded(name: str) -> str:
    return re.sub("[_ ]", "-", name.lower())


def _of_host(facts: dict[str, Any]) -> tuple[str | None, str | None]:
    names = table("providers.yaml")
    address = facts.get("server_address")
    if not address:
        return None, None
    name = host(address).rstrip(".").lower()
    if name in ("localhost", "127.0.0.1", "::1", "[::1]"):
        written = re.search(r":(\d+)(/.*)?$", address)
        port = facts.get("server_port", int(written[1]) if written else None)
        return names["local_ports"].get(port), None
    for rule in names["hosts"]:
        if fits(rule, name):
            return rule["provider"], rule.get("gateway")
    return None, None


def _of_path(facts: dict[str, Any]) -> str | None:
    """The provider in the path of a gateway's URL."""
    told, address = facts.get("provider"), facts.get("server_address")
    host_told = told if told and _named(told)[1] and _of_address(told) not in (None, (None, None)) else address
    name = host(host_told or "").rstrip(".").lower()
    pattern = next((rule.get("path") for rule in table("providers.yaml")["hosts"] if fits(rule, name)), None)
    for text in (facts.get("server_path"), address, told):
        found = re.search(pattern, url_path(text) or "") if pattern and text else None
        known = _named(found[1])[0] if found else None
        if known:
            return known
    return None


def _of_model(model: str | None) -> str | None:
    names = table("providers.yaml")
    if not model:
        return None
    for prefix, provider in names["model_prefixes"].items():
        if model.lower().startswith(prefix):
            found: str = provider
            return found
    return matching(names["model_patterns"], model.lower())
