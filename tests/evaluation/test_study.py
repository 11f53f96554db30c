import numpy as np
import pytest
from made_up import made_up
from sklearn.metrics import classification_report, confusion_matrix, roc_auc_score

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.evaluation import Origin, evaluate_arrays
from hilum.findings import ANCESTOR_FINDINGS, NIH_FINDINGS, NO_FINDING
from hilum.metrics import (
    bootstrap_ranks,
    count_patients,
    derive_no_finding,
    effective_units,
    exact_interval,
    logit_interval,
)
from hilum.records import Evaluation

NAN = float("nan")


def study(probabilities, targets, groups=None, findings=NIH_FINDINGS, bootstrap=40, **options):
    return evaluate_arrays(probabilities, targets, findings=findings, groups=groups, bootstrap=bootstrap, **options)


@pytest.fixture(scope="module")
def data():
    return made_up()


@pytest.fixture(scope="module")
def whole(data):
    probabilities, targets, groups = data
    thresholds = dict.fromkeys(NIH_FINDINGS, 0.4)
    return study(probabilities, targets, groups, thresholds=thresholds)


def test_every_finding_has_scikit_learns_numbers(data, whole):
    probabilities, targets, _ = data
    assert tuple(whole.findings) == NIH_FINDINGS
    for i, finding in enumerate(whole.findings.values()):
        assert finding.auroc.value == pytest.approx(roc_auc_score(targets[:, i], probabilities[:, i]))
        assert finding.auroc.low < finding.auroc.value < finding.auroc.high
        assert finding.auroc.n_positive + finding.auroc.n_negative == 400
        assert finding.prevalence == pytest.approx(targets[:, i].mean())
        point = finding.operating_point
        counts = [[point.true_negative, point.false_positive], [point.false_negative, point.true_positive]]
        assert counts == confusion_matrix(targets[:, i], probabilities[:, i] >= 0.4).tolist()
        assert point.sensitivity.value == pytest.approx(finding.table.recall)
        assert point.sensitivity.low < point.sensitivity.value < point.sensitivity.high
        assert (point.threshold, point.chosen_on) == (0.4, "validation")


def test_the_averages_are_those_of_scikit_learns_report(data, whole):
    probabilities, targets, _ = data
    report = classification_report(
        targets.astype(int), (probabilities >= 0.4).astype(int), output_dict=True, zero_division=np.nan
    )
    for name in ("micro", "macro", "weighted", "samples"):
        row, expected = getattr(whole.averages, name), report[f"{name} avg"]
        assert row.precision == pytest.approx(expected["precision"])
        assert row.recall == pytest.approx(expected["recall"])
        assert row.f1 == pytest.approx(expected["f1-score"])
        assert row.support == expected["support"]


def test_the_interval_of_the_mean_is_that_of_each_resamples_mean(data, whole):
    probabilities, targets, groups = data
    replicates = bootstrap_ranks(probabilities, targets, groups, n_replicates=40).auroc
    rarer = [min(count_patients(column, groups)) for column in targets.T]
    macro, units = whole.macro["auroc"], effective_units(replicates, rarer)
    ends = logit_interval(macro.value, replicates.mean(axis=1), n_units=units)
    assert (macro.low, macro.high) == pytest.approx(ends)
    assert max(rarer) < units < sum(rarer)
    assert macro.value == pytest.approx(np.mean([finding.auroc.value for finding in whole.findings.values()]))
    assert macro.findings == NIH_FINDINGS
    assert whole.macro["auprc"].value == pytest.approx(np.mean([f.auprc.value for f in whole.findings.values()]))


def test_it_stands_in_json_as_promised_and_comes_back(whole):
    back = Evaluation.from_json(whole.to_json())
    assert back.to_json() == whole.to_json()
    plain = whole.model_dump()
    assert set(plain["findings"]["Hernia"]["auroc"]) >= {"value", "low", "high", "n_positive", "n_negative"}
    assert set(plain["macro"]["auroc"]) >= {"value", "low", "high"}


