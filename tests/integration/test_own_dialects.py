"""Dialects and keys of users' own, through the program itself: checked, at work, and explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from enricher.cli.main import main
from tests.support.engines import request_of, span

OWN = """\
normalize:
  attributes:
    tenant_id: [acme.customer]
    feature: ["acme.call#feature"]
  dialects:
    - name: acme
      title: Acme's own client
      detect: [acme.llm.model, {all: ["scope:acme.*", acme.usage]}]
      includes_cached: exclusive
      implies: {provider: anthropic}
      attributes:
        operation: [acme.kind]
        request_model: [acme.llm.model]
        input_tokens: ["acme.usage#in"]
        output_tokens: ["acme.usage#out"]
        cache_read_tokens: ["acme.usage#cached"]
        ttft: [acme.first_token_ms | ms]
      operations:
        ask: chat
        session: {role: wrapper}
        replay: {role: never}
"""
WRONG = """\
normalize:
  attributes:
    tenant: [acme.customer]
    user_id: ["acme.user | upper"]
  dialects:
    - name: Acme
      attributes:
        request_modl: [acme.llm.model]
        input_tokens: ["a*"]
      implies: {provider: antropic, operation: chatt}
      roles:
        - {when: ["usage:maybe"], role: inferance}
      detec: [acme.llm.model]
      detect: ["kind:server"]
"""
#: Line and column of each fault of WRONG, its path, and what its hint must name.
FAULTS = [
    (3, 5, "normalize.attributes.tenant", "tenant_id"),
    (4, 15, "normalize.attributes.user_id[0]", "lower"),
    (6, 13, "normalize.dialects[0].name", ""),
    (8, 9, "normalize.dialects[0].attributes.request_modl", "request_model"),
    (9, 24, "normalize.dialects[0].attributes.input_tokens[0]", "4 fixed characters"),
    (10, 27, "normalize.dialects[0].implies.provider", "anthropic"),
    (10, 48, "normalize.dialects[0].implies.operation", "chat"),
    (12, 19, "normalize.dialects[0].roles[0].when[0]", "usage:yes"),
    (12, 41, "normalize.dialects[0].roles[0].role", "inference"),
    (13, 7, "normalize.dialects[0].detec", "detect"),
    (14, 16, "normalize.dialects[0].detect[0]", "scope:"),
]
USAGE = '{"in": 20, "out": 30, "cached": 100}'
CALL: dict[str, Any] = {
    "acme.kind": "ask",
    "acme.llm.model": "claude-haiku-4-5",
    "acme.usage": USAGE,
    "acme.first_token_ms": 5,
    "acme.customer": "c-1",
    "acme.call": '{"feature": "search"}',
}


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


Program = Callable[..., Done]


@pytest.fixture
def enricher(capsys: pytest.CaptureFixture[str]) -> Program:
    def run(*arguments: str) -> Done:
        status = main(list(arguments))
        return Done(status, *capsys.readouterr())

    return run


def files(tmp_path: Path, text: str) -> tuple[str, str]:
    """The configuration, and traffic of its dialect: a session around a call, and a replay of it."""
    config, traffic = tmp_path / "own.yaml", tmp_path / "traffic.binpb"
    config.write_text(text)
    session: dict[str, Any] = {"acme.kind": "session", "acme.usage": USAGE}
    replay: dict[str, Any] = {**CALL, "acme.kind": "replay"}
    given = (span(1, 1, 0, session, ms=30), span(1, 2, 1, CALL), span(2, 1, 0, replay))
    body = request_of(*given, scope="acme.client")
    traffic.write_bytes(len(body).to_bytes(4, "big") + body)
    return str(config), str(traffic)


def test_every_fault_is_told_with_its_place_and_what_to_write(enricher: Program, tmp_path: Path) -> None:
    config, _ = files(tmp_path, WRONG)
    done = enricher("check", "-c", config)
    assert done.returncode == 1
    lines = (done.stdout + done.stderr).splitlines()
    assert len([text for text in lines if ": error: " in text]) == len(FAULTS)
    for line, column, path, hint in FAULTS:
        found = [text for text in lines if f"own.yaml:{line}:{column}: error: {path}" in text]
        assert len(found) == 1, (path, lines)
        assert hint in found[0]


def test_the_dialect_is_read_and_its_roles_hold(enricher: Program, tmp_path: Path) -> None:
    config, traffic = files(tmp_path, OWN)
    assert enricher("check", "-c", config).returncode == 0
    calls = tmp_path / "calls.jsonl"
    done = enricher("process", traffic, "-c", config, "--calls", str(calls), "--json")
    assert done.returncode == 0, done.stderr
    (record,) = [json.loads(line) for line in calls.read_text().splitlines()]
    told: dict[str, Any] = {
        "dialect": "acme",
        "provider": "anthropic",
        "operation": "chat",
        "input_tokens": 120,
        "output_tokens": 30,
        "cache_read_tokens": 100,
        "ttft_ms": 5,
        "tenant_id": "c-1",
        "feature": "search",
        "cost_state": "computed",
    }
    assert {key: record[key] for key in told} == told


def test_explain_shows_what_was_read_from_where(enricher: Program, tmp_path: Path) -> None:
    config, traffic = files(tmp_path, OWN)
    done = enricher("explain", traffic, "-c", config, "--json")
    assert done.returncode == 0, done.stderr
    traces = json.loads(done.stdout)["traces"]
    call = next(one for trace in traces for one in trace["spans"] if (one["call"] or {}).get("counted"))
    assert call["dialect"] == "acme"
    sources = {fact["concept"]: fact["from"] for fact in call["facts"]}
    told = {
        "provider": "dialect",
        "operation": "acme.kind",
        "output_tokens": "acme.usage#out",
        "ttft": "acme.first_token_ms | ms",
        "tenant_id": "acme.customer",
        "feature": "acme.call#feature",
    }
    assert {concept: sources[concept] for concept in told} == told
    assert "acme.usage#out" in enricher("explain", traffic, "-c", config).stdout


def test_without_the_dialect_nothing_of_it_is_known(enricher: Program, tmp_path: Path) -> None:
    _, traffic = files(tmp_path, OWN)
    done = enricher("process", traffic, "--json", "--set", "exporters={}")
    assert json.loads(done.stdout)["calls"]["counted"] == 0
