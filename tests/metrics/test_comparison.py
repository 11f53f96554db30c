import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.metrics import bootstrap_auroc, paired_difference, percentile_interval


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
    low, high = percentile_interval(bootstrap_auroc(first, targets, groups, n_replicates=200))
    assert (found.high - found.low < 0.8 * (high - low)).all()


def test_a_finding_without_positives_is_left_out_of_the_mean():
    first, second, targets, groups = made_up()
    targets[:, 1] = 0
    found = paired_difference(first, second, targets=targets, groups=groups, n_replicates=20)
    assert np.isnan([found.value[1], found.low[1], found.high[1]]).all()
    assert found.mean == pytest.approx(np.mean(found.value[[0, 2]]))
