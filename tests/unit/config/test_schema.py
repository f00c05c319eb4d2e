from pathlib import Path

import jsonschema
import pytest

from enricher.config import load_text
from enricher.config.document import parse
from enricher.config.schema import json_schema

PIPELINES = sorted((Path(__file__).parents[3] / "pipelines").glob("*.yaml"))


def faults(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(json_schema())
    node, problems = parse(text, "f")
    assert node is not None
    assert problems == []
    return [error.json_path for error in validator.iter_errors(node.data())]


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.name)
def test_the_pipelines_satisfy_it(path: Path) -> None:
    assert faults(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "exporters: {debug: , otlp/x: {endpoint: 'h:1'}}",
        "limits: {depth: '${env:D:-8}'}",
        "receivers: {otlp: {protocols: {grpc: }}}",
        "prices: {aliases: {a: gpt-4o, b: {model: gpt-4o}}, discounts: [{percent: 1.5, from: 2026-01-01}]}",
        "normalize: {attributes: {user_id: a}, dialects: [{name: d, detect: [a], includes_cached: inclusive}]}",
        "sampling: {decision_wait: 30, policies: [{name: a, type: not, not: {not_sub_policy: {type: always_sample}}}]}",
    ],
)
def test_what_the_loader_takes_satisfies_it(text: str) -> None:
    assert load_text(text, environ={}).errors == []
    assert faults(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("limitz: {}", "$"),
        ("limits: {depth: many}", "$.limits"),
        ("limits: {dpeth: 1}", "$.limits"),
        ("exporters: {kafka: {}}", "$.exporters"),
        ("prices: {discounts: [{percent: 0}]}", "$.prices"),
        ("exporters: {otlp: {endpoint: 'h:1', verbosity: basic}}", "$.exporters.otlp"),
        ("sampling: {policies: [{name: a, type: b}]}", "$.sampling"),
    ],
)
def test_what_the_loader_refuses_does_not(text: str, path: str) -> None:
    assert load_text(text, environ={}).errors
    assert faults(text) == [path]


def test_keys_carry_their_text() -> None:
    limits = json_schema()["$defs"]["LimitsSettings"]["properties"]
    assert all(limits[key]["description"] for key in limits)
