import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import (
    Resamples,
    label_ranking_loss,
    label_ranking_terms,
    subset_accuracy,
    subset_accuracy_terms,
)

NAN = float("nan")


def films(seed, n=40, n_findings=5):
    generator = np.random.default_rng(seed)
    scores = generator.random((n, n_findings)).round(1)
    return scores, (generator.random((n, n_findings)) < 0.3).astype(float)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_ranking_loss_equals_scikit_learn_on_films_with_a_pair(seed, n_findings):
    scores, targets = films(seed, n_findings=n_findings)
    pair = targets.any(axis=1) & ~targets.all(axis=1)
    expected = sklearn.metrics.label_ranking_loss(targets[pair], scores[pair])
    assert label_ranking_loss(scores, targets) == pytest.approx(expected, abs=1e-12)
    over_all = sklearn.metrics.label_ranking_loss(targets, scores)
    assert label_ranking_loss(scores, targets) * pair.mean() == pytest.approx(over_all, abs=1e-12)


def test_level_scores_are_a_wrong_order():
    assert label_ranking_loss(np.array([[0.5, 0.5]]), np.array([[1.0, 0.0]])) == 1.0


def test_films_with_an_unknown_target_or_without_a_pair_do_not_count():
    scores = np.array([[0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5], [0.1, 0.9, 0.5]])
    targets = np.array([[0, 1, 0], [1, NAN, 0], [0, 0, 0], [1, 1, 1]])
    terms = label_ranking_terms(scores, targets)
    assert terms.denominator.tolist() == [1, 0, 0, 0]
    assert terms.numerator.tolist() == [0, 0, 0, 0]
    assert label_ranking_loss(scores, targets) == 0
    assert np.isnan(label_ranking_loss(scores[1:], targets[1:]))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_subset_accuracy_equals_scikit_learn(seed):
    scores, targets = films(seed, n_findings=2)
    calls = (scores > 0.5).astype(float)
    expected = sklearn.metrics.accuracy_score(targets, calls)
    assert subset_accuracy(calls, targets) == pytest.approx(expected, abs=1e-12)


def test_a_film_with_an_unknown_target_or_no_call_does_not_count():
    calls = np.array([[1.0, 0], [1, 0], [1, NAN], [NAN, NAN]])
    targets = np.array([[1.0, 0], [1, NAN], [1, 0], [NAN, NAN]])
    terms = subset_accuracy_terms(calls, targets)
    assert terms.denominator.tolist() == [1, 0, 0, 0]
    assert subset_accuracy(calls, targets) == 1
    assert np.isnan(subset_accuracy(calls[1:], targets[1:]))


def test_terms_on_a_resample_are_the_measure_with_films_repeated():
    scores, targets = films(2)
    calls, patients = (scores > 0.7).astype(float), np.arange(40) // 3
    resamples = Resamples(patients, 5, seed=2)
    ranked = resamples.share(*label_ranking_terms(scores, targets))
    right = resamples.share(*subset_accuracy_terms(calls, targets))
    for place, counts in enumerate(np.concatenate(list(resamples.counts()))):
        again = np.repeat(np.arange(40), counts[patients])
        assert ranked[place] == pytest.approx(label_ranking_loss(scores[again], targets[again]))
        assert right[place] == pytest.approx(subset_accuracy(calls[again], targets[again]))


def test_wrong_input_is_refused():
    with pytest.raises(InvalidValueError, match=r"calls hold 0.3: expected 0, 1 or NaN, not probabilities"):
        subset_accuracy(np.array([[0.3]]), np.array([[1.0]]))
    with pytest.raises(InvalidValueError, match="scores are NaN"):
        label_ranking_loss(np.array([[NAN, 0.1]]), np.array([[1.0, 0.0]]))
