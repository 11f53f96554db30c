import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import logit, ndtr

from hilum.errors import InvalidValueError
from hilum.metrics import (
    AurocVariance,
    auroc,
    auroc_interval,
    bootstrap_ranks,
    clustered_delong,
    count_patients,
    delong,
    delong_interval,
)

NAN = float("nan")
NORMAL, ABNORMAL = [33, 6, 6, 11, 2], [3, 2, 2, 11, 33]
"""Ratings 1 to 5 of 109 films: Hanley and McNeil, Radiology 143, 1982, table I."""


@st.composite
def clustered_films(draw):
    """Scores with ties or none; patients with films of one class or of both."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(4, 50))
    scores = generator.integers(0, 6, n).astype(float) if draw(st.booleans()) else generator.normal(size=n)
    targets, groups = (generator.random(n) < 0.4).astype(float), generator.integers(0, draw(st.integers(2, 30)), n)
    assume(min(count_patients(targets, groups)) >= 2)
    return scores, targets, groups


def pairs(scores, targets):
    gaps = scores[targets == 1][:, None] - scores[targets == 0][None, :]
    return np.sign(gaps) / 2 + 0.5


def delong_by_pairs(scores, targets):
    """DeLong's formula as printed: variances of the structural components."""
    won = pairs(scores, targets)
    return won.mean(axis=1).var(ddof=1) / won.shape[0] + won.mean(axis=0).var(ddof=1) / won.shape[1]


def obuchowski_by_pairs(scores, targets, groups):
    """Obuchowski's formula as printed: sums over clusters of S10, S01 and S11."""
    won = pairs(scores, targets)
    m, n = won.shape
    value, of_positive, of_negative = won.mean(), won.mean(axis=1), won.mean(axis=0)
    patients = np.unique(groups)
    s10 = s01 = s11 = 0.0
    n_with = n_without = 0
    for patient in patients:
        with_it = of_positive[groups[targets == 1] == patient]
        without = of_negative[groups[targets == 0] == patient]
        n_with, n_without = n_with + bool(len(with_it)), n_without + bool(len(without))
        here, there = with_it.sum() - len(with_it) * value, without.sum() - len(without) * value
        s10, s01, s11 = s10 + here**2, s01 + there**2, s11 + here * there
    s10 *= n_with / ((n_with - 1) * m)
    s01 *= n_without / ((n_without - 1) * n)
    s11 *= len(patients) / (len(patients) - 1)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def test_a_published_example():
    # Stata's manual, `roctab` on these data: area 0.8932, standard error (DeLong) 0.0307, 0.83295 to 0.95339.
    scores = np.concatenate([np.repeat(np.arange(5), NORMAL), np.repeat(np.arange(5), ABNORMAL)])
    measured = delong(scores, np.repeat([0.0, 1.0], [58, 51]))
    error = measured.variance**0.5
    assert (round(measured.value, 4), round(error, 4)) == (0.8932, 0.0307)
    assert round(measured.value - 1.959964 * error, 5) == 0.83295
    assert round(measured.value + 1.959964 * error, 5) == 0.95339
    assert measured[2:] == (51, 58)


@settings(max_examples=60, deadline=None)
@given(clustered_films())
def test_equal_the_printed_formulas(data):
    scores, targets, groups = data
    plain, clustered = delong(scores, targets), clustered_delong(scores, targets, groups)
    assert plain.value == pytest.approx(auroc(scores, targets), abs=1e-12)
    assert clustered.value == plain.value
    assert plain.variance == pytest.approx(delong_by_pairs(scores, targets), abs=1e-12)
    expected = obuchowski_by_pairs(scores, targets, groups)
    if np.isnan(clustered.variance):
        assert expected < 1e-9
    else:
        assert clustered.variance == pytest.approx(expected, abs=1e-12)
    assert plain[2:] == ((targets == 1).sum(), (targets == 0).sum())


@settings(max_examples=30, deadline=None)
@given(clustered_films(), st.randoms(use_true_random=False))
def test_only_order_and_company_count(data, random):
    scores, targets, groups = data
    measured = clustered_delong(scores, targets, groups)
    order = list(range(len(scores)))
    random.shuffle(order)
    names = np.array([f"patient {group}" for group in groups])
    other = clustered_delong(np.exp(scores / 3)[order], targets[order], names[order])
    np.testing.assert_allclose(other, measured, atol=1e-12)
    mirrored = clustered_delong(-scores, targets, groups)
    np.testing.assert_allclose(mirrored[:2], (1 - measured.value, measured.variance), atol=1e-12)


