import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.evaluation.tally import NO_RESAMPLES, NOTHING_VARIES, Tally, estimate, ratio
from hilum.metrics import Resamples


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


def test_a_ratio_over_nothing_is_nan():
    np.testing.assert_array_equal(ratio(np.array([1.0, 0.0, 3.0]), np.array([2.0, 0.0, 0.0])), [0.5, np.nan, np.nan])


def test_an_estimate_says_why_it_has_no_value_or_no_interval():
    assert estimate(np.array([np.nan, 1, 2]), "no film").reason == "no film"
    assert estimate(np.array([0.5]), "").reason == NO_RESAMPLES
    assert estimate(np.array([0.5, np.nan, np.nan]), "").reason == NO_RESAMPLES
    same = estimate(np.array([0.5, 0.5, 0.5]), "")
    assert (same.value, same.low != same.low, same.reason) == (0.5, True, NOTHING_VARIES)
    found = estimate(np.concatenate([[0.5], np.linspace(0, 1, 101)]), "")
    assert (found.value, found.low, found.high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))


def test_a_centred_estimate_moves_resamples_onto_the_value_and_never_below_0():
    draws = np.concatenate([[0.02], np.linspace(0.03, 0.13, 101)])
    found = estimate(draws, "", centred=True)
    assert found.low == 0
    assert found.low < found.value < found.high < 0.13
