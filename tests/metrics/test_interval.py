import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom, binomtest, t

from hilum.errors import InvalidValueError
from hilum.metrics import (
    auroc,
    auroc_interval,
    average_precision,
    beta_binomial_tail,
    difference_interval,
    effective_units,
    exact_interval,
    logit_interval,
    macro_mean,
    mean_over_findings,
    percentile_interval,
    share_interval,
    wilson_interval,
)

NAN = float("nan")


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_equals_scipy(n, data):
    successes = data.draw(st.integers(0, n))
    expected = binomtest(successes, n).proportion_ci(method="wilson")
    assert wilson_interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_wilson_at_the_ends():
    assert wilson_interval(0, 10)[0] == 0.0
    assert wilson_interval(10, 10)[1] == 1.0
    assert np.isnan(wilson_interval(0, 0)).all()


def test_a_wider_level_is_a_wider_interval():
    low, high = wilson_interval(5, 10, level=0.99)
    assert low < wilson_interval(5, 10)[0] < wilson_interval(5, 10)[1] < high


@pytest.mark.parametrize(("successes", "n"), [(-1, 10), (11, 10), (NAN, 10)])
def test_more_successes_than_trials_are_refused(successes, n):
    with pytest.raises(InvalidValueError, match="successes must lie between 0 and n, got"):
        wilson_interval(successes, n)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, NAN])
def test_a_level_lies_between_0_and_1(level):
    with pytest.raises(InvalidValueError, match="level must lie between 0 and 1"):
        wilson_interval(1, 2, level=level)
    with pytest.raises(InvalidValueError, match="level must lie between 0 and 1"):
        percentile_interval(np.zeros((3, 1)), level=level)


def test_percentiles_leave_out_undefined_replicates():
    column = np.arange(101.0)
    replicates = np.column_stack([column, np.where(column % 2 == 0, column, NAN), np.full(101, NAN)])
    low, high = percentile_interval(replicates)
    np.testing.assert_allclose(low, [2.5, np.quantile(np.arange(0.0, 101, 2), 0.025), NAN])
    np.testing.assert_allclose(high, [97.5, np.quantile(np.arange(0.0, 101, 2), 0.975), NAN])


def test_percentiles_of_one_column_and_of_none():
    low, high = percentile_interval(np.arange(101.0))
    assert (float(low), float(high)) == pytest.approx((2.5, 97.5))
    low, high = percentile_interval(np.zeros((0, 3)))
    assert np.isnan(low).all()
    assert high.shape == (3,)
    assert np.isnan(percentile_interval(np.zeros(0))[0])


def test_a_macro_mean_says_over_how_many():
    assert macro_mean(np.array([1.0, NAN, 0.0])) == (0.5, 2)
    mean, n_defined = macro_mean(np.array([NAN, NAN]))
    assert np.isnan(mean)
    assert n_defined == 0
    assert np.isnan(macro_mean(np.array([])).mean)


def test_the_mean_of_each_replicate_leaves_out_what_is_undefined():
    replicates = np.array([[1.0, NAN], [0.5, 0.7], [NAN, NAN]])
    np.testing.assert_allclose(mean_over_findings(replicates), [1.0, 0.6, NAN])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 60), st.integers(1, 60), st.sampled_from([0.8, 0.95, 0.99]))
def test_exact_interval_equals_scipys(successes, n, level):
    successes = min(successes, n)
    expected = binomtest(successes, n).proportion_ci(confidence_level=level, method="exact")
    assert exact_interval(successes, n, level=level) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_exact_interval_at_the_edges():
    assert exact_interval(0, 10) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert exact_interval(10, 10) == (pytest.approx(0.025**0.1), 1.0)
    assert all(math.isnan(end) for end in exact_interval(0, 0))
    with pytest.raises(InvalidValueError, match="successes must lie between 0 and n, got 3 of 2"):
        exact_interval(3, 2)
    with pytest.raises(InvalidValueError, match="level"):
        exact_interval(1, 2, level=1.0)


def test_a_weighted_mean_leaves_out_what_is_nan_with_its_weight():
    values = np.array([[0.8, NAN, 0.5], [NAN, NAN, NAN], [0.6, 0.9, 0.3]])
    expected = [np.average([0.8, 0.5], weights=[3, 1]), NAN, np.average([0.6, 0.9, 0.3], weights=[3, 5, 1])]
    np.testing.assert_allclose(mean_over_findings(values, weights=np.array([3, 5, 1])), expected)
    np.testing.assert_array_equal(mean_over_findings(values, weights=np.zeros(3)), [NAN] * 3)


def test_a_weighted_mean_is_that_of_scikit_learn():
    from sklearn.metrics import average_precision_score, roc_auc_score

    generator = np.random.default_rng(0)
    targets = (generator.random((80, 3)) < [0.1, 0.3, 0.6]).astype(float)
    scores = generator.normal(size=targets.shape) + targets
    for ours, theirs in ((auroc, roc_auc_score), (average_precision, average_precision_score)):
        values = np.array([ours(*column) for column in zip(scores.T, targets.T, strict=True)])
        expected = theirs(targets, scores, average="weighted")
        assert mean_over_findings(values, weights=targets.sum(axis=0)) == pytest.approx(expected, abs=1e-12)
        assert ours(scores.ravel(), targets.ravel()) == pytest.approx(theirs(targets, scores, average="micro"))


