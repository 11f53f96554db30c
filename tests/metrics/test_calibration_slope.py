import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from hilum.errors import InvalidValueError
from hilum.metrics import calibration_slope

NAN = float("nan")


def patients_films(seed, n_patients=60, films_each=4, spread=0.0):
    """Films whose patients differ in how sick they are by ``spread``, with probabilities that know nothing of it."""
    generator = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), films_each)
    logits = generator.normal(scale=1.5, size=len(patients)) - 1
    sick = expit(logits + generator.normal(scale=spread, size=n_patients)[patients])
    return expit(logits), (generator.random(len(patients)) < sick).astype(float), patients


def test_both_equal_statsmodels():
    # statsmodels 0.15.0, on these numbers, with x = log(p) - log1p(-p), fit(tol=1e-14, maxiter=200,
    # cov_type="cluster", cov_kwds={"groups": g}), params, bse and conf_int() of
    # GLM(y, add_constant(x), family=Binomial()) and GLM(y, ones(60), family=Binomial(), offset=x).
    i = np.arange(60)
    p = (0.5 + 7 * (i * 37 % 60)) / 421
    y = ((i * i * 13 + 5 * i) % 17 < 3 + 9 * p).astype(float)
    fitted = calibration_slope(p, y, i * 11 % 23)
    slope = (0.27711113035889795, 0.19668236296069408, -0.10837921743829715, 0.662601478156093)
    intercept = (-0.05001826047937577, 0.3661948734619935, -0.7677470237880853, 0.6677105028293339)
    assert fitted.slope[:4] == pytest.approx(slope, abs=1e-9)
    assert fitted.intercept[:4] == pytest.approx(intercept, abs=1e-9)
    assert (fitted.slope.reason, fitted.intercept.reason) == ("", "")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 2), st.floats(-2, 2))
def test_probabilities_bent_on_the_logit_scale_bend_both(seed, factor, shift):
    p, y, patients = patients_films(seed)
    logits = np.log(p / (1 - p))
    plain, bent = calibration_slope(p, y, patients), calibration_slope(expit(factor * logits + shift), y, patients)
    assert bent.slope.value * factor == pytest.approx(plain.slope.value, abs=1e-7)
    assert bent.slope.standard_error * factor == pytest.approx(plain.slope.standard_error, abs=1e-7)
    moved = calibration_slope(expit(logits + shift), y, patients).intercept
    assert moved.value + shift == pytest.approx(plain.intercept.value, abs=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_values_are_the_most_likely_ones(seed):
    p, y, patients = patients_films(seed)
    logits = np.log(p / (1 - p))

    def cost(beta):
        eta = beta[0] * logits + beta[1]
        return np.logaddexp(0, eta).sum() - (y * eta).sum()

    fitted = calibration_slope(p, y, patients)
    assert fitted.slope.value == pytest.approx(minimize(cost, [1.0, 0.0]).x[0], abs=1e-4)
    at = minimize(lambda alpha: cost([1.0, alpha[0]]), [0.0]).x[0]
    assert fitted.intercept.value == pytest.approx(at, abs=1e-4)
    # At the maximum of the intercept as many films are expected as there are: what it means.
    assert expit(logits + fitted.intercept.value).sum() == pytest.approx(y.sum(), abs=1e-8)


def test_films_told_twice_change_nothing_but_are_not_twice_the_evidence():
    p, y, patients = patients_films(1)
    once, twice = calibration_slope(p, y, patients), calibration_slope(*(np.tile(a, 2) for a in (p, y, patients)))
    assert twice.slope.value == pytest.approx(once.slope.value)
    assert twice.slope.standard_error == pytest.approx(once.slope.standard_error, rel=0.01)
    as_films = calibration_slope(np.tile(p, 2), np.tile(y, 2), np.arange(2 * len(p)))
    assert as_films.slope.standard_error < 0.85 * twice.slope.standard_error


@pytest.mark.slow
def test_intervals_hold_by_patient_and_not_by_film():
    held, held_by_film = 0, 0
    for seed in range(400):
        p, y, patients = patients_films(seed, n_patients=150, films_each=9, spread=1.5)
        # Patients who differ flatten the mean curve: the truth is the intercept of very many patients, not 0.
        by_patient, by_film = (calibration_slope(p, y, g).intercept for g in (patients, np.arange(len(p))))
        held += by_patient.low <= _TRUE_INTERCEPT <= by_patient.high
        held_by_film += by_film.low <= _TRUE_INTERCEPT <= by_film.high
    assert 0.92 <= held / 400 <= 0.98
    assert held_by_film / 400 < 0.85


_TRUE_INTERCEPT = 0.172
"""Of patients_films(0, n_patients=2_000_000, films_each=1, spread=1.5)."""


def test_unknown_targets_are_left_out_with_their_patients():
    p, y, patients = patients_films(3)
    masked = np.where(patients % 3 == 0, NAN, y)
    kept = ~np.isnan(masked)
    assert calibration_slope(p, masked, patients) == calibration_slope(p[kept], y[kept], patients[kept])


def test_patients_may_have_names():
    p, y, patients = patients_films(4)
    assert calibration_slope(p, y, patients) == calibration_slope(p, y, np.array([f"{i:03}" for i in patients]))


def test_probabilities_of_0_and_1_are_near_them():
    p, y, patients = patients_films(5)
    p[:2] = [0.0, 1.0]
    fitted = calibration_slope(p, y, patients)
    assert np.isfinite(fitted.slope[:4]).all()
    assert fitted == calibration_slope(np.clip(p, 1e-7, 1 - 1e-7), y, patients)


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        ([NAN, NAN, NAN, NAN], "undefined: no film has a known label"),
        ([0.0, 0.0, 0.0, NAN], "undefined: none of 3 films with a known label has the finding"),
        ([1.0, 1.0, 1.0, 1.0], "undefined: all of 4 films with a known label have the finding"),
    ],
)
def test_one_class_has_neither(targets, reason):
    fitted = calibration_slope(np.array([0.1, 0.2, 0.3, 0.4]), np.array(targets), np.arange(4))
    assert fitted.slope.reason == fitted.intercept.reason == reason
    assert np.isnan([*fitted.slope[:4], *fitted.intercept[:4]]).all()


