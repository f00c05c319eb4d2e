"""What a span says about a model call, worked out slowly from the YAML tables, without compiled plan and core.

It knows the notation of the tables and the algorithm of the design (§4), nothing of rules, ranks or key ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from enricher.normalize.notation import Source, parse_source
from tests.oracle import guardrails, provider, usage
from tests.oracle.tables import dialects, fits, table
from tests.oracle.values import decoded, follow, objects, read, transformed

_CONVENTIONS = ["otel_genai_current", "otel_genai_v137_v141", "otel_genai_legacy"]


@dataclass(frozen=True, slots=True)
class Span:
    """A span reduced to what normalize looks at; attribute values are plain Python."""

    attributes: dict[str, Any]
    name: str = ""
    scope: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    events: tuple[tuple[str, dict[str, Any]], ...] = ()
    kind: str = "internal"
    start_ns: int = 0
    end_ns: int = 0
    failed: bool = False


@dataclass(slots=True)
class Outcome:
    """The facts of a span. `facts` are concept values, lists as lists."""

    dialect: str | None
    role: str
    facts: dict[str, Any]


@cache
def _source(text: str) -> Source:
    return parse_source(text, frozenset(table("values.yaml")["maps"]))


@cache
def _key(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern)
    segments = re.sub(r"\\\{\w+\\\}", r"[^.]+", escaped)
    return re.compile(re.sub(r"\\\*$", ".+", segments), re.DOTALL)


def _everyday(source: Source) -> bool:
    return any(fnmatchcase(source.key, pattern) for pattern in table("detection.yaml")["everyday"])


@cache
def _strong_keys() -> tuple[str, ...]:
    texts = (text for dialect in dialects().values() for texts in dialect["attributes"].values() for text in texts)
    sources = [_source(text) for text in texts]
    return tuple({source.key for source in sources if source.kind == "attr" and not _everyday(source)})


@cache
def _telling_scopes() -> tuple[str, ...]:
    tests = (test for rule in table("detection.yaml")["detection"] for test in rule.get("any", ()))
    return tuple(test.removeprefix("scope:") for test in tests if test.startswith("scope:"))


def normalize(span: Span) -> Outcome | None:
    """The facts of `span`; None when it says nothing about a model."""
    if not any(_key(pattern).fullmatch(key) for pattern in _strong_keys() for key in span.attributes) and not any(
        fnmatchcase(span.scope, scope) for scope in _telling_scopes()
    ):
        return None
    name = _detect(span)
    dialect = dialects().get(name, {}) if name else {}
    facts: dict[str, Any] = {}
    readings: dict[str, tuple[str, ...]] = {}
    for concept, sources in _sources(name).items():
        for source in sources:
            if (value := _read_source(span, concept, source)) is not None:
                facts[concept], readings[concept] = value, source.readings
                break
    sides = ("input_tokens", "output_tokens")
    zeros = [count for count in (*sides, "total_tokens") if facts.get(count) == 0]
    if no_usage := all(count in zeros for count in sides):
        # Other keys may tell it.
        for count in zeros:
            del facts[count]
            for source in _sources(name)[count]:
                if value := _read_source(span, count, source):
                    facts[count], readings[count] = value, source.readings
                    break
    guardrails.conclude(facts, lambda concept, event: _of_place(span, name, concept, event), span.events)
    told = _recover(span, name, facts)
    if no_usage:
        for count in sides:
            facts.setdefault(count, 0)
    _currency(facts)
    who = provider.conclude(span.scope, dialect, facts)
    folded = {concept: _folded(concept, value) for concept, value in facts.items()}
    facts = {concept: value for concept, value in folded.items() if value is not None}
    _follow_from_finish(facts)
    if gateway := dialect.get("implies", {}).get("gateway"):
        facts.setdefault("gateway", gateway)
    told_words = (told[part] for part in ("includes_cached", "reasoning") if part in told)
    said = (*told_words, *readings.get("input_tokens", ()), *readings.get("output_tokens", ()))
    counting = dialect.get("includes_cached")
    if isinstance(counting, dict) and (own_way := counting.get(f"scope:{span.scope}")):
        dialect = {**dialect, "includes_cached": own_way}
    usage.conclude(facts, dialect, provider.counts_as(who, facts), said, told.get("provider_total"))
    # Only a gateway, or the app in our own words, says of its cache what could as well be said of the provider's.
    paid = (
        facts.get("cache_read_tokens", 0) > 0 and "gateway" not in facts and "enricher.cache_hit" not in span.attributes
    )
    if facts.get("cache_hit") is True and paid:
        del facts["cache_hit"]
    _first_token(facts, (span.end_ns - span.start_ns) / 1e9)
    role = _operation(span, dialect, facts)
    guesses = (guess["when"] for guess in dialect.get("guesses", ()))
    if any(concept in facts for concept in usage.USAGE) and any(
        all(_holds(test, span, facts) for test in tests) for tests in guesses
    ):
        facts.setdefault("tokens_estimated", True)
    return Outcome(name, role, facts) if facts else None


def _currency(facts: dict[str, Any]) -> None:
    """A cost in another currency is none: these configurations state no rates."""
    foreign = str(facts.get("cost_currency", "USD")).upper() != "USD"
    if foreign and "cost_amount" not in facts and "cost_total" in facts:
        facts["cost_amount"] = facts.pop("cost_total")
    elif not foreign and "cost_amount" in facts:
        facts.setdefault("cost_total", facts["cost_amount"])


def _detect(span: Span) -> str | None:
    for rule in table("detection.yaml")["detection"]:
        tests = rule.get("any") or rule["all"]
        if (any if "any" in rule else all)(_holds(test, span) for test in tests):
            name: str = rule["dialect"]
            return name
    return None


def _holds(test: str, span: Span, facts: dict[str, Any] | None = None) -> bool:
    if test.startswith("!"):
        return not _holds(test[1:], span, facts)
    head, colon, rest = test.partition(":")
    if colon:
        match head:
            case "scope":
                return fnmatchcase(span.scope, rest)
            case "span":
                return fnmatchcase(span.name, rest)
            case "resource":
                return _has(span.resource, rest)
            case "usage":
                return any(concept in (facts or {}) for concept in usage.USAGE) == (rest == "yes")
            case "model":
                named = any(concept in (facts or {}) for concept in ("request_model", "response_model"))
                return named == (rest == "yes")
            case "failed":
                return span.failed == (rest == "yes")
            case "operation":
                return str((facts or {}).get("operation", "")).lower() == rest
    return _has(span.attributes, test)


def _has(attributes: dict[str, Any], test: str) -> bool:
    key, equals, wanted = test.partition("=")
    for name, value in attributes.items():
        if _key(key).fullmatch(name):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if not equals or fnmatchcase(text, wanted):
                return True
    return False


@cache
def _sources(name: str | None) -> dict[str, list[Source]]:
    """For each concept the sources in the order in which a span of dialect `name` is read."""
    order = ["enricher", *([name] if name else []), *_CONVENTIONS, *dialects()]
    found: dict[str, dict[str, Source]] = {}
    for dialect in order:
        for concept, texts in dialects()[dialect]["attributes"].items():
            for text in texts:
                source = _source(text)
                if name and source.kind == "attr" and source.key in dialects()[name].get("ignore", ()):
                    continue
                own = dialect in (name, "enricher")
                if own or (not _only_here(dialect, source) and not _ambiguous(concept, source)):
                    found.setdefault(concept, {}).setdefault(text, source)
    for concept, entry in table("canonical.yaml")["concepts"].items():
        # Last, the canonical attribute itself, unless the dialect reads it in a way of its own.
        key = entry.get("key")
        if key and not (name and key in dialects()[name].get("ignore", ())):
            sources = found.setdefault(concept, {})
            if not any((source.kind, source.key, source.path) == ("attr", key, "") for source in sources.values()):
                sources[key] = _source(key)
    return {concept: list(sources.values()) for concept, sources in found.items()}


def _only_here(dialect: str, source: Source) -> bool:
    shared = source.key in dialects()[dialect].get("everywhere", ())
    bare = "." not in source.key and ":" not in source.key and not shared
    private = any(fnmatchcase(source.key, key) for key in dialects()[dialect].get("only_here", ()))
    private = private or any(step.startswith("key:") for step in source.transforms)
    return source.kind == "attr" and (bare or private)


@cache
def _ambiguous(concept: str, source: Source) -> bool:
    """Whether dialects disagree about the unit or form of the value in this place."""
    meanings = {
        other.transforms
        for dialect in dialects().values()
        for text in dialect["attributes"].get(concept, ())
        if ((other := _source(text)).kind, other.key, other.path) == (source.kind, source.key, source.path)
    }
    return len(meanings) > 1


def _context(span: Span, key: str) -> dict[str, Any]:
    prefixes = table("providers.yaml")["response_id_prefixes"]
    return {"start": span.start_ns, "maps": table("values.yaml")["maps"], "id_prefixes": prefixes, "key": key}


def _read_source(span: Span, concept: str, source: Source) -> Any:
    kind = table("canonical.yaml")["concepts"][concept]["type"]
    values = []
    for key, raw in _raw(span, source):
        for value in follow(decoded(raw), source.path) if source.path else [raw]:
            usable = transformed(value, source.transforms, _context(span, key))
            usable = None if usable is None else read(kind, usable)
            if isinstance(usable, str) and concept.endswith("_model"):
                usable = re.sub(r"\x1b\[[0-9;]*m", "", usable)
            if usable is not None and not _placeholder(concept, usable):
                values.append(usable)
    if not values:
        return None
    return [item for value in values for item in value] if kind == "list" else values[0]


def _of_place(span: Span, name: str | None, concept: str, event: int | None) -> Any:
    """What the attributes say of a concept, or one event."""
    kinds = ("attr", "resource") if event is None else ("event",)
    alone = span if event is None else replace(span, events=(span.events[event],))
    values = (_read_source(alone, concept, source) for source in _sources(name)[concept] if source.kind in kinds)
    return next((value for value in values if value is not None), None)


def _raw(span: Span, source: Source) -> list[tuple[str, Any]]:
    """Keys and values."""
    if source.kind == "attr":
        return [(key, value) for key, value in span.attributes.items() if _key(source.key).fullmatch(key)]
    if source.kind == "resource":
        return [(key, value) for key, value in span.resource.items() if key == source.key]
    if source.kind == "event":
        events = [attributes for name, attributes in span.events if fnmatchcase(name, source.event)]
        return [(key, value) for attributes in events for key, value in attributes.items() if key == source.key]
    return []


def _placeholder(concept: str, value: Any) -> bool:
    known = table("values.yaml")["placeholders"]
    return concept in known["concepts"] and str(value).lower() in known["words"]


def _folded(concept: str, value: Any) -> Any:
    name = table("canonical.yaml")["concepts"][concept].get("fold")
    if name is None:
        return value
    known = table("values.yaml")["maps"][name]
    items = [known.get(item.lower(), item) for item in (value if isinstance(value, list) else [value])]
    items = [item for item in items if item]
    return (items or None) if isinstance(value, list) else (items[0] if items else None)


def _follow_from_finish(facts: dict[str, Any]) -> None:
    for concept, entry in table("canonical.yaml")["concepts"].items():
        if (name := entry.get("from_finish")) and concept not in facts:
            known = table("values.yaml")["maps"][name]
            told = [known[word] for item in facts.get("finish_reason") or [] if (word := item.lower()) in known]
            if told:
                facts[concept] = told[0]


def _recover(span: Span, name: str | None, facts: dict[str, Any]) -> dict[str, Any]:
    """Fills `facts` from the first raw response that the span carries; what its shape says of the counts it gave."""
    for dialect in dialects().values():
        for text in dialect.get("recover", ()):
            source = _source(text)
            private = any(fnmatchcase(source.key, key) for key in dialect.get("only_here", ()))
            if (not private or dialect["name"] == name) and (found := _raw(span, source)):
                return _fill(decoded(found[0][1]), facts, span)
    return {}


_UNITS = ("audio_seconds", "images", "characters", "pages", "rerank_searches", "requests", "seconds")


def _fill(body: Any, facts: dict[str, Any], span: Span) -> dict[str, Any]:
    opaque = table("usage_shapes.yaml")["opaque"]
    wants_usage = not any(concept in facts for concept in usage.USAGE)
    rest: dict[str, Any] | None = None
    units: tuple[dict[str, Any], dict[str, Any]] | None = None
    for holder in objects(body, opaque):
        fitting = _fitting(holder)
        if fitting is None:
            continue
        shape, inner, around = fitting
        own = _take(shape, inner, around, span)
        says = {part: shape[part] for part in ("includes_cached", "reasoning", "provider_total")}
        if wants_usage and any(concept in own for concept in usage.USAGE):
            _bill(own, facts)
            facts.update({concept: value for concept, value in own.items() if concept not in facts})
            return says
        if wants_usage and units is None and any(concept in own for concept in _UNITS):
            units = own, says
        bare = _take({**shape, "plus": {}}, inner, around, span)
        if not wants_usage and (terms := _agrees(own, bare, facts, says)):
            _bill(own, facts)
            new = {concept: value for concept, value in own.items() if concept not in facts and value != 0}
            if "output_tokens" in facts or new.get("total_tokens") != facts.get("input_tokens"):
                new.pop("total_tokens", None)
            facts.update(new)
            if not any(concept == "input_tokens" or concept.startswith("cache_") for concept in new):
                del terms["includes_cached"], terms["provider_total"]
            if not {"output_tokens", "reasoning_tokens"} & set(new):
                del terms["reasoning"]
            return terms
        rest = rest or own
    if units is not None:
        own, says = units
        _bill(own, facts)
        facts.update({concept: value for concept, value in own.items() if concept not in facts})
        return says
    kinds = table("canonical.yaml")["concepts"]
    for concept, value in (rest or {}).items():
        if concept not in facts and kinds[concept]["type"] != "count" and not concept.startswith("cost_"):
            facts[concept] = value
    return {}


def _fitting(holder: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]] | None:
    """The first shape that an object has, its container, and the object around that."""
    for bare in (False, True):
        for shape in table("usage_shapes.yaml")["shapes"]:
            for container in shape["containers"]:
                if bool(container) == bare:
                    continue
                inner = follow(holder, container)[0:1] if container else [holder]
                if not inner or not isinstance(inner[0], dict):
                    continue
                beside = all(_shows(holder, test) for test in shape.get("beside", ()))
                if beside and any(_shows(inner[0], test) for test in shape["any"]):
                    return shape, inner[0], holder if container else {}
    return None


def _shows(holder: dict[str, Any], test: str) -> bool:
    path, equals, wanted = test.partition("=")
    found = follow(holder, path)
    return bool(found) and (not equals or str(found[0]) == wanted)


def _bill(own: dict[str, Any], facts: dict[str, Any]) -> None:
    """The provider's figure goes before an SDK's, and only its own figure is the provider's."""
    if "cost_by_provider" in own and "cost_by_provider" not in facts and "cost_total" in own:
        facts["cost_total"] = own["cost_total"]
    else:
        own.pop("cost_by_provider", None)