def test_the_ancestors_mean_is_over_its_four(whole):
    four = [whole.findings[name].auroc.value for name in ANCESTOR_FINDINGS[:4]]
    assert whole.ancestor.findings == ANCESTOR_FINDINGS[:4]
    assert whole.ancestor.value == pytest.approx(np.mean(four))
    assert whole.ancestor.low < whole.ancestor.value < whole.ancestor.high


def test_the_ancestors_mean_is_none_where_one_of_its_four_is_missing_or_undefined(data):
    probabilities, targets, _ = data
    assert study(probabilities[:, :3], targets[:, :3], findings=NIH_FINDINGS[:3]).ancestor is None
    without = targets.copy()
    without[:, NIH_FINDINGS.index("Mass")] = 0
    assert study(probabilities, without).ancestor is None


def test_no_finding_is_derived_and_stays_out_of_every_mean(data, whole):
    probabilities, targets, _ = data
    nothing = whole.no_finding
    expected = roc_auc_score(targets.sum(axis=1) == 0, np.prod(1 - probabilities, axis=1))
    assert nothing.auroc.value == pytest.approx(expected)
    assert nothing.auroc.low < expected < nothing.auroc.high
    assert (nothing.operating_point.threshold, nothing.operating_point.chosen_on) == (0.5, "fixed 0.5")
    assert nothing.table.support == nothing.auroc.n_positive
    assert whole.averages.micro.support == targets.sum()
    assert "No Finding" not in whole.findings


def test_no_finding_takes_a_threshold_that_is_given(data):
    probabilities, targets, _ = data
    point = study(probabilities, targets, thresholds={"No Finding": 0.1}).no_finding.operating_point
    assert (point.threshold, point.chosen_on) == (0.1, "validation")


def test_no_finding_needs_all_fourteen(data):
    assert study(data[0][:, :13], data[1][:, :13], findings=NIH_FINDINGS[:13]).no_finding is None


def test_no_finding_is_unknown_unless_all_are_known_or_one_is_present():
    targets = np.array([[0, 0], [1, 0], [NAN, 0], [NAN, 1], [NAN, NAN]])
    probabilities = np.array([[0.5, 0.5], [0.1, 0.2], [0, 0], [1, 0], [0.3, 0.3]])
    probability, target = derive_no_finding(probabilities, targets)
    np.testing.assert_allclose(probability, [0.25, 0.72, 1, 0, 0.49])
    np.testing.assert_array_equal(target, [1, 0, NAN, 0, NAN])


def test_a_finding_without_positives_is_nan_with_its_reason_and_left_out(data):
    probabilities, targets, groups = data
    targets = targets.copy()
    targets[:, 3], targets[:, 4], targets[:, 5] = 0, 1, NAN
    found = study(probabilities, targets, groups)
    none, all_, unknown = (found.findings[NIH_FINDINGS[i]] for i in (3, 4, 5))
    assert none.auroc.reason == "undefined: none of 400 films with a known label has the finding"
    assert all_.auroc.reason == "undefined: all of 400 films with a known label have the finding"
    assert unknown.auroc.reason == "undefined: no film has a known label"
    for finding in (none, all_, unknown):
        assert np.isnan([finding.auroc.value, finding.auroc.low, finding.auprc.value]).all()
        assert finding.roc.x == ()
    assert none.prevalence == 0
    assert np.isnan([unknown.prevalence, unknown.calibration.brier.value, unknown.calibration.ece.value]).all()
    assert np.isnan(none.operating_point.sensitivity.value)
    assert not np.isnan(none.operating_point.specificity.value)
    assert found.macro["auroc"].n_findings == 11
    assert any("Undefined" in sentence and "Infiltration, Mass, Nodule" in sentence for sentence in found.warnings)
    assert Evaluation.from_json(found.to_json()).findings["Mass"].auroc.reason == all_.auroc.reason


