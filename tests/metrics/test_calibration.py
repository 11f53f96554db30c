import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from hilum.errors import InvalidValueError
from hilum.metrics import apply_platt, auroc, brier_score, calibration_error, fit_platt, reliability_curve

NAN = float("nan")


def made_up(seed, n=4000, slope=0.5, intercept=-2.0):
    """Logits whose true probability is sigmoid(slope * logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3, size=n)
    return logits, (generator.random(n) < apply_platt(logits, slope, intercept)).astype(float)


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -2.0), (1.0, 0.0), (2.0, 1.0), (0.2, -4.0)])
def test_platt_finds_what_made_the_targets(slope, intercept):
    fit = fit_platt(*made_up(0, n=20_000, slope=slope, intercept=intercept))
    assert fit.slope == pytest.approx(slope, rel=0.1)
    assert fit.intercept == pytest.approx(intercept, abs=0.15)
    assert fit.reason == ""


@pytest.mark.parametrize("n", [8, 50, 500])
def test_platt_is_the_minimum_of_his_formula(n):
    logits, targets = made_up(1, n=n)
    targets[:2] = [0, 1]
    n_positive, n_negative = targets.sum(), (1 - targets).sum()
    smoothed = np.where(targets == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))

    def loss(parameters):
        p = 1 / (1 + np.exp(-(parameters[0] * logits + parameters[1])))
        return -np.sum(smoothed * np.log(p) + (1 - smoothed) * np.log(1 - p)) + (parameters[0] - 1) ** 2 / 2

    fit = fit_platt(logits, targets)
    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 4000})
    assert (fit.slope, fit.intercept) == pytest.approx(tuple(best.x), abs=1e-4)


def test_platt_makes_probabilities_better_and_keeps_the_order():
    logits, targets = made_up(2)
    fit = fit_platt(logits, targets)
    before, after = apply_platt(logits, 1, 0), apply_platt(logits, fit.slope, fit.intercept)
    assert log_loss(targets, after) < log_loss(targets, before)
    assert calibration_error(after, targets) < 0.03 < calibration_error(before, targets)
    assert auroc(after, targets) == auroc(logits, targets)


def test_one_film_with_the_finding_gives_no_wild_slope():
    logits = np.linspace(-6, 6, 400)
    fit = fit_platt(logits, (np.arange(400) == 399).astype(float))
    assert 0.2 < fit.slope < 3
    assert apply_platt(logits, fit.slope, fit.intercept).max() < 0.9


def test_without_ridge_perfectly_separated_films_still_stop():
    logits = np.array([-1.0, -0.5, 0.5, 1.0])
    fit = fit_platt(logits, np.array([0.0, 0.0, 1.0, 1.0]), ridge=0)
    assert np.isfinite(fit.slope)
    assert fit.slope > fit_platt(logits, np.array([0.0, 0.0, 1.0, 1.0])).slope


def test_worse_than_chance_is_not_turned_round():
    logits, targets = made_up(3)
    fit = fit_platt(-logits, targets)
    assert 0 < fit.slope <= 0.01
    assert "no better than chance" in fit.reason
    assert apply_platt(-logits, fit.slope, fit.intercept).mean() == pytest.approx(targets.mean(), abs=0.01)


@pytest.mark.parametrize("targets", [[0.0, 0.0], [1.0, 1.0], [NAN, 0.0]])
def test_one_class_leaves_the_score_as_it_is_and_says_why(targets):
    fit = fit_platt(np.array([-1.0, 2.0]), np.array(targets))
    assert (fit.slope, fit.intercept) == (1.0, 0.0)
    assert fit.reason.startswith("not calibrated: ")


def test_extreme_logits_stay_finite():
    fit = fit_platt(np.array([-1e4, -1e4, 1e4, 1e4, 0.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0]))
    assert np.isfinite([fit.slope, fit.intercept]).all()
    assert apply_platt(np.array([-1e4, 1e4]), 1, 0).tolist() == [0, 1]


def test_unknown_targets_are_left_out_of_everything():
    logits, targets = made_up(4, n=300)
    masked = np.where(np.arange(300) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    assert fit_platt(logits, masked) == fit_platt(logits[kept], targets[kept])
    p = apply_platt(logits, 1, 0)
    assert brier_score(p, masked) == brier_score(p[kept], targets[kept])
    assert calibration_error(p, masked) == calibration_error(p[kept], targets[kept])


def test_brier_equals_scikit_learn():
    logits, targets = made_up(5)
    p = apply_platt(logits, 1, 0)
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
        (lambda: fit_platt(np.array([np.inf, 0.0]), np.array([1.0, 0.0])), "logits are infinite"),
        (lambda: fit_platt(np.array([NAN, 0.0]), np.array([1.0, 0.0])), "logits are NaN"),
        (lambda: fit_platt(np.zeros(2), np.array([1.0, 0.0]), ridge=-1), "ridge must be at least 0"),
        (lambda: brier_score(np.array([1.5]), np.array([1.0])), "probabilities hold 1.5"),
        (lambda: calibration_error(np.array([-0.1]), np.array([1.0])), "probabilities hold -0.1"),
        (lambda: reliability_curve(np.array([0.1]), np.array([1.0]), n_bins=0), "n_bins must be at least 1"),
    ],
)
def test_wrong_input_is_refused(function, message):
    with pytest.raises(InvalidValueError, match=message):
        function()
