import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.errors import InvalidValueError
from hilum.metrics import auroc, bootstrap_ranks, bootstrap_rates, percentile_interval, pool_findings

NAN = float("nan")


def made_up(seed, n_images=300, n_groups=60, n_findings=3):
    generator = np.random.default_rng(seed)
    targets = (generator.random((n_images, n_findings)) < 0.3).astype(float)
    scores = (generator.normal(size=targets.shape) + targets).round(1)
    return scores, targets, generator.integers(0, n_groups, n_images)


def drawn_films(groups, n_replicates, seed):
    """Films of each resample, patient by patient, the slow way."""
    generator = np.random.default_rng(seed)
    names = np.unique(groups)
    for _ in range(n_replicates):
        drawn = names[generator.integers(0, len(names), len(names))]
        yield np.concatenate([np.flatnonzero(groups == name) for name in drawn])


def test_weights_equal_films_drawn_one_by_one():
    scores, targets, groups = made_up(0)
    ranks = bootstrap_ranks(scores, targets, groups, n_replicates=8, seed=5)
    for replicate, films in enumerate(drawn_films(groups, 8, 5)):
        for finding in range(3):
            truth, score = targets[films, finding], scores[films, finding]
            assert ranks.auroc[replicate, finding] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
            expected = average_precision_score(truth, score)
            assert ranks.average_precision[replicate, finding] == pytest.approx(expected, abs=1e-12)


def test_rates_equal_films_drawn_one_by_one():
    scores, targets, groups = made_up(1)
    calls = (scores > 0.5).astype(float)
    targets[::7, 1] = NAN
    rates = bootstrap_rates(calls, targets, groups, n_replicates=8, seed=3)
    for replicate, films in enumerate(drawn_films(groups, 8, 3)):
        for finding in range(3):
            truth, call = targets[films, finding], calls[films, finding]
            assert rates.sensitivity[replicate, finding] == pytest.approx(call[truth == 1].mean())
            assert rates.specificity[replicate, finding] == pytest.approx(1 - call[truth == 0].mean())


def test_same_seed_same_resamples_other_seed_others():
    data = made_up(3)
    first, again = (bootstrap_ranks(*data, n_replicates=5, seed=1).auroc for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != bootstrap_ranks(*data, n_replicates=5, seed=2).auroc).any()


def test_names_of_patients_do_not_count():
    scores, targets, groups = made_up(4)
    as_text = np.array([f"patient {group:05d}" for group in groups])
    np.testing.assert_array_equal(
        bootstrap_ranks(scores, targets, groups, n_replicates=5).auroc,
        bootstrap_ranks(scores, targets, as_text, n_replicates=5).auroc,
    )


def test_unknown_targets_equal_a_study_without_them():
    scores, targets, groups = made_up(5, n_findings=2)
    targets[groups % 3 == 0, 1] = NAN
    replicates = bootstrap_ranks(scores, targets, groups, n_replicates=6).auroc
    for replicate, films in enumerate(drawn_films(groups, 6, 0)):
        assert replicates[replicate, 1] == pytest.approx(auroc(scores[films, 1], targets[films, 1]), abs=1e-12)


def test_a_resample_without_a_class_is_nan_not_0():
    targets = np.zeros((20, 1))
    targets[0] = 1
    replicates = bootstrap_ranks(np.arange(20.0)[:, None], targets, np.arange(20), n_replicates=200).auroc
    assert 0.2 < np.isnan(replicates).mean() < 0.5  # (19/20)^20 = 0.36
    assert np.nanmin(replicates) >= 0
    rates = bootstrap_rates(targets, targets, np.arange(20), n_replicates=200)
    np.testing.assert_array_equal(np.isnan(rates.sensitivity), np.isnan(replicates))


def test_pooled_findings_are_the_micro_average_of_the_same_patients():
    scores, targets, groups = made_up(8)
    targets[::7, 1] = NAN
    pooled = bootstrap_ranks(*pool_findings(scores, targets, groups), n_replicates=5, seed=2).auroc
    for replicate, films in enumerate(drawn_films(groups, 5, 2)):
        known = ~np.isnan(targets[films])
        expected = roc_auc_score(targets[films][known], scores[films][known])
        assert pooled[replicate, 0] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InvalidValueError, match="one patient per film"):
        pool_findings(scores, targets, groups[1:])


def test_no_replicates_is_an_empty_answer():
    assert bootstrap_ranks(*made_up(6), n_replicates=0).auroc.shape == (0, 3)
    assert bootstrap_ranks(np.zeros((4, 0)), np.zeros((4, 0)), np.arange(4), n_replicates=3).auroc.shape == (3, 0)


def test_intervals_by_patient_are_wider_where_films_of_a_patient_are_alike():
    scores, targets, _ = made_up(7, n_images=60, n_findings=1)
    scores, targets, groups = (np.repeat(part, 10, axis=0) for part in (scores, targets, np.arange(60)))
    low, high = percentile_interval(bootstrap_ranks(scores, targets, groups, n_replicates=300).auroc)
    low_by_film, high_by_film = percentile_interval(
        bootstrap_ranks(scores, targets, np.arange(600), n_replicates=300).auroc
    )
    assert (high - low)[0] > 2 * (high_by_film - low_by_film)[0]


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say():
    from scipy.stats import norm

    truth, held = norm.cdf(1 / np.sqrt(2)), 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        targets = np.repeat(generator.random(80) < 0.4, 2).astype(float)
        shared = np.repeat(generator.normal(size=80), 2)
        scores = np.sqrt(0.7) * shared + np.sqrt(0.3) * generator.normal(size=160) + targets
        replicates = bootstrap_ranks(scores[:, None], targets[:, None], np.arange(160) // 2, n_replicates=300).auroc
        low, high = percentile_interval(replicates)
        held += int(low[0] <= truth <= high[0])
    assert 0.89 <= held / 200 <= 0.99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": np.arange(4)}, r"groups have shape \(4,\), expected \(5,\): one patient per film"),
        ({"n_replicates": -1}, "n_replicates must be at least 0, got -1"),
        ({"targets": np.zeros((5, 2))}, "expected the same shape"),
        ({"scores": np.full((5, 1), NAN)}, "NaN"),
    ],
)
@pytest.mark.parametrize("bootstrap", [bootstrap_ranks, bootstrap_rates])
def test_wrong_input_is_refused(bootstrap, change, message):
    call = {
        "scores": np.zeros((5, 1)),
        "targets": np.zeros((5, 1)),
        "groups": np.arange(5),
        "n_replicates": 3,
        **change,
    }
    with pytest.raises(InvalidValueError, match=message):
        bootstrap(call["scores"], call["targets"], call["groups"], n_replicates=call["n_replicates"])
