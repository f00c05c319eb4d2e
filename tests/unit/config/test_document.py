import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from enricher.config.document import MAX_NODES, Node, Place, parse, resolve


def parsed(text: str) -> Node:
    node, problems = parse(text, "f")
    assert node is not None
    assert problems == []
    return node


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-07", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        (".5e1", 5.0),
        ("-.inf", -math.inf),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        # Booleans and numbers of YAML 1.1 that would surprise: text.
        ("yes", "yes"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-31", "2026-01-31"),
        ("30s", "30s"),
        ("9" * 500, "9" * 500),
    ],
)
def test_plain_scalars_follow_the_core_schema(text: str, value: Any) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_quotes_and_tags_decide_what_a_scalar_is() -> None:
    text = "a: '1'\nb: \"true\"\nc: |\n  2\nd: !!str 3\ne: !!int '4'\nf: >-\n  null\n"
    assert parsed(text).data() == {"a": "1", "b": "true", "c": "2\n", "d": "3", "e": 4, "f": "null"}


def test_every_node_and_key_knows_its_place() -> None:
    root = parsed("a:\n  - b: 1\n    ü: 'x'\n")
    assert isinstance(root.value, dict)
    assert root.keys["a"] == Place("f", 1, 1)
    items = root.value["a"]
    assert items.place == Place("f", 2, 3)
    assert isinstance(items.value, list)
    first = items.value[0]
    assert first.keys["ü"] == Place("f", 3, 5)
    assert isinstance(first.value, dict)
    assert first.value["ü"].place == Place("f", 3, 8)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null", "~\n...\n"])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    assert parsed(text).data() == {}


def test_keys_are_text_as_written() -> None:
    assert parsed("1: a\ntrue: b\n1.50: c\n").data() == {"1": "a", "true": "b", "1.50": "c"}


def test_aliases_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nother: &o {y: 3, z: 4}\nboth: {<<: [*b, *o], y: 5}\nafter: {y: 6, <<: *b}\n"
    data = parsed(text).data()
    assert data["both"] == {"x": 1, "y": 5, "z": 4}
    assert data["after"] == {"x": 1, "y": 6}


def test_the_first_of_duplicate_keys_counts() -> None:
    node, problems = parse("a: 1\na: 2\nb: 3\nb: 4\n", "f")
    assert node is not None
    assert node.data() == {"a": 1, "b": 3}
    assert [(problem.code, problem.line) for problem in problems] == [("duplicate-key", 2), ("duplicate-key", 4)]


def test_an_alias_bomb_is_refused_without_being_built() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    node, problems = parse("\n".join(lines), "f")
    assert node is None
    assert [problem.code for problem in problems] == ["too-large"]


def test_a_list_without_end_is_refused_on_the_way() -> None:
    node, problems = parse("[" + "1," * MAX_NODES + "1]", "f")
    assert node is None
    assert [(problem.code, problem.column) for problem in problems] == [("too-large", 2 + 2 * MAX_NODES)]


def test_aliases_do_not_hide_depth() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{n}: &a{n} [[[[*a{n - 1}]]]]" for n in range(1, 20)]
    node, problems = parse("\n".join(lines), "f")
    assert node is None
    assert [problem.code for problem in problems] == ["too-deep"]


_plain = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20)
_trees = st.recursive(
    _plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=8), _trees, max_size=5))
def test_what_a_yaml_writer_writes_is_read_back(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, default_style='"', default_flow_style=True, allow_unicode=False)
    node, problems = parse(text, "f")
    assert problems == []
    assert node is not None
    assert node.data() == data
