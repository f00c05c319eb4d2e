"""Spans as instrumentations write them: keys of one or two dialects, values of every type, JSON in text, junk."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import strategies as st

from enricher.normalize.notation import Source, parse_source
from tests.oracle.normalize import Span
from tests.oracle.tables import dialects, table

START = 1_795_000_000_000_000_000
_MODELS = [
    "gpt-4o",
    "claude-sonnet-4-5",
    "us.anthropic.claude-v2:0",
    "gemini-2.5-flash",
    "ollama/llama3",
    "unknown",
    "acme-1",
]
_PROVIDERS = [
    "openai",
    "OpenAI",
    "anthropic",
    "AWS",
    "google",
    "openai.chat",
    "langchain",
    "acme",
    "az.ai.openai",
    "none",
    "127.0.0.1:4000",
    "api.groq.com",
]
_HOSTS = [
    "api.openai.com",
    "https://acme.openai.azure.com/v1",
    "127.0.0.1",
    "localhost:11434",
    "api.groq.com:443",
    "x.test",
]
_OPERATIONS = ["chat", "Chat", "completion", "embeddings", "invoke_agent", "execute_tool", "fetch_response", "brew"]
_JUNK = st.sampled_from(["", "none", "x", -1, True, "1e99", float("nan"), float("inf"), 2.5, []])

_counts = st.one_of(
    st.integers(0, 5000),
    st.integers(0, 5000).map(float),
    st.integers(0, 5000).map(str),
)
_words = st.sampled_from(["a", "stop", "Length", "run-1", "chatcmpl-7", "msg_9", "blocked", "PASSED", "a.b", '"q"'])


def values(concept: str) -> st.SearchStrategy[Any]:
    """What stands under a key of the concept, mostly."""
    kind = table("canonical.yaml")["concepts"][concept]["type"]
    by_concept = {
        "request_model": st.sampled_from(_MODELS),
        "response_model": st.sampled_from(_MODELS),
        "provider": st.sampled_from(_PROVIDERS),
        "server_address": st.sampled_from(_HOSTS),
        "operation": st.sampled_from(_OPERATIONS),
        "token_semantics": st.sampled_from(["inclusive", "exclusive"]),
        "ttft": st.sampled_from([0.25, 1, 250, "0.5", 3e8, 1e12]),
    }
    by_kind = {
        "count": _counts,
        "quantity": st.sampled_from([0, 0.25, 3, "0.5"]),
        "int": st.sampled_from([0, 200, 429, "500", 8.0]),
        "number": st.sampled_from([0, 0.7, "1", -0.5]),
        "bool": st.sampled_from([True, False, "True", "false"]),
        "list": st.sampled_from(["stop", '["stop"]', ["stop", "length"], "a, b", "[]"]),
    }
    usual = by_concept[concept] if concept in by_concept else by_kind.get(kind, _words)
    return st.one_of(usual, usual, usual, usual, _JUNK)


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span that mostly speaks one dialect."""
    names = draw(st.lists(st.sampled_from(sorted(dialects())), min_size=1, max_size=2, unique=True))
    attributes: dict[str, Any] = {}
    events: dict[str, dict[str, Any]] = {}
    resource: dict[str, Any] = {}
    trees: dict[str, dict[str, Any]] = {}
    for name in names:
        for concept, source in draw(_chosen(name)):
            key = source.key.replace("{scope}", "x")
            for placeholder in ("{n}", "{m}", "{provider}"):
                key = key.replace(placeholder, draw(st.sampled_from(["0", "1", "openai"])))
            key = key[:-1] + "x.y" if key.endswith("*") else key
            value = draw(values(concept))
            if source.kind == "event":
                events.setdefault(source.event.replace("*", "e"), {})[key] = value
            elif source.kind == "resource":
                resource[key] = value
            elif source.path:
                # JSON has no word for it.
                if isinstance(value, float) and not math.isfinite(value):
                    continue
                _plant(trees.setdefault(key, {}), source.path, value)
            elif source.kind == "attr":
                attributes[key] = value
    for key, tree in trees.items():
        attributes.setdefault(key, draw(_encoded(tree)))
    attributes |= draw(_everyday())
    dialect = dialects()[names[0]]
    scopes = [scope.replace("*", "x") for scope in dialect.get("scopes", ())]
    return Span(
        attributes,
        name=draw(st.sampled_from(["chat gpt-4o", "raw_gen_ai_request", "call_llm", "POST /ask"])),
        scope=draw(st.sampled_from([*scopes, "app", "opentelemetry.instrumentation.openai_v2"])),
        resource=resource,
        events=tuple(events.items()),
        kind=draw(st.sampled_from(["internal", "client", "server"])),
        start_ns=START,
        end_ns=START + draw(st.sampled_from([0, 10**9, 5 * 10**9])),
    )


@st.composite
def _chosen(draw: st.DrawFn, name: str) -> list[tuple[str, Source]]:
    maps = frozenset(table("values.yaml")["maps"])
    every = [(concept, text) for concept, texts in dialects()[name]["attributes"].items() for text in texts]
    if not every:
        return []
    picked = draw(st.lists(st.sampled_from(every), max_size=8, unique=True))
    return [(concept, parse_source(text, maps)) for concept, text in picked]


def _plant(tree: dict[str, Any], path: str, value: Any) -> None:
    """Puts `value` where `path` finds it; what stands in the way stays."""
    steps = path.removeprefix("**.").split(".")
    node = tree
    for step in steps[:-1]:
        if not isinstance(node, dict):
            return
        node = _child(node, step, {})
    if isinstance(node, dict):
        _child(node, steps[-1], value)


def _child(node: dict[str, Any], step: str, value: Any) -> Any:
    name, bracket, _ = step.partition("[")
    child = node.setdefault(name, [value] if bracket else value)
    return child[0] if bracket and isinstance(child, list) and child else child


@st.composite
def _encoded(draw: st.DrawFn, tree: dict[str, Any]) -> str:
    text = json.dumps(tree)
    form = draw(st.sampled_from(["json", "spaced", "twice", "python"]))
    if form == "spaced":
        return json.dumps(tree, indent=1)
    if form == "twice":
        return json.dumps(text)
    return repr(tree) if form == "python" else text


@st.composite
def _everyday(draw: st.DrawFn) -> dict[str, Any]:
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "user.id": st.just("u-1"),
                "http.route": st.just("/ask"),
                "gen_ai.request.model": st.sampled_from(_MODELS),
                "gen_ai.system": st.sampled_from(_PROVIDERS),
                "gen_ai.usage.input_tokens": _counts,
                "gen_ai.usage.output_tokens": _counts,
                "run.usage": st.just('{"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}'),
                "app.body": st.just('{"usage": {"prompt_tokens": 7}}'),
            },
        )
    )