def test_unknown_targets_equal_dropped_films():
    generator = np.random.default_rng(2)
    scores, targets = generator.normal(size=60), (generator.random(60) < 0.5).astype(float)
    targets[::4] = NAN
    groups, known = np.arange(60) // 5, ~np.isnan(targets)
    expected = clustered_delong(scores[known], targets[known], groups[known])
    assert clustered_delong(scores, targets, groups) == expected


def test_films_ten_times_over_say_no_more_than_once():
    generator = np.random.default_rng(3)
    targets = (generator.random(60) < 0.4).astype(float)
    scores = generator.normal(size=60) + targets
    tenfold = np.repeat(scores, 10), np.repeat(targets, 10)
    once, clustered = delong(scores, targets), clustered_delong(*tenfold, np.repeat(np.arange(60), 10))
    np.testing.assert_allclose(clustered, once, atol=1e-12)
    assert delong(*tenfold).variance < once.variance / 5


def test_the_interval_is_that_of_the_bootstrap():
    generator = np.random.default_rng(4)
    groups = np.arange(900) // 3
    targets = (generator.random(300) < 0.3)[groups].astype(float)
    scores = generator.normal(size=300)[groups] + generator.normal(size=900) + targets
    measured = clustered_delong(scores, targets, groups)
    spread = bootstrap_ranks(scores[:, None], targets[:, None], groups, n_replicates=2000).auroc[:, 0]
    assert measured.variance**0.5 == pytest.approx(spread.std(), rel=0.1)
    np.testing.assert_allclose(delong_interval(measured), np.quantile(spread, [0.025, 0.975]), atol=0.01)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.3), st.integers(1, 200), st.integers(1, 200))
def test_an_interval_lies_inside_and_holds_its_value(value, variance, n_positive, n_negative):
    measured = AurocVariance(value, variance, n_positive, n_negative)
    low, high = delong_interval(measured)
    assert 0 <= low <= value + 1e-9
    assert value - 1e-9 <= high <= 1
    wider = delong_interval(measured, level=0.99)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9


@pytest.mark.parametrize("n", [1, 3, 30, 300])
def test_perfect_order_is_not_certainty(n):
    low, high = delong_interval(AurocVariance(1.0, 0.0, n, 40))
    assert 0.1 < low < 1 == high
    assert delong_interval(AurocVariance(0.0, 0.0, n, 40)) == (0.0, pytest.approx(1 - low, abs=1e-9))
    assert low < delong_interval(AurocVariance(1.0, 0.0, 2 * n, 40))[0]
    assert auroc_interval(1.0, np.ones(50), n_positive=n, n_negative=40) == (low, 1.0)


def test_perfect_order_reaches_down_to_where_it_is_hardly_seen():
    # From the lower end on, an AUROC of 1 is 1.96 standard errors away, of an AUROC's error by its size (Newcombe).
    low, m, n = delong_interval(AurocVariance(1.0, 0.0, 20, 30))[0], 20, 30
    size = 1 + ((m + n) / 2 - 1) * ((1 - low) / (2 - low) + low / (1 + low))
    assert (1 - low) / np.sqrt(low * (1 - low) * size / (m * n)) == pytest.approx(1.959964, abs=1e-5)


def test_other_values_have_the_spread_of_their_resamples_on_the_logit():
    replicates, value = np.array([0.7, 0.8, NAN, 0.9, 1.0]), 0.85
    spread = np.std([0.7, 0.8, 0.9, 1.0]) * np.sqrt(3 / 2)
    half = 2.919986 * spread / (value * (1 - value))  # Student's t of 2 degrees at 95 %
    low, high = auroc_interval(value, replicates, n_positive=3, n_negative=4, level=0.9)
    assert (logit(low), logit(high)) == pytest.approx((logit(value) - half, logit(value) + half), abs=1e-4)
    assert np.isnan(auroc_interval(NAN, np.full(3, NAN), n_positive=0, n_negative=4)).all()
    assert np.isnan(auroc_interval(value, np.full(3, NAN), n_positive=3, n_negative=4)).all()


def test_one_patient_with_the_finding_leaves_nearly_everything_open():
    low, high = auroc_interval(0.9, np.full(50, 0.9), n_positive=1, n_negative=40)
    assert low < 0.4
    assert high > 0.99
    mirrored = auroc_interval(0.1, np.full(50, 0.1), n_positive=1, n_negative=40)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("n_patients", "shape", "n_films"), [(400, (0.1, 9.9), 2), (60, (0.4, 1.6), 9)])
