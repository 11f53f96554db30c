"""What is measured beside AUROC and counts, against scikit-learn and formulas; and input that is hard to bear."""

import numpy as np
import pytest
from made_up import made_up
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    precision_score,
    roc_auc_score,
)

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.evaluation import evaluate_arrays
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.metrics import (
    bootstrap_ranks,
    calibration_error,
    count_patients,
    ece_by_chance,
    effective_units,
    exact_interval,
    logit_interval,
    net_benefit,
    predictive_values,
)
from hilum.records import Evaluation, ReferZone

NAN = float("nan")
CUT = 0.4


def zone(low=0.2, high=0.6):
    return ReferZone(
        low=low, high=high, allowed_missed=0.1, allowed_false_alarms=0.1, n_patients_with=50, n_patients_without=90,
        missed=0.1, cleared=0.5, found=0.5, false_alarms=0.1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return made_up(300, prevalence=0.25, n_patients=80)


@pytest.fixture(scope="module")
def whole(data):
    probabilities, targets, groups = data
    return evaluate_arrays(
        probabilities, targets, findings=NIH_FINDINGS, groups=groups, thresholds=dict.fromkeys(NIH_FINDINGS, CUT),
        refer={"Mass": zone()}, prevalences={"Mass": 0.02}, bootstrap=60,
        attributes={"sex": np.where(np.arange(300) % 3, "female", "male")},
    )  # fmt: skip


def test_probabilities_have_scikit_learns_numbers_and_intervals(data, whole):
    probabilities, targets, _ = data
    for place, name in enumerate(NIH_FINDINGS):
        found, p, y = whole.findings[name].calibration, probabilities[:, place], targets[:, place]
        assert found.brier.value == pytest.approx(brier_score_loss(y, p), abs=1e-12)
        assert found.nll.value == pytest.approx(log_loss(y, p), abs=1e-12)
        assert found.ece.value == pytest.approx(calibration_error(p, y), abs=1e-12)
        assert found.ece_equal_width.value == pytest.approx(calibration_error(p, y, bins="width"), abs=1e-12)
        assert found.ece_by_chance == pytest.approx(ece_by_chance(p, y))
        for part in (found.brier, found.nll, found.ece, found.ece_equal_width, found.slope, found.intercept):
            assert part.low < part.value < part.high
        curve = found.reliability
        assert sum(curve.n_images) == 300
        assert all(low <= share <= high for low, share, high in zip(curve.low, curve.observed, curve.high, strict=True))


def test_a_call_means_what_the_counts_say_here_and_what_bayes_says_elsewhere(data, whole):
    probabilities, targets, _ = data
    place = NIH_FINDINGS.index("Mass")
    called, y = probabilities[:, place] >= CUT, targets[:, place]
    point = whole.findings["Mass"].operating_point
    here, given = point.predictive
    assert point.f1.value == pytest.approx(f1_score(y, called))
    assert here.ppv.value == pytest.approx(precision_score(y, called))
    assert here.npv.value == pytest.approx(precision_score(1 - y, ~called))
    assert (here.prevalence_from, here.prevalence) == ("these films", pytest.approx(y.mean()))
    sensitivity, specificity = point.sensitivity.value, point.specificity.value
    expected = 0.02 * sensitivity / (0.02 * sensitivity + 0.98 * (1 - specificity))
    assert (given.prevalence_from, given.prevalence, given.ppv.value) == ("given", 0.02, pytest.approx(expected))
    assert given.ppv.value < here.ppv.value
    assert given.npv.value > here.npv.value
    for part in (point.f1, here.ppv, here.npv, given.ppv, given.npv):
        assert part.low < part.value < part.high
    assert len(whole.findings["Nodule"].operating_point.predictive) == 1


def test_net_benefit_is_that_of_the_formula_within_its_band(data, whole):
    probabilities, targets, _ = data
    curve = whole.findings["Effusion"].decision
    place = NIH_FINDINGS.index("Effusion")
    expected = net_benefit(probabilities[:, place], targets[:, place], np.array(curve.threshold))
    np.testing.assert_allclose(curve.model, expected.model)
    np.testing.assert_allclose(curve.everyone, expected.everyone)
    assert all(low <= value <= high for low, value, high in zip(curve.low, curve.model, curve.high, strict=True))


def test_ranks_have_every_kind_of_interval(data, whole):
    probabilities, targets, _ = data
    place = NIH_FINDINGS.index("Hernia")
    p, y = probabilities[:, place], targets[:, place]
    rank, auroc = whole.findings["Hernia"].rank, whole.findings["Hernia"].auroc
    assert rank.partial_auroc.value == pytest.approx(roc_auc_score(y, p, max_fpr=0.1))
    for part in (rank.delong, rank.clustered_delong, rank.by_image):
        assert part.value == pytest.approx(auroc.value)
        assert part.low < part.value < part.high
        assert part.high - part.low == pytest.approx(auroc.high - auroc.low, rel=0.5)
    assert [rate.held for rate in rank.sensitivity_at_specificity] == [0.8, 0.9, 0.95]
    reached = [rate.reached.value for rate in rank.sensitivity_at_specificity]
    assert reached == sorted(reached, reverse=True)
    cut = np.sort(p[y == 0])[int(np.ceil(0.9 * (y == 0).sum())) - 1]
    assert reached[1] == pytest.approx((p[y == 1] > cut).mean())


def test_a_refer_zone_is_held_against_its_promise(data, whole):
    probabilities, targets, groups = data
    place = NIH_FINDINGS.index("Mass")
    p, y = probabilities[:, place], targets[:, place]
    found = whole.findings["Mass"].refer
    assert found.referred.value == pytest.approx(((p >= 0.2) & (p < 0.6)).mean())
    assert found.missed.value == pytest.approx((p[y == 1] < 0.2).mean())
    assert found.false_alarms.value == pytest.approx((p[y == 0] >= 0.6).mean())
    assert (found.low, found.high, found.n_calibration, found.in_band) == (0.2, 0.6, 50, True)
    assert whole.findings["Nodule"].refer is None
    broken = evaluate_arrays(
        probabilities, targets, findings=NIH_FINDINGS, groups=groups, refer={"Mass": zone(0.9, 0.95)}, bootstrap=0
    )
    assert broken.findings["Mass"].refer.in_band is False


def test_micro_weighted_and_film_scores_are_scikit_learns(data, whole):
    probabilities, targets, groups = data
    assert whole.micro["auroc"].value == pytest.approx(roc_auc_score(targets, probabilities, average="micro"))
    assert whole.micro["auprc"].value == pytest.approx(average_precision_score(targets, probabilities, average="micro"))
    assert whole.weighted["auroc"].value == pytest.approx(roc_auc_score(targets, probabilities, average="weighted"))
    assert whole.film.subset_accuracy.value == pytest.approx(accuracy_score(targets, probabilities >= CUT))
    assert (whole.film.n_images, 0 < whole.film.ranking_loss.low < whole.film.ranking_loss.high) == (300, True)
    replicates = bootstrap_ranks(probabilities, targets, groups, n_replicates=60).auroc
    weighted, weights = whole.weighted["auroc"], targets.sum(axis=0) / targets.sum()
    rarer = [min(count_patients(column, groups)) for column in targets.T]
    ends = logit_interval(weighted.value, replicates @ weights, n_units=effective_units(replicates * weights, rarer))
    assert (weighted.low, weighted.high) == pytest.approx(ends)


def test_subgroups_stand_in_the_study_and_all_of_it_comes_back_from_json(whole):
    assert [group.level for group in whole.subgroups.subgroups] == ["female", "male"]
    assert Evaluation.from_json(whole.to_json()).to_json() == whole.to_json()


def test_no_finding_as_a_column_stands_apart_from_every_mean(data):
    probabilities, targets, groups = data
    nothing = (targets.sum(axis=1) == 0).astype(float)
    answers = np.column_stack([probabilities, 0.1 + 0.5 * nothing])
    findings = (*NIH_FINDINGS, NO_FINDING)
    found = evaluate_arrays(answers, np.column_stack([targets, nothing]), findings=findings, groups=groups, bootstrap=0)
    plain = evaluate_arrays(probabilities, targets, findings=NIH_FINDINGS, groups=groups, bootstrap=0)
    assert found.no_finding.auroc.value == 1
    assert tuple(found.findings) == NIH_FINDINGS
    for part in ("macro", "micro", "weighted"):
        assert getattr(found, part)["auroc"].value == getattr(plain, part)["auroc"].value
    assert found.averages == plain.averages


def test_a_wrong_prevalence_or_zone_is_refused(data):
    probabilities, targets, _ = data
    for wrong in (0, 1, -0.1, NAN):
        with pytest.raises(InvalidValueError, match="prevalence of Mass"):
            evaluate_arrays(probabilities, targets, findings=NIH_FINDINGS, prevalences={"Mass": wrong}, bootstrap=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'Mass'"):
        evaluate_arrays(probabilities, targets, findings=NIH_FINDINGS, prevalences={"Mas": 0.1}, bootstrap=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'Mass'"):
        evaluate_arrays(probabilities, targets, findings=NIH_FINDINGS, refer={"Mas": zone()}, bootstrap=0)


def answered(probabilities, targets, **options):
    findings = NIH_FINDINGS[: np.shape(probabilities)[1]]
    options = {"bootstrap": 20, **options}
    found = evaluate_arrays(np.asarray(probabilities, float), np.asarray(targets, float), findings=findings, **options)
    assert Evaluation.from_json(found.to_json()).to_json() == found.to_json()
    return found


def test_nan_and_what_is_no_probability_is_refused_by_name():
    for wrong in (NAN, 1.2, -0.1, np.inf):
        with pytest.raises(InvalidValueError, match=r"1 of 3 probabilities of Atelectasis are NaN or outside \[0, 1\]"):
            answered([[wrong], [0.2], [0.4]], [[1], [0], [0]])
    with pytest.raises(InvalidValueError, match="Mass has more than one column"):
        evaluate_arrays(np.zeros((2, 2)), np.zeros((2, 2)), findings=("Mass", "Mass"))


def test_constant_scores_are_chance_with_no_slope():
    found = answered(np.full((60, 1), 0.3), (np.arange(60) % 3 == 0)[:, None])
    finding = found.findings["Atelectasis"]
    assert finding.auroc.value == 0.5
    assert finding.auprc.value == pytest.approx(1 / 3)
    assert "same" in finding.calibration.slope.reason
    assert finding.calibration.ece.value == pytest.approx(1 / 3 - 0.3)
    assert finding.operating_point.predictive[0].ppv.reason == "no film is called present"


@pytest.mark.parametrize("present", [0, 1])
def test_one_class_is_undefined_with_a_reason_everywhere_and_nothing_is_zero(present):
    generator = np.random.default_rng(1)
    found = answered(generator.random((50, 1)), np.full((50, 1), present))
    finding = found.findings["Atelectasis"]
    detail = finding.rank
    rates = [rate.reached for rate in (*detail.sensitivity_at_specificity, *detail.specificity_at_sensitivity)]
    for part in (finding.auroc, detail.partial_auroc, detail.delong, detail.clustered_delong, detail.by_image, *rates):
        assert np.isnan([part.value, part.low, part.high]).all()
        assert part.reason.startswith("undefined: ")
    assert finding.calibration.brier.value > 0
    assert finding.calibration.slope.reason
    assert np.isnan(found.macro["auroc"].value)
    assert found.macro["auroc"].findings == ()
    assert np.isnan(found.film.ranking_loss.value)


@pytest.mark.parametrize("groups", [None, np.array([1, 1, 1]), np.array([1, 2, 3])])
def test_three_films_are_answered(groups):
    finding = answered([[0.9], [0.2], [0.4]], [[1], [0], [0]], groups=groups).findings["Atelectasis"]
    assert finding.auroc.value == 1
    assert finding.auroc.low < 1 or np.isnan(finding.auroc.low)
    assert (finding.operating_point.true_positive, finding.operating_point.true_negative) == (1, 2)
    assert answered([[0.9], [0.2], [0.4]], [[1], [0], [0]], groups=groups, bootstrap=0).findings


def test_labels_missing_for_half_count_nowhere(data):
    probabilities, targets, groups = data
    targets = targets.copy()
    targets[::2, 0] = NAN
    found = answered(probabilities, targets, groups=groups)
    half = evaluate_arrays(probabilities[1::2, :1], targets[1::2, :1], findings=NIH_FINDINGS[:1], bootstrap=0)
    mine, theirs = found.findings["Atelectasis"], half.findings["Atelectasis"]
    assert mine.auroc.n_positive + mine.auroc.n_negative == 150
    for part in ("brier", "nll", "ece", "ece_equal_width", "slope", "intercept"):
        assert getattr(mine.calibration, part).value == pytest.approx(getattr(theirs.calibration, part).value)
    np.testing.assert_allclose(mine.decision.model, theirs.decision.model)
    assert mine.operating_point.f1.value == pytest.approx(theirs.operating_point.f1.value)
    assert found.film.n_images == 150


def test_labels_missing_for_all_are_said_to_be(data):
    finding = answered(data[0][:, :1], np.full((300, 1), NAN)).findings["Atelectasis"]
    assert finding.decision is None
    assert finding.calibration.brier.reason == "no film has a known label"
    assert finding.rank.delong.reason == "undefined: no film has a known label"


def perfect(n_patients=40):
    """Two films per patient, perfectly divided at 0.5; every fourth patient has the finding."""
    groups = np.repeat(np.arange(n_patients), 2)
    targets = (groups % 4 == 0).astype(float)[:, None]
    return 0.1 + 0.8 * targets, targets, groups


def test_predictive_values_of_exactly_1_and_0_have_exact_intervals_over_patients():
    probabilities, targets, groups = perfect()
    name = NIH_FINDINGS[0]
    found = answered(probabilities, targets, groups=groups, thresholds={name: 0.5}, prevalences={name: 0.05})
    point = found.findings[name].operating_point
    here, given = point.predictive
    for part, n in ((here.ppv, 10), (here.npv, 30), (point.sensitivity, 10), (point.specificity, 30)):
        assert (part.value, part.low, part.high) == (1, *exact_interval(n, n))
    share = exact_interval(10, 10)[0]
    assert (point.f1.value, point.f1.low, point.f1.high) == (1, pytest.approx(2 * share / (1 + share)), 1)
    carried = predictive_values(point.sensitivity, point.specificity, 0.05)
    assert (given.ppv.value, given.ppv.low, given.ppv.high) == carried.ppv
    assert 0.1 < given.ppv.low < 0.5 < given.npv.low < given.npv.value == 1
    wrong = answered(1 - probabilities, targets, groups=groups, thresholds={name: 0.5}, prevalences={name: 0.05})
    here, given = wrong.findings[name].operating_point.predictive
    for part, n in ((here.ppv, 30), (here.npv, 10)):
        assert (part.value, part.low, part.high) == (0, *exact_interval(0, n))
    assert (given.ppv.value, given.ppv.low) == (0, 0)
    assert 0 < given.ppv.high < 0.1
    assert wrong.findings[name].operating_point.f1.high == pytest.approx(2 / (1 + 1 / exact_interval(0, 40)[1]))


def test_what_is_perfect_is_not_certain():
    probabilities, targets, groups = perfect()
    found = answered(probabilities, targets, groups=groups).findings[NIH_FINDINGS[0]]
    assert (found.auroc.high, 0.7 < found.auroc.low < 1) == (1, True)
    assert np.isnan(found.auprc.low)
    assert "no certainty" in found.rank.partial_auroc.reason
    for rate in (*found.rank.sensitivity_at_specificity, *found.rank.specificity_at_sensitivity):
        assert (rate.reached.value, rate.reached.low, rate.reached.high) == (1, *exact_interval(10, 10))


def test_one_patient_with_the_finding_says_hardly_anything():
    generator = np.random.default_rng(0)
    probabilities, targets = generator.random((200, 1)), np.zeros((200, 1))
    probabilities[:2], targets[:2] = 0.9, 1
    found = answered(probabilities, targets, groups=np.arange(200) // 2, bootstrap=200).findings[NIH_FINDINGS[0]]
    assert found.auroc.high - found.auroc.low > 0.5
    assert np.isnan(found.auprc.low)


def test_what_all_or_no_film_does_has_an_interval_over_patients():
    groups, targets = np.arange(60) // 2, (np.arange(60) % 4 == 0).astype(float)[:, None]
    found = evaluate_arrays(
        np.where(targets == 1, 0.9, 0.1), targets, findings=["Mass"], groups=groups, refer={"Mass": zone(0.3, 0.6)},
        bootstrap=50,
    )  # fmt: skip
    refer, curve = found.findings["Mass"].refer, found.findings["Mass"].calibration.reliability
    assert (refer.referred.value, refer.referred.high) == (0, exact_interval(0, 30)[1])
    assert (refer.missed.value, refer.missed.high) == (0, exact_interval(0, 15)[1])
    assert (refer.false_alarms.value, refer.false_alarms.high) == (0, exact_interval(0, 30)[1])
    assert (found.film.subset_accuracy.value, found.film.subset_accuracy.low) == (1, exact_interval(30, 30)[0])
    assert (curve.observed[-1], curve.low[-1]) == (1, exact_interval(15, 15)[0])
    assert (curve.observed[0], curve.high[0]) == (0, pytest.approx(exact_interval(0, 30)[1]))
    assert np.isnan(found.macro["auroc"].low)  # all of one AUROC of 1: a mean has no exact interval, and no point
    assert found.micro["auroc"].low == found.findings["Mass"].auroc.low < 1


def test_an_area_without_an_interval_says_why():
    targets, groups = np.array([1, 0, 0, 1, 0, 0.0])[:, None], np.array([0, 1, 2, 0, 3, 4])
    said = evaluate_arrays(np.linspace(0.1, 0.9, 6)[:, None], targets, findings=["Mass"], groups=groups, bootstrap=50)
    assert "one patient alone" in said.findings["Mass"].auprc.reason
    none = evaluate_arrays(np.linspace(0.1, 0.9, 6)[:, None], targets, findings=["Mass"], groups=groups, bootstrap=0)
    assert none.findings["Mass"].auroc.reason == none.findings["Mass"].auprc.reason == "no resamples were asked for"
