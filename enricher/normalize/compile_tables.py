"""The parts of the plan's `normalize` section that do not depend on the configuration."""

from __future__ import annotations

from typing import Any

from enricher.normalize import tables


def canonical(*, fix_legacy: bool) -> list[dict[str, Any]]:
    """What each concept is called on a canonical span; `fix_legacy`: older names with other values are corrected."""
    return [
        {"concept": name, "key": entry.key}
        | ({"legacy": entry.legacy[0], "fix_legacy": fix_legacy} if entry.legacy else {})
        | ({"fold": entry.fold} if entry.fold else {})
        | ({"from_finish": entry.from_finish} if entry.from_finish else {})
        | ({"strictest": entry.strictest} if entry.strictest else {})
        for name, entry in tables.load(tables.Canonical).concepts.items()
        if entry.key
    ]


def operations() -> dict[str, Any]:
    """Operation values in lower case, and the operations of models that name none."""
    source = tables.load(tables.Operations)
    values = {}
    for name, entry in source.operations.items():
        for value in (name, *entry.aliases):
            values[value.lower()] = {"operation": name, "role": entry.role}
    return {
        "values": values,
        "span_kinds": {},
        "models": [{"match": rule.plan(), "operation": rule.operation} for rule in source.by_model],
        "default": source.default,
    }


def providers() -> dict[str, Any]:
    """Names, hosts, scopes and model patterns of providers."""
    source = tables.load(tables.Providers)
    api = source.api
    return {
        "list": [
            {
                "name": name,
                "aliases": sorted({name.lower(), *(alias.lower() for alias in aliases)}),
                "cached": "exclusive" if name in api.exclusive else "inclusive",
                "returns_total": name not in api.no_total,
                "reasoning": "apart"
                if name in api.reasoning_apart
                else "outside"
                if name in api.reasoning_outside
                else "inside",
            }
            for name, aliases in source.aliases.items()
        ],
        "suffixes": [suffix.lower() for suffix in source.suffixes],
        "counts_as": [{"match": rule.plan(), "provider": rule.provider, "maker": rule.maker} for rule in api.counts_as],
        "not_providers": [name.lower() for name in source.not_providers],
        "hosts": [
            {"match": host.plan(), "provider": host.provider}
            | ({"gateway": host.gateway} if host.gateway else {})
            | ({"path": host.path} if host.path else {})
            for host in source.hosts
        ],
        "ports": {str(port): provider for port, provider in source.local_ports.items()},
        "scopes": [{"match": rule.plan(), "provider": rule.provider} for rule in source.scopes],
        "models": [
            *({"match": {"prefix": prefix}, "provider": name} for prefix, name in source.model_prefixes.items()),
            *({"match": rule.plan(), "provider": rule.provider} for rule in source.model_patterns),
        ],
        "compatible": source.host_corrects,
        "vague": source.model_corrects,
        "response_id_prefixes": source.response_id_prefixes,
    }


def opaque() -> list[str]:
    """Names of the fields of a response that hold content."""
    return tables.load(tables.Shapes).opaque


def shapes() -> list[dict[str, Any]]:
    """One shape for each container and key that gives it away; paths start at the object around the container."""
    source = tables.load(tables.Shapes)
    plan: list[dict[str, Any]] = []
    # Every shape in a container comes before any bare one: the object around it holds the model and the response's id.
    for bare in (False, True):
        for shape in source.shapes:
            for container in shape.containers:
                if bool(container) == bare:
                    continue
                response = source.response if container else {}
                plan.extend(_shape(shape, container, key, response) for key in shape.any)
    return plan


def _shape(shape: tables.Shape, container: str, key: str, response: dict[str, list[str]]) -> dict[str, Any]:
    def inside(path: str) -> str:
        return f"{container}.{path}" if container else path

    fields: list[dict[str, Any]] = []
    for concept, paths in shape.attributes.items():
        found = _fields(concept, [inside(path) for path in paths])
        if plus := shape.plus.get(concept):
            found[0]["plus"] = [inside(path) for path in plus]
        fields += found
    for concept, paths in shape.response.items() if container else ():
        found = _fields(concept, paths)
        if minus := shape.minus.get(concept):
            found[0]["minus"] = [_tally(path) for path in minus]
        fields += found
    for concept, paths in response.items():
        if concept not in shape.attributes:
            fields += _fields(concept, paths)
    return {
        "name": shape.name,
        "detect": [inside(key), *shape.beside],
        "fields": fields,
        "cached": shape.includes_cached,
        "reasoning": shape.reasoning,
        "provider_total": shape.provider_total,
    }


def _fields(concept: str, paths: list[str]) -> list[dict[str, Any]]:
    """One field for each run of paths with the same transforms."""
    fields: list[dict[str, Any]] = []
    for text in paths:
        path, *transforms = (part.strip() for part in text.split("|"))
        if transforms and transforms[0].partition(":")[0] == "each":
            path, of = _tally(text)
            fields.append({"concept": concept, "paths": [path], "each": of})
        elif fields and "each" not in fields[-1] and fields[-1].get("transform", []) == transforms:
            fields[-1]["paths"].append(path)
        else:
            fields.append({"concept": concept, "paths": [path]} | ({"transform": transforms} if transforms else {}))
    return fields


def _tally(text: str) -> tuple[str, str]:
    """The path, and the text of the values that are counted, of `PATH | each` or `PATH | each:TEXT`."""
    path, each = (part.strip() for part in text.split("|"))
    return path, each.partition(":")[2]


def errors() -> dict[str, Any]:
    """Texts by class, the most specific class first, then HTTP statuses."""
    source = tables.load(tables.Errors)
    classes = source.classes
    texts = []
    for rule in classes:
        texts += [{"match": {"contains": text.lower()}, "of": "type", "class": rule.name} for text in rule.types]
        texts += [{"match": {"contains": text.lower()}, "of": "message", "class": rule.name} for text in rule.messages]
        if rule.status:
            named = source.status_text.replace("{status}", "|".join(map(str, rule.status)))
            texts.append({"match": {"regex": named}, "of": "message", "class": rule.name})
    statuses = [{"from": status, "to": status, "class": rule.name} for rule in classes for status in rule.status]
    return {"texts": texts, "statuses": statuses, "events": source.events}
