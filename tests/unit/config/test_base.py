import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.config.base import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("250ms", 0.25),
        ("1m30s", 90.0),
        ("1h", 3600.0),
        ("1.5h", 5400.0),
        ("2us", 2e-6),
        ("0", 0.0),
        ("15", 15.0),
        (15, 15.0),
        (0.5, 0.5),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "5 s", "s", "5d", "-1s", "1s2", "1e3s", -1, float("nan"), float("inf"), True, None, []]
)
def test_no_durations(text: object) -> None:
    with pytest.raises(ValueError, match=r"duration"):
        parse_duration(text)


@given(st.text(max_size=30))
def test_other_text_is_refused_with_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds < 1e9