def _agrees(
    own: dict[str, Any], bare: dict[str, Any], facts: dict[str, Any], says: dict[str, Any]
) -> dict[str, Any] | None:
    """What the span's counts mean when they are the response's, perhaps with the parts added that it keeps apart.

    bare: the response's counts without further parts."""
    terms = dict(says)
    if not any(concept in own for concept in usage.USAGE) and any(concept in own for concept in _UNITS):
        return terms
    cached = own.get("cache_read_tokens", 0) + own.get("cache_write_tokens", 0)
    parts = (
        ("input_tokens", cached, "includes_cached", ("exclusive",), "inclusive"),
        ("output_tokens", own.get("reasoning_tokens", 0), "reasoning", ("outside", "apart"), "inside"),
    )
    for concept, apart, word, excluding, including in parts:
        same = (own.get(concept), bare.get(concept) if concept == "input_tokens" else None)
        if concept in facts and facts[concept] not in same:
            if says[word] not in excluding or concept not in own or facts[concept] != own[concept] + apart:
                return None
            terms[word] = including
    if not {"input_tokens", "output_tokens"} & set(facts) and facts["total_tokens"] != own.get("total_tokens"):
        return None
    return terms


def _take(shape: dict[str, Any], inner: dict[str, Any], holder: dict[str, Any], span: Span) -> dict[str, Any]:
    """All that a response says."""
    own: dict[str, Any] = {}
    for concept, paths in shape["attributes"].items():
        value = next((one for path in paths if (one := _first(inner, path, concept, span)) is not None), None)
        for path in shape.get("plus", {}).get(concept, ()):
            value = value + more if value is not None and (more := _first(inner, path, concept, span)) else value
        if value is not None:
            own[concept] = value
    for concept, paths in shape.get("response", {}).items() if holder else ():
        value = next((one for path in paths if (one := _first(holder, path, concept, span)) is not None), None)
        less = sum(_first(holder, path, concept, span) or 0 for path in shape.get("minus", {}).get(concept, ()))
        if concept not in own and value is not None and value > less:
            own[concept] = value - less
    for concept, paths in table("usage_shapes.yaml")["response"].items():
        if concept not in shape["attributes"]:
            value = next((one for path in paths if (one := _first(holder, path, concept, span)) is not None), None)
            if value is not None:
                own[concept] = value
    return own


