import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.records import Interval, RankMetric
from hilum.reporting.wording import DASH, MINUS, fixed, headline, interval, percent, rank_reason, share_of, why

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


def test_reasons_are_the_records_own():
    assert why(RankMetric(n_positive=0, n_negative=3, reason="undefined: none of 3")) == "none of 3"
    assert why(RankMetric(n_positive=0, n_negative=3)) == rank_reason(0, 3) == "no film has it"
    assert rank_reason(3, 0) == "every film has it"
    assert rank_reason(3, 3) == "not computed"


def test_the_headline_of_a_bundle(whole):
    said = headline(whole)
    assert said.startswith("On 400 films of ")
    assert "never used in training it finds" in said
    mean = whole.macro["auroc"]
    assert said.endswith(f"mean AUROC {mean.value:.2f} ({mean.low:.2f}–{mean.high:.2f}) over 14 findings.")
    point = whole.findings["Effusion"].operating_point
    assert f"{share_of(point.sensitivity.value, 'effusions')} and" in said
    assert share_of(1 - point.specificity.value, "other films") in said


def test_headlines_claim_no_more_than_is_known(odd, bare, silent):
    assert "some of them used in training" in headline(odd)
    assert "made-up films" in headline(odd)
    assert "training" not in headline(bare)
    assert "(threshold: fixed 0.5)" in headline(bare)
    assert headline(silent) == "On 4 films nothing could be measured."


@pytest.mark.parametrize(
    ("split", "bundle_digest", "claimed"),
    [
        ("test", "f" * 64, True),
        ("validation", "f" * 64, False),
        ("films of mine.csv", "f" * 64, False),
        ("test", "", False),
    ],
)
def test_never_used_in_training_is_said_of_the_test_split_of_a_bundle_alone(whole, split, bundle_digest, claimed):
    pedigree = whole.pedigree.model_copy(update={"split": split, "bundle_digest": bundle_digest})
    assert ("never used in training" in headline(whole.model_copy(update={"pedigree": pedigree}))) == claimed


def test_a_headline_without_thresholds_or_without_auroc(whole, odd):
    no_rates = {
        name: finding.model_copy(
            update={
                "operating_point": finding.operating_point.model_copy(
                    update={"sensitivity": Interval(), "specificity": Interval()}
                )
            }
        )
        for name, finding in whole.findings.items()
    }
    assert "the mean AUROC is 0." in headline(whole.model_copy(update={"findings": no_rates}))
    assert headline(whole.model_copy(update={"macro": {}})).endswith("; no AUROC is defined.")
    one = whole.model_copy(update={"macro": {"auroc": whole.macro["auroc"].model_copy(update={"findings": ("Mass",)})}})
    assert headline(one).endswith("over 1 finding.")


def test_the_headline_falls_back_to_the_finding_with_most_films(whole):
    without = {name: finding for name, finding in whole.findings.items() if name != "Effusion"}
    most = max(without, key=lambda name: without[name].auroc.n_positive)
    one = {most: without[most]}
    assert headline(whole.model_copy(update={"findings": without})) == headline(
        whole.model_copy(update={"findings": one})
    )
