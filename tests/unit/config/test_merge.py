from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.config import load
from enricher.config.document import Node, parse
from enricher.config.merge import apply_set, merge
from enricher.config.paths import dotted, parse_path


def tree(text: str) -> Node:
    node, problems = parse(text, "f")
    assert node is not None
    assert problems == []
    return node


def test_mappings_merge_deeply_and_everything_else_is_replaced() -> None:
    base = tree("a: {x: 1, y: {p: 1, q: 2}, l: [1, 2]}\nb: 1\n")
    over = tree("a: {y: {q: 3}, l: [9]}\nc: 4\n")
    assert merge(base, over).data() == {"a": {"x": 1, "y": {"p": 1, "q": 3}, "l": [9]}, "b": 1, "c": 4}


def test_merging_changes_neither_side() -> None:
    base, over = tree("a: {x: 1}"), tree("a: {x: 2}")
    merge(base, over)
    assert base.data() == {"a": {"x": 1}}
    assert over.data() == {"a": {"x": 2}}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("a.x=2", {"a": {"x": 2}, "l": [{"n": 1}, {"n": 2}]}),
        ("a.y.z=30s", {"a": {"x": 1, "y": {"z": "30s"}}, "l": [{"n": 1}, {"n": 2}]}),
        ("a={q: [1, 'two']}", {"a": {"q": [1, "two"]}, "l": [{"n": 1}, {"n": 2}]}),
        ("l[1].n=7", {"a": {"x": 1}, "l": [{"n": 1}, {"n": 7}]}),
        ("l[2].n=7", {"a": {"x": 1}, "l": [{"n": 1}, {"n": 2}, {"n": 7}]}),
        ("a=", {"a": None, "l": [{"n": 1}, {"n": 2}]}),
        ('b["c.d"].otlp/x=1=2', {"a": {"x": 1}, "l": [{"n": 1}, {"n": 2}], "b": {"c.d": {"otlp/x": "1=2"}}}),
    ],
)
def test_assignments(assignment: str, expected: Any) -> None:
    root, problems = apply_set(tree("a: {x: 1}\nl: [{n: 1}, {n: 2}]\n"), assignment, 1)
    assert problems == []
    assert root.data() == expected


def test_later_files_and_then_assignments_win(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("limits: {depth: 8, json_kib: 1}\nsampling: {policies: [{name: a, type: always_sample}]}\n")
    second.write_text("limits: {depth: 9}\nsampling: {policies: [{name: b, type: always_sample}]}\n")
    settings = load([first, second], ["limits.json_kib=3"]).require()
    assert (settings.limits.depth, settings.limits.json_kib) == (9, 3)
    assert [policy.name for policy in settings.sampling.policies] == ["b"]


def test_faults_point_into_the_file_that_wrote_the_value(tmp_path: Path) -> None:
    first, second = tmp_path / "1.yaml", tmp_path / "2.yaml"
    first.write_text("limits:\n  depth: 0\n  json_kib: 0\n")
    second.write_text("limits:\n  depth: -1\n")
    problems = load([first, second], ["limits.shards=-2", "limits.trace_spans=0"]).problems
    assert [(problem.file, problem.line, problem.path) for problem in problems] == [
        (str(first), 3, "limits.json_kib"),
        (str(second), 2, "limits.depth"),
        ("--set", 1, "limits.shards"),
        ("--set", 2, "limits.trace_spans"),
    ]


_segments = st.lists(
    st.integers(0, 99) | st.text(st.characters(exclude_characters='"'), max_size=6), min_size=1, max_size=6
)


@given(_segments)
def test_a_path_reads_as_it_is_written(segments: list[str | int]) -> None:
    assert parse_path(dotted(segments)) == tuple(segments)


@given(st.text(max_size=30))
def test_any_assignment_is_applied_or_reported(assignment: str) -> None:
    root, problems = apply_set(tree("a: {x: 1}"), assignment, 1)
    assert all(problem.code == "bad-set" for problem in problems)
    assert (root.data() == {"a": {"x": 1}}) or not problems
