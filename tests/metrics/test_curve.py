import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_recall_curve
from sklearn.metrics import roc_curve as sklearn_roc_curve

from hilum.errors import InvalidValueError
from hilum.metrics import auroc, pr_curve, roc_curve, thin_curve

NAN = float("nan")


def made_up(seed, n=200, decimals=2):
    generator = np.random.default_rng(seed)
    targets = (generator.random(n) < 0.3).astype(float)
    targets[:2] = [0, 1]
    return (generator.normal(size=n) + targets).round(decimals), targets


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_roc_equals_scikit_learn(seed, decimals):
    scores, targets = made_up(seed, decimals=decimals)
    ours, theirs = roc_curve(scores, targets), sklearn_roc_curve(targets, scores, drop_intermediate=False)
    for mine, reference in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, reference)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 2))
def test_pr_equals_scikit_learn(seed, decimals):
    scores, targets = made_up(seed, decimals=decimals)
    curve = pr_curve(scores, targets)
    precision, recall, thresholds = precision_recall_curve(targets, scores)
    np.testing.assert_allclose(curve.recall, recall[::-1])
    np.testing.assert_allclose(curve.precision, precision[::-1])
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1])


def test_the_area_under_the_curve_is_the_auroc():
    scores, targets = made_up(1, decimals=1)
    curve = roc_curve(scores, targets)
    area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
    assert area == pytest.approx(auroc(scores, targets))


def test_unknown_targets_are_left_out():
    scores, targets = made_up(2)
    masked = np.where(np.arange(200) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    for curve in (roc_curve, pr_curve):
        for mine, reference in zip(curve(scores, masked), curve(scores[kept], targets[kept]), strict=True):
            np.testing.assert_array_equal(mine, reference)


def test_a_missing_class_is_nan():
    only_negative = roc_curve(np.array([0.1, 0.2]), np.zeros(2))
    assert np.isnan(only_negative.true_positive_rate).all()
    assert only_negative.false_positive_rate.tolist() == [0, 0.5, 1]
    assert np.isnan(pr_curve(np.array([0.1, 0.2]), np.zeros(2)).recall).all()
    assert len(roc_curve(np.array([]), np.array([])).thresholds) == 1


def drawn(x, y, kept, at):
    return np.interp(at, x[kept], y[kept])


def test_a_thinned_curve_draws_the_same_picture():
    scores, targets = made_up(3, n=20_000, decimals=9)
    roc, pr = roc_curve(scores, targets), pr_curve(scores, targets)
    grid = np.linspace(0, 1, 999)
    kept = thin_curve(roc.false_positive_rate, roc.true_positive_rate)
    x, y = roc.false_positive_rate, roc.true_positive_rate
    assert len(kept) == 200
    assert np.abs(drawn(x, y, kept, grid) - np.interp(grid, x, y)).max() < 0.006
    kept = thin_curve(pr.recall, pr.precision)
    x, y = pr.recall, pr.precision
    beyond_the_start = grid[grid > 0.02]
    difference = drawn(x, y, kept, beyond_the_start) - np.interp(beyond_the_start, x, y)
    assert np.abs(difference).max() < 0.02


def test_thinning_keeps_ends_and_order_and_drops_straight_lines():
    x = np.array([0.0, 0.0, 0.0, 0.5, 1.0])
    y = np.array([0.0, 0.4, 0.8, 0.9, 1.0])
    assert thin_curve(x, y).tolist() == [0, 2, 4]
    assert thin_curve(x, y, n_points=2).tolist() == [0, 4]
    assert thin_curve(x[:2], y[:2]).tolist() == [0, 1]
    assert thin_curve(x[:0], y[:0]).tolist() == []
    assert thin_curve(np.zeros(4), np.array([0.0, 0.5, 0.2, 0.0])).tolist() == [0, 1, 3]


def test_two_points_at_least():
    with pytest.raises(InvalidValueError, match="n_points must be at least 2, got 1"):
        thin_curve(np.arange(5.0), np.arange(5.0), n_points=1)
