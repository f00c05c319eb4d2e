"""Checks of sampling rules that look at more than one value: names, blocks, and rules that can have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from enricher.errors import Problem
from enricher.runtime.engine import ottl_fault
from enricher.sample import placed
from enricher.sample.compile import DROPS_HEALTH_CHECKS
from enricher.sample.policies import (
    TYPES,
    WITHOUT_SETTINGS,
    BytesLimiting,
    Composite,
    Latency,
    Policy,
    PolicyBody,
    Probabilistic,
    RateLimiting,
    StringAttribute,
    TraceState,
)
from enricher.sample.regex import explain_fault
from enricher.sample.settings import SamplingSettings

_REGEX_MARKS = (".*", ".+")


def check_raw(section: Any) -> list[Problem]:
    """Faults in the written section that concern several keys, so that they are found beside faults of single values.

    Paths are relative to the section.
    """
    policies = section.get("policies") if isinstance(section, dict) else None
    if not isinstance(policies, list):
        return []
    problems = list(_names(policies, DROPS_HEALTH_CHECKS if section.get("drop_health_checks") else ""))
    everything = list(_all_policies(policies, "policies"))
    problems += placed.check(everything)
    for path, policy in everything:
        problems += _blocks(policy, path)
        problems += _expressions(policy, path)
        problems += _conditions(policy, path)
    return problems


def _all_policies(policies: list[Any], above: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy that is a mapping, with its path; those inside others after the one that holds them."""
    for index, policy in enumerate(policies):
        if isinstance(policy, dict):
            yield from _with_children(policy, f"{above}[{index}]")


