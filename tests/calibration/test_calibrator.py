"""Calibrators against scikit-learn, formulas in float64 and simulations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import eigh
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from hilum.calibration import CALIBRATORS, apply_map, fit_calibration, get_calibrator, probability_interval
from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics import auroc, calibration_error
from hilum.records import IsotonicMap, PlattMap

NAN = float("nan")


def made_up(seed, n=4000, slope=0.5, intercept=-2.0):
    """Logits whose true probability is sigmoid(slope * logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(scale=3, size=n)
    return logits, (generator.random(n) < expit(slope * logits + intercept)).astype(float)


def smoothed(targets):
    n_positive, n_negative = targets.sum(), (1 - targets).sum()
    return np.where(targets == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, -2.0), (1.0, 0.0), (2.0, 1.0), (0.2, -4.0)])
def test_platt_finds_what_made_the_targets(slope, intercept):
    fit = fit_calibration(*made_up(0, n=20_000, slope=slope, intercept=intercept))
    assert fit.calibration.slope == pytest.approx(slope, rel=0.1)
    assert fit.calibration.intercept == pytest.approx(intercept, abs=0.15)
    assert fit.reason == ""


@pytest.mark.parametrize("n", [8, 50, 500])
def test_platt_is_the_minimum_of_his_formula(n):
    logits, targets = made_up(1, n=n)
    targets[:2] = [0, 1]

    def loss(parameters):
        p = expit(parameters[0] * logits + parameters[1])
        goal = smoothed(targets)
        return -np.sum(goal * np.log(p) + (1 - goal) * np.log(1 - p)) + (parameters[0] - 1) ** 2 / 2

    found = fit_calibration(logits, targets).calibration
    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12, "maxiter": 4000})
    assert (found.slope, found.intercept) == pytest.approx(tuple(best.x), abs=1e-4)


def regression(terms, targets, *, intercept):
    """scikit-learn on every film twice: present and absent, weighted with its smoothed target."""
    goal = smoothed(targets)
    fit = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, fit_intercept=intercept, solver="newton-cholesky")
    twice = np.vstack([terms, terms]), np.repeat([1, 0], len(terms)), np.concatenate([goal, 1 - goal])
    fit.fit(twice[0], twice[1], sample_weight=twice[2])
    return (*fit.coef_[0], *(fit.intercept_ if intercept else ()))


def test_without_shrinkage_parametric_maps_are_scikit_learns_regressions():
    logits, targets = made_up(2, slope=0.7)
    platt = fit_calibration(logits, targets, shrinkage=0).calibration
    assert (platt.slope, platt.intercept) == pytest.approx(
        regression(logits[:, None], targets, intercept=True), abs=1e-5
    )
    temperature = fit_calibration(logits, targets, method="temperature", shrinkage=0).calibration
    assert 1 / temperature.temperature == pytest.approx(
        regression(logits[:, None], targets, intercept=False)[0], abs=1e-6
    )
    beta = fit_calibration(logits, targets, method="beta", shrinkage=0).calibration
    score = expit(logits)
    terms = np.column_stack([np.log(score), -np.log(1 - score)])
    assert (beta.a, beta.b, beta.c) == pytest.approx(regression(terms, targets, intercept=True), abs=1e-4)
    np.testing.assert_allclose(
        apply_map(beta, logits),
        1 / (1 + 1 / (np.exp(beta.c) * score**beta.a / (1 - score) ** beta.b)),  # Kull 2017, eq. 3
        rtol=1e-9,
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0, 1, 3]))
def test_without_shrinkage_isotonic_is_scikit_learns(seed, decimals):
    logits, targets = made_up(seed, n=80, slope=1.0, intercept=-0.5)
    logits, targets[:2] = logits.round(decimals), [0, 1]
    n_positive, n_negative = targets.sum(), (1 - targets).sum()
    found = fit_calibration(logits, targets, method="isotonic", shrinkage=0).calibration
    reference = IsotonicRegression(
        y_min=1 / (n_negative + 2), y_max=(n_positive + 1) / (n_positive + 2), out_of_bounds="clip"
    ).fit(logits, targets)
    places = np.linspace(-12, 12, 200)
    np.testing.assert_allclose(apply_map(found, places), reference.predict(places), atol=1e-9)
    assert (np.diff(found.logit) > 0).all()
    assert (np.array(found.low) <= found.probability).all()
    assert (np.array(found.high) >= found.probability).all()


@pytest.mark.parametrize("method", CALIBRATORS)
def test_each_makes_probabilities_better_and_keeps_the_order(method):
    logits, targets = made_up(2, intercept=0.0)
    found = fit_calibration(logits, targets, method=method)
    before, after = expit(logits), apply_map(found.calibration, logits)
    assert found.reason == ""
    assert log_loss(targets, after) < log_loss(targets, before)
    assert calibration_error(after, targets) < 0.03 < calibration_error(before, targets)
    order = np.argsort(logits)
    assert (np.diff(after[order]) >= 0).all()
    if method != "isotonic":
        assert auroc(after, targets) == auroc(logits, targets)


