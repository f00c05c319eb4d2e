import json
from pathlib import Path

import pytest

from enricher.cli.main import main


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "c.yaml"
    path.write_text("sampling: { num_traces: 5, decision_wait: 1s }\nlimitz: {}\nadmin: { endpoint: x }\n")
    return path


def test_a_valid_file_exits_0_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("sampling: { num_traces: 5, decision_wait: 1s }\n")
    assert main(["check", "-c", str(path)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{path}:1:11: warning: sampling.decision_wait_after_root_received: never reached")
    assert out[1].startswith(f"{path}:1:13: note: sampling.num_traces: has no effect")
    assert out[2] == f"{path}: valid (1 warning, 1 note)"


def test_faults_exit_1_with_one_line_each(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(faulty)]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[2] == f"{faulty}:2:1: error: limitz: unknown key `limitz` (did you mean `limits`?)"
    assert out[3].startswith(f"{faulty}:3:20: error: admin.endpoint: ")
    assert out[4] == f"{faulty}: not valid (2 errors, 1 warning, 1 note)"


def test_what_only_the_core_sees_is_a_fault_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    block = "{ key: k, values: ['(a{500}){500}'], enabled_regex_matching: true }"
    path.write_text(f"sampling: {{ policies: [{{ name: big, type: string_attribute, string_attribute: {block} }}] }}\n")
    assert main(["check", "-c", str(path)]) == 1
    out = capsys.readouterr().out.splitlines()
    where = "sampling.policies[0].string_attribute.values[0]"
    assert out[0].startswith(f"{path}:1:98: error: {where}: not a valid expression: ")
    assert out[1] == f"{path}: not valid (1 error)"


def test_json_holds_the_same(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", str(faulty), "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["valid"] is False
    assert result["problems"][2] == {
        "severity": "error",
        "code": "unknown-key",
        "path": "limitz",
        "message": "unknown key `limitz`",
        "hint": "did you mean `limits`?",
        "file": str(faulty),
        "line": 2,
        "column": 1,
    }


def test_without_a_file_the_defaults_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert capsys.readouterr().out == "the default configuration: valid\n"


def test_assignments_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "limits.depth=9", "--set", "limits.depht=9"]) == 1
    assert capsys.readouterr().out.startswith("--set:2:1: error: limits.depht: unknown key")


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "enricher configuration"
