"""Figures from an exposition, and how they are drawn."""

import io
import re

import pytest

from enricher.cli.style import Style
from enricher.demo import view
from enricher.demo.screen import Screen, fit
from enricher.demo.session import Tally

EXPOSITION = """\
# TYPE llm_request_duration_seconds histogram
llm_request_duration_seconds_bucket{provider="openai",model="gpt-4o",service="a",le="+Inf"} 3
llm_request_duration_seconds_count{provider="openai",model="gpt-4o",service="a"} 3
llm_request_duration_seconds_sum{provider="openai",model="gpt-4o",service="a"} 1.5
llm_request_duration_seconds_count{provider="openai",model="gpt-4o",service="b"} 2
llm_request_duration_seconds_count{provider="anthropic",model="claude",service="b"} 4
# TYPE llm_tokens counter
llm_tokens_total{provider="openai",model="gpt-4o",service="a",type="input"} 100
llm_tokens_total{provider="openai",model="gpt-4o",service="a",type="cache_read"} 40
llm_tokens_total{provider="openai",model="gpt-4o",service="b",type="output"} 7
# TYPE llm_cost_usd counter
llm_cost_usd_total{provider="openai",model="gpt-4o",service="a"} 0.25
llm_cost_usd_total{provider="anthropic",model="claude",service="b"} 0.75
# TYPE enricher_unpriced_calls counter
enricher_unpriced_calls_total{reason="no_usage",model="x"} 2
# TYPE enricher_traces counter
enricher_traces_total{decision="kept",trigger="root_received"} 5
enricher_traces_total{decision="dropped",trigger="root_received"} 6
enricher_traces_total{decision="dropped",trigger="decision_wait"} 1
# TYPE enricher_sampling_policy_traces counter
enricher_sampling_policy_traces_total{policy="rest",outcome="voted"} 12
enricher_sampling_policy_traces_total{policy="rest",outcome="credited"} 9
enricher_sampling_policy_traces_total{policy="rest",outcome="kept"} 2
# TYPE enricher_cost_usd counter
enricher_cost_usd_total{decision="kept"} 0.5
enricher_cost_usd_total{decision="dropped"} 0.5
"""
PLAIN = Style(False)


def test_figures_add_up_over_services_and_never_count_parts_of_tokens_twice() -> None:
    figures = view.read(EXPOSITION)
    gpt = figures.models["openai", "gpt-4o"]
    assert (gpt.calls, gpt.input_tokens, gpt.output_tokens, gpt.usd) == (5, 100, 7, 0.25)
    assert (figures.calls, figures.usd, figures.input_tokens) == (9, 1.0, 100)
    assert (figures.kept, figures.dropped, figures.decided) == (5, 7, 12)
    assert figures.unpriced == {"no_usage": 2}
    rest = figures.policies["rest"]
    assert (rest.voted, rest.credited, rest.kept, rest.dropped) == (12, 9, 2, 7)


def test_the_dearest_model_comes_first_and_the_rest_is_summed() -> None:
    lines = view.draw(view.read(EXPOSITION), PLAIN, 14, 92)
    assert lines[1].startswith("claude ")
    assert lines[2].startswith("gpt-4o ")
    assert "50% of USD" in lines[-1]
    short = view.draw(view.read(EXPOSITION), PLAIN, 1, 92)
    assert re.match(r"… and 2 more +9 ", short[1])


@pytest.mark.parametrize("columns", [80, 92, 200])
@pytest.mark.parametrize("height", [8, 24, 60])
def test_a_frame_has_every_policy_and_narrow_lines(height: int, columns: int) -> None:
    frame = view.live(view.read(EXPOSITION), Tally(spans=10), (3.0, 30.0), PLAIN, height, columns).splitlines()
    assert frame[0].endswith("3 of 30 s   10 spans sent, 0 taken in")
    assert any(line.startswith("rest ") for line in frame)
    assert max(map(len, frame)) <= min(columns, 92)
    assert any("█" in line for line in frame) == (columns > 80)
    done = view.live(view.read(EXPOSITION), Tally(), (30.0, 30.0), PLAIN, height, columns)
    assert "deciding the last traces" in done


def test_empty_figures_are_drawn_too() -> None:
    assert view.draw(view.read(""), PLAIN, 5, 80)[1].startswith("all ")


def test_lines_are_cut_by_what_is_visible() -> None:
    bold = Style(True)("abcdef", "bold")
    assert fit(bold, 4) == "\x1b[1mabcd\x1b[0m"
    assert fit("abcdef", 6) == "abcdef"


def test_a_frame_is_drawn_over_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "4")
    out = io.StringIO()
    with Screen(out) as screen:
        screen.show("1\n2\n3\n4\n5")
        first = out.getvalue()
        screen.show("x" * 30)
        screen.clear()
    assert "4" not in first, "a terminal of four lines holds three and the cursor"
    rest = out.getvalue()[len(first) :]
    assert rest.startswith("\x1b[3F" + "x" * 10 + "\x1b[K\n")
    assert rest.endswith("\x1b[1F\x1b[J\x1b[?25h")


def test_colors_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Style.of(Terminal()).colored
    assert not Style.of(io.StringIO()).colored
    monkeypatch.setenv("NO_COLOR", "1")
    assert not Style.of(Terminal()).colored
    monkeypatch.setenv("NO_COLOR", "")
    monkeypatch.setenv("TERM", "dumb")
    assert not Style.of(Terminal()).colored