@pytest.mark.parametrize("method", CALIBRATORS)
def test_one_film_with_the_finding_gives_nothing_wild(method):
    logits = np.linspace(-6, 6, 400)
    targets = (np.arange(400) == 399).astype(float)
    rare = apply_map(fit_calibration(logits, targets, method=method).calibration, logits)
    assert rare.min() > 0
    assert rare.max() < (1 if method == "temperature" else 0.9)
    bold = fit_calibration(logits, targets, method="isotonic", shrinkage=0).calibration
    assert apply_map(bold, logits).max() == pytest.approx(2 / 3)
    if method == "isotonic":
        assert rare.max() < 0.6


def test_without_shrinkage_perfectly_separated_films_still_stop():
    data = np.array([-1.0, -0.5, 0.5, 1.0]), np.array([0.0, 0.0, 1.0, 1.0])
    bold = fit_calibration(*data, shrinkage=0).calibration
    assert np.isfinite(bold.slope)
    assert bold.slope > fit_calibration(*data).calibration.slope


@pytest.mark.parametrize("method", CALIBRATORS)
def test_worse_than_chance_is_not_turned_round(method):
    logits, targets = made_up(3, intercept=0.0)
    found = fit_calibration(-logits, targets, method=method, shrinkage=1)
    after = apply_map(found.calibration, -logits)
    if method != "isotonic":  # which Platt's map holds a hair above flat
        assert "no better than chance" in found.reason
    assert after.max() - after.min() < 0.1
    level = 0.5 if method == "temperature" else targets.mean()
    assert after.mean() == pytest.approx(level, abs=0.02)


@pytest.mark.parametrize("method", CALIBRATORS)
@pytest.mark.parametrize("targets", [[0.0, 0.0], [1.0, 1.0], [NAN, 0.0]])
def test_one_class_leaves_the_score_as_it_is_and_says_why(targets, method):
    found = fit_calibration(np.array([-1.0, 2.0]), np.array(targets), method=method)
    assert found.calibration == PlattMap()
    assert found.reason.startswith("not calibrated: ")
    assert np.isnan(probability_interval(found.calibration, np.array([0.0]))).all()


