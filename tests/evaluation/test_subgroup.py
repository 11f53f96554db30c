import numpy as np
import pytest

from hilum.errors import InvalidValueError
from hilum.evaluation import evaluate_subgroups
from hilum.evaluation.subgroup import SMALLEST
from hilum.findings import NO_FINDING
from hilum.metrics import auroc, calibration_error, draw_patients
from hilum.records import SubgroupStudy

NAN = float("nan")
FINDINGS = ("Effusion", "Mass", NO_FINDING)
CUTS = {"Effusion": 0.4, "Mass": 0.5, NO_FINDING: 0.5}


def films(n=600, seed=0, shift=0.0):
    """Effusion is seen less well on men the larger ``shift``; patients have three films each."""
    rng = np.random.default_rng(seed)
    groups = np.arange(n) // 3
    sex = np.where(rng.random(n // 3 + 1) < 0.5, "male", "female")[groups]
    view = np.array(["AP", "PA"])[rng.integers(0, 2, n)]
    targets = (rng.random((n, 2)) < 0.3).astype(float)
    strength = np.where(sex == "male", 2.0 - shift, 2.0)[:, None]
    probabilities = 1 / (1 + np.exp(-rng.normal(size=(n, 2)) - strength * (targets - 0.5)))
    no_finding = (targets.sum(axis=1) == 0).astype(float)
    return (
        np.column_stack([probabilities, np.prod(1 - probabilities, axis=1)]),
        np.column_stack([targets, no_finding]),
        groups,
        {"sex": sex, "view": view},
    )


def study(probabilities, targets, groups, attributes, **settings):
    options = {"thresholds": CUTS, "bootstrap": 60, "seed": 1, "findings": FINDINGS} | settings
    return evaluate_subgroups(probabilities, targets, groups=groups, attributes=attributes, **options)


def test_numbers_are_those_of_the_films_of_a_level():
    probabilities, targets, groups, attributes = films()
    made = study(probabilities, targets, groups, attributes)
    assert [(part.attribute, part.level) for part in made.subgroups] == [
        ("sex", "female"), ("sex", "male"), ("view", "AP"), ("view", "PA"), ("sex x view", "female, AP"),
        ("sex x view", "female, PA"), ("sex x view", "male, AP"), ("sex x view", "male, PA")]  # fmt: skip
    men = attributes["sex"] == "male"
    part, finding = made.subgroups[1], made.subgroups[1].findings["Effusion"]
    assert (part.n_images, part.n_patients) == (men.sum(), len(set(groups[men])))
    score, target = probabilities[:, 0], targets[:, 0]
    here, there = auroc(score[men], target[men]), auroc(score[~men], target[~men])
    assert finding.auroc.value == pytest.approx(here, abs=1e-12)
    assert finding.auroc_gap.value == pytest.approx(here - there, abs=1e-12)
    assert finding.auroc.low < here < finding.auroc.high
    called = score >= CUTS["Effusion"]
    rates = [called[men & (target == kind)].mean() for kind in (1, 0)]
    gaps = [rate - called[~men & (target == kind)].mean() for rate, kind in zip(rates, (1, 0), strict=True)]
    assert [finding.true_positive_rate.value, finding.false_positive_rate.value] == pytest.approx(rates)
    assert [finding.true_positive_gap.value, finding.false_positive_gap.value] == pytest.approx(gaps)
    assert finding.ece.value == pytest.approx(calibration_error(score[men], target[men]))
    assert finding.ece.low < finding.ece.value < finding.ece.high
    assert (finding.n_positive, finding.n_negative) == ((target[men] == 1).sum(), (target[men] == 0).sum())


def test_under_diagnosed_are_films_with_a_finding_that_are_called_no_finding():
    probabilities, targets, groups, attributes = films()
    part = study(probabilities, targets, groups, attributes).subgroups[0]
    ill = targets[:, :2].any(axis=1)
    called_well, women = probabilities[:, 2] >= CUTS[NO_FINDING], attributes["sex"] == "female"
    here = called_well[ill & women].mean()
    assert part.under_diagnosis.value == pytest.approx(here)
    assert part.under_diagnosis_gap.value == pytest.approx(here - called_well[ill & ~women].mean())
    alone = study(probabilities[:, :2], targets[:, :2], groups, attributes, findings=FINDINGS[:2]).subgroups[0]
    assert np.isnan(alone.under_diagnosis.value)
    assert "neither answered nor" in alone.under_diagnosis.reason


def test_means_leave_no_finding_out_and_are_over_the_same_on_both_sides():
    probabilities, targets, groups, attributes = films()
    targets[attributes["sex"] == "female", 1] = 0  # Mass cannot be measured on women, so no gap for men either
    women, men = study(probabilities, targets, groups, attributes).subgroups[:2]
    assert women.mean_over == men.mean_over == ("Effusion",)
    assert men.mean_auroc == men.findings["Effusion"].auroc
    assert men.mean_gap == men.findings["Effusion"].auroc_gap
    mass = men.findings["Mass"]
    assert np.isfinite(mass.auroc.value)
    assert mass.auroc_gap.reason == "0 films with the finding elsewhere, 10 are needed"
    assert mass.false_positive_gap.reason == ""
    both = study(*films()[:3], attributes).subgroups[1]
    aurocs = [both.findings[name].auroc.value for name in FINDINGS[:2]]
    assert both.mean_auroc.value == pytest.approx(np.mean(aurocs))


def test_both_sides_are_on_the_same_resamples():
    probabilities, targets, groups, attributes = films()
    men, draws = attributes["sex"] == "male", draw_patients(groups, n_replicates=60, seed=1)
    gaps = []
    for draw in range(60):
        weights = draws.blocks[0][draws.member, draw]
        sides = [auroc(probabilities[s, 0], targets[s, 0], weights=weights[s]) for s in (men, ~men)]
        gaps.append(sides[0] - sides[1])
    gap = study(probabilities, targets, groups, attributes).subgroups[1].findings["Effusion"].auroc_gap
    # no further out than patients of the rarer side and kind explain
    assert np.quantile(gaps, [0.01, 0.99])[0] < gap.low < np.quantile(gaps, 0.025)
    assert np.quantile(gaps, 0.975) < gap.high < np.quantile(gaps, 0.99)


def test_films_are_ordered_by_scores_and_called_each_at_its_own_threshold():
    probabilities, targets, groups, attributes = films()
    squeezed, cuts, fold = probabilities.copy(), {}, groups % 2
    squeezed[fold == 1] /= 4  # a fold with a map of its own: no common order, no common threshold
    for name, cut in CUTS.items():
        cuts[name] = np.where(fold == 1, cut / 4, cut)
    plain = study(probabilities, targets, groups, attributes)
    mixed = study(squeezed, targets, groups, attributes, thresholds=cuts, scores=probabilities)
    for one, other in zip(plain.subgroups, mixed.subgroups, strict=True):
        assert one.mean_auroc == other.mean_auroc
        assert one.under_diagnosis_gap == other.under_diagnosis_gap
        for name in FINDINGS:
            for part in ("auroc", "auroc_gap", "true_positive_rate", "true_positive_gap", "false_positive_rate"):
                assert getattr(one.findings[name], part) == getattr(other.findings[name], part)
            assert one.findings[name].ece != other.findings[name].ece


def test_a_gap_to_a_rate_of_one_is_no_surer_than_that_rate():
    groups, level = np.arange(400), np.repeat(["few", "many"], [40, 360])
    targets = (np.arange(400) % 2 == 0).astype(float)[:, None]
    probabilities = np.where(targets == 1, 0.9, 0.1)
    probabilities[level == "many"] = np.where(np.arange(360)[:, None] % 9 == 0, 0.1, probabilities[level == "many"])
    few = study(probabilities, targets, groups, {"source": level}, findings=("Mass",)).subgroups[0].findings["Mass"]
    rate, gap = few.true_positive_rate, few.true_positive_gap
    assert (rate.value, rate.low) == (1, pytest.approx(0.025 ** (1 / 20)))
    assert gap.value == pytest.approx(1 / 9)
    assert gap.low < 0 < gap.high  # 20 of 20 do not show that it is more than 160 of 180


def test_a_gap_that_is_there_is_seen():
    sure = study(*films(1500, shift=1.5)).subgroups[1]
    assert sure.findings["Effusion"].auroc_gap.high < 0
    assert sure.mean_gap.high < 0


def test_few_films_give_no_number_but_a_reason():
    probabilities, targets, groups, _ = films(60)
    level = np.array(["rare"] * (SMALLEST - 1) + ["often"] * (60 - SMALLEST + 1))
    targets[:, 0] = np.arange(60) % 2
    rare = study(probabilities, targets, groups, {"source": level}).subgroups[1]
    assert (rare.level, rare.n_images) == ("rare", SMALLEST - 1)
    finding = rare.findings["Effusion"]
    for estimate in (finding.auroc, finding.true_positive_rate, finding.auroc_gap, rare.mean_auroc, finding.ece):
        assert np.isnan([estimate.value, estimate.low, estimate.high]).all()
    assert finding.auroc.reason == "4 films with the finding here, 10 are needed"
    assert finding.false_positive_rate.reason == "5 films without the finding here, 10 are needed"
    assert finding.ece.reason == "9 films with a known label here, 100 are needed"
    assert rare.mean_auroc.reason.startswith("no finding has 10 films with and 10 without it")


def test_unknown_levels_are_counted_and_in_no_subgroup():
    probabilities, targets, groups, attributes = films()
    sex = attributes["sex"].copy()
    sex[:100] = ""
    made = study(probabilities, targets, groups, {"sex": sex})
    known = study(probabilities[100:], targets[100:], groups[100:], {"sex": sex[100:]})
    assert made.unknown == {"sex": 100}
    for with_unknown, without in zip(made.subgroups, known.subgroups, strict=True):
        assert with_unknown.n_images == without.n_images
        assert with_unknown.mean_gap.value == pytest.approx(without.mean_gap.value)


def test_an_attribute_that_divides_nothing_or_too_much_is_left_out_and_said():
    probabilities, targets, groups, attributes = films()
    odd = {"sex": ["female"] * 600, "source": [""] * 600, "scanner": [f"s{n % 41}" for n in range(600)]}
    made = study(probabilities, targets, groups, odd | {"view": attributes["view"]})
    assert {part.attribute for part in made.subgroups} == {"view"}
    for words in (
        "Sex was not looked at: every film with a known value is female.",
        "Source was not looked at: no film has a known value.",
        "Scanner was not looked at: it has 41 levels",
        "about five",
    ):
        assert words in made.note
    nothing = study(probabilities, targets, groups, {})
    assert (nothing.subgroups, nothing.note, nothing.unknown) == ((), "", {})


def test_a_crossing_without_films_is_no_subgroup():
    probabilities, targets, groups, attributes = films()
    view = np.where(attributes["sex"] == "male", "AP", attributes["view"])
    made = study(probabilities, targets, groups, attributes | {"view": view})
    crossed = [part for part in made.subgroups if part.attribute == "sex x view"]
    assert [part.level for part in crossed] == ["female, AP", "female, PA", "male, AP"]
    assert sum(part.n_images for part in crossed) == 600


def test_a_perfect_model_gets_no_interval_of_no_width():
    _, targets, groups, attributes = films()
    part = study(targets * 0.8 + 0.1, targets, groups, attributes).subgroups[0]
    finding = part.findings["Effusion"]
    assert finding.auroc.value == part.mean_auroc.value == 1
    assert 0.9 < finding.auroc.low < finding.auroc.high == 1
    assert finding.auroc_gap.low < finding.auroc_gap.value == 0 < finding.auroc_gap.high
    assert np.isnan([part.mean_auroc.low, part.mean_auroc.high]).all()
    assert "every resample of these patients gives the same" in part.mean_auroc.reason


def test_without_resamples_thresholds_or_patients():
    probabilities, targets, _, attributes = films()
    part = study(probabilities, targets, None, attributes, bootstrap=0, thresholds={"Mass": NAN}).subgroups[0]
    assert part.n_patients == part.n_images
    finding = part.findings["Effusion"]
    assert np.isfinite(finding.auroc.value)
    assert np.isnan(finding.auroc.low)
    assert finding.auroc.reason == finding.ece.reason == "no resamples were asked for"
    for name in FINDINGS:
        assert part.findings[name].true_positive_rate.reason == "there is no threshold to call it from"


def test_a_study_goes_to_json_and_back():
    made = study(*films(90))
    again = SubgroupStudy.from_json(made.to_json())
    assert again.to_json() == made.to_json()


def test_errors_name_what_is_wrong():
    probabilities, targets, groups, attributes = films()
    with pytest.raises(InvalidValueError, match="3 columns, one per finding"):
        study(probabilities[:, :2], targets, groups, attributes)
    with pytest.raises(InvalidValueError, match=r"groups have shape \(599,\)"):
        study(probabilities, targets, groups[1:], attributes)
    with pytest.raises(InvalidValueError, match="attribute sex has shape"):
        study(probabilities, targets, groups, {"sex": ["male"]})
    with pytest.raises(InvalidValueError, match="are NaN"):
        study(probabilities * NAN, targets, groups, attributes)


@pytest.mark.slow
def test_a_large_study_takes_seconds():
    import time

    rng = np.random.default_rng(0)
    n = 22_433
    targets = (rng.random((n, 14)) < 0.06).astype(float)
    probabilities = 1 / (1 + np.exp(-rng.normal(size=(n, 14)) - 2 * targets + 3))
    levels = {"sex": 2, "age": 5, "view": 2, "sharpness": 4, "noise": 4}
    attributes = {name: rng.integers(0, k, n).astype(str) for name, k in levels.items()}
    began = time.process_time()
    made = evaluate_subgroups(
        probabilities, targets, findings=[f"f{i}" for i in range(14)], groups=rng.integers(0, 6000, n), thresholds={},
        attributes=attributes,
    )  # fmt: skip
    assert len(made.subgroups) == 31
    assert time.process_time() - began < 25


def test_ten_films_of_a_kind_are_enough_and_nine_of_either_are_not():
    probabilities, targets, groups, _ = films(100)
    level = np.repeat(["a", "b"], 50)
    for n_positive, given in ((9, False), (10, True), (40, True), (41, False)):
        targets[:50, 0] = np.arange(50) < n_positive
        finding = study(probabilities, targets, groups, {"source": level}).subgroups[0].findings["Effusion"]
        assert np.isfinite(finding.auroc.value) == np.isfinite(finding.auroc_gap.value) == given


def test_an_ece_lies_in_its_interval_where_chance_alone_is_behind_it():
    _, _, groups, attributes = films()
    rng = np.random.default_rng(0)
    probabilities = rng.random((600, 3))
    targets = (rng.random((600, 3)) < probabilities).astype(float)
    for part in study(probabilities, targets, groups, attributes).subgroups:
        for finding in part.findings.values():
            assert 0 <= finding.ece.low < finding.ece.value < finding.ece.high


def test_a_thousand_resamples_are_the_most_and_said(monkeypatch):
    monkeypatch.setattr("hilum.evaluation.subgroup._MOST_RESAMPLES", 30)
    made, enough = study(*films(), bootstrap=31), study(*films(), bootstrap=30)
    assert made.subgroups == enough.subgroups
    assert made.note == enough.note + " Intervals of subgroups are from 30 resamples."
