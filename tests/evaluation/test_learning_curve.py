"""AUROC over the number of films: the points, the law, its interval, and where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest

from hilum.errors import InvalidValueError
from hilum.evaluation import Origin, TrainedPart, measure_growth
from hilum.metrics import auroc, bootstrap_ranks, count_patients, fit_power_law, percentile_interval
from hilum.records import LearningCurve

N = 300
FINDINGS = ("Effusion", "Mass", "Hernia")
FRACTIONS = (0.125, 0.25, 0.5, 1.0)


def make_parts(strengths, *, seeds=(0, 1), targets=None, noise=0):
    rng = np.random.default_rng(noise)
    shared = rng.normal(size=targets.shape)
    return [
        TrainedPart(
            fraction=fraction,
            seed=seed,
            n_images=round(800 * fraction) + seed,
            n_patients=round(300 * fraction),
            scores=shared + 0.1 * rng.normal(size=targets.shape) + strength * targets,
            bundle_digest=f"{seed}" * 64,
        )
        for fraction, strength in zip(FRACTIONS, strengths, strict=True)
        for seed in seeds
    ]


@pytest.fixture(scope="module")
def truth():
    targets = (np.random.default_rng(9).random((N, 3)) < [0.4, 0.3, 0.0]).astype(float)
    return targets, np.arange(N) // 3


@pytest.fixture(scope="module")
def rising(truth):
    return make_parts((0.4, 0.9, 1.25, 1.5), targets=truth[0])


@pytest.fixture(scope="module")
def curve(rising, truth):
    origin = Origin(title="real-cpu on own films", phantom=True, warnings=("Own words.",))
    return measure_growth(rising[::-1], *truth, findings=FINDINGS, origin=origin, bootstrap=40, seed=2)


def test_points_are_means_over_seeds(curve, rising, truth):
    assert curve.fractions == FRACTIONS
    assert curve.n_images == (100.5, 200.5, 400.5, 800.5)
    for column, name in enumerate(FINDINGS[:2]):
        for row, point in enumerate(curve.findings[name].auroc):
            pair = [auroc(part.scores[:, column], truth[0][:, column]) for part in rising[2 * row : 2 * row + 2]]
            assert point.value == pytest.approx(np.mean(pair))
            assert point.low < point.value < point.high
    assert [(part.fraction, part.seed) for part in curve.parts] == [(f, s) for f in FRACTIONS for s in (0, 1)]
    assert curve.parts[1].auroc["Mass"] == pytest.approx(auroc(rising[1].scores[:, 1], truth[0][:, 1]))


def test_the_law_is_fitted_to_the_points(curve):
    for found in (*(curve.findings[name] for name in FINDINGS[:2]), curve.mean):
        law = fit_power_law(np.array(curve.n_images), np.array([point.value for point in found.auroc]))
        assert found.law.doubling.value == pytest.approx(law.gain())
        assert found.law.ceiling.value == pytest.approx(law.ceiling)
        assert 0 <= found.law.doubling.low <= found.law.doubling.value <= found.law.doubling.high
        assert found.law.value == pytest.approx(law.at(np.array(found.law.n_images)))
        assert found.law.n_images[-1] == pytest.approx(4 * curve.n_images[-1])


def test_with_one_seed_intervals_are_those_of_patients_alone(truth):
    parts = make_parts((0.4, 0.9, 1.25, 1.5), seeds=(5,), targets=truth[0])
    curve = measure_growth(parts, *truth, findings=FINDINGS, bootstrap=30, seed=1)
    spread = bootstrap_ranks(parts[2].scores, *truth, n_replicates=30, seed=1).auroc
    rarer = min(count_patients(truth[0][:, 0], truth[1]))
    low, high = percentile_interval(spread[:, 0], n_units=rarer)
    assert (curve.findings["Effusion"].auroc[2].low, curve.findings["Effusion"].auroc[2].high) == pytest.approx(
        (float(low), float(high))
    )
    assert any(warning.startswith("One seed alone") for warning in curve.warnings)
    assert "the one seed" in curve.pedigree.intervals


@pytest.mark.slow
def test_seeds_that_differ_widen_the_interval(truth):
    parts = make_parts((0.4, 0.9, 1.25, 1.5), targets=truth[0])
    apart = [
        TrainedPart(part.fraction, part.seed, part.n_images, part.n_patients, part.scores + 0.8 * part.seed * truth[0])
        for part in parts
    ]
    width = {
        name: (lambda point: point.high - point.low)(
            measure_growth(some, *truth, findings=FINDINGS, bootstrap=60).findings["Mass"].auroc[0]
        )
        for name, some in (("alike", parts), ("apart", apart))
    }
    assert width["apart"] > 1.3 * width["alike"]


def test_an_undefined_finding_has_no_law_and_stays_out_of_the_mean(curve):
    hernia = curve.findings["Hernia"]
    assert all(math.isnan(point.value) for point in hernia.auroc)
    assert "at least 3 sizes" in hernia.law.doubling.reason
    assert curve.mean_findings == ("Effusion", "Mass")
    assert curve.mean.auroc[0].value == pytest.approx(
        np.mean([curve.findings[name].auroc[0].value for name in ("Effusion", "Mass")])
    )
    assert "The mean goes over 2 of 3 findings: the others are undefined on validation." in curve.warnings
    assert any("Hernia (0)" in warning for warning in curve.warnings)


def test_the_sentence_says_what_doubling_brings(curve):
    gain = curve.mean.law.doubling
    assert curve.sentence == (
        f"Doubling your 800 training films would bring about {gain.value:+.3f} ({gain.low:.3f} to {gain.high:.3f}) of "
        "mean AUROC over 2 findings."
    )


def test_a_falling_curve_has_no_law(truth):
    parts = make_parts((1.5, 1.2, 0.9, 0.4), targets=truth[0])
    curve = measure_growth(parts, *truth, findings=FINDINGS, bootstrap=5)
    assert math.isnan(curve.mean.law.doubling.value)
    assert curve.sentence == "What more films would bring cannot be said: it does not rise with the number of films."
    assert curve.mean.law.n_images == ()


def test_a_curve_that_rises_by_chance_says_how_often(truth):
    """Where hardly half of the resamples rise, only the gain has an interval, which begins at 0."""
    parts = make_parts((0.8, 0.8, 0.8, 0.8), targets=truth[0], noise=3)
    curve = measure_growth(parts, *truth, findings=FINDINGS, bootstrap=40)
    laws = [found.law for found in (*curve.findings.values(), curve.mean) if math.isfinite(found.law.doubling.value)]
    assert laws
    assert all(law.doubling.low == 0 for law in laws)
    for law in laws:
        assert math.isnan(law.ceiling.low) == bool(law.ceiling.reason)


def test_without_resamples_there_are_points_and_a_law(rising, truth):
    curve = measure_growth(rising, *truth, findings=FINDINGS, bootstrap=0)
    assert math.isnan(curve.mean.auroc[0].low)
    assert math.isnan(curve.mean.law.doubling.low)
    assert math.isfinite(curve.mean.law.doubling.value)
    assert not curve.mean.law.ceiling.reason
    assert "(" not in curve.sentence
    assert curve.pedigree.intervals == "none"


def test_it_is_a_record_that_reads_back(curve):
    assert LearningCurve.from_json(curve.to_json()).to_json() == curve.to_json()
    assert curve.phantom
    assert curve.warnings[0].startswith("The films are phantoms")
    assert curve.warnings[-1] == "Own words."


def test_the_same_seed_gives_the_same_curve(curve, rising, truth):
    again = measure_growth(rising, *truth, findings=FINDINGS, bootstrap=40, seed=2)
    assert again.mean.to_json() == curve.mean.to_json()


def test_no_part_or_a_missing_one_is_refused(rising, truth):
    with pytest.raises(InvalidValueError, match="at least one trained part"):
        measure_growth([], *truth, findings=FINDINGS)
    with pytest.raises(InvalidValueError, match=r"expected 8 parts, got 7, without fraction 0.125 of seed 0"):
        measure_growth(rising[1:], *truth, findings=FINDINGS)
    with pytest.raises(InvalidValueError, match="expected 8 parts, got 9"):
        measure_growth([*rising, rising[0]], *truth, findings=FINDINGS)


def test_a_part_that_is_not_all_is_not_called_all(truth, rising):
    half = [part for part in rising if part.fraction < 1]
    sentence = measure_growth(half, *truth, findings=FINDINGS, bootstrap=0).sentence
    assert sentence.startswith("Doubling 400 of your training films (50 %) would bring about +0.")


def test_parts_that_were_cut_short_are_counted(truth, rising, curve):
    short = [replace(part, cut_short=part.fraction < 0.3) for part in rising]
    said = measure_growth(short, *truth, findings=FINDINGS, bootstrap=0).warnings
    assert any(warning.startswith("4 of 8 parts were best in their last epoch") for warning in said)
    assert not any("last epoch" in warning for warning in curve.warnings)
