"""The refer zone keeps what it promises: by simulation, by its definition, at its edges."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from hilum.calibration import refer_zone, shift_prevalence
from hilum.errors import InvalidValueError

NAN = float("nan")


def patients_with(generator, n, *, films=6):
    """Patients of 1 to ``films`` films with scores that are alike within a patient; a third have the finding."""
    count = generator.integers(1, films + 1, n)
    has = generator.random(n) < 1 / 3
    level = generator.normal(scale=1.5, size=n) + 1.5 * has
    member = np.repeat(np.arange(n), count)
    return expit(level[member] + generator.normal(scale=0.5, size=len(member))), has[member].astype(float), member


def unequal_patients(generator, n):
    """Patients with more films the more there is to see on them, as in hospitals."""
    level = generator.normal(size=n)
    has = generator.random(n) < 1 / 3
    count = 1 + generator.poisson(np.exp(0.5 * level))
    member = np.repeat(np.arange(n), count)
    score = expit(1.5 * level[member] + 1.5 * has[member] + generator.normal(scale=0.5, size=len(member)))
    return score, has[member].astype(float), member


@pytest.mark.parametrize("draw", [patients_with, unequal_patients])
@pytest.mark.parametrize(("allowed", "n"), [(0.1, 60), (0.1, 300), (0.25, 40)])
def test_of_new_films_no_more_is_missed_than_promised_and_not_much_less(allowed, n, draw):
    generator = np.random.default_rng(0)
    fresh, targets, _ = draw(generator, 8000)
    missed, alarms = [], []
    for _ in range(300):
        probabilities, present, whose = draw(generator, n)
        zone = refer_zone(
            probabilities, present, whose.tolist(), threshold=0.5, allowed_missed=allowed, allowed_false_alarms=allowed
        )
        for kind, wrong, kept in ((1, fresh < zone.low, missed), (0, fresh >= zone.high, alarms)):
            kept.append(wrong[targets == kind].mean())
    for shares, n_patients in ((missed, n / 3), (alarms, 2 * n / 3)):
        noise = 3 * np.std(shares) / np.sqrt(len(shares)) + 0.01
        assert np.mean(shares) <= allowed + noise
        assert np.mean(shares) >= allowed - 1.5 / n_patients - noise - 0.01


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.3]), st.floats(0.05, 0.95))
def test_it_is_the_narrowest_zone_that_the_theorem_allows(seed, allowed, threshold):
    probabilities, targets, member = patients_with(np.random.default_rng(seed), 120)
    probabilities = probabilities.round(2)
    zone = refer_zone(
        probabilities, targets, member.tolist(), threshold=threshold, allowed_missed=allowed,
        allowed_false_alarms=allowed,
    )  # fmt: skip
    assert zone.low <= threshold <= zone.high
    for kind, n, cut, wrong in (
        (1, zone.n_patients_with, zone.low, lambda values, cut: values < cut),
        (0, zone.n_patients_without, zone.high, lambda values, cut: values >= cut),
    ):
        values, groups = probabilities[targets == kind], member[targets == kind]
        assert n == len(np.unique(groups))

        def bound(at, values=values, n=n, wrong=wrong):
            return (wrong(values, at).sum() + len(values) / n) / (len(values) * (n + 1) / n)

        assert bound(cut) <= allowed + 1e-9
        beyond = cut + 0.01 if kind else cut - 0.01
        if (cut < threshold) if kind else (cut > threshold + 0.01):
            assert bound(beyond) > allowed


def test_more_is_allowed_the_narrower_it_gets():
    data = patients_with(np.random.default_rng(1), 200)
    zones = [
        refer_zone(*data[:2], data[2].tolist(), threshold=0.5, allowed_missed=share, allowed_false_alarms=share)
        for share in (0.02, 0.1, 0.3, 0.6)
    ]
    assert all(a.low <= b.low and a.high >= b.high for a, b in pairwise(zones))


def test_films_of_fewer_patients_promise_less():
    # 120 films with the finding: one each of 120 patients may lose 11 (0.1 * 121 - 1), twelve each of ten only one.
    probabilities = np.concatenate([np.linspace(0.3, 0.9, 120), np.linspace(0, 0.5, 120)])
    targets = np.repeat([1.0, 0.0], 120)
    alone = refer_zone(probabilities, targets, None, threshold=0.95)
    together = refer_zone(probabilities, targets, (np.arange(240) // 12).tolist(), threshold=0.95)
    lost = [int((probabilities[:120] < zone.low).sum()) for zone in (alone, together)]
    assert lost == [11, 1]
    assert (alone.n_patients_with, together.n_patients_with) == (120, 10)


def test_a_film_at_the_edge_is_referred():
    probabilities, targets = np.concatenate([np.linspace(0, 0.4, 20), np.linspace(0.3, 1, 20)]), np.repeat([0.0, 1], 20)
    zone = refer_zone(probabilities, targets, None, threshold=0.35, allowed_missed=0.05, allowed_false_alarms=0.05)
    assert zone.low == 0.3
    assert zone.missed == 0
    above = probabilities[probabilities > 0.4].min()
    assert zone.high == pytest.approx((0.4 + above) / 2)
    assert zone.false_alarms == 0


def test_the_highest_film_of_all_still_has_a_cut_above_it():
    zone = refer_zone(np.append(np.linspace(0.1, 0.5, 20), np.full(20, 1.0)), np.repeat([1.0, 0.0], 20), None,
                      threshold=0.5, allowed_missed=0.2, allowed_false_alarms=0.2)  # fmt: skip
    assert zone.high > 1.0
    assert zone.false_alarms == 0


def test_unknown_targets_are_left_out():
    probabilities, targets, member = patients_with(np.random.default_rng(2), 100)
    masked = np.where(np.arange(len(targets)) % 3 == 0, NAN, targets)
    kept = ~np.isnan(masked)
    assert refer_zone(probabilities, masked, member.tolist(), threshold=0.5) == refer_zone(
        probabilities[kept], targets[kept], member[kept].tolist(), threshold=0.5
    )


@pytest.mark.parametrize(("n", "there"), [(8, False), (9, True)])
def test_a_promise_of_a_tenth_takes_nine_patients_of_each_kind(n, there):
    probabilities = np.linspace(0.1, 0.9, n + 20)
    for few in (1.0, 0.0):
        targets = np.where(np.arange(n + 20) < n, few, 1 - few)
        assert (refer_zone(probabilities, targets, None, threshold=0.5) is not None) == there


@pytest.mark.parametrize("targets", [np.zeros(30), np.ones(30), np.full(30, NAN)])
def test_a_missing_class_gives_no_zone(targets):
    assert refer_zone(np.linspace(0, 1, 30), targets, None, threshold=0.5) is None


def test_no_threshold_no_zone_and_wrong_shares_are_refused():
    data = np.linspace(0, 1, 40), np.tile([0.0, 1.0], 20), None
    assert refer_zone(*data, threshold=NAN) is None
    with pytest.raises(InvalidValueError, match=r"allowed_missed must lie between 0 and 1, got 1\.0"):
        refer_zone(*data, threshold=0.5, allowed_missed=1.0)
    with pytest.raises(InvalidValueError, match="allowed_false_alarms must"):
        refer_zone(*data, threshold=0.5, allowed_false_alarms=0.0)


# --- prevalence ------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_a_shift_is_bayes_theorem_and_can_be_taken_back(from_, to, values):
    p = np.array(values)
    shifted = shift_prevalence(p, from_=from_, to=to)
    factor = (to / (1 - to)) / (from_ / (1 - from_))
    np.testing.assert_allclose(shifted, p * factor / (p * factor + 1 - p), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(shift_prevalence(shifted, from_=to, to=from_), p, rtol=1e-6, atol=1e-12)


def test_shifted_probabilities_are_calibrated_where_the_finding_is_rarer():
    generator = np.random.default_rng(0)
    x = np.concatenate([generator.normal(-1, 1.5, 60_000), generator.normal(1, 1.5, 3000)])  # 4.8 % have it
    trained = expit(2 * x / 1.5**2)  # exact at a prevalence of one half
    shifted = shift_prevalence(trained, from_=0.5, to=3000 / 63_000)
    assert shifted.mean() == pytest.approx(3000 / 63_000, rel=0.05)


def test_wrong_prevalences():
    for from_, to in ((0.0, 0.5), (0.5, 1.0)):
        with pytest.raises(InvalidValueError, match="must lie between 0 and 1"):
            shift_prevalence(np.array([0.5]), from_=from_, to=to)