def test_unknown_targets_equal_a_study_without_those_films(data):
    probabilities, targets, groups = data
    kept = groups % 4 != 0
    masked = np.where(kept[:, None], targets, NAN)
    ours, reference = study(probabilities, masked, groups), study(probabilities[kept], targets[kept], groups[kept])
    for name in NIH_FINDINGS:
        mine, theirs = ours.findings[name], reference.findings[name]
        assert mine.auroc.value == theirs.auroc.value
        assert mine.calibration.brier.value == pytest.approx(theirs.calibration.brier.value)
        assert mine.calibration.ece.value == pytest.approx(theirs.calibration.ece.value)
        assert (mine.roc, mine.pr) == (theirs.roc, theirs.pr)
        assert mine.operating_point.true_positive == theirs.operating_point.true_positive
    assert ours.averages.micro == reference.averages.micro


def test_measurable_leaves_out_findings_with_few_positives(data):
    probabilities, targets, groups = data
    targets = targets.copy()
    targets[:, 13] = 0
    targets[:24, 13] = 1
    targets[:, 12] = 0
    targets[:25, 12] = 1
    found = study(probabilities, targets, groups)
    assert found.measurable["auroc"].findings == NIH_FINDINGS[:13]
    assert found.macro["auroc"].findings == NIH_FINDINGS
    (sentence,) = [sentence for sentence in found.warnings if "Fewer than 25" in sentence]
    assert "Hernia (24)" in sentence
    assert "Pleural" not in sentence


def test_without_thresholds_it_says_fixed_and_warns(data):
    found = study(*data)
    assert {finding.operating_point.chosen_on for finding in found.findings.values()} == {"fixed 0.5"}
    assert found.pedigree.thresholds_from == "fixed 0.5"
    assert any("No thresholds from validation" in sentence for sentence in found.warnings)


def test_a_threshold_that_could_not_be_chosen_calls_nothing(data):
    probabilities, targets, groups = data
    found = study(probabilities, targets, groups, thresholds={"Mass": NAN})
    point, table = found.findings["Mass"].operating_point, found.findings["Mass"].table
    assert np.isnan([point.threshold, point.sensitivity.value, point.specificity.value]).all()
    assert point.true_positive + point.false_positive + point.true_negative + point.false_negative == 0
    assert np.isnan([table.precision, table.recall, table.f1]).all()
    assert table.support == targets[:, 4].sum()
    assert not np.isnan(found.averages.macro.f1)


def test_a_share_of_all_or_none_has_the_exact_interval_over_patients():
    targets = np.array([[1.0]] * 12 + [[0.0]] * 12)
    groups = np.repeat(np.arange(8), 3)
    found = study(np.where(targets == 1, 0.9, 0.2), targets, groups, findings=("Mass",))
    sensitivity = found.findings["Mass"].operating_point.sensitivity
    assert (sensitivity.low, sensitivity.high) == exact_interval(4, 4)
    nothing = study(np.full_like(targets, 0.2), targets, groups, findings=("Mass",)).findings["Mass"].operating_point
    assert (nothing.sensitivity.low, nothing.sensitivity.high) == exact_interval(0, 4)


def test_without_patients_it_warns_and_resamples_films(data):
    probabilities, targets, _ = data
    found = study(probabilities, targets)
    assert found.pedigree.n_patients == 0
    assert "resamples of films" in found.pedigree.intervals
    assert any("belong to one patient is unknown" in sentence for sentence in found.warnings)


def test_without_resamples_there_are_no_intervals_but_all_values(data):
    found = study(*data, bootstrap=0)
    assert found.pedigree.intervals == "none"
    assert "No intervals were computed." in found.warnings
    assert np.isnan([found.macro["auroc"].low, found.findings["Mass"].auroc.high]).all()
    assert not np.isnan(found.macro["auroc"].value)


