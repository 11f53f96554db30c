import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import Resamples, net_benefit, net_benefit_terms

NAN = float("nan")
THRESHOLDS = np.array([0.0, 0.05, 0.2, 0.5, 0.9])


def films(seed, n=80):
    generator = np.random.default_rng(seed)
    p = generator.random(n).round(2)
    return p, (generator.random(n) < p).astype(float)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_it_is_the_formula_of_vickers_and_elkin(seed):
    p, y = films(seed)
    curve = net_benefit(p, y, THRESHOLDS)
    for place, threshold in enumerate(THRESHOLDS):
        odds = threshold / (1 - threshold)
        called = p >= threshold
        expected = (called & (y == 1)).sum() / len(y) - (called & (y == 0)).sum() / len(y) * odds
        assert curve.model[place] == pytest.approx(expected, abs=1e-12)
        assert curve.everyone[place] == pytest.approx(y.mean() - (1 - y.mean()) * odds, abs=1e-12)
    np.testing.assert_array_equal(curve.threshold, THRESHOLDS)


def test_a_probability_at_the_threshold_is_a_call():
    assert net_benefit(np.array([0.2]), np.array([1.0]), np.array([0.2])).model.tolist() == [1.0]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_nothing_is_worth_more_than_the_truth(seed):
    p, y = films(seed)
    ours, truth = net_benefit(p, y, THRESHOLDS).model, net_benefit(y, y, THRESHOLDS[1:]).model
    assert (ours <= y.mean() + 1e-12).all()
    np.testing.assert_allclose(truth, y.mean())


def test_everyone_is_worth_nothing_at_the_prevalence():
    y = np.array([1.0, 0, 0, 0])
    assert net_benefit(np.ones(4), y, np.array([0.25])).everyone == pytest.approx(0)


def test_terms_on_a_resample_are_the_measure_with_films_repeated():
    p, y = films(3)
    y[::5] = NAN
    patients = np.arange(80) // 4
    resamples = Resamples(patients, 4, seed=1)
    shares = resamples.share(*net_benefit_terms(p, y, THRESHOLDS))
    for share, counts in zip(shares, np.concatenate(list(resamples.counts())), strict=True):
        again = np.repeat(np.arange(80), counts[patients])
        np.testing.assert_allclose(share, net_benefit(p[again], y[again], THRESHOLDS).model, atol=1e-12)


def test_unknown_targets_are_left_out_and_nothing_known_is_nan():
    p, y = films(4)
    masked = np.where(np.arange(80) % 3 == 0, NAN, y)
    kept = ~np.isnan(masked)
    expected = net_benefit(p[kept], y[kept], THRESHOLDS)
    for ours, theirs in zip(net_benefit(p, masked, THRESHOLDS), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-12)
    nothing = net_benefit(p, np.full(80, NAN), THRESHOLDS)
    assert np.isnan(nothing.model).all()
    assert np.isnan(nothing.everyone).all()


@pytest.mark.parametrize("threshold", [-0.1, 1.0, NAN])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(InvalidValueError, match="expected from 0 to below 1"):
        net_benefit(np.array([0.5]), np.array([1.0]), np.array([0.5, threshold]))


def test_scores_that_are_no_probabilities_are_refused():
    with pytest.raises(InvalidValueError, match="probabilities hold 2"):
        net_benefit(np.array([2.0]), np.array([1.0]), THRESHOLDS)
