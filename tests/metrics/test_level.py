import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hilum.errors import InvalidValueError
from hilum.metrics import auroc, bootstrap_ranks, calibration_error, draw_patients, measure_levels

NAN = float("nan")


@st.composite
def divided_films(draw):
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    probabilities = np.round(rng.random(n), draw(st.sampled_from([1, 6])))
    targets = rng.choice([0.0, 1.0, NAN], n)
    return probabilities, targets, rng.integers(-1, 3, n), rng.integers(0, draw(st.integers(1, 12)), n)


def sides(levels, level):
    return levels == level, (levels >= 0) & (levels != level)


@given(divided_films(), st.floats(0, 1))
def test_every_level_and_every_rest_is_measured_as_if_alone(films, threshold):
    probabilities, targets, levels, groups = films
    measures = measure_levels(probabilities, targets, levels, draw_patients(groups, n_replicates=0), n_levels=3,
                              threshold=threshold)  # fmt: skip
    for level in range(3):
        for side, chosen in enumerate(sides(levels, level)):
            score, target = probabilities[chosen], targets[chosen]
            present, absent = score[target == 1], score[target == 0]
            assert measures.n_positive[side, level] == len(present)
            assert measures.n_negative[side, level] == len(absent)
            np.testing.assert_allclose(measures.auroc[side, 0, level], auroc(score, target), atol=1e-12)
            for rate, cases in ((measures.true_positive_rate, present), (measures.false_positive_rate, absent)):
                called = np.mean(cases >= threshold) if len(cases) else NAN
                np.testing.assert_allclose(rate[side, 0, level], called, atol=1e-12)
        here = levels == level
        np.testing.assert_allclose(
            measures.ece[0, level], calibration_error(probabilities[here], targets[here]), atol=1e-12
        )


@settings(max_examples=25)
@given(divided_films())
def test_resamples_are_those_of_the_other_bootstraps(films):
    probabilities, targets, levels, groups = films
    draws = draw_patients(groups, n_replicates=5, seed=3)
    measures = measure_levels(probabilities, targets, levels, draws, n_levels=3, threshold=0.5)
    counts = draws.blocks[0]
    assert counts.sum(axis=0) == pytest.approx(draws.n_patients)
    for level in range(3):
        for side, chosen in enumerate(sides(levels, level)):
            for draw in range(5):
                weights = np.where(chosen, counts[draws.member, draw], 0)
                expected = auroc(probabilities, targets, weights=weights)
                np.testing.assert_allclose(measures.auroc[side, draw + 1, level], expected, atol=1e-6)
                present = weights * (targets == 1)
                rate = present[probabilities >= 0.5].sum() / present.sum() if present.sum() else NAN
                np.testing.assert_allclose(measures.true_positive_rate[side, draw + 1, level], rate, atol=1e-6)


def made_up(n=3000, n_patients=900):
    rng = np.random.default_rng(0)
    targets = (rng.random(n) < 0.3).astype(float)
    probabilities = 1 / (1 + np.exp(-rng.normal(size=n) - 1.5 * targets + 1))
    return probabilities, targets, rng.integers(0, 2, n), rng.integers(0, n_patients, n)


def test_with_many_scores_values_are_exact_and_resamples_nearly():
    probabilities, targets, levels, groups = made_up()
    draws = draw_patients(groups, n_replicates=200, seed=5)
    measures = measure_levels(probabilities, targets, levels, draws, n_levels=2, threshold=0.5)
    one = measure_levels(probabilities, targets, np.zeros_like(levels), draws, n_levels=1, threshold=0.5)
    exact = bootstrap_ranks(probabilities[:, None], targets[:, None], groups, n_replicates=200, seed=5).auroc[:, 0]
    assert np.abs(one.auroc[0, 1:, 0] - exact).max() < 5e-4
    assert np.quantile(one.auroc[0, 1:, 0], [0.025, 0.975]) == pytest.approx(
        np.quantile(exact, [0.025, 0.975]), abs=5e-4
    )
    here = levels == 0
    assert measures.auroc[0, 0, 0] == pytest.approx(roc_auc_score(targets[here], probabilities[here]), abs=1e-12)
    assert measures.auroc[1, 0, 1] == measures.auroc[0, 0, 0]
    weights = draws.blocks[1][draws.member, 20] * here  # the resample after 128 + 20 others
    assert measures.auroc[0, 149, 0] == pytest.approx(auroc(probabilities, targets, weights=weights), abs=1e-3)


def test_ece_of_a_resample_keeps_the_bins():
    probabilities, targets, levels, groups = made_up(400, 50)
    draws = draw_patients(groups, n_replicates=3)
    measures = measure_levels(probabilities, targets, levels, draws, n_levels=2, threshold=0.5)
    here = levels == 1
    score, target, weights = probabilities[here], targets[here], draws.blocks[0][draws.member[here]]
    bins = np.argsort(np.argsort(score)) * 15 // len(score)
    for draw in range(3):
        weight = weights[:, draw]
        error = sum(abs((weight * (score - target))[bins == b].sum()) for b in range(15)) / weight.sum()
        assert measures.ece[draw + 1, 1] == pytest.approx(error, abs=1e-6)


def test_without_a_threshold_there_are_no_rates():
    probabilities, targets, levels, groups = made_up(50, 20)
    draws = draw_patients(groups, n_replicates=2)
    measures = measure_levels(probabilities, targets, levels, draws, n_levels=2, threshold=NAN)
    assert np.isnan(measures.true_positive_rate).all()
    assert np.isnan(measures.false_positive_rate).all()
    assert np.isfinite(measures.auroc).all()


def test_a_seed_draws_the_same_patients():
    groups = np.array(["a", "b", "c", "a"])
    first, again, other = (draw_patients(groups, n_replicates=130, seed=seed) for seed in (1, 1, 2))
    assert [block.shape for block in first.blocks] == [(3, 128), (3, 2)]
    assert list(first.member) == [0, 1, 2, 0]
    np.testing.assert_array_equal(first.blocks[0], again.blocks[0])
    assert (first.blocks[0] != other.blocks[0]).any()


def test_errors_name_what_is_wrong():
    probabilities, targets, levels, groups = made_up(10, 3)
    draws = draw_patients(groups, n_replicates=1)
    with pytest.raises(InvalidValueError, match="n_replicates must be at least 0, got -1"):
        draw_patients(groups, n_replicates=-1)
    with pytest.raises(InvalidValueError, match="one patient per film"):
        draw_patients(groups[None])
    for wrong in (levels[:5], levels + 1, levels - 2):
        with pytest.raises(InvalidValueError, match="each from 0 to 1, or -1 for unknown"):
            measure_levels(probabilities, targets, wrong, draws, n_levels=2, threshold=0.5)
    with pytest.raises(InvalidValueError, match="probabilities are NaN"):
        measure_levels(probabilities * NAN, targets, levels, draws, n_levels=2, threshold=0.5)


def test_a_resample_that_is_the_films_as_they_are_has_their_auroc_however_coarse(monkeypatch):
    monkeypatch.setattr("hilum.metrics.level._MOST_EDGES", 3)
    probabilities, targets, levels, _ = made_up(300)
    draws = draw_patients(np.zeros(300), n_replicates=2)  # one patient: there is nothing else to draw
    measures = measure_levels(probabilities, targets, levels, draws, n_levels=2, threshold=0.5)
    for values in (measures.auroc, measures.true_positive_rate, measures.false_positive_rate):
        np.testing.assert_allclose(values[:, 1:], values[:, :1].repeat(2, axis=1), atol=1e-6)
