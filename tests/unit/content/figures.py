"""What redaction finds in the labelled set, and what it takes by mistake, through the engine's own door."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.engines import drained, engine, request_of, spans_of
from tests.unit.content.labelled import Case, cases

NOW = 10**18


@dataclass
class Figures:
    """Counts of cases by kind; `missed` and `mistaken` by form."""

    found: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    mistaken: Counter[str] = field(default_factory=Counter)

    def recall(self, kind: str) -> float:
        return self.found[kind] / self.all[kind]

    def false_positives(self) -> float:
        return self.mistaken.total() / self.all[""]

    def table(self) -> str:
        """The figures as they stand in the docs."""
        lines = ["| kind | values | found | recall |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {kind} | {self.all[kind]} | {self.found[kind]} | {self.recall(kind):.1%} |"
            for kind in sorted(self.all)
            if kind
        ]
        lines += [
            "",
            f"Of {self.all['']} look-alikes {self.mistaken.total()} were taken by mistake "
            f"({self.false_positives():.1%}): {_listed(self.mistaken)}. Missed: {_listed(self.missed)}.",
        ]
        return "\n".join(lines)


def _listed(forms: Counter[str]) -> str:
    return ", ".join(f"{form} ({count})" for form, count in sorted(forms.items()) if count) or "none"


def redacted(texts: list[str], config: str = "normalize: {content: redact}") -> list[str]:
    """Each text as the content of a span that came out of the engine."""
    spans = []
    for number, text in enumerate(texts, 1):
        span = Span(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"), name="chat")
        span.attributes.add(key="gen_ai.prompt").value.string_value = text
        spans.append(span)
    core = engine(config)
    core.ingest(request_of(*spans), NOW)
    values = {span.span_id: span.attributes[0].value.string_value for span in spans_of(drained(core, NOW))}
    return [values[span.span_id] for span in spans]


def figures(labelled: list[Case]) -> Figures:
    result = Figures()
    for case, text in zip(labelled, redacted([case.text for case in labelled]), strict=True):
        result.all[case.kind] += 1
        if not case.kind:
            result.mistaken[case.form] += text != case.text
        elif _is_gone(case, text):
            result.found[case.kind] += 1
        else:
            result.missed[case.form] += 1
    return result


def _is_gone(case: Case, text: str) -> bool:
    """Whether all of the value was replaced, and no part of it stands beside what replaced it."""
    label = f"[{case.kind.upper()}]"
    ends = (f"{label}{case.value[-length:]}" for length in range(1, len(case.value)))
    starts = (f"{case.value[:length]}{label}" for length in range(2, len(case.value)))
    return label in text and case.value not in text and not any(part in text for part in (*ends, *starts))


def measured() -> Figures:
    """The figures of the docs."""
    return figures(cases())
