"""The paired test against its formula in matrices, against DeLong's example data, and at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import auroc, clustered_delong, paired_delong


def by_obuchowski(scores, targets, groups):
    """Covariance matrix of two AUROCs, pair by pair, as section 2 of the paper writes it."""
    positive, names = targets == 1, sorted(set(groups))
    m, n = positive.sum(), (~positive).sum()
    psi = np.array(
        [[[(a > b) + 0.5 * (a == b) for b in s[~positive]] for a in s[positive]] for s in scores], dtype=float
    )
    area, v10, v01 = psi.mean(axis=(1, 2)), psi.mean(axis=2), psi.mean(axis=1)
    with_it = np.array([[(v - a)[groups[positive] == k].sum() for k in names] for v, a in zip(v10, area, strict=True)])
    without = np.array([[(v - a)[groups[~positive] == k].sum() for k in names] for v, a in zip(v01, area, strict=True)])
    i10, i01, i = len(set(groups[positive])), len(set(groups[~positive])), len(names)
    s10 = i10 / ((i10 - 1) * m) * with_it @ with_it.T
    s01 = i01 / ((i01 - 1) * n) * without @ without.T
    s11 = i / (i - 1) * with_it @ without.T
    return area, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@given(st.integers(0, 10_000), st.integers(8, 40), st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_it_is_the_formula(seed, n_films, n_patients):
    rng = np.random.default_rng(seed)
    targets = rng.permutation(np.arange(n_films) % 3 == 0).astype(float)
    first, second = rng.integers(0, 6, (2, n_films)) + targets
    groups = rng.integers(0, n_patients, n_films)
    test = paired_delong(first, second, targets, groups)
    assert test.difference == pytest.approx(auroc(first, targets) - auroc(second, targets), abs=1e-12)
    if min(len(set(groups[targets == 1])), len(set(groups[targets == 0]))) < 2:
        assert math.isnan(test.variance)
        assert math.isnan(test.p_value)
        return
    _, covariance = by_obuchowski((first, second), targets, groups)
    expected = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    if math.isnan(test.variance):  # it cancels: see below
        assert expected < 1e-9
    else:
        assert test.variance == pytest.approx(expected, abs=1e-12)
    other = paired_delong(second, first, targets, groups)
    assert (other.difference, other.p_value) == pytest.approx((-test.difference, test.p_value), nan_ok=True)


def test_against_a_model_without_order_it_is_the_test_of_one_auroc():
    rng = np.random.default_rng(1)
    targets, groups = (rng.random(200) < 0.3).astype(float), rng.integers(0, 60, 200)
    scores = rng.normal(size=200) + targets
    test = paired_delong(scores, np.zeros(200), targets, groups)
    alone = clustered_delong(scores, targets, groups)
    assert (test.difference, test.variance) == pytest.approx((alone.value - 0.5, alone.variance), rel=1e-9)


def test_equal_models_differ_in_nothing():
    targets, scores = np.array([0.0, 1, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8, 0.2])
    assert paired_delong(scores, 3 * scores, targets, np.arange(5)) == (0.0, 0.0, 1.0)


def test_a_sure_difference_has_no_p_value():
    targets, scores = np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    difference, variance, p_value = paired_delong(scores, -scores, targets, np.arange(4))
    assert (difference, variance) == (1.0, 0.0)
    assert math.isnan(p_value)


def test_a_variance_that_cancels_is_not_certainty():
    targets, scores, groups = np.array([1.0, 0, 0, 1]), np.array([2.0, 2, 1, 3]), np.array([1, 0, 1, 0])
    test = paired_delong(scores, np.zeros(4), targets, groups)
    assert test.difference == 0.375
    assert math.isnan(test.variance)
    assert math.isnan(test.p_value)


def test_unknown_labels_are_left_out():
    rng = np.random.default_rng(2)
    targets = np.array([0.0, 1] * 10 + [math.nan] * 5)
    first, second, groups = rng.normal(size=25), rng.normal(size=25), np.arange(25) // 2
    whole = paired_delong(first, second, targets, groups)
    assert whole == paired_delong(first[:20], second[:20], targets[:20], groups[:20])


@pytest.mark.parametrize("targets", [[1.0, 1, 1], [0.0, 0, 0], [math.nan] * 3])
def test_one_class_is_undefined(targets):
    assert all(map(math.isnan, paired_delong(np.arange(3), np.arange(3), np.array(targets), np.arange(3))))


def test_patients_count_not_films():
    rng = np.random.default_rng(3)
    targets = (np.arange(60) % 2).astype(float)
    first, second = rng.normal(size=(2, 60)) + targets
    alone = paired_delong(first, second, targets, np.arange(60))
    copied = paired_delong(*(np.repeat(x, 9) for x in (first, second, targets, np.arange(60))))
    assert copied.p_value == pytest.approx(alone.p_value)
    assert paired_delong(*(np.repeat(x, 9) for x in (first, second, targets)), np.arange(540)).p_value < alone.p_value


def test_a_patient_per_film_is_needed():
    with pytest.raises(InvalidValueError, match="one patient per film"):
        paired_delong(np.arange(3), np.arange(3), np.array([0.0, 1, 1]), np.arange(2))


def test_a_missing_score_is_refused():
    with pytest.raises(InvalidValueError, match="1 of 3 scores are NaN"):
        paired_delong(np.arange(3), np.array([1, math.nan, 2]), np.array([0.0, 1, 1]), np.arange(3))


@pytest.mark.slow
def test_where_nothing_differs_it_says_so_in_19_of_20():
    rng, said = np.random.default_rng(4), []
    for _ in range(600):
        groups, targets = np.repeat(np.arange(60), 5), (rng.random(300) < 0.3).astype(float)
        shared = rng.normal(size=60)[groups] + targets
        said.append(
            paired_delong(*(shared + rng.normal(size=60)[groups] for _ in "AB"), targets, groups).p_value < 0.05
        )
    assert 0.03 < np.mean(said) < 0.08