@pytest.mark.parametrize("method", CALIBRATORS)
def test_extreme_and_constant_logits_stay_finite(method):
    wild = np.array([-1e4, -1e4, 1e4, 1e4, 0.0]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    flat = np.zeros(3), np.array([0.0, 1.0, 1.0])
    for logits, targets in (wild, flat):
        found = fit_calibration(logits, targets, method=method).calibration
        assert np.isfinite(apply_map(found, np.array([-1e4, 0.0, 1e4]))).all()
        assert np.isfinite(probability_interval(found, np.array([-1e4, 0.0, 1e4]))).all()


@pytest.mark.parametrize("method", CALIBRATORS)
def test_unknown_targets_are_left_out_of_everything(method):
    logits, targets = made_up(4, n=300)
    masked = np.where(np.arange(300) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    patients = [f"p{n // 4}" for n in range(300)]
    of_kept = [patient for patient, keep in zip(patients, kept, strict=True) if keep]
    assert fit_calibration(logits, masked, patients, method=method) == fit_calibration(
        logits[kept], targets[kept], of_kept, method=method
    )


def test_the_covariance_is_the_sandwich_over_patients():
    logits, targets = (np.repeat(part, 5) for part in made_up(5, n=80))  # five films of a patient are copies of one
    patients = np.arange(400) // 5
    found = fit_calibration(logits, targets, patients.tolist(), shrinkage=0.5).calibration
    terms = np.column_stack([logits, np.ones(400)])
    p = expit(found.slope * logits + found.intercept)
    bread = np.linalg.inv(sum(q * (1 - q) * np.outer(x, x) for q, x in zip(p, terms, strict=True)) + np.diag([0.5, 0]))
    pulls = (p - smoothed(targets))[:, None] * terms
    meat = sum(np.outer(total, total) for total in (pulls[patients == n].sum(axis=0) for n in range(80)))
    expected = bread @ meat @ bread * 80 / 79
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-6)
    low, high = probability_interval(found, np.array([1.5]))
    half = 1.959964 * np.sqrt(np.array([1.5, 1]) @ expected @ np.array([1.5, 1]))
    middle = found.slope * 1.5 + found.intercept
    assert (low[0], high[0]) == pytest.approx((expit(middle - half), expit(middle + half)), abs=1e-6)


def test_the_covariance_is_nowhere_below_that_of_independent_films():
    generator = np.random.default_rng(2)
    logits = generator.normal(size=(300)) - 2
    targets = (np.arange(300) == logits.argmax()).astype(float)  # one film, which draws the fit to itself
    found = fit_calibration(logits, targets, shrinkage=1.0).calibration
    terms = np.column_stack([logits, np.ones(300)])
    p = expit(terms @ (found.slope, found.intercept))
    floor = np.linalg.inv(terms.T * (p * (1 - p)) @ terms + np.diag([1.0, 0]))
    pulls = (p - smoothed(targets))[:, None] * terms
    sandwich = floor @ (pulls.T @ pulls) @ floor * 300 / 299
    spread, axes = eigh(sandwich, floor)  # the directions in which both are diagonal, floor being 1
    back = np.linalg.inv(axes)
    np.testing.assert_allclose(found.covariance, back.T @ np.diag(np.maximum(spread, 1)) @ back, rtol=1e-5)
    for other in (floor, sandwich):
        assert np.linalg.eigvalsh(np.array(found.covariance) - other).min() > -1e-9
    low, high = probability_interval(found, np.array([0.0]))
    assert high[0] / low[0] > 5  # of one film nothing much can be known


def test_intervals_cover_what_is_true_where_few_films_have_the_finding():
    generator, covered = np.random.default_rng(0), []
    for _ in range(200):
        logits = generator.normal(scale=1.5, size=400) - 2
        targets = (generator.random(400) < expit(0.8 * logits - 3)).astype(float)
        if targets.any():
            low, high = probability_interval(fit_calibration(logits, targets).calibration, np.array([-3.0, -1.0]))
            truth = expit(np.array([-5.4, -3.8]))
            covered.append((low <= truth) & (truth <= high))
    assert np.mean(covered, axis=0).min() > 0.92  # by the sandwich alone it is 0.86


@pytest.mark.parametrize("method", ["platt", "temperature", "beta"])
def test_intervals_cover_what_is_true_though_films_of_a_patient_are_alike(method):
    generator = np.random.default_rng(0)
    covered, naive = [], []
    for _ in range(150):
        # Six copies of one film per patient: films tell of 60 patients, not of 360.
        logits = generator.normal(scale=2, size=60)
        targets = (generator.random(60) < expit(0.7 * logits)).astype(float)
        films = np.repeat(logits, 6), np.repeat(targets, 6)
        for patients, answers in ((np.repeat(np.arange(60), 6).tolist(), covered), (None, naive)):
            found = fit_calibration(*films, patients, method=method, shrinkage=0.01).calibration
            low, high = probability_interval(found, np.array([1.0]))
            answers.append(low[0] <= expit(0.7) <= high[0])
    assert 0.88 <= np.mean(covered) <= 1
    assert np.mean(naive) < 0.75


@pytest.mark.parametrize("method", ["platt", "temperature", "beta"])
def test_a_slope_at_its_bound_has_no_variance(method):
    logits, targets = made_up(3, n=300, intercept=0.0)
    found = fit_calibration(-logits, targets, method=method, shrinkage=0).calibration
    assert found.covariance[0] == (0.0,) * len(found.covariance)


def test_fewer_than_two_patients_give_no_interval():
    logits, targets = made_up(6, n=30)
    targets[:2] = [0, 1]
    found = fit_calibration(logits, targets, ["one"] * 30).calibration
    assert found.covariance == ()


def test_isotonic_counts_a_patient_once():
    logits, targets = np.repeat([-1.0, 1.0], 50), np.tile([0.0, 1.0], 50)
    targets[:50][::5] = 0
    apart = fit_calibration(logits, targets, method="isotonic").calibration
    together = fit_calibration(logits, targets, np.repeat(np.arange(20), 5).tolist(), method="isotonic").calibration
    assert isinstance(together, IsotonicMap)
    assert together.probability == apart.probability
    assert together.low[0] < apart.low[0] < apart.high[0] < together.high[0]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: fit_calibration(np.array([np.inf, 0.0]), np.array([1.0, 0.0])), "logits are infinite"),
        (lambda: fit_calibration(np.array([NAN, 0.0]), np.array([1.0, 0.0])), "logits are NaN"),
        (lambda: fit_calibration(np.zeros(2), np.array([1.0, 0.0]), shrinkage=-1), "shrinkage must be at least 0"),
        (lambda: fit_calibration(np.zeros(2), np.array([1.0, 0.0]), ["a"]), "a patient per film, got 1 for 2 films"),
    ],
)
def test_wrong_input_is_refused(function, message):
    with pytest.raises(InvalidValueError, match=message):
        function()


def test_a_wrong_name_gets_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'platt'"):
        get_calibrator("plat")


@pytest.mark.parametrize("method", CALIBRATORS)
@pytest.mark.parametrize("score", [-30.0, 0.0, 1.3])
def test_films_of_one_score_get_their_share_and_a_reason(method, score):
    targets = (np.arange(40) % 4 == 0).astype(float)
    found = fit_calibration(np.full(40, score), targets, method=method)
    assert "same raw output" in found.reason
    chance = apply_map(found.calibration, np.array([score]))[0]
    low, high = probability_interval(found.calibration, np.array([score]))
    assert low[0] <= chance <= high[0]
    if method != "temperature":  # which has no level
        assert chance == pytest.approx(smoothed(targets).mean() if method != "isotonic" else 0.25, abs=0.02)