def _first(holder: dict[str, Any], text: str, concept: str, span: Span) -> Any:
    path, *steps = (part.strip() for part in text.split("|"))
    if steps and steps[0].partition(":")[0] == "each":
        wanted = steps[0].partition(":")[2]
        return sum(1 for value in follow(holder, path) if not wanted or value == wanted) or None
    for value in follow(holder, path)[:1]:
        value = transformed(value, tuple(steps), _context(span, ""))
        return None if value is None else read(table("canonical.yaml")["concepts"][concept]["type"], value)
    return None


def _first_token(facts: dict[str, Any], duration: float) -> None:
    told = facts.get("ttft")
    # A little more than all of it is a matter of clocks.
    # A span without a duration is taken to have lasted as long as a call does at most.
    duration = duration or 300.0
    if told is None or told <= 2 * duration:
        return
    fitting = [seconds for seconds in (told / 1e3, told / 1e9) if seconds <= duration]
    if fitting:
        facts["ttft"] = fitting[0]
    else:
        del facts["ttft"]


def _operation(span: Span, dialect: dict[str, Any], facts: dict[str, Any]) -> str:
    """Writes the canonical operation and returns the role."""
    entries = table("operations.yaml")["operations"]
    folded = {alias.lower(): name for name, entry in entries.items() for alias in (name, *entry.get("aliases", ()))}
    own = {str(value).lower(): meaning for value, meaning in dialect.get("operations", {}).items()}
    told = facts.get("operation")
    found: list[tuple[str | None, str | None]] = []
    for rule in dialect.get("roles", ()):
        if all(_holds(test, span, facts) for test in rule["when"]):
            found.append((rule.get("operation"), rule.get("role")))
            break
    word = told.lower() if told else ""
    kind = str(facts.get("span_kind", "")).lower()
    known = word in own or word in folded
    for value in (word, "" if known else kind):
        if value and value in own:
            meaning = own[value] if isinstance(own[value], dict) else {"operation": own[value]}
            operation = meaning.get("operation")
            found.append((operation, meaning.get("role") or (entries[operation]["role"] if operation else None)))
        elif value and value == word and value in folded:
            found.append((folded[value], entries[folded[value]]["role"]))
    operation = next((name for name, _ in found if name), None)
    role = next((role for _, role in found if role), None)
    implied = dialect.get("implies", {})
    if role is None:
        counted = any(concept in facts for concept in usage.USAGE)
        model = "request_model" in facts or "response_model" in facts
        role = "inference" if counted or (implied.get("model_claims") and model) else "none"
    if role == "inference" and told is None and operation is None:
        operation = _operation_of(facts) or implied.get("operation") or table("operations.yaml")["default"]
    if operation:
        facts["operation"] = operation
    return role


def _operation_of(facts: dict[str, Any]) -> str | None:
    model = str(facts.get("request_model") or facts.get("response_model") or "").lower()
    rules = table("operations.yaml")["by_model"]
    return next((str(rule["operation"]) for rule in rules if fits(rule, model)), None)
