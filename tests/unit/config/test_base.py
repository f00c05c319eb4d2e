import pytest
from hypothesis import given
from hypothesis import strategies as st

from enricher.config.base import parse_duration, parse_size


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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4MiB", 4 << 20),
        ("512KiB", 512 << 10),
        ("1.5GB", 1_500_000_000),
        ("2 TiB", 2 << 40),
        ("7", 7),
        (7, 7),
        ("9b", 9),
    ],
)
def test_sizes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MiB", "4 Mi B", "-4MiB", -1, 1 << 63, "9" * 40, 1.5, True, None])
def test_no_sizes(text: object) -> None:
    with pytest.raises(ValueError, match=r"size"):
        parse_size(text)


@given(st.text(max_size=30))
def test_other_text_is_refused_with_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_size):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert value >= 0
