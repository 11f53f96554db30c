import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.evaluation.tally import (
    NEVER_DEFINED,
    NO_RESAMPLES,
    NOTHING_VARIES,
    TOO_FEW,
    Tally,
    estimate,
    estimate_error,
)
from hilum.metrics import Resamples, calibration_error_interval, exact_interval

NAN = float("nan")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 5), st.integers(0, 99))
def test_every_draw_is_the_sum_over_the_films_that_were_drawn(n_images, n_replicates, seed):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 8, n_images)
    one, several = generator.normal(size=n_images), generator.normal(size=(n_images, 3))
    resamples = Resamples(groups, n_replicates, seed)
    tally = Tally({"one": one, "several": several, "films": np.ones(n_images)}, resamples)
    drawn = [np.ones(n_images)] + [row[resamples.member] for block in resamples.counts() for row in block]
    np.testing.assert_allclose(tally["one"], [weights @ one for weights in drawn], atol=1e-9)
    np.testing.assert_allclose(tally["several"], [weights @ several for weights in drawn], atol=1e-9)
    np.testing.assert_allclose(
        tally.share("several", "films"), [np.average(several, axis=0, weights=weights) for weights in drawn], atol=1e-9
    )


def test_an_estimate_says_why_it_has_no_value_or_no_interval():
    assert estimate(np.array([np.nan, 1, 2]), "no film").reason == "no film"
    assert estimate(np.array([0.5]), "").reason == NO_RESAMPLES
    assert estimate(np.array([0.5, np.nan, np.nan]), "").reason == NEVER_DEFINED
    same = estimate(np.array([0.5, 0.5, 0.5]), "")
    assert (same.value, same.low != same.low, same.reason) == (0.5, True, NOTHING_VARIES)
    alone = estimate(np.array([0.5, 0.4, 0.6]), "", n_units=1)
    assert (alone.low != alone.low, alone.reason) == (True, TOO_FEW)
    found = estimate(np.concatenate([[0.5], np.linspace(0, 1, 101)]), "")
    assert (found.value, found.low, found.high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))


def test_a_share_of_all_or_none_has_the_exact_interval_of_its_patients():
    for value in (0.0, 1.0):
        found = estimate(np.full(50, value), "", n_patients=20)
        assert (found.value, (found.low, found.high)) == (value, exact_interval(int(20 * value), 20))
        assert found.reason == ""
    assert estimate(np.full(1, 1.0), "", n_patients=20).low == exact_interval(20, 20)[0]
    assert estimate(np.full(9, NAN), "no film", n_patients=0).reason == "no film"


def test_an_error_has_its_interval_or_says_why_not():
    generator = np.random.default_rng(0)
    draws, chance = np.append(0.05, 0.06 + 0.01 * generator.random(99)), np.append(0, 0.02 * generator.random(99))
    found = estimate_error(draws, chance, "")
    assert (found.low, found.high) == calibration_error_interval(0.05, draws[1:], chance[1:])
    assert estimate_error(draws * NAN, chance, "no film").reason == "no film"
    assert estimate_error(draws[:1], chance[:1], "").reason == NO_RESAMPLES