def _with_children(policy: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, policy
    for kind in ("and", "drop", "not", "composite", "budget"):
        block = policy.get(kind)
        below = block.get(f"{kind}_sub_policy") if isinstance(block, dict) else None
        if isinstance(below, list):
            yield from _all_policies(below, f"{path}.{kind}.{kind}_sub_policy")
        elif isinstance(below, dict):
            yield from _with_children(below, f"{path}.{kind}.{kind}_sub_policy")


def _names(policies: list[Any], taken: str) -> Iterator[Problem]:
    """`taken`: a name that one of the section's options uses; "" for none."""
    first: dict[str, int] = {}
    for index, policy in enumerate(policies):
        name = policy.get("name") if isinstance(policy, dict) else None
        if not isinstance(name, str) or not name:
            continue
        if name == taken:
            hint = "choose another name"
            yield Problem("duplicate-policy-name", f"policies[{index}].name", f"`sampling.{taken}` has this name", hint)
        if name in first:
            message = f"the name {name[:60]!r} is taken by policies[{first[name]}]"
            yield Problem("duplicate-policy-name", f"policies[{index}].name", message, "names must be unique")
        else:
            first[name] = index


def _blocks(policy: dict[str, Any], path: str) -> Iterator[Problem]:
    """Each policy has the block of its type and no other."""
    kind = policy.get("type")
    if kind not in TYPES:
        return
    if kind not in policy and kind not in WITHOUT_SETTINGS:
        yield Problem("missing-key", path, f"a policy of type `{kind}` needs its settings", f"add `{kind}: …`")
    for other in TYPES:
        if other in policy and other != kind:
            message = f"these settings have no effect: the policy's type is `{kind}`"
            yield Problem("wrong-block", f"{path}.{other}", message, f"remove it, or write `type: {other}`")


def _expressions(policy: dict[str, Any], path: str) -> Iterator[Problem]:
    block = policy.get("string_attribute")
    values = block.get("values") if isinstance(block, dict) and block.get("enabled_regex_matching") else None
    for index, pattern in enumerate(values if isinstance(values, list) else ()):
        reason = explain_fault(pattern) if isinstance(pattern, str) else ""
        if reason:
            hint = "expressions run in linear time; the syntax is that of Go and Rust"
            place = f"{path}.string_attribute.values[{index}]"
            yield Problem("bad-regex", place, f"not a valid expression: {reason}", hint)


def _conditions(policy: dict[str, Any], path: str) -> Iterator[Problem]:
    block = policy.get("ottl_condition")
    for context in ("span", "spanevent"):
        texts = block.get(context) if isinstance(block, dict) else None
        for index, text in enumerate(texts if isinstance(texts, list) else ()):
            found = ottl_fault(text, context) if isinstance(text, str) and text else None
            if found is not None:
                offset, reason = found
                shown = " ".join(text[offset : offset + 30].split())
                place = f"character {offset + 1}" + (f", at `{shown}`" if shown else "")
                hint = "docs/configuration.md lists what conditions may use, under `ottl_condition`"
                where = f"{path}.ottl_condition.{context}[{index}]"
                yield Problem("bad-condition", where, f"{place}: {reason}", hint)


def check(settings: SamplingSettings) -> list[Problem]:
    """Faults and warnings about rules that are each well formed. Paths are relative to the section."""
    problems: list[Problem] = []
    for index, policy in enumerate(settings.policies):
        problems += _each(policy, f"policies[{index}]", nested=False)
    problems += _together(settings.policies)
    after, wait = settings.decision_wait_after_root_received, settings.decision_wait
    if after >= wait:
        message = f"never reached: decision_wait ({wait:g}s) ends first"
        problems.append(
            _warning("no-effect", "decision_wait_after_root_received", message, "lower it below decision_wait")
        )
    return problems


def _each(policy: PolicyBody, path: str, *, nested: bool) -> Iterator[Problem]:
    if not nested:
        yield from _idle(policy, path)
    yield from _valueless(policy, path)
    codes = policy.status_code
    if codes is not None and len(set(codes.status_codes)) == 3:
        message = "matches every trace: a span always has one of the three codes"
        yield _warning("matches-all", f"{path}.status_code.status_codes", message, "write `type: always_sample`")
    text = policy.string_attribute
    if text is not None and not text.enabled_regex_matching:
        for index, value in enumerate(text.values):
            if any(mark in value for mark in _REGEX_MARKS) or (value.startswith("^") and value.endswith("$")):
                hint = "set enabled_regex_matching: true if it is meant as an expression"
                yield _warning(
                    "plain-regex", f"{path}.string_attribute.values[{index}]", "is compared as plain text", hint
                )
    for index, child in enumerate(policy.children):
        place = f"{policy.type}.{policy.type}_sub_policy" + ("" if policy.type in ("not", "budget") else f"[{index}]")
        yield from _each(child, f"{path}.{place}", nested=True)


def _idle(policy: PolicyBody, path: str) -> Iterator[Problem]:
    """A policy that can keep nothing, or everything: the Collector's defaults, taken as they are."""
    match policy.block:
        case Latency(threshold_ms=0, upper_threshold_ms=0):
            message, hint = "matches nearly every trace: threshold_ms is 0", "say how long is long"
            yield _warning("matches-all", f"{path}.latency.threshold_ms", message, hint)
        case Probabilistic(sampling_percentage=0):
            place = f"{path}.probabilistic.sampling_percentage"
            yield _warning("no-effect", place, "keeps nothing", "remove the policy")
        case RateLimiting(spans_per_second=0):
            yield _warning("no-effect", f"{path}.rate_limiting.spans_per_second", _nothing(policy.block), _RAISE)
        case BytesLimiting(bytes_per_second=0):
            yield _warning("no-effect", f"{path}.bytes_limiting.bytes_per_second", _nothing(policy.block), _RAISE)
        case Composite(max_total_spans_per_second=0):
            place = f"{path}.composite.max_total_spans_per_second"
            yield _warning("no-effect", place, _NEVER, _RAISE)


def _nothing(rule: RateLimiting | BytesLimiting) -> str:
    """What a rate of 0 lets through."""
    return "0 lets nothing through once burst_capacity is used up" if rule.burst_capacity else _NEVER


_NEVER = "0 never lets a trace through"
_RAISE = "say how much may pass in a second"


def _valueless(policy: PolicyBody, path: str) -> Iterator[Problem]:
    """Conditions on values of which none can match."""
    match policy.block:
        case StringAttribute() | TraceState() as rule if not rule.matched():
            message = "an empty text is no value" if rule.values else "without values"
            hint = "list the values that should match"
            yield _warning("no-effect", f"{path}.{policy.type}.values", f"nothing matches: {message}", hint)


def _together(policies: list[Policy]) -> Iterator[Problem]:
    if policies and all(policy.type == "drop" for policy in policies):
        hint = "add `{ name: the-rest, type: always_sample }`"
        yield _warning("keeps-nothing", "policies", "every trace is dropped: no policy keeps any", hint)
    catch_all = next((policy for policy in policies if policy.type == "always_sample"), None)
    others = [policy for policy in policies if policy.type != "drop" and policy is not catch_all]
    if catch_all is not None and others:
        index = policies.index(catch_all)
        names = ", ".join(f"`{policy.name}`" for policy in others[:3])
        if len(others) > 3:
            names += f" and {len(others) - 3} {'other' if len(others) == 4 else 'others'}"
        makes = "makes" if len(others) == 1 else "make"
        message = f"keeps every trace, so that {names} {makes} no difference"
        yield _warning("no-effect", f"policies[{index}]", message, "remove it, or make it `probabilistic`")


def _warning(code: str, path: str, message: str, hint: str) -> Problem:
    return Problem(code, path, message, hint, severity="warning")
