"""Tokens counted from content against the counts of the reference implementations; the docs show the error."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from enricher.tokens import tables
from tests.oracle.values import plain
from tests.support.engines import NOW, SECOND, drained, engine, request_of, spans_of

LABELLED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "counts.json").read_text(encoding="utf-8"))
PAGE = Path(__file__).parents[3] / "docs" / "tokens.md"
MODELS = {
    "o200k": "gpt-4o",
    "cl100k": "gpt-4",
    "tekken": "mistral-large-latest",
    "qwen": "qwen2.5-72b-instruct",
    "deepseek": "deepseek-chat",
    "llama3": "llama-3.3-70b-versatile",
}


def counted(model: str, texts: list[str]) -> list[int]:
    """What the engine writes onto spans whose answer these texts were."""
    spans = []
    for number, text in enumerate(texts, 1):
        span = Span(trace_id=number.to_bytes(16, "big"), span_id=number.to_bytes(8, "big"), name="chat")
        span.start_time_unix_nano = NOW + number * SECOND
        span.end_time_unix_nano = span.start_time_unix_nano + 1000
        for key, value in {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": model,
            "gen_ai.prompt": "?",
            "gen_ai.completion": text,
            "gen_ai.response.finish_reasons": "stop",
        }.items():
            span.attributes.add(key=key).value.string_value = value
        spans.append(span)
    core = engine("")
    core.ingest(request_of(*spans), NOW)
    out = {}
    for span in spans_of(drained(core)):
        attributes = {item.key: plain(item.value) for item in span.attributes}
        assert attributes["enricher.usage.estimated"] is True
        out[span.span_id] = attributes["gen_ai.usage.output_tokens"]
    return [out[span.span_id] for span in spans]


@pytest.mark.parametrize("name", [name for name in MODELS if name != "llama3"])
def test_every_vocabulary_counts_as_its_reference_does(name: str) -> None:
    expected = [entry["counts"][name] for entry in LABELLED]
    assert counted(MODELS[name], [entry["text"] for entry in LABELLED]) == expected


def table() -> str:
    """The error of counting Llama 3 with cl100k, by kind of text, as it stands in the docs."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    counts = counted(MODELS["llama3"], [entry["text"] for entry in LABELLED])
    for entry, count in zip(LABELLED, counts, strict=True):
        found[entry["kind"]].append((count, entry["counts"]["llama3"]))
    lines = ["| text | counted | true | error |", "| --- | --- | --- | --- |"]
    for kind, pairs in found.items():
        ours, true = sum(count for count, _ in pairs), sum(count for _, count in pairs)
        lines.append(f"| {kind} | {ours} | {true} | {ours / true - 1:+.1%} |")
    return "\n".join(lines)


def test_the_error_for_llama_in_the_docs_is_the_one_measured() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), table()


def test_every_vocabulary_is_there_and_in_use() -> None:
    table = tables.load()
    assert {rule.vocabulary for rule in table.models if rule.vocabulary} == set(table.vocabularies)
    shipped = {path.stem for path in tables.path("x").parent.glob("*.bpe")}
    assert shipped == set(table.vocabularies)
