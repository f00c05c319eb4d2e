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
        r"\p{Greek}+\pL\PN\p{^Lu}",
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
        ("(", "missing )"),
        (")", "unbalanced"),
        ("[a", "a [ is not closed"),
        ("[[]]", "a [ is not closed"),
        ("[a[^]]", "a [ is not closed"),
        ("*", "nothing to repeat"),
        ("a|{2}", "nothing to repeat"),
        ("(?:+)", "nothing to repeat"),
        ("{a}", "neither a repetition"),
        ("a{", "neither a repetition"),
        ("a{b}", "neither a repetition"),
        ("a{5,2}", "min repeat greater than max"),
        ("[z-a]", "bad character range"),
        ("a\\", "single backslash"),
        ("(?=a)", "look-around"),
        ("(?!a)", "look-around"),
        ("(?<=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back-references"),
        (r"(?P<n>a)(?P=n)", "back-references"),
        (r"(?P<n>a)\k<n>", "back-references"),
        ("(?>a)", "atomic"),
        ("(a)(?(1)b|c)", "conditional"),
        ("(?#x)a", "comments"),
        ("a*+", "possessive"),
        ("a{2}+", "possessive"),
        (r"\Qa\E", r"\Q is not a known escape"),
        (r"\pu", "not a known escape"),
        (r"\u12", "not a known escape"),
        ("(?)", "something unknown"),
        (r"[\b]", r"\b stands for a place"),
        (r"\Z", r"\Z is not a known escape"),
        ("(?Pa)", "something unknown"),
        ("a" * 5000, "longer than"),
        ("(" * 3000, ""),
    ],
)
def test_patterns_that_do_not(pattern: str, reason: str) -> None:
    found = explain_fault(pattern)
    assert found
    assert reason in found


@given(st.text(st.sampled_from(r"ab01(){}[]*+?|^$.\-<>=!:P&iz,"), max_size=30) | st.text(max_size=20))
def test_any_text_gets_an_answer(pattern: str) -> None:
    assert isinstance(explain_fault(pattern), str)
