import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hilum.cli import _terminal
from hilum.cli._terminal import clock, complain, follow, progress, say, spark, table, wrote


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (21.4, "0:21"), (59.6, "1:00"), (725, "12:05"), (3723, "1:02:03")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text


@given(st.integers(0, 10**6))
def test_clock_counts_the_same_seconds(seconds):
    parts = [int(part) for part in clock(seconds).split(":")]
    assert sum(part * 60**place for place, part in enumerate(reversed(parts))) == seconds


def test_signs_that_a_terminal_obeys_are_shown(capsys):
    name = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202egnp.exe"
    say(name)
    complain(name)
    table(["film"], [[name]])
    for text in capsys.readouterr():
        assert "\\x1b]0;title\\x07\\x1b[2J\\x9b31m\\u202egnp.exe" in text
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & {*text}


def test_spark():
    assert spark([0.0, 0.5, 1.0]) == "▁▅█"
    assert spark([]) == ""
    assert spark([math.nan]) == ""
    assert spark([0.7]) == "▁"
    assert spark([0.0, math.nan, 1.0]) == "▁ █"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_spark_keeps_the_order_of_values(values):
    drawn = spark(values)
    assert len(drawn) == len(values)
    levels = ["▁▂▃▄▅▆▇█".index(sign) for sign in drawn]
    for a, level_a in zip(values, levels, strict=True):
        assert all(level_a <= level_b for b, level_b in zip(values, levels, strict=True) if a <= b)


def test_answers_and_complaints_go_apart(capsys):
    say("an answer [bold]as it is[/bold]")
    complain("a complaint")
    wrote("a.csv", "b.csv")
    follow("hilum a", "hilum b")
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        " an answer [bold]as it is[/bold]",
        " wrote a.csv",
        " wrote b.csv",
        " next: hilum a   ·   hilum b",
    ]
    assert err == " a complaint\n"


def test_long_commands_stand_below_each_other(capsys):
    follow("hilum " + "a" * 90, "hilum b")
    assert capsys.readouterr().out.splitlines() == [f" next: hilum {'a' * 90}", "       hilum b"]


def test_where_nothing_was_left_to_do_no_count_is_shown(capsys):
    with progress("preparing"):
        pass
    with progress("looking", transient=True):
        pass
    assert capsys.readouterr().err == " preparing: nothing was left to do\n"


def test_a_long_line_is_not_cut_in_a_pipe(capsys):
    say("word " * 100)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_table_sets_names_left_and_numbers_right(capsys):
    table(("finding", "n", "call"), [("Mass", "7", "present"), ("Pleural Thickening", "1,234", "")], words=("call",))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        " finding                 n  call",
        " Mass                    7  present",
        " Pleural Thickening  1,234",
    ]


def test_progress_in_a_pipe_is_one_line_at_the_end(capsys):
    with progress("reading") as on_progress:
        for done in range(1, 1001):
            on_progress(done, 1000)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == " reading  1,000/1,000  0:00\n"


def test_transient_progress_in_a_pipe_leaves_nothing(capsys):
    with progress("reading", transient=True) as on_progress:
        on_progress(3, 3)
    assert capsys.readouterr() == ("", "")


def test_progress_in_a_pipe_says_the_time_left_now_and_then(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_terminal.time, "monotonic", lambda: now[0])
    with progress("reading") as on_progress:
        for done in range(1, 91):
            now[0] += 1
            on_progress(done, 90, f"reading {done}")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        " reading 30  30/90  time left 1:00",
        " reading 60  60/90  time left 0:30",
        " reading 90  90/90  1:30",
    ]


def test_what_an_earlier_process_did_took_no_time(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(_terminal.time, "monotonic", lambda: now[0])
    with progress("going on", transient=True) as on_progress:
        for done in range(1000, 1061):
            on_progress(done, 1090)
            now[0] += 1
    assert capsys.readouterr().err.splitlines() == [
        " going on  1,030/1,090  time left 1:00",
        " going on  1,060/1,090  time left 0:30",
    ]


def test_a_bar_says_that_nothing_was_left_to_do(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(_terminal, "_console", lambda **_: console)
    with progress("reading"):
        pass
    assert "reading: nothing was left to do" in screen.getvalue()


def test_progress_on_a_terminal_is_a_bar(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(_terminal, "_console", lambda **_: console)
    with progress("reading") as on_progress:
        on_progress(2, 4)
        on_progress(4, 4, "almost")
    shown = screen.getvalue()
    assert "4/4" in shown
    assert "almost" in shown
    assert "time left" in shown
