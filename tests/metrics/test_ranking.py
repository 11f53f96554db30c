import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from hilum.errors import InvalidValueError
from hilum.metrics import Ranking, auroc, average_precision

NAN = float("nan")
METRICS = [(auroc, roc_auc_score), (average_precision, average_precision_score)]


@st.composite
def films(draw, min_size=2, max_size=40):
    """Scores with many ties, targets with both classes."""
    n = draw(st.integers(min_size, max_size))
    scores = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    targets = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=n, max_size=n))
    assume(0 < sum(targets) < n)
    return np.array(scores, dtype=float), np.array(targets)


@pytest.mark.parametrize(("ours", "reference"), METRICS)
@settings(max_examples=40, deadline=None)
@given(films())
def test_equals_scikit_learn_with_ties(ours, reference, data):
    scores, targets = data
    assert ours(scores, targets) == pytest.approx(reference(targets, scores), abs=1e-12)


@pytest.mark.parametrize(("ours", "reference"), METRICS)
@settings(max_examples=40, deadline=None)
@given(films(), st.randoms(use_true_random=False))
def test_equals_scikit_learn_with_weights(ours, reference, data, random):
    scores, targets = data
    weights = np.array([random.choice([0.0, 0.25, 1.0, 3.0]) for _ in scores])
    assume(weights[targets == 1].sum() > 0)
    assume(weights[targets == 0].sum() > 0)
    kept = weights > 0  # scikit-learn's average precision stumbles over thresholds without weight
    expected = reference(targets[kept], scores[kept], sample_weight=weights[kept])
    assert ours(scores, targets, weights=weights) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(films())
def test_is_the_share_of_pairs_in_the_right_order(data):
    scores, targets = data
    gaps = scores[targets == 1][:, None] - scores[targets == 0][None, :]
    assert auroc(scores, targets) == pytest.approx((np.sign(gaps) / 2 + 0.5).mean(), abs=1e-12)


@pytest.mark.parametrize("ours", [auroc, average_precision])
@settings(max_examples=40, deadline=None)
@given(films())
def test_only_the_order_of_scores_counts(ours, data):
    scores, targets = data
    assert ours(np.exp(scores / 3), targets) == ours(scores, targets)


@settings(max_examples=40, deadline=None)
@given(films())
def test_reversed_scores_give_the_complement(data):
    scores, targets = data
    assert auroc(-scores, targets) == pytest.approx(1 - auroc(scores, targets), abs=1e-12)
    assert auroc(scores, 1 - targets) == pytest.approx(1 - auroc(scores, targets), abs=1e-12)


@pytest.mark.parametrize("ours", [auroc, average_precision])
@settings(max_examples=40, deadline=None)
@given(films(), st.randoms(use_true_random=False))
def test_unknown_targets_equal_dropped_films(ours, data, random):
    scores, targets = data
    unknown = np.array([random.random() < 0.3 for _ in targets])
    masked = np.where(unknown, NAN, targets)
    np.testing.assert_equal(ours(scores, masked), ours(scores[~unknown], targets[~unknown]))


@pytest.mark.parametrize("ours", [auroc, average_precision])
@settings(max_examples=40, deadline=None)
@given(films(), st.randoms(use_true_random=False))
def test_the_order_of_films_does_not_count(ours, data, random):
    scores, targets = data
    order = list(range(len(scores)))
    random.shuffle(order)
    assert ours(scores[order], targets[order]) == pytest.approx(ours(scores, targets), abs=1e-12)


@pytest.mark.parametrize("ours", [auroc, average_precision])
@pytest.mark.parametrize("targets", [[], [1.0, 1.0], [0.0, 0.0], [NAN, NAN], [1.0, NAN]])
def test_a_missing_class_is_nan(ours, targets):
    assert np.isnan(ours(np.arange(len(targets), dtype=float), np.array(targets)))


@pytest.mark.parametrize("ours", [auroc, average_precision])
def test_a_class_without_weight_is_nan(ours):
    assert np.isnan(ours(np.array([0.1, 0.9]), np.array([0.0, 1.0]), weights=np.array([1.0, 0.0])))


def test_equal_scores_are_chance():
    assert auroc(np.full(10, 0.3), np.array([1.0] * 3 + [0.0] * 7)) == 0.5
    assert average_precision(np.full(10, 0.3), np.array([1.0] * 3 + [0.0] * 7)) == pytest.approx(0.3)


def test_infinite_and_tiny_scores_are_ordered():
    scores = np.array([-np.inf, 0.0, 5e-324, np.inf])
    assert auroc(scores, np.array([0.0, 0.0, 1.0, 1.0])) == 1.0


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1.0], r"weights have shape \(1,\), expected \(2,\)"), ([1.0, -1.0], "at least 0"), ([1.0, NAN], "finite")],
)
def test_wrong_weights_are_refused(weights, message):
    with pytest.raises(InvalidValueError, match=message):
        auroc(np.array([0.1, 0.9]), np.array([0.0, 1.0]), weights=np.array(weights))


def test_a_ranking_knows_its_counts():
    ranking = Ranking(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, NAN, 0.0, 0.0]))
    assert (ranking.n_positive, ranking.n_negative) == (1, 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whole_weights_equal_repeated_films(seed):
    generator = np.random.default_rng(seed)
    scores, targets = generator.integers(0, 8, 50).astype(float), (generator.random(50) < 0.4).astype(float)
    weights = generator.integers(0, 4, 50)
    ranks = Ranking(scores, targets).measure(weights)
    repeated = Ranking(np.repeat(scores, weights), np.repeat(targets, weights))
    np.testing.assert_allclose(ranks, repeated.measure(np.ones(weights.sum(), dtype=np.int64)), atol=1e-12)