@pytest.mark.parametrize(
    ("probabilities", "targets", "reason"),
    [
        ([0.3, 0.3, 0.3, 0.3], [0, 1, 0, 1], "all probabilities are the same"),
        ([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], "one probability divides"),
        ([0.1, 0.2, 0.2, 0.4], [0, 0, 1, 1], "one probability divides"),
        ([0.1, 0.2, 0.3, 0.4], [1, 1, 0, 0], "one probability divides"),
        ([0.1, 0.2, 0.2, 0.4], [1, 1, 0, 0], "one probability divides"),
    ],
)
def test_the_intercept_stands_where_the_slope_does_not(probabilities, targets, reason):
    fitted = calibration_slope(np.array(probabilities), np.array(targets, dtype=float), np.arange(4))
    assert np.isnan(fitted.slope[:4]).all()
    assert reason in fitted.slope.reason
    assert np.isfinite(fitted.intercept[:4]).all()
    assert fitted.intercept.reason == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=3, max_size=12))
def test_any_few_films_have_numbers_or_a_reason(films):
    p, y = np.array([film[0] for film in films]), np.array([float(film[1]) for film in films])
    for coefficient in calibration_slope(p, y, np.arange(len(p))):
        assert np.isfinite(coefficient[:4]).all() == (coefficient.reason == "")
        assert np.isfinite(coefficient[:4]).all() or np.isnan(coefficient.low)


def test_one_patient_has_a_value_without_an_interval():
    p, y, patients = patients_films(6)
    fitted = calibration_slope(p, y, np.zeros(len(p)))
    assert fitted.slope.value == pytest.approx(calibration_slope(p, y, patients).slope.value)
    assert np.isnan(fitted.slope.low)
    assert fitted.intercept.reason == "no interval: all films are of one patient"


def test_wrong_input_is_refused():
    with pytest.raises(InvalidValueError, match=r"groups have shape \(3,\), probabilities \(2,\)"):
        calibration_slope(np.array([0.1, 0.2]), np.array([0.0, 1.0]), np.arange(3))
    with pytest.raises(InvalidValueError, match=r"probabilities hold 1\.5"):
        calibration_slope(np.array([0.1, 1.5]), np.array([0.0, 1.0]), np.arange(2))


@pytest.mark.parametrize("said", [0.0, 1e-320, 0.5, 1 - 1e-12, 1.0])
@pytest.mark.parametrize("n_present", [1, 50, 999])
def test_the_intercept_is_found_from_the_ends_of_the_scale(said, n_present):
    targets = (np.arange(1000) < n_present).astype(float)
    found = calibration_slope(np.full(1000, said), targets, np.arange(1000)).intercept
    moved = min(max(said, 1e-7), 1 - 1e-7)
    expected = np.log(n_present / (1000 - n_present)) - (np.log(moved) - np.log1p(-moved))
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low < found.value < found.high


def test_the_intercept_of_probabilities_at_both_ends_is_the_most_likely_one():
    probabilities, targets = np.repeat([0.0, 1.0], 100), np.arange(200) % 3 == 0
    found = calibration_slope(probabilities, targets.astype(float), np.arange(200)).intercept
    logits = np.repeat([-1, 1], 100) * (np.log(1 - 1e-7) - np.log(1e-7))
    assert (1 / (1 + np.exp(-logits - found.value))).sum() == pytest.approx(targets.sum(), abs=1e-6)
