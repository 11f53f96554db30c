import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.records import Interval
from hilum.wording import DASH, MINUS, count, fixed, interval, measured, percent, share_of

NAN = float("nan")
SHARES = st.floats(0, 1)


@given(SHARES)
def test_a_percentage_reads_back_within_its_last_digit(share):
    said = percent(share)
    assert said.endswith(" %")
    number = float(said.removesuffix(" %").removeprefix("< ").removeprefix("> "))
    tolerance = 0.01 if said[0] in "<>" else 0.0501 if 0.01 <= share <= 0.99 else 0.00501
    assert number == pytest.approx(100 * share, abs=tolerance)


@given(SHARES)
def test_only_all_is_a_hundred_percent_and_only_none_is_zero(share):
    number = percent(share).removesuffix(" %")
    assert (number == "100") == (share == 1)
    assert (number == "0") == (share == 0)
    assert number not in ("100.0", "100.00", "0.0", "0.00")


@given(SHARES)
def test_shares_in_words_are_near_and_never_round_to_all_or_none(share):
    words = share_of(share, "films")
    counted = re.fullmatch(r"(more than |fewer than )?(\d+) of (\d+) films", words)
    if counted is None:
        assert words == ("all films" if share == 1 else "none of the films")
        assert share in (0, 1)
        return
    bound, part, whole = counted[1], int(counted[2]), int(counted[3])
    assert 0 < part < whole
    if bound == "more than ":
        assert share > part / whole
    elif bound == "fewer than ":
        assert share < part / whole
    else:
        assert abs(part / whole - share) <= 0.5 / whole + 1e-9


@given(st.floats(), st.integers(0, 6))
def test_a_number_is_a_number_or_a_dash(value, digits):
    said = fixed(value, digits)
    assert (said == DASH) == (not math.isfinite(value))
    if math.isfinite(value):
        assert float(said.replace(MINUS, "-")) == pytest.approx(value, abs=0.51 * 10**-digits, rel=1e-9)


def test_undefined_shares_and_intervals():
    assert percent(NAN) == DASH
    assert interval(Interval(value=0.5)) == ""
    assert interval(Interval(value=0.5, low=0.4, high=0.6), 2) == "(0.40–0.60)"


def test_what_was_measured_stands_with_its_interval_or_alone_or_as_a_dash():
    assert measured(Interval(value=0.5, low=0.4, high=0.6), 2) == "0.50 (0.40–0.60)"
    assert measured(Interval(value=0.01, low=-0.01, high=0.03), 2, difference=True) == "+0.01 (−0.01 to 0.03)"
    assert measured(Interval(value=0.5)) == "0.500"
    assert measured(Interval(low=0.4, high=0.6)) == DASH


def test_counts_are_right_in_number():
    assert (count(1, "film"), count(0, "film"), count(12340, "film")) == ("1 film", "0 films", "12,340 films")
    assert count(2, "study", plural="studies") == "2 studies"
