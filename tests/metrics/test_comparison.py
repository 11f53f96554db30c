import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.errors import InvalidValueError
from hilum.metrics import (
    bootstrap_ranks,
    gap_interval,
    holm,
    paired_difference,
    percentile_interval,
    resampled_p_value,
)


def made_up(seed=0, n=400):
    generator = np.random.default_rng(seed)
    targets = (generator.random((n, 3)) < 0.3).astype(float)
    signal = generator.normal(size=targets.shape) + targets
    return signal, signal + 0.4 * generator.normal(size=targets.shape), targets, generator.integers(0, 90, n)


@pytest.mark.parametrize(
    ("metric", "reference"), [("auroc", roc_auc_score), ("average_precision", average_precision_score)]
)
def test_the_value_is_the_plain_difference(metric, reference):
    first, second, targets, groups = made_up()
    found = paired_difference(first, second, targets=targets, groups=groups, metric=metric, n_replicates=50)
    expected = [reference(targets[:, i], first[:, i]) - reference(targets[:, i], second[:, i]) for i in range(3)]
    np.testing.assert_allclose(found.value, expected, atol=1e-12)
    assert found.mean == pytest.approx(np.mean(expected))
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert found.mean_low <= found.mean <= found.mean_high


def test_a_model_does_not_differ_from_itself():
    first, _, targets, groups = made_up()
    found = paired_difference(first, first, targets=targets, groups=groups, n_replicates=20)
    assert not found.low.any()
    assert not found.high.any()


def test_turning_the_question_round_turns_the_answer_round():
    first, second, targets, groups = made_up()
    there = paired_difference(first, second, targets=targets, groups=groups, n_replicates=40)
    back = paired_difference(second, first, targets=targets, groups=groups, n_replicates=40)
    np.testing.assert_allclose(there.low, -back.high, atol=1e-12)


def test_pairing_is_sharper_than_two_separate_intervals():
    first, second, targets, groups = made_up()
    found = paired_difference(first, second, targets=targets, groups=groups, n_replicates=200)
    low, high = percentile_interval(bootstrap_ranks(first, targets, groups, n_replicates=200).auroc)
    assert (found.high - found.low < 0.8 * (high - low)).all()


def test_a_finding_without_positives_is_left_out_of_the_mean():
    first, second, targets, groups = made_up()
    targets[:, 1] = 0
    found = paired_difference(first, second, targets=targets, groups=groups, n_replicates=20)
    assert np.isnan([found.value[1], found.low[1], found.high[1]]).all()
    assert found.mean == pytest.approx(np.mean(found.value[[0, 2]]))


def holm_step_by_step(p_values):
    """Reject the smallest while it is below alpha / (how many are left): the smallest alpha at which each falls."""
    left, fallen, corrected = list(range(len(p_values))), 0.0, {}
    while left:
        smallest = min(left, key=lambda place: p_values[place])
        fallen = max(fallen, p_values[smallest] * len(left))
        corrected[smallest] = min(fallen, 1.0)
        left.remove(smallest)
    return [corrected[place] for place in range(len(p_values))]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=14))
def test_holm_steps_down(p_values):
    corrected = holm(np.array(p_values))
    np.testing.assert_allclose(corrected, holm_step_by_step(p_values), atol=1e-12)
    assert (corrected >= p_values).all()


def test_holm_counts_only_what_was_tested():
    # R: p.adjust(c(0.01, 0.02, 0.03, 0.04), "holm") is 0.04 0.06 0.06 0.06.
    expected = [0.04, np.nan, 0.06, 0.06, np.nan, 0.06]
    np.testing.assert_allclose(holm(np.array([0.01, np.nan, 0.02, 0.03, np.nan, 0.04])), expected)
    with pytest.raises(InvalidValueError, match=r"expected numbers in \[0, 1\]"):
        holm(np.array([0.5, 1.5]))


def test_p_from_resamples_is_that_of_their_standard_error():
    spread = np.random.default_rng(0).normal(0.3, 0.1, 4000)
    assert resampled_p_value(0.3, spread) == pytest.approx(0.0027, rel=0.2)
    assert resampled_p_value(-0.3, spread) == resampled_p_value(0.3, spread)
    assert resampled_p_value(0.0, spread) == 1


def test_without_spread_there_is_no_test():
    assert resampled_p_value(0.0, np.zeros(20)) == 1
    for value, spread in (
        (0.1, np.full(20, 0.1)),
        (0.1, np.array([0.2])),
        (0.1, np.array([])),
        (np.nan, np.arange(3.0)),
    ):
        assert np.isnan(resampled_p_value(value, spread))
    assert resampled_p_value(0.1, np.array([np.nan, 0.0, 0.2, np.nan])) == resampled_p_value(0.1, np.array([0.0, 0.2]))


def test_few_patients_take_the_ends_further_out_and_the_p_value_up():
    generator = np.random.default_rng(0)
    spread = generator.normal(size=2000) + 2
    few, many = gap_interval(spread, n_units=6), gap_interval(spread, n_units=600)
    assert few[0] < many[0] - 0.4
    assert few[1] > many[1] + 0.4
    p = resampled_p_value(2.0, spread, n_units=6)
    assert p == pytest.approx(2 * t(5).sf(2 / (spread.std(ddof=1) * np.sqrt(6 / 5))))
    assert resampled_p_value(2.0, spread) < resampled_p_value(2.0, spread, n_units=600) < p
    assert np.isnan(resampled_p_value(2.0, spread, n_units=1))
    assert np.isnan(gap_interval(spread, n_units=1)).all()
    assert np.isnan(gap_interval(np.empty(0), n_units=9)).all()


def test_where_five_patients_have_the_finding_the_interval_still_holds():
    """Two models that are equally good: the difference is 0 in truth, which plain percentiles hold too rarely."""
    generator, held, plain = np.random.default_rng(0), [], []
    targets, groups = (np.arange(120) < 5).astype(float)[:, None], np.arange(120)
    for study in range(200):
        first, second = (generator.normal(size=(120, 1)) + targets for _ in range(2))
        found = paired_difference(first, second, targets=targets, groups=groups, n_replicates=200, seed=study)
        spread = np.subtract(
            *(bootstrap_ranks(side, targets, groups, n_replicates=200, seed=study).auroc for side in (first, second))
        )
        held.append(found.low[0] <= 0 <= found.high[0])
        low, high = percentile_interval(spread)
        plain.append(low[0] <= 0 <= high[0])
    assert np.mean(plain) < 0.92 < 0.93 < np.mean(held)


def test_one_difference_in_every_resample_is_no_certainty_unless_it_is_none():
    assert gap_interval(np.zeros(50), n_units=9) == (0.0, 0.0)
    assert np.isnan(gap_interval(0.089 + np.array([0.0, 1e-16] * 25), n_units=9)).all()