@pytest.mark.parametrize("weights", [[1.0, 2.0], [1.0, 2.0, -1.0], [1.0, 2.0, NAN]])
def test_wrong_weights_are_refused(weights):
    with pytest.raises(InvalidValueError, match="expected 3 finite numbers of at least 0"):
        mean_over_findings(np.zeros((2, 3)), weights=np.array(weights))


def test_a_share_of_all_or_none_has_the_exact_interval_over_patients():
    assert share_interval(1.0, np.ones(50), n_patients=7) == exact_interval(7, 7)
    assert share_interval(0.0, np.zeros(0), n_patients=7) == exact_interval(0, 7)


def test_any_other_share_has_the_interval_of_its_resamples_where_they_vary():
    replicates = np.random.default_rng(0).random(200)
    assert share_interval(0.4, replicates, n_patients=9) == tuple(percentile_interval(replicates, n_units=9))
    for value, same in ((0.4, np.full(9, 0.4)), (0.4, np.zeros(0)), (NAN, replicates)):
        assert np.isnan(share_interval(value, same, n_patients=9)).all()


def test_percentiles_of_few_patients_reach_further_out():
    replicates = np.random.default_rng(0).normal(size=100_000)
    for n in (2, 5, 30, 10_000):
        expected = t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1))  # Hesterberg: as many standard errors as Student's t
        low, high = percentile_interval(replicates, n_units=n)
        if n > 2:  # at 2, no resample is as far out
            assert float(high) == pytest.approx(expected, rel=0.06)
        assert float(low) == pytest.approx(-float(high), rel=0.08)
    assert np.isnan(percentile_interval(replicates, n_units=1)).all()


def test_a_difference_of_shares_is_newcombes():
    shares = [(k / n, *wilson_interval(k, n)) for k, n in ((56, 70), (48, 80))]
    # Newcombe, Statistics in Medicine 17, 1998, table II, contrast (a), method 10
    assert difference_interval(*shares) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    low, high = difference_interval(*shares)
    assert difference_interval(*shares[::-1]) == pytest.approx((-high, -low))
    assert np.isnan(difference_interval(shares[0], (0.5, NAN, NAN))).all()


def test_effective_units_are_satterthwaites():
    generator = np.random.default_rng(0)
    spread = generator.normal(size=(400, 2)) * (3.0, 1.0)
    a, b = spread.var(axis=0)
    assert effective_units(spread, [5, 50]) == pytest.approx(1 + (a + b) ** 2 / (a**2 / 4 + b**2 / 49))
    assert effective_units(spread[:, :1], [5]) == pytest.approx(5)
    assert effective_units(spread, [0, 0]) >= 2  # nobody behind it counts as two
    assert effective_units(np.where(spread > 0, spread, NAN), [5, 5]) > 5
    for nothing in (np.empty((0, 2)), np.ones((9, 2)), np.full((9, 2), NAN), np.empty((9, 0))):
        assert np.isnan(effective_units(nothing, [5] * nothing.shape[1]))


def test_a_mean_of_parts_with_few_patients_is_covered_by_wider_ends():
    """The mean of two means, one of four numbers and one of forty: plain percentiles are too narrow."""
    generator, covered = np.random.default_rng(1), np.zeros(2)
    for _ in range(400):
        parts = [generator.normal(size=n) for n in (4, 40)]
        spread = np.stack(
            [generator.multinomial(len(part), np.full(len(part), 1 / len(part)), 400) @ part / len(part)
             for part in parts], axis=1
        )  # fmt: skip
        for place, units in enumerate((None, effective_units(spread, [4, 40]))):
            low, high = percentile_interval(spread.mean(axis=1), n_units=units)
            covered[place] += low <= 0 <= high
    assert covered[0] / 400 < 0.88
    assert 0.91 < covered[1] / 400 < 0.985


def test_the_interval_of_one_auroc_and_of_a_mean_of_one_are_one():
    generator = np.random.default_rng(0)
    spread = np.append(0.8 + 0.05 * generator.normal(size=200), NAN)
    assert logit_interval(0.8, spread, n_units=7) == auroc_interval(0.8, spread, n_positive=7, n_negative=90)
    low, high = logit_interval(0.8, spread, n_units=7)
    half = t(6).ppf(0.975) * np.nanstd(spread) * np.sqrt(7 / 6) / 0.16
    assert np.log(high / (1 - high)) - np.log(low / (1 - low)) == pytest.approx(2 * half)
    for value, units in ((1.0, 7), (0.0, 7), (NAN, 7), (0.8, 1), (0.8, NAN)):
        assert np.isnan(logit_interval(value, spread, n_units=units)).all()
    assert np.isnan(logit_interval(0.8, spread[:1], n_units=7)).all()


@pytest.mark.parametrize(("least", "n", "a", "b"), [(0, 5, 1.0, 9.0), (3, 20, 2.5, 18.0), (20, 20, 2.0, 0.5)])
def test_the_tail_is_scipys(least, n, a, b):
    assert beta_binomial_tail(least, n, a, b) == pytest.approx(betabinom(n, a, b).sf(least - 1))


def test_resamples_that_differ_by_rounding_alone_are_no_certainty():
    same = 0.9254181448734938 + np.array([0.0, 1.1e-16, 2.2e-16] * 20)
    assert np.isnan(logit_interval(0.9254181448734938, same, n_units=19)).all()
    low, high = logit_interval(0.9254181448734938, same + np.linspace(0, 1e-6, 60), n_units=19)
    assert low < 0.9254181448734938 < high
