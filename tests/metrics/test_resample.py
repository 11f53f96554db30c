import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.metrics import Resamples, patient_folds, ratio_of_sums

NAN = float("nan")


def drawn_groups(n_groups, n_replicates, seed):
    """One resample after the other, as every bootstrap here has drawn them from the start."""
    generator = np.random.default_rng(seed)
    for _ in range(n_replicates):
        yield np.bincount(generator.integers(0, n_groups, size=n_groups), minlength=n_groups)


@pytest.mark.parametrize("n_replicates", [0, 1, 127, 128, 129, 300])
@pytest.mark.parametrize("n_groups", [1, 2, 7, 51])
def test_a_seed_draws_the_same_groups_in_blocks_as_one_by_one(n_replicates, n_groups):
    blocks = list(Resamples(np.arange(n_groups), n_replicates, seed=4).counts())
    drawn = np.concatenate([np.zeros((0, n_groups), dtype=np.int32), *blocks])
    np.testing.assert_array_equal(
        drawn, np.array(list(drawn_groups(n_groups, n_replicates, 4))).reshape(n_replicates, n_groups)
    )


def test_groups_are_numbered_in_the_order_of_their_names_and_drawn_again_alike():
    resamples = Resamples(np.array(["b", "a", "b", "c"]), 5, seed=1)
    assert resamples.member.tolist() == [1, 0, 1, 2]
    assert (resamples.n_groups, resamples.n_replicates, resamples.seed) == (3, 5, 1)
    first, again = (np.concatenate(list(resamples.counts())) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first.sum(axis=1) == 3).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(), (3,), (2, 2)]))
def test_a_share_is_the_ratio_of_sums_over_films_drawn_one_by_one(seed, rest):
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 6, 20)
    above, below = generator.normal(size=(20, *rest)), generator.integers(0, 2, (20, *rest)).astype(float)
    below[generator.random(below.shape) < 0.2] = NAN
    above[generator.random(above.shape) < 0.1] = NAN
    shares = Resamples(groups, 140, seed % 7).share(above, below)
    names, member = np.unique(groups, return_inverse=True)
    either = np.isnan(above) | np.isnan(below)
    for share, counts in zip(shares, drawn_groups(len(names), 140, seed % 7), strict=True):
        films = np.repeat(np.arange(20), counts[member])
        top = np.where(either, 0, above)[films].sum(axis=0)
        bottom = np.where(either, 0, below)[films].sum(axis=0)
        expected = np.divide(top, bottom, out=np.full(rest, NAN), where=bottom != 0)
        np.testing.assert_allclose(share, expected, atol=1e-12)


@pytest.mark.parametrize("holes", [False, True])
def test_one_denominator_serves_many_numerators(holes):
    generator = np.random.default_rng(0)
    above, below = generator.random((30, 2, 3)), generator.integers(0, 2, 30).astype(float)
    below[3] = NAN
    if holes:
        above[5, 1, 2] = NAN
    resamples = Resamples(np.arange(30) // 3, 40)
    spread = np.broadcast_to(below[:, None, None], above.shape)
    np.testing.assert_allclose(resamples.share(above, below), resamples.share(above, spread), atol=1e-12)


def test_sums_count_each_film_as_often_as_its_patient_is_drawn():
    resamples = Resamples(np.array([7, 7, 9]), 200, seed=2)
    counts = np.concatenate(list(resamples.counts()))
    np.testing.assert_array_equal(resamples.sum(np.array([1, 10, 100])), counts @ np.array([11, 100]))


def test_nobody_is_an_empty_answer():
    resamples = Resamples(np.array([], dtype=int), 3)
    assert [block.shape for block in resamples.counts()] == [(3, 0)]
    np.testing.assert_array_equal(resamples.share(np.zeros(0), np.zeros(0)), [NAN] * 3)
    assert Resamples(np.arange(4), 0).sum(np.ones((4, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Resamples(np.zeros((2, 2)), 3), r"groups have shape \(2, 2\), expected one axis"),
        (lambda: Resamples(np.zeros(2), -1), "n_replicates must be at least 0, got -1"),
        (lambda: Resamples(np.zeros(2), 3).sum(np.ones(3)), r"values have shape \(3,\), groups \(2,\)"),
        (lambda: Resamples(np.zeros(2), 3).sum(np.array([1, NAN])), "values hold NaN or infinity"),
        (lambda: Resamples(np.zeros(2), 3).share(np.ones((2, 2)), np.ones((2, 3))), "expected the same shape"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InvalidValueError, match=message):
        call()


def test_patients_are_dealt_to_folds_evenly_and_whole():
    groups = np.repeat(np.arange(23), 3)
    fold = patient_folds(groups, 5, 0)
    assert all(len(set(fold[groups == group])) == 1 for group in range(23))
    sizes = np.bincount(fold[::3])
    assert len(sizes) == 5
    assert sizes.max() - sizes.min() <= 1
    assert (patient_folds(groups, 5, 1) != fold).any()


def test_a_ratio_over_nothing_is_nan():
    quotient = ratio_of_sums(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0], [0.0]]))
    np.testing.assert_array_equal(quotient, [[0.5, 0.0], [np.nan, np.nan]])