def test_the_pedigree_says_where_everything_comes_from(data):
    origin = Origin(
        title="a title", command="hilum evaluate", data_digest="d", split="test", split_digest="s", bundle_digest="b",
        phantom=True, leaked=True, nih=True, counts={"films evaluated": 400}, warnings=("one more",),
    )  # fmt: skip
    found = study(*data, origin=origin, seed=7)
    pedigree = found.pedigree
    assert (found.title, pedigree.command, pedigree.data_digest, pedigree.split) == (
        "a title",
        "hilum evaluate",
        "d",
        "test",
    )
    assert (pedigree.split_digest, pedigree.bundle_digest, pedigree.seed, pedigree.n_bootstrap) == ("s", "b", 7, 40)
    assert (pedigree.n_images, pedigree.n_patients) == (400, len(np.unique(data[2])))
    assert pedigree.date.endswith("+00:00")
    assert "resamples of patients" in pedigree.intervals
    assert found.phantom
    assert found.leaked
    assert found.counts == {"films evaluated": 400}
    assert [flag.code for flag in found.red_flags] == ["shared_patients"]
    assert "training set" in found.red_flags[0].sentence
    assert "phantoms" in found.warnings[0]
    assert found.warnings[-1] == "one more"
    assert not any("hospital" in sentence for sentence in found.warnings)


def test_nih_films_bring_their_caution(data):
    found = study(*data, origin=Origin(nih=True))
    assert any("one hospital" in sentence for sentence in found.warnings)


def test_the_same_seed_gives_the_same_study(data, whole):
    again = study(*data, thresholds=dict.fromkeys(NIH_FINDINGS, 0.4))
    assert again.model_copy(update={"pedigree": whole.pedigree}).to_json() == whole.to_json()


def test_curves_are_short_and_rise_from_left_to_right():
    found = study(*made_up(3000, 1), findings=("Mass",)).findings["Mass"]
    reliability = found.calibration.reliability
    for x, y in ((found.roc.x, found.roc.y), (found.pr.x, found.pr.y), (reliability.probability, reliability.observed)):
        assert 2 <= len(x) == len(y) <= 200
        assert list(x) == sorted(x)
    assert (found.roc.x[0], found.roc.y[0], found.roc.x[-1], found.roc.y[-1]) == (0, 0, 1, 1)
    assert len(reliability.probability) == 15


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"probabilities": np.full((4, 1), 1.2)},
            InvalidValueError,
            "4 of 4 probabilities of Mass are NaN or outside .0, 1., such as 1.2",
        ),
        ({"probabilities": np.full((4, 1), NAN)}, InvalidValueError, "NaN"),
        ({"probabilities": np.zeros((4, 2))}, InvalidValueError, "1 columns, one per finding"),
        ({"probabilities": np.zeros((0, 1)), "targets": np.zeros((0, 1))}, InvalidValueError, "no film to evaluate"),
        ({"targets": np.full((4, 1), 3.0)}, InvalidValueError, "a target of Mass is 3"),
        ({"thresholds": {"Mass": 40.0}}, InvalidValueError, "threshold of Mass is 40: expected a probability"),
        ({"thresholds": {"Mas": 0.4}}, UnknownNameError, "Did you mean 'Mass'"),
        ({"groups": np.arange(3)}, InvalidValueError, "one patient per film"),
    ],
)
def test_wrong_input_is_refused(change, error, message):
    call = {"probabilities": np.full((4, 1), 0.5), "targets": np.array([[1.0], [0], [0], [1]]), **change}
    with pytest.raises(error, match=message):
        study(findings=("Mass",), **call)


def test_no_finding_as_a_column_of_its_own_is_not_derived_and_in_no_mean():
    rng = np.random.default_rng(3)
    targets = (rng.random((80, 14)) < 0.2).astype(float)
    _, nothing = derive_no_finding(targets, targets)
    own = rng.random(80)
    probabilities = np.column_stack([own, rng.random((80, 14))])
    study = evaluate_arrays(
        probabilities, np.column_stack([nothing, targets]), findings=(NO_FINDING, *NIH_FINDINGS), bootstrap=0
    )
    without = evaluate_arrays(probabilities[:, 1:], targets, findings=NIH_FINDINGS, bootstrap=0)
    assert study.no_finding.auroc.value == pytest.approx(roc_auc_score(nothing, own))
    assert study.no_finding.auroc.value != without.no_finding.auroc.value
    for part in ("macro", "averages", *NIH_FINDINGS):
        whole, alone = (getattr(s, part, None) or s.findings[part] for s in (study, without))
        assert repr(whole) == repr(alone)
    assert NO_FINDING not in study.findings
