import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from hilum.errors import InvalidValueError
from hilum.metrics import brier_score, calibration_error, reliability_curve

NAN = float("nan")


def made_up(seed, n=4000, slope=0.5, intercept=-2.0):
    """Logits whose true probability is sigmoid(slope * logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3, size=n)
    return logits, (generator.random(n) < expit(slope * logits + intercept)).astype(float)


def test_unknown_targets_are_left_out_of_everything():
    logits, targets = made_up(4, n=300)
    masked = np.where(np.arange(300) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    p = expit(logits)
    assert brier_score(p, masked) == brier_score(p[kept], targets[kept])
    assert calibration_error(p, masked) == calibration_error(p[kept], targets[kept])


def test_brier_equals_scikit_learn():
    logits, targets = made_up(5)
    p = expit(logits)
    assert brier_score(p, targets) == pytest.approx(brier_score_loss(targets, p))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([30, 60, 150]))
def test_bins_equal_scikit_learns_quantile_bins(seed, n):
    generator = np.random.default_rng(seed)
    p = generator.random(n)
    targets = (generator.random(n) < p).astype(float)
    curve = reliability_curve(p, targets, n_bins=15)
    # Equal mass by hand: n is a multiple of 15 and no two probabilities are equal.
    order = np.argsort(p).reshape(15, -1)
    np.testing.assert_allclose(curve.mean_probability, p[order].mean(axis=1))
    np.testing.assert_allclose(curve.observed_share, targets[order].mean(axis=1))
    assert curve.n_images.tolist() == [n // 15] * 15
    expected = np.abs(p[order].mean(axis=1) - targets[order].mean(axis=1)).mean()
    assert calibration_error(p, targets) == pytest.approx(expected)
    if n == 150:
        shares, means = calibration_curve(targets, p, n_bins=15, strategy="quantile")
        np.testing.assert_allclose(curve.mean_probability, means, atol=0.05)
        assert len(shares) == 15


def test_equal_probabilities_share_a_bin_whatever_the_order():
    p, targets = np.array([0.2] * 30 + [0.8] * 30), np.array(([1.0] * 6 + [0.0] * 24) + ([1.0] * 24 + [0.0] * 6))
    curve = reliability_curve(p, targets)
    assert curve.n_images.tolist() == [30, 30]
    np.testing.assert_allclose(curve.observed_share, [0.2, 0.8])
    assert calibration_error(p, targets) == pytest.approx(0, abs=1e-12)


def test_one_wrong_constant_is_as_far_off_as_it_is():
    assert calibration_error(np.full(100, 0.9), np.zeros(100)) == pytest.approx(0.9)


def test_nothing_known_is_nan():
    nothing = np.array([0.5, 0.5]), np.array([NAN, NAN])
    assert np.isnan(brier_score(*nothing))
    assert np.isnan(calibration_error(*nothing))
    assert len(reliability_curve(*nothing).n_images) == 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: brier_score(np.array([1.5]), np.array([1.0])), "probabilities hold 1.5"),
        (lambda: calibration_error(np.array([-0.1]), np.array([1.0])), "probabilities hold -0.1"),
        (lambda: reliability_curve(np.array([0.1]), np.array([1.0]), n_bins=0), "n_bins must be at least 1"),
    ],
)
def test_wrong_input_is_refused(function, message):
    with pytest.raises(InvalidValueError, match=message):
        function()