def test_few_patients_with_the_finding_are_covered(n_patients, shape, n_films):
    """Percentiles of resamples cover 87 % of the first, 92 % of the second."""
    held = []
    for seed in range(300):
        generator = np.random.default_rng([seed, 9])
        patients = np.repeat(np.arange(n_patients), n_films)
        targets = (generator.random(len(patients)) < generator.beta(*shape, n_patients)[patients]).astype(float)
        shared, own = generator.normal(size=n_patients)[patients], generator.normal(size=len(patients))
        scores = np.sqrt(0.5) * (shared + own) + 1.2 * targets
        n_positive, n_negative = count_patients(targets, patients)
        spread = bootstrap_ranks(scores[:, None], targets[:, None], patients, n_replicates=300, seed=seed).auroc[:, 0]
        value = delong(scores, targets).value
        low, high = auroc_interval(value, spread, n_positive=n_positive, n_negative=n_negative)
        held.append(low <= ndtr(1.2 / np.sqrt(2)) <= high or np.isnan(value))
    assert np.mean(held) > 0.925


@pytest.mark.parametrize(("targets", "counts"), [([], (0, 0)), ([1.0, 1.0], (2, 0)), ([0.0, NAN], (0, 1))])
def test_a_missing_class_is_nan(targets, counts):
    measured = delong(np.arange(len(targets), dtype=float), np.array(targets))
    assert np.isnan(measured[:2]).all()
    assert measured[2:] == counts
    assert np.isnan(delong_interval(measured)).all()


def test_three_films_have_a_value_and_no_variance():
    measured = delong(np.array([0.1, 0.5, 0.3]), np.array([0.0, 0.0, 1.0]))
    assert measured.value == 0.5
    assert np.isnan(measured.variance)
    assert np.isnan(delong_interval(measured)).all()


@pytest.mark.parametrize(
    ("scores", "groups"),
    [([2.0, 2.0, 1.0, 3.0], [1, 0, 1, 0]), ([1.0, 3.0, 1.0, 3.0], [0, 2, 0, 2])],
)
def test_a_variance_that_cancels_is_not_certainty(scores, groups):
    data = np.array(scores), np.array([1.0, 0.0, 0.0, 1.0])
    assert delong(*data).variance > 0
    assert obuchowski_by_pairs(*data, np.array(groups)) <= 0
    measured = clustered_delong(*data, np.array(groups))
    assert np.isnan(measured.variance)
    assert np.isnan(delong_interval(measured)).all()


def test_constant_scores_are_chance_for_certain():
    assert delong_interval(delong(np.zeros(9), np.array([1.0] * 4 + [0.0] * 5))) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: delong(np.array([0.1, NAN]), np.array([0.0, 1.0])), "NaN"),
        (lambda: delong(np.array([0.1, 0.2]), np.array([0.0, 2.0])), "targets hold 2"),
        (lambda: clustered_delong(np.zeros(2), np.zeros(2), np.zeros(3)), r"groups have shape \(3,\), expected \(2,\)"),
        (lambda: count_patients(np.zeros(2), np.zeros(3)), "one patient per film"),
        (lambda: delong_interval(AurocVariance(0.7, 0.1, 5, 5), level=95), "level must lie between 0 and 1, got 95"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InvalidValueError, match=message):
        call()


@pytest.mark.slow
def test_intervals_by_patient_hold_the_truth_as_often_as_they_say_and_others_do_not():
    from scipy.stats import norm

    truth, held = norm.cdf(1.2 / np.sqrt(2)), np.zeros(2)
    for seed in range(1000):
        generator = np.random.default_rng(seed)
        groups = np.repeat(np.arange(150), 9)
        targets = (generator.random(1350) < generator.beta(0.4, 1.6, 150)[groups]).astype(float)
        noise = generator.normal(size=150)[groups] + generator.normal(size=1350)
        scores = np.sqrt(0.5) * noise + 1.2 * targets
        for place, measured in enumerate((clustered_delong(scores, targets, groups), delong(scores, targets))):
            low, high = delong_interval(measured)
            held[place] += low <= truth <= high
    by_patient, by_image = held / 1000
    assert 0.93 <= by_patient <= 0.97
    assert by_image <= 0.88
