"""What films give a finding: calibration, threshold, refer zone, and reasons where they give none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve

from hilum.calibration import (
    CALIBRATORS,
    THRESHOLD_RULES,
    CalibrationSection,
    calibrate,
    call,
    call_share,
    choose_threshold,
    fit_rules,
    no_finding_rule,
)
from hilum.config import build
from hilum.errors import ConfigError, InvalidValueError, UnknownNameError
from hilum.evaluation import evaluate_arrays
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.records import BundleSpec, FindingRule, InputRules, Interval, PlattMap, ReferZone

NAN = float("nan")


def rule_of(**values):
    given_ = {"threshold": 0.5, "sensitivity": Interval(), "specificity": Interval(), "n_positive": 1, "n_negative": 1}
    return FindingRule(**{**given_, **values})


def spec_of(**numbers):
    rules = {
        name: rule_of(calibration=PlattMap(slope=slope, intercept=intercept))
        for name, (slope, intercept) in numbers.items()
    }
    return BundleSpec(
        findings=rules, input=InputRules(size_px=8, mean=(0.5,), std=(0.2,)), model={}, recipe={}, manifest_digest="",
        split_digest="", training_patients=(), licence="MIT", versions={},
    )  # fmt: skip


def some(n=4000, *, slope=0.6, intercept=-1.0, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, n)
    targets = (rng.random(n) < expit(slope * logits + intercept)).astype(float)
    return logits[:, None], targets[:, None]


def rules_of(logits, targets, names=("Effusion",), **section):
    return fit_rules(logits, targets, None, findings=names, section=CalibrationSection(**section))


def test_every_finding_has_its_own_slope_and_intercept():
    logits = np.random.default_rng(0).normal(size=(7, 2)) * 4
    spec = spec_of(Mass=(0.5, -1.0), Nodule=(2.0, 0.25))
    expected = expit(logits * [0.5, 2.0] + [-1.0, 0.25])
    np.testing.assert_allclose(calibrate(spec, logits), expected, rtol=1e-12)
    np.testing.assert_array_equal(calibrate(spec.findings, logits), calibrate(spec, logits))


def test_no_film_gives_no_probability():
    assert calibrate(spec_of(Mass=(1, 0), Nodule=(1, 0)), np.empty((0, 2))).shape == (0, 2)


def test_logits_of_another_number_of_findings_are_refused():
    with pytest.raises(InvalidValueError, match=r"shape \(3, 2\): expected \(image, 1\)"):
        calibrate(spec_of(Mass=(1, 0)), np.zeros((3, 2)))
    with pytest.raises(InvalidValueError, match=r"expected both \(image, 1\)"):
        rules_of(np.zeros((3, 2)), np.zeros((3, 2)))


def test_calibration_is_a_logistic_regression_on_the_logit():
    logits, targets = some()
    rule = rules_of(logits, targets)["Effusion"]
    fit = LogisticRegression(C=np.inf, tol=1e-10).fit(logits, targets[:, 0])
    assert rule.calibration.slope == pytest.approx(fit.coef_[0, 0], abs=0.01)
    assert rule.calibration.intercept == pytest.approx(fit.intercept_[0], abs=0.01)
    assert (rule.reason, rule.threshold_rule, rule.n_patients) == ("", "youden", 0)


def test_the_threshold_is_youdens_and_its_shares_are_those_of_validation():
    logits, targets = some()
    rule = rules_of(logits, targets)["Effusion"]
    probabilities = calibrate({"Effusion": rule}, logits)[:, 0]
    false_share, true_share, _ = roc_curve(targets[:, 0], probabilities)
    called = probabilities >= rule.threshold
    sensitivity, specificity = called[targets[:, 0] == 1].mean(), (~called)[targets[:, 0] == 0].mean()
    assert sensitivity + specificity - 1 == pytest.approx((true_share - false_share).max(), abs=1e-12)
    assert (rule.sensitivity.value, rule.specificity.value) == (pytest.approx(sensitivity), pytest.approx(specificity))
    assert rule.sensitivity.low < sensitivity < rule.sensitivity.high
    assert (rule.n_positive, rule.n_negative) == (targets.sum(), len(targets) - targets.sum())
    assert rule.prevalence == pytest.approx(targets.mean())


@pytest.mark.parametrize("method", CALIBRATORS)
@pytest.mark.parametrize("threshold", THRESHOLD_RULES)
def test_the_section_says_how(method, threshold):
    logits, targets = some(600)
    settings_ = {"beta": 2.0, "sensitivity": 0.7, "cost_ratio": 3.0}
    rule = rules_of(logits, targets, method=method, threshold=threshold, **settings_)["Effusion"]
    assert (rule.calibration.method, rule.threshold_rule) == (method, threshold)
    probabilities = calibrate({"Effusion": rule}, logits)[:, 0]
    assert rule.threshold == choose_threshold(probabilities, targets[:, 0], rule=threshold, **settings_)


def test_the_zone_is_of_the_probabilities_and_counts_patients():
    logits, targets = some(900)
    patients = (np.arange(900) // 3).tolist()
    rule = fit_rules(logits, targets, patients, findings=("Effusion",))["Effusion"]
    zone = rule.refer
    probabilities, present = calibrate({"Effusion": rule}, logits)[:, 0], targets[:, 0] == 1
    assert zone.low <= rule.threshold <= zone.high
    assert (zone.missed, zone.found) == ((probabilities[present] < zone.low).mean(),
                                         (probabilities[present] >= zone.high).mean())  # fmt: skip
    assert (zone.cleared, zone.false_alarms) == ((probabilities[~present] < zone.low).mean(),
                                                 (probabilities[~present] >= zone.high).mean())  # fmt: skip
    assert rule.n_patients == 300
    assert zone.n_patients_with == len({p for p, there in zip(patients, present, strict=True) if there})


def test_too_few_patients_give_no_zone_and_the_reason():
    logits, targets = some(300)
    patients = (np.arange(300) // 40).tolist()
    rule = fit_rules(logits, targets, patients, findings=("Effusion",))["Effusion"]
    assert rule.refer is None
    assert rule.reason == "no refer zone: it takes 9 patients with the finding and 9 without it"
    assert call(0.0, rule) == "absent"


def test_unknown_targets_are_left_out():
    logits, targets = some(300)
    unknown = targets.copy()
    unknown[::3] = np.nan
    kept = ~np.isnan(unknown[:, 0])
    found, expected = rules_of(logits, unknown)["Effusion"], rules_of(logits[kept], targets[kept])["Effusion"]
    for rate in ("sensitivity", "specificity"):  # the ends differ by what other resamples draw
        assert getattr(found, rate).value == getattr(expected, rate).value
        assert getattr(found, rate).low == pytest.approx(getattr(expected, rate).low, abs=0.02)
    rates = {"sensitivity": Interval(), "specificity": Interval()}
    assert found.model_copy(update=rates) == expected.model_copy(update=rates)


@pytest.mark.parametrize(("side", "counts"), [(0.0, (0, 30)), (1.0, (30, 0)), (np.nan, (0, 0))])
def test_a_finding_with_one_side_gets_no_threshold_and_the_reason(side, counts):
    logits = np.random.default_rng(0).normal(size=(30, 1))
    rule = rules_of(logits, np.full((30, 1), side))["Effusion"]
    assert np.isnan([rule.threshold, rule.sensitivity.value, rule.specificity.value]).all()
    assert (rule.calibration, rule.refer) == (PlattMap(), None)
    assert (rule.n_positive, rule.n_negative) == counts
    assert rule.reason == f"not calibrated: {counts[0]} films with the finding, {counts[1]} without it"
    assert np.isnan(rule.prevalence) == (sum(counts) == 0)


def test_findings_keep_their_columns():
    logits, targets = some(200)
    rules = rules_of(np.hstack([logits, -logits]), np.hstack([targets, targets]), ("Effusion", "Mass"))
    assert list(rules) == ["Effusion", "Mass"]
    assert rules["Effusion"].calibration.slope > 0.3
    assert "no better than chance" in rules["Mass"].reason


def fourteen(n=600, seed=4):
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, 14)) < 0.05).astype(float)
    return rng.normal(0, 1, (n, 14)) + 2 * targets - 3, targets


def test_no_finding_gets_a_threshold_on_the_product_of_what_is_left():
    logits, targets = fourteen()
    rules = rules_of(logits, targets, NIH_FINDINGS)
    rule = no_finding_rule(logits, targets, rules)
    product = (1 - calibrate(rules, logits)).prod(axis=1)
    nothing = targets.sum(axis=1) == 0
    false_share, true_share, _ = roc_curve(nothing, product)
    called = product >= rule.threshold
    assert called[nothing].mean() + (~called)[~nothing].mean() - 1 == pytest.approx((true_share - false_share).max())
    assert (rule.n_positive, rule.n_negative) == (nothing.sum(), (~nothing).sum())
    assert (rule.calibration, rule.refer, rule.reason) == (PlattMap(), None, "")


def test_no_finding_is_not_derived_where_it_is_trained_or_findings_are_missing():
    logits, targets = fourteen(60)
    thirteen = rules_of(logits[:, :13], targets[:, :13], NIH_FINDINGS[:13])
    assert no_finding_rule(logits[:, :13], targets[:, :13], thirteen) is None
    nothing = 1.0 - targets.any(axis=1)
    asked = np.column_stack([4 * nothing - 2, logits]), np.column_stack([nothing, targets])
    assert no_finding_rule(*asked, rules_of(*asked, (NO_FINDING, *NIH_FINDINGS))) is None


def test_no_finding_without_a_threshold_says_why():
    logits, targets = fourteen(60)
    targets[:, 0] = 1
    rule = no_finding_rule(logits, targets, rules_of(logits, targets, NIH_FINDINGS))
    assert np.isnan(rule.threshold)
    assert rule.reason == "0 films without any finding, 60 with one"


def test_films_of_which_nothing_is_known_do_not_count_for_no_finding():
    logits, targets = fourteen()
    nothing = targets.sum(axis=1) == 0
    targets[np.flatnonzero(nothing)[:50], 3] = np.nan
    rule = no_finding_rule(logits, targets, rules_of(logits, targets, NIH_FINDINGS))
    assert (rule.n_positive, rule.n_negative) == (nothing.sum() - 50, (~nothing).sum())


def zone_of(low, high):
    return ReferZone(
        low=low, high=high, allowed_missed=0.1, allowed_false_alarms=0.1, n_patients_with=9, n_patients_without=9,
        missed=0.1, cleared=0.5, found=0.6, false_alarms=0.1,
    )  # fmt: skip


@settings(max_examples=50)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_calls_never_fall_with_the_probability(low, threshold, high, probability):
    low, threshold, high = sorted((low, threshold, high))
    rule = rule_of(threshold=threshold, refer=zone_of(low, high))
    order = ["absent", "refer", "present"]
    ranks = [order.index(call(p, rule)) for p in sorted((0.0, probability, threshold, 1.0))]
    assert ranks == sorted(ranks)
    assert call(threshold, rule) in {"refer", "present"}


def test_calls_at_the_edges():
    rule = rule_of(threshold=0.4, refer=zone_of(0.2, 0.7))
    assert [call(p, rule) for p in (0.19, 0.2, 0.69, 0.7)] == ["absent", "refer", "refer", "present"]
    assert [call(p, rule_of(threshold=0.4)) for p in (0.39, 0.4)] == ["absent", "present"]
    assert call(0.5, rule_of(threshold=NAN)) is None
    assert call(NAN, rule) is None


@settings(max_examples=50)
@given(st.floats(0.01, 0.99))
def test_what_calls_mean_adds_up_to_the_prevalence(prevalence):
    rule = rule_of(threshold=0.4, refer=zone_of(0.2, 0.7))
    parts = {"present": (0.6, 0.1), "refer": (0.3, 0.4), "absent": (0.1, 0.5)}
    total = 0.0
    for made, (of_with, of_without) in parts.items():
        share = of_with * prevalence + of_without * (1 - prevalence)
        total += share * call_share(made, rule, prevalence=prevalence)
    assert total == pytest.approx(prevalence)


def test_what_a_call_means_without_a_zone_and_where_it_cannot_be_said():
    rule = rule_of(sensitivity=Interval(value=0.8), specificity=Interval(value=0.9))
    assert call_share("present", rule, prevalence=0.1) == pytest.approx(0.08 / (0.08 + 0.09))
    assert call_share("absent", rule, prevalence=0.1) == pytest.approx(0.02 / (0.02 + 0.81))
    for made, prevalence in ((None, 0.5), ("present", NAN)):
        assert np.isnan(call_share(made, rule, prevalence=prevalence))
    assert np.isnan(call_share("present", rule_of(), prevalence=0.5))
    blind = rule_of(sensitivity=Interval(value=0.0), specificity=Interval(value=1.0))
    assert np.isnan(call_share("present", blind, prevalence=0.5))
    with pytest.raises(InvalidValueError, match="prevalence must lie between 0 and 1, got 5"):
        call_share("present", rule, prevalence=5)


def test_a_section_refuses_what_it_does_not_know_before_training():
    with pytest.raises(UnknownNameError, match="unknown calibration method 'plat'"):
        build(CalibrationSection, {"method": "plat"})
    with pytest.raises(UnknownNameError, match="unknown threshold rule 'f1'"):
        build(CalibrationSection, {"threshold": "f1"})
    with pytest.raises(ConfigError, match="allowed_missed"):
        build(CalibrationSection, {"allowed_missed": 1.0})


def test_rates_have_the_interval_of_an_evaluation_over_patients_not_over_films():
    generator = np.random.default_rng(5)
    of_patient = generator.integers(0, 2, 60).astype(float)
    logits = (2 * of_patient - 1 + generator.normal(0, 1.5, 60)).repeat(10)[:, None]
    targets, patients = of_patient.repeat(10)[:, None], np.arange(60).repeat(10)
    rule = fit_rules(logits, targets, patients.tolist(), findings=("Effusion",))["Effusion"]
    probabilities = calibrate({"Effusion": rule}, logits)
    found = evaluate_arrays(
        probabilities, targets, findings=("Effusion",), groups=patients, thresholds={"Effusion": rule.threshold}
    )
    assert (rule.sensitivity, rule.specificity) == (
        found.findings["Effusion"].operating_point.sensitivity,
        found.findings["Effusion"].operating_point.specificity,
    )
    by_film = rules_of(logits, targets)["Effusion"]
    assert rule.sensitivity.high - rule.sensitivity.low > 2 * (by_film.sensitivity.high - by_film.sensitivity.low)
