"""The explanation for people: each trace as a tree of its spans, with what was concluded about each below it."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from enricher.cli.style import Style
from enricher.explain.rules import wanted
from enricher.explain.sights import limit, milliseconds, rate, seen, share
from enricher.price.rules import load as load_rules
from enricher.sample.policies import Policy, PolicyBody

Json = dict[str, Any]

RULES = {
    "same_span": "the same span, delivered twice",
    "response_id": "the same response id",
    "wrapper": "a wrapper operation around it",
    "nested": "a report around the report of the call",
    "sum": "its tokens are the sum of the calls below it",
    "sibling": "same time, model and usage, told by another SDK",
    "other_trace": "same time, model and usage, told by another SDK in a trace of its own",
}
"""Rules of merging (`core/src/calls/group.rs`), in words."""

_REASONS = {
    "unknown_model": "the price book does not know the model",
    "no_usage": "no span tells how many tokens it took",
    "no_unit_price": "the price book has no price for what was used",
}
_NO_RATE = "the price list says nothing of this {}, at least for a part of the call: {}"
_ASSUMED = {
    "batch": _NO_RATE.format("batch", "standard or usual prices of batches"),
    "service_tier": _NO_RATE.format("service tier", "standard prices"),
    "speed": _NO_RATE.format("speed", "standard prices"),
    "inference_geo": _NO_RATE.format("place of inference", "standard prices"),
    "holidays": "the call's day is beyond the calendar of public holidays that the price book knows: taken for none",
}
"""Circumstances that the list says nothing of (`core/src/price/context.rs`), in words."""
_CONTENT = frozenset(
    ("input_content", "output_content", "system_instructions", "tool_definitions", "tool_arguments", "tool_result")
)
_MAIN = ("provider", "operation", "model", "tokens", "cost", "response_id", "error")
"""Facts whose names contain one of these get a line; the others share one."""
_FACT = 30
_DEEPEST = 12


class Teller:
    """Writes explanations at most `width` columns wide, as far as names allow."""

    def __init__(self, policies: list[Policy], style: Style, width: int) -> None:
        self._policies = policies
        self._style = style
        self._width = width

    def trace(self, trace: Json) -> Iterator[str]:
        """The lines of one trace."""
        style, totals, verdict = self._style, trace["totals"], trace["verdict"]
        kept = style("KEPT", "green", "bold") if verdict["keep"] else style("DROPPED", "red", "bold")
        by = f" by {verdict['policy']}" if verdict["policy"] else ""
        if not self._policies:
            by = ": no policy, every trace is kept" if verdict["keep"] else ""
        late = "  (late spans)" if verdict["late"] else ""
        cost = "no cost" if totals["cost_usd"] is None else f"{totals['cost_usd']} USD"
        errors = f", {totals['errors']} failed" if totals["errors"] else ""
        yield f"{style('trace ' + trace['trace_id'], 'bold')}  {kept}{by}{late}"
        yield (
            f"{_count(len(trace['spans']), 'span')} in {milliseconds(trace['duration_ms'])}, "
            f"{_count(totals['calls'], 'call')}{errors}, "
            f"{totals['input_tokens']:,} + {totals['output_tokens']:,} tokens, {cost}"
        )
        yield ""
        yield from self._spans(trace)
        yield ""
        yield from self._votes(verdict)

    def _spans(self, trace: Json) -> Iterator[str]:
        """Depth first, children by start; a span whose parent is not here stands beside the roots."""
        present = {span["span_id"] for span in trace["spans"]}
        children: dict[str | None, list[Json]] = defaultdict(list)
        for span in sorted(trace["spans"], key=lambda span: int(span["start_unix_nano"])):
            parent = span["parent_id"]
            children[parent if parent in present and parent != span["span_id"] else None].append(span)
        # Ids that repeat, or parents in a circle, are possible on the wire: each span is told once.
        told: set[int] = set()
        stack = [(span, "", "", "") for span in reversed(children[None])]
        while stack or len(told) < len(trace["spans"]):
            if not stack:
                stack.append((next(span for span in trace["spans"] if id(span) not in told), "", "", ""))
            span, before, branch, below = stack.pop()
            if id(span) in told:
                continue
            told.add(id(span))
            offspring = [child for child in children[span["span_id"]] if id(child) not in told]
            yield self._heading(span, before + branch)
            stem = before + below + ("│ " if offspring else "  ")
            for line in self._details(span, trace, self._width - len(stem)):
                yield self._style(stem, "dim") + line
            room = below if len(before) < 3 * _DEEPEST else ""
            for at, child in enumerate(reversed(offspring)):
                last = at == 0
                stack.append((child, before + room, "└─ " if last else "├─ ", "   " if last else "│  "))

    def _heading(self, span: Json, branch: str) -> str:
        style = self._style
        error = "  " + style("ERROR", "red") if span["error"] else ""
        orphan = ""
        if not branch and span["parent_id"]:
            orphan = style(f"  (its parent {span['parent_id']} is not here)", "dim")
        name = style(_cut(span["name"], 60) or "(no name)", "bold")
        where = style(f"{span['span_id']}  {span['service']}", "dim")
        return f"{style(branch, 'dim')}{name}  {milliseconds(span['duration_ms'])}{error}  {where}{orphan}"

    def _details(self, span: Json, trace: Json, width: int) -> Iterator[str]:
        if done := span.get("content"):
            told = sorted(f"{one['kind']} {one['action']} ({one['count']})" for one in done)
            yield from _filled("content policy: ", told, width)
        if "facts" not in span:
            return
        style = self._style
        dialect = span["dialect"] or "no known dialect"
        scope = f", scope {span['scope']}" if span["scope"] else ""
        yield style(_cut(f"{dialect}{scope}, role {span['role']}", width), "dim")
        yield from self._call(span, trace, width)
        yield from self._facts(span["facts"], width)
        if span["adds"]:
            yield from _filled("adds ", span["adds"], width)

    def _facts(self, facts: list[Json], width: int) -> Iterator[str]:
        main, others, content = [], [], []
        for fact in facts:
            if fact["concept"] in _CONTENT:
                content.append(fact["concept"])
            elif _matters(fact):
                main.append((fact, _cut(_value(fact), _FACT)))
            else:
                others.append(f"{fact['concept']} {_cut(_value(fact), _FACT)}")
        wide = max((len(value) for _, value in main), default=0)
        for fact, value in main:
            mark = "~" if fact["inferred"] else "!" if fact["misstated"] else " "
            line = f"{mark} {fact['concept']:<22} {value:{wide}}"
            source = _cut(f"from {fact['from']}", max(width - len(line) - 2, 12))
            look = ("yellow",) if mark != " " else ()
            yield f"{self._style(line, *look)}  {self._style(source, 'dim')}"
        if others:
            yield from _filled("  also ", others, width)
        if content:
            yield from _filled("  content in ", content, width)

    def _call(self, span: Json, trace: Json, width: int) -> Iterator[str]:
        call, style = span.get("call"), self._style
        if call is None:
            return
        if not call["counted"]:
            yield style(_uncounted(call, trace), "cyan")
            return
        also = f"; also told by {', '.join(call['reported_also_by'])}" if call["reported_also_by"] else ""
        before = call["counted_before"]
        counted = "counted as one call" if before is None or before["adds"]["calls"] else "counted in part"
        yield from (
            textwrap.wrap(f"{counted}{also}", width) if not style.colored else [style(f"{counted}{also}", "cyan")]
        )
        if before:
            told = f"{_amounts(before)} were counted before with {before['span_id']}"
            yield from textwrap.wrap(f"{told}, added now: {_amounts(before['adds'])}", width)
        if call["usage_from"] != span["span_id"]:
            yield f"its usage is taken from {call['usage_from']}"
        if estimate := call["estimate"]:
            parts = " and ".join(
                f"{estimate[part]:,} {part}" for part in ("input", "output") if estimate[part] is not None
            )
            yield f"nobody told its usage: {parts} tokens counted from its content ({estimate['vocabulary']})"
        yield from self._cost(call, span)

    def _cost(self, call: Json, span: Json) -> Iterator[str]:
        cost, style = call["cost"], self._style
        state = cost["state"]
        if state == "unpriced":
            yield style(f"unpriced ({cost['reason']}): {_reason(cost['reason'], span)}", "yellow")
        elif state == "not_billed":
            yield "costs 0 USD (not_billed): it failed before an answer, or a gateway's cache answered"
        else:
            yield style(f"costs {cost['usd']} USD ({state})", "bold")
            yield from (f"  {line}" for line in _origin(cost, call, span))
        if foreign := _foreign(span, taken=state == "reported" and call["cost_from"] in (None, span["span_id"])):
            yield style(foreign, "yellow")
        if cost["suspect_zero"]:
            yield style("the span says it cost 0 beside tokens of a priced model: not believed", "yellow")
        lines = [_line(line) for line in cost["lines"]]
        widths = [max(len(cells[at]) for cells in lines) for at in range(3)] if lines else [0, 0, 0]
        for unit, quantity, price, usd in lines:
            yield f"  {unit:<{widths[0]}}  {quantity:>{widths[1]}} × {price:<{widths[2]}} = {usd}"
        for aspect in cost["assumed"]:
            yield style(f"  assumed: {_ASSUMED[aspect]}", "yellow")
        for left in cost["without_price"]:
            yield style(f"  {left['unit']}  {left['quantity']:,} × no list price: not in the cost", "yellow")

    def _votes(self, verdict: Json) -> Iterator[str]:
        style = self._style
        # Spans that came after the verdict are not voted on.
        voters = self._policies if verdict["votes"] else []
        rows: list[tuple[tuple[str, str, str], str, bool]] = [
            row
            for vote, policy in zip(verdict["votes"], voters, strict=True)
            for row in _rows(vote, policy, vote["policy"], 0)
        ]
        rows += [
            (("sampling.limit", rate(told["per_second"], told["unit"]), limit(told)), "", False)
            for told in verdict["limits"]
        ]
        widths = [min(max((len(cells[at]) for cells, _, _ in rows), default=0), most) for at, most in _COLUMNS]
        for cells, vote, credited in rows:
            columns = [
                textwrap.wrap(_plain(text), width) if text.strip() else []
                for text, width in zip((cells[0].strip(), *cells[1:]), widths, strict=True)
            ]
            indent = " " * (len(cells[0]) - len(cells[0].lstrip()))
            for at in range(max(map(len, columns))):
                parts = [column[at] if at < len(column) else "" for column in columns]
                parts[0] = indent + parts[0]
                line = "  ".join(f"{part:<{width}}" for part, width in zip(parts, widths, strict=True))
                line = f"  {line}  {vote}" if at == 0 else f"  {line}".rstrip()
                yield style(f"{line} ◀" if at == 0 else line, "bold") if credited else line.rstrip()
        yield f"  {_verdict(verdict)}"
        waited = milliseconds(verdict["waited_ms"])
        yield f"  decided {waited} after its first span came: {_TRIGGERS[verdict['trigger']]}"
        if verdict["limited"]:
            yield style("  sampling.limit made the threshold stricter than the votes did", "yellow")
        if verdict["incomplete"]:
            yield style(f"  decided on incomplete data: {_missing(verdict)}", "yellow")
        trial = verdict["trial"]
        if trial is not None:
            by = f" by {trial['policy']}" if trial["policy"] else ""
            would = "kept" if trial["keep"] else "dropped"
            yield f"  {_trial(voters)}: {would}{by} (probability {trial['probability']:.4g})"


_COLUMNS = ((0, 24), (1, 40), (2, 40))
"""Widest name, rule and value."""

_TRIGGERS = {
    "root_received": "its root had ended (root_received)",
    "decision_wait": "decision_wait had passed (decision_wait)",
    "span_limit": "it reached limits.trace_spans (span_limit)",
    "byte_limit": "it reached limits.trace_mib (byte_limit)",
    "too_large": "it outgrew sampling.maximum_trace_size_bytes and is dropped, whatever policies say (too_large)",
    "memory_pressure": "the buffer was nearly full (memory_pressure)",
    "shutdown": "the input ended (shutdown)",
    "late": "these spans came after the verdict of their trace and follow it (late)",
}
"""What brings a decision about (`core/src/buffer/trace.rs`), in words."""


def _rows(vote: Json, policy: PolicyBody, name: str, depth: int) -> Iterator[tuple[tuple[str, str, str], str, bool]]:
    """A policy and, below it, its parts: name, rule and value; vote; whether it decided."""
    trial = " (dry_run)" if vote.get("dry_run") else ""
    cells = ("  " * depth + name + trial, wanted(policy), seen(policy, vote))
    yield cells, _vote(vote), vote.get("credited", False)
    shares = (vote.get("learned") or {}).get("shares", [])
    for at, (part, child) in enumerate(zip(vote.get("sub_policies", ()), policy.children, strict=True)):
        yield from _rows(part, child, child.name or child.type, depth + 1)
        if shares:
            yield ("  " * (depth + 2) + "share", "", share(shares[at])), "", False


def _missing(verdict: Json) -> str:
    if verdict["trigger"] in ("root_received", "decision_wait", "late"):
        return "its root is not there"
    return "more of its spans may come"


def _trial(voters: list[Policy]) -> str:
    return "with the policies on dry_run" if any(policy.dry_run for policy in voters) else "without dry_run"


LEGEND = "~ concluded: no attribute says so    ! the span said something else, which is kept aside    ◀ decided"


def _reason(reason: str, span: Json) -> str:
    """Why a call has no cost, in words."""
    facts = {fact["concept"]: str(fact["value"]) for fact in span["facts"]}
    if reason == "unknown_model":
        models = [facts.get(concept, "") for concept in ("response_model", "request_model")]
        why = load_rules().self_hosted(facts.get("provider", ""), *models)
        if why:
            return f"{why}; state its price in prices.overrides"
    return _REASONS.get(reason, "")


def _matters(fact: Json) -> bool:
    """Whether it gets a line of its own."""
    if fact["inferred"] or fact["misstated"]:
        return True
    name = fact["concept"]
    return fact["value"] != 0 and name != "max_tokens" and any(word in name for word in _MAIN)


def _uncounted(call: Json, trace: Json) -> str:
    if rule := call.get("rule"):
        if before := call["counted_before"]:
            return f"not counted: {_amounts(before)} were counted before with {before['span_id']}"
        other = call["in_trace"]
        where = "" if other == trace["trace_id"] else f" of trace {other}"
        return f"not counted: tells of the call of {call['duplicate_of']}{where} ({RULES.get(rule, rule)})"
    if around := call.get("wrapper_of"):
        return f"not counted: wraps the call of {around}"
    return "not a model call"


def _amounts(of: Json) -> str:
    call = "the call, " if of["calls"] else ""
    return f"{call}{of['input_tokens']:,} + {of['output_tokens']:,} tokens, {of['cost_usd']} USD"


def _origin(cost: Json, call: Json, span: Json) -> Iterator[str]:
    if cost["state"] == "reported":
        source = call["cost_from"]
        yield "as the span says" if source in (None, span["span_id"]) else f"as {source} says"
        if cost["computed_usd"]:
            yield f"the price book says {cost['computed_usd']} USD"
    elif matched := cost["matched"]:
        model = matched["own"] or matched["book"]
        other = "" if cost["price"] == model or cost["price"].startswith(f"{model}@") else f" as {model}"
        alias = " (your alias)" if matched["alias"] else ""
        yield f"row {cost['price']}, found{other} by {matched['source']} {_cut(matched['name'], 50)}{alias}"


def _foreign(span: Json, *, taken: bool) -> str:
    """What became of a cost that the span states in another currency than US dollars; "" without one."""
    said = {fact["concept"]: fact["value"] for fact in span["facts"]}
    currency = str(said.get("cost_currency", "USD")).upper()
    if currency == "USD" or "cost_amount" not in said:
        return ""
    amount = f"the span says that it cost {said['cost_amount']:g} {currency}"
    if "cost_total" not in said:
        return f"{amount}: not taken, `prices.currencies` has no rate of {currency}"
    return f"{amount}, {said['cost_total']:g} USD at the rate of `prices.currencies`" + ("" if taken else ": not taken")


def _line(line: Json) -> tuple[str, str, str, str]:
    unit = line["unit"] if line["unit"] == line["billed_as"] else f"{line['unit']} as {line['billed_as']}"
    price = f"{line['price']} / {line['per']:,}"
    factor = Fraction(*line["factor"])
    if line["modifiers"]:
        times = f" × {float(factor):g}" if factor != 1 else ""
        price += f"{times} ({', '.join(line['modifiers'])})"
    return unit, f"{line['quantity']:,}", price, line["usd"]


def _vote(vote: Json) -> str:
    if not vote["asked"]:
        return "not asked"
    if vote["vote"] is None:
        return "no vote"
    return f"drops {vote['vote']:.4g}" if vote["type"] == "drop" else f"votes {vote['vote']:.4g}"


def _verdict(verdict: Json) -> str:
    if verdict["trigger"] == "late":
        return "kept, as the trace was" if verdict["keep"] else "dropped, as the trace was"
    if verdict["trigger"] == "too_large":
        return "dropped: larger than a trace may be"
    if verdict["threshold"] == "none":
        return "dropped: nothing that votes to keep it is left"
    threshold, randomness = verdict["threshold"].ljust(14, "0"), verdict["randomness"]
    sign, word = ("≥", "kept") if verdict["keep"] else ("<", "dropped")
    return f"{word}: randomness {randomness} {sign} threshold {threshold} (probability {verdict['probability']:.4g})"


def _filled(label: str, items: list[str], width: int) -> Iterator[str]:
    yield from textwrap.wrap(
        label + ", ".join(items),
        max(width, 40),
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )


def _value(fact: Json) -> str:
    return _told(fact["value"], "," if "tokens" in fact["concept"] else "")


def _told(value: Any, grouping: str) -> str:
    if isinstance(value, list):
        return ", ".join(_told(item, grouping) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:{grouping}}" if isinstance(value, int) else str(value)


def _cut(text: str, width: int) -> str:
    text = _plain(text)
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def _plain(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
