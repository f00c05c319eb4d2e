import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.sample.regex import explain_fault


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^/health(z|y)?$",
        r"v[0-9]+.HealthCheck$",
        r"\p{Greek}+\pL\PN\p{Lu}",
        r"\z\A\b\B",
        r"(?i)claude",
        r"(?i:gpt)-4o(?-i)x",
        r"(?<name>a)(?P<other>b)(?P<dot.ted>c)",
        r"[[:alpha:]_[:^digit:]]",
        r"[a[b-d]&&[^c]]",
        r"[]a]",
        r"[^]a]",
        r"[a[]b]]",
        r"[[^]]]",
        r"[^a]",
        r"\x7F\x{10FFFF}\u00e9\u{e9}",
        r"a{2,5}?b*?c+?",
        r"\/metrics",
        r"a|b|",
        "}+]?",
        r"\{a\}",
        "a{2}",
    ],
)
def test_patterns_that_compile(pattern: str) -> None:
    assert explain_fault(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", "character 1, at `(`: unclosed group"),
        ("ab)", "character 3, at `)`: unopened group"),
        ("é[a", "character 2, at `[a`: unclosed character class"),
        ("*", "character 1, at `*`: repetition operator missing expression"),
        ("ab{5,2}", "character 3, at `{5,2}`: invalid repetition count range"),
        ("x[z-a]", "character 3, at `z-a]`: invalid character class range"),
        ("a\\", "character 2, at `\\`: incomplete escape sequence"),
        ("(?=a)", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "character 4, at `\\1`: backreferences are not supported"),
        ("(?>a)", "character 3, at `>a)`: unrecognized flag"),
        (r"\Qa\E", "unrecognized escape sequence"),
        (r"\p{Nonsense}", "Unicode property not found"),
        ("a" * 5000, "longer than 4096 characters"),
        ("(a{500}){500}", "size limit"),
        ("(" * 1000 + ")" * 1000, "nest"),
    ],
)
def test_patterns_that_do_not_say_where_and_why(pattern: str, reason: str) -> None:
    assert reason in explain_fault(pattern)


@given(st.text(st.sampled_from(r"ab01(){}[]*+?|^$.\-<>=!:P&iz,"), max_size=30) | st.text(max_size=20))
def test_any_text_gets_an_answer(pattern: str) -> None:
    assert isinstance(explain_fault(pattern), str)
