"""Records scenarios: runs each against the model server with a sink as its OTLP backend, and writes what came in.

    python tests/recordings/record.py [NAME ...]

records all scenarios without names; the first run of each installs its packages. It writes ``data/NAME/requests.binpb``
(what the instrumentation exported) and ``data/NAME/truth.json`` (what the server answered). Nothing is written when the
script failed, or when the recording would give away who made it.

    python tests/recordings/record.py --facts [NAME ...]

only applies the ``[[calls]]`` tables of ``scenario.toml`` to the truth again, after they were edited.
"""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a file: make the package importable
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.recordings import DATA, REQUESTS, TRUTH, join_frames, truth
from tests.recordings.capture import Sink
from tests.recordings.model_server import ModelServer
from tests.recordings.scenario import HERE, Environment, Scenario, all_scenarios

TIMEOUT_SECONDS = 180
#: Variables of the recorder's shell that would steer an SDK or show up in its spans are not passed on.
_PASSED_ON = ("PATH", "LANG", "TZ")


def environment_of(scenario: Scenario, home: Path, model_url: str, sink: Sink) -> dict[str, str]:
    """The whole environment of the scenario's process."""
    passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return passed | {
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "MODEL_URL": model_url,
        "OPENAI_BASE_URL": f"{model_url}/v1",
        "OPENAI_API_KEY": "sk-test",
        "ANTHROPIC_BASE_URL": model_url,
        "ANTHROPIC_API_KEY": "sk-ant-test",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint(scenario.protocol),
        "OTEL_EXPORTER_OTLP_PROTOCOL": scenario.protocol,
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_SERVICE_NAME": scenario.name.replace("_", "-"),
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=recording,service.version=1.0.0",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        **scenario.environment,
    }


def telltales() -> list[bytes]:
    """Strings that no recording may hold: where the repository lies, who is logged in, what the machine is called."""
    home = str(Path.home())
    found = [str(HERE.parents[1]), home + "/", f"/home/{getpass.getuser()}", socket.gethostname()]
    return [text.encode() for text in found if len(text) > 3]


def with_facts(call: dict[str, Any], index: int, tables: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """A call with what ``scenario.toml`` says about it: each table whose ``when`` matches adds to it.

    ``when`` compares fields of the call; ``index`` (a list of positions) counts as one more field.
    """
    call = call | {"not_on_the_wire": [], "reason": None}
    for table in tables:
        when = dict(table.get("when", {}))
        if index not in when.pop("index", (index,)):
            continue
        if any(call[key] != value for key, value in when.items()):
            continue
        call["not_on_the_wire"] += [fact for fact in table["not_on_the_wire"] if fact not in call["not_on_the_wire"]]
        call["reason"] = "; ".join(filter(None, (call["reason"], table["reason"])))
    return call


def truth_of(scenario: Scenario, versions: dict[str, str], calls: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of ``truth.json``."""
    known = [with_facts(call, index, scenario.facts) for index, call in enumerate(calls)]
    return {"scenario": scenario.name, "about": scenario.about, "instrumentation": versions, "calls": known}


def write_truth(name: str, content: dict[str, Any]) -> None:
    """Writes ``truth.json``."""
    (DATA / name / TRUTH).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def annotate(name: str) -> str:
    """Applies the tables of ``scenario.toml`` to a truth that is there; returns a line that says so."""
    before = truth(name)
    write_truth(name, truth_of(Scenario.load(name), before["instrumentation"], before["calls"]))
    return f"{name}: facts applied"


async def record(name: str) -> str:
    """Records one scenario; returns a line that says what was recorded. Raises ``RuntimeError`` on any fault."""
    scenario = Scenario.load(name)
    environment = Environment(scenario)
    await asyncio.to_thread(environment.prepare)
    async with ModelServer(seed=name) as server, Sink() as sink:
        process = await asyncio.create_subprocess_exec(
            *environment.command(),
            cwd=environment.path,
            env=environment_of(scenario, environment.path, server.url, sink),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
        except TimeoutError:
            process.kill()
            raise RuntimeError(f"{name}: still running after {TIMEOUT_SECONDS} s") from None
        if process.returncode != 0:
            raise RuntimeError(f"{name}: exit status {process.returncode}\n{output.decode(errors='replace')}")
    blob = join_frames(sink.requests)
    if not sink.requests or not server.calls:
        raise RuntimeError(f"{name}: {len(sink.requests)} requests, {len(server.calls)} calls\n{output.decode()}")
    for telltale in telltales():
        if telltale in blob:
            raise RuntimeError(f"{name}: the recording names {telltale.decode()!r}")
    folder = DATA / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REQUESTS).write_bytes(blob)
    calls = [dataclasses.asdict(call) for call in server.calls]
    write_truth(name, truth_of(scenario, environment.versions(), calls))
    odd = f", unknown routes {sorted(set(server.unknown))}" if server.unknown else ""
    return f"{name}: {len(server.calls)} calls, {len(sink.requests)} requests, {len(blob)} bytes{odd}"


def main(names: list[str]) -> int:
    """Records the scenarios named, all without names. Returns the exit status."""
    failed = 0
    only_facts = "--facts" in names
    for name in [name for name in names if name != "--facts"] or all_scenarios():
        try:
            print(annotate(name) if only_facts else asyncio.run(record(name)), flush=True)
        except Exception as error:  # one broken install must not keep the others from being recorded
            failed += 1
            print(f"FAILED {name}: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
