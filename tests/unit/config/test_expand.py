from typing import Any

import pytest

from enricher.config.document import parse
from enricher.config.expand import expand

ENVIRON = {"HOST": "tempo", "PORT": "4317", "EMPTY": "", "ZEROS": "007", "NESTED": "${env:HOST}"}


def expanded(text: str) -> Any:
    node, _ = parse(text, "f")
    assert node is not None
    result, problems = expand(node, ENVIRON)
    assert problems == []
    return result.data()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${env:HOST}", "tempo"),
        ("${HOST}", "tempo"),
        ("${env:HOST}:${env:PORT}", "tempo:4317"),
        ("${env:GONE:-otherwise}", "otherwise"),
        ("${env:GONE:-}", ""),
        ("${env:GONE:-http://h:1}", "http://h:1"),
        # Set but empty is set, as in the Collector.
        ("${env:EMPTY:-otherwise}", ""),
        # Leading zeros survive: the models make numbers where numbers are asked for.
        ("${env:ZEROS}", "007"),
        ("$${env:HOST}", "${env:HOST}"),
        ("$$$${env:HOST}", "$${env:HOST}"),
        ("$$${env:HOST}", "$tempo"),
        ("^a$", "^a$"),
        ("$HOST", "$HOST"),
        # What a variable holds is never expanded again.
        ("${env:NESTED}", "${env:HOST}"),
    ],
)
def test_values(text: str, value: str) -> None:
    assert expanded(f"a: '{text}'") == {"a": value}
    assert expanded(f"a: [{{b: '{text}'}}]") == {"a": [{"b": value}]}


def test_keys_are_not_expanded() -> None:
    assert expanded("'${env:HOST}': 1") == {"${env:HOST}": 1}


def test_each_fault_is_reported_once_with_its_path() -> None:
    node, _ = parse("a: &x ['${env:GONE}', '${env:A B}']\nb: *x\nc: '${env:ALSO'\n", "f")
    assert node is not None
    _, problems = expand(node, ENVIRON)
    assert [(problem.code, problem.path, problem.line) for problem in problems] == [
        ("unset-variable", "a[0]", 1),
        ("bad-expansion", "a[1]", 1),
        ("bad-expansion", "c", 3),
    ]


def test_numbers_and_booleans_may_come_from_the_environment() -> None:
    from enricher.config import load_text

    text = "limits: {depth: '${env:D}'}\nadmin: {enabled: '${env:E}'}\nsampling: {decision_wait: '${env:W}'}\n"
    settings = load_text(text, environ={"D": "8", "E": "false", "W": "45"}).require()
    assert (settings.limits.depth, settings.admin.enabled, settings.sampling.decision_wait) == (8, False, 45.0)
