import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from hilum.errors import InvalidValueError
from hilum.metrics import (
    HeldRates,
    Resamples,
    auroc,
    average_precision,
    bootstrap_ranks,
    partial_auroc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
)

NAN = float("nan")
HELD = [0.1, 0.25, 0.5, 0.75, 0.9, 1.0]


@st.composite
def films(draw):
    """Scores with many ties or none, targets with both classes."""
    n = draw(st.integers(2, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = generator.integers(-5, 6, n).astype(float) if draw(st.booleans()) else generator.normal(size=n)
    targets = (generator.random(n) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype(float)
    assume(0 < targets.sum() < n)
    return scores, targets


def best_rates(scores, targets, held):
    """Sensitivity at a held specificity and the reverse, threshold by threshold."""
    thresholds = [np.inf, *scores]
    found = np.array([(scores[targets == 1] >= threshold).mean() for threshold in thresholds])
    spared = np.array([(scores[targets == 0] < threshold).mean() for threshold in thresholds])
    return found[spared >= held - 1e-12].max(), spared[found >= held - 1e-12].max()


@settings(max_examples=80, deadline=None)
@given(films(), st.sampled_from([0.01, 0.1, 0.3, 0.5, 0.999, 1.0]))
def test_partial_auroc_equals_scikit_learn(data, up_to):
    scores, targets = data
    expected = roc_auc_score(targets, scores, max_fpr=up_to)
    assert partial_auroc(scores, targets, max_false_positive_rate=up_to) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=80, deadline=None)
@given(films(), st.sampled_from(HELD))
def test_held_rates_equal_the_best_threshold(data, held):
    scores, targets = data
    sensitivity, specificity = best_rates(scores, targets, held)
    assert sensitivity_at_specificity(scores, targets, specificity=held) == pytest.approx(sensitivity, abs=1e-12)
    assert specificity_at_sensitivity(scores, targets, sensitivity=held) == pytest.approx(specificity, abs=1e-12)


def test_a_rate_that_is_reached_but_for_rounding_is_reached():
    assert 10 * (1 - 0.9) < 1
    assert 100 * 0.55 > 55
    one_alarm = np.array([4.0, *[1.0] * 9, *[3.0] * 5]), np.array([0.0] * 10 + [1.0] * 5)
    assert sensitivity_at_specificity(*one_alarm, specificity=0.9) == 1.0
    found = np.array([3.0] * 55 + [1.0] * 45 + [2.0, 2.0]), np.array([1.0] * 100 + [0.0] * 2)
    assert specificity_at_sensitivity(*found, sensitivity=0.55) == 1.0


def test_held_rates_are_points_of_scikit_learns_curve():
    generator = np.random.default_rng(0)
    targets = (generator.random(500) < 0.3).astype(float)
    scores = generator.normal(size=500) + targets
    false_rate, true_rate, _ = sklearn_roc_curve(targets, scores, drop_intermediate=False)
    assert sensitivity_at_specificity(scores, targets) == pytest.approx(true_rate[false_rate <= 0.1].max(), abs=1e-12)
    assert specificity_at_sensitivity(scores, targets) == pytest.approx(1 - false_rate[true_rate >= 0.9].min())


@pytest.mark.parametrize("ties", [True, False])
def test_every_metric_of_a_resample_equals_films_drawn_one_by_one(ties):
    generator = np.random.default_rng(1)
    groups = generator.integers(0, 40, 200)
    targets = (generator.random((200, 2)) < 0.3).astype(float)
    scores = generator.normal(size=targets.shape) + targets
    scores = scores.round(1) if ties else scores
    targets[::9, 1] = NAN
    ranks = bootstrap_ranks(scores, targets, groups, n_replicates=140, held=HeldRates(0.2, (0.9, 0.7), (0.8,)))
    drawn = np.concatenate(list(Resamples(groups, 140).counts()))
    for replicate in (0, 1, 127, 128, 139):
        rows = np.repeat(np.arange(200), drawn[replicate][np.unique(groups, return_inverse=True)[1]])
        for finding in range(2):
            kept = rows[~np.isnan(targets[rows, finding])]
            film = scores[kept, finding], targets[kept, finding]
            got = ranks.auroc, ranks.average_precision, ranks.partial_auroc
            expected = auroc(*film), average_precision(*film), roc_auc_score(film[1], film[0], max_fpr=0.2)
            np.testing.assert_allclose([part[replicate, finding] for part in got], expected, atol=1e-12)
            sensitivities = [best_rates(*film, 0.9)[0], best_rates(*film, 0.7)[0]]
            np.testing.assert_allclose(ranks.sensitivity_at_specificity[replicate, finding], sensitivities)
            np.testing.assert_allclose(
                ranks.specificity_at_sensitivity[replicate, finding], [best_rates(*film, 0.8)[1]]
            )


def test_what_is_not_asked_for_is_empty():
    ranks = bootstrap_ranks(np.arange(4.0)[:, None], np.array([[0.0], [1], [0], [1]]), np.arange(4), n_replicates=3)
    assert np.isnan(ranks.partial_auroc).all()
    assert ranks.sensitivity_at_specificity.shape == ranks.specificity_at_sensitivity.shape == (3, 1, 0)


@pytest.mark.parametrize("measure", [partial_auroc, sensitivity_at_specificity, specificity_at_sensitivity])
@pytest.mark.parametrize("targets", [[], [1.0, 1.0], [0.0, 0.0], [NAN, NAN], [1.0, NAN]])
def test_a_missing_class_is_nan(measure, targets):
    assert np.isnan(measure(np.arange(len(targets), dtype=float), np.array(targets)))


def test_a_missing_class_is_nan_in_every_resample():
    scores, one_class = np.arange(6.0)[:, None], np.zeros((6, 1))
    for targets in (one_class, one_class + 1, one_class * NAN):
        ranks = bootstrap_ranks(scores, targets, np.arange(6), n_replicates=5, held=HeldRates())
        assert all(np.isnan(part).all() and part.shape[:2] == (5, 1) for part in ranks)


def test_constant_scores_are_chance():
    scores, targets = np.full(10, 0.3), np.array([1.0] * 3 + [0.0] * 7)
    assert partial_auroc(scores, targets) == pytest.approx(0.5)
    assert (sensitivity_at_specificity(scores, targets), specificity_at_sensitivity(scores, targets)) == (0.0, 0.0)


def test_counts_beyond_what_32_bits_multiply_are_exact():
    targets = np.repeat([1.0, 0.0], 70_000)
    ranks = bootstrap_ranks(np.zeros((140_000, 1)), targets[:, None], np.arange(140_000) % 2, n_replicates=3)
    np.testing.assert_array_equal(ranks.auroc, 0.5)
    np.testing.assert_allclose(ranks.average_precision, 0.5, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda films: partial_auroc(*films, max_false_positive_rate=0), "max_false_positive_rate must lie above 0"),
        (lambda films: sensitivity_at_specificity(*films, specificity=1.1), "specificity must lie above 0 .* got 1.1"),
        (lambda films: specificity_at_sensitivity(*films, sensitivity=NAN), "sensitivity must lie above 0"),
        (lambda films: partial_auroc(films[0], films[1] + 1), "targets hold 2"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InvalidValueError, match=message):
        call((np.arange(4.0), np.array([0.0, 1.0, 0.0, 1.0])))


@pytest.mark.parametrize("held", [HeldRates(partial_up_to=2), HeldRates(0.1, (0,), ()), HeldRates(0.1, (), (1.5,))])
def test_wrong_held_rates_are_refused(held):
    films = np.arange(4.0)[:, None], np.array([[0.0], [1.0], [0.0], [1.0]]), np.arange(4)
    with pytest.raises(InvalidValueError, match="must lie above 0 and be at most 1"):
        bootstrap_ranks(*films, n_replicates=1, held=held)
