"""Redaction, measured on the labelled set; the docs show these figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from enricher.content import tables
from tests.unit.content.figures import figures, measured, redacted
from tests.unit.content.labelled import cases

PAGE = Path(__file__).parents[3] / "docs" / "content.md"


def test_the_figures_in_the_docs_are_those_measured() -> None:
    assert measured().table() in PAGE.read_text(), measured().table()


def test_the_docs_name_everybody_whose_keys_are_known() -> None:
    page = " ".join(PAGE.read_text().split())
    assert [name for shape in tables.load(tables.Issuers).issuers for name in shape.of if name not in page] == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_recall_and_false_positives_hold_on_other_draws(seed: int) -> None:
    found = figures(cases(seed))
    for kind, least in {"secret": 0.99, "email": 0.99, "card": 0.99, "iban": 0.99, "ip": 0.99, "phone": 0.94}.items():
        assert found.recall(kind) >= least, (kind, found.missed)
    assert found.false_positives() <= 0.01, found.mistaken


def test_what_is_not_json_any_more_would_be_a_loss() -> None:
    labelled = [case for case in cases() if "json" in case.carrier and "cut" not in case.carrier]
    assert labelled
    for case, text in zip(labelled, redacted([case.text for case in labelled]), strict=True):
        before, after = json.loads(case.text), json.loads(text)
        assert type(before) is type(after), case


def test_only_the_chosen_kinds_go() -> None:
    config = "normalize: {content: {policy: redact, kinds: [email]}}"
    assert redacted(["a@example.com from 10.1.2.3"], config) == ["[EMAIL] from 10.1.2.3"]


def test_as_many_patterns_as_a_user_may_have_find_room() -> None:
    most = json.dumps([f"EMP{number}" for number in range(24)])
    assert redacted(["EMP7, a@example.com"], f"normalize: {{content: {{policy: redact, patterns: {most}}}}}") == [
        "[CUSTOM], [EMAIL]"
    ]


def test_patterns_of_the_user_go_too_and_a_group_keeps_what_is_around_it() -> None:
    config = r"normalize: {content: {policy: redact, patterns: ['EMP-\d+', {name: pin, regex: 'PIN (\d{4})'}]}}"
    assert redacted(['{"a": "EMP-42, PIN 1234"}'], config) == ['{"a": "[CUSTOM], PIN [PIN]"}']


@pytest.mark.parametrize(
    ("text", "redacted_text"),
    [
        ('{"password": "hunter2secret"}', '{"password": "[SECRET]"}'),
        ('{"headers": {"x-api-key": "0123456789abcdef0123456789abcdef"}}', '{"headers": {"x-api-key": "[SECRET]"}}'),
        ('{"password": "correcthorse"}', '{"password": "[SECRET]"}'),
        ('{"phone": "2125550188", "id": "2125550188"}', '{"phone": "[PHONE]", "id": "2125550188"}'),
        ('{"text": "order 2125550188 of today"}', '{"text": "order 2125550188 of today"}'),
        ("login with pwd=hunter, please", "login with pwd=[SECRET], please"),
        ("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Authorization: Basic [SECRET]"),
        ("basic understanding of Basic YWJj", "basic understanding of Basic YWJj"),
        ('{"mobile": 491701234567, "id": 491701234567}', '{"mobile": "[PHONE]", "id": 491701234567}'),
        ('{"value": "abc12345", "key": "api_key"}', '{"value": "[SECRET]", "key": "api_key"}'),
        ('{"name": "phone", "value": 2125550188}', '{"name": "phone", "value": "[PHONE]"}'),
        ('{"value": 2125550188, "at": [], "name": "phone"}', '{"value": "[PHONE]", "at": [], "name": "phone"}'),
        ('[["accept", "*/*"], ["x-api-key", "abc12345"]]', '[["accept", "*/*"], ["x-api-key", "[SECRET]"]]'),
        ('{"password": "correct horse, battery"}', '{"password": "[SECRET]"}'),
        ('{"password": "Your password is too short"}', '{"password": "Your password is too short"}'),
        (
            '{"name": "reset_password", "content": "a mail is sent"}',
            '{"name": "reset_password", "content": "a mail is sent"}',
        ),
        ('{"passed": "abc12345", "compass": "abc12345"}', '{"passed": "abc12345", "compass": "abc12345"}'),
        ('{"api_key": "none", "note": "hunter2secret"}', '{"api_key": "none", "note": "hunter2secret"}'),
    ],
)
def test_the_name_of_a_member_tells_what_its_value_is(text: str, redacted_text: str) -> None:
    assert redacted([text]) == [redacted_text]


def test_a_text_full_of_beginnings_takes_linear_time() -> None:
    texts = [
        "sk-" * 60_000,
        "1 " * 90_000,
        ":" * 180_000,
        "@a." * 60_000,
        "DE00" * 45_000,
        "+1" * 90_000,
        "{[" * 90_000,
        "token=" * 30_000,
        "password is " * 15_000,
        "+1." * 60_000,
        "git@" * 45_000,
        "call me 12345678 " * 10_000,
        "phone number is 123456 " * 8_000,
        "password: os.environ[ " * 8_000,
        "Authorization: Basic YWJj " * 7_000,
        "Authorization: Bearer token " * 8_000,
        "\\" * 180_000,
        "%25" * 60_000,
        "&#4" * 60_000,
        "\\ud83d" * 30_000,
        "４" * 60_000,
        "\u200b" * 60_000,
        "eyJaaaaaaaa. " * 14_000,
        "cookie: a=b; " * 14_000,
        "passphrase: aaa " * 11_000,
        "--token " * 22_000,
        "login a password b " * 9_000,
        "0 0\n" * 45_000,
        "no12 " * 36_000,
        '"a"@' * 45_000,
        "a [at] " * 25_000,
        "fe80:%" * 25_000,
        "mysql -p " * 20_000,
        json.dumps(["token", "secret"] * 9_000),
        json.dumps([{"value": "a", "name": "token"}] * 5_000),
        json.dumps({"value": "a", "name": "token"} | {f"k{number}": "phone" for number in range(9_000)}),
    ]
    assert redacted(texts) == texts
