import numpy as np
import pytest
from scipy.special import expit

from hilum.calibration import calibrate, fit_rules
from hilum.errors import DataError, InvalidValueError, LeakError
from hilum.evaluation import Origin, evaluate_predictions, read_predictions, write_predictions
from hilum.evaluation.column import make_columns
from hilum.evaluation.fitting import cross_fit, to_logits
from hilum.evaluation.study import evaluate_columns
from hilum.findings import NIH_FINDINGS
from hilum.metrics import Resamples, patient_folds

FINDINGS = ("Mass", "Effusion")


def made_up(n_patients=150, films=2, seed=0, start=0):
    """Logits twice as extreme as they should be."""
    generator = np.random.default_rng(seed)
    n = n_patients * films
    truth = generator.normal(size=(n, 2)) - 0.5
    targets = (generator.random((n, 2)) < expit(truth)).astype(float)
    return 2 * truth, targets, np.repeat(np.arange(start, start + n_patients), films)


def write(path, data):
    logits, targets, groups = data
    names = [f"film-{group}-{i}" for i, group in enumerate(groups)]
    write_predictions(path, names, expit(logits), findings=FINDINGS, targets=targets, groups=groups)
    return path


@pytest.fixture
def files(tmp_path):
    return write(tmp_path / "test.csv", made_up(seed=1)), write(tmp_path / "validation.csv", made_up(seed=2, start=500))


def test_what_is_written_is_read_back(tmp_path):
    logits, targets, groups = made_up(4)
    targets[0, 0] = np.nan
    table = read_predictions(write(tmp_path / "p.csv", (logits, targets, groups + 1000)))
    np.testing.assert_array_equal(table.targets, targets)
    np.testing.assert_allclose(table.probabilities, expit(logits), rtol=1e-15)
    assert table.groups == ("0", "0", "1", "1", "2", "2", "3", "3")  # running numbers, not who it is
    assert (table.findings, table.ignored) == (FINDINGS, ())


def test_fitted_on_other_films_is_calibrated_and_called_by_their_rules(files):
    test, validation = files
    before = evaluate_predictions(test, None, bootstrap=0)
    found = evaluate_predictions(test, None, fit_on=validation, bootstrap=20)
    logits, targets, groups = made_up(seed=2, start=500)
    rules = fit_rules(logits, targets, groups.tolist(), findings=FINDINGS)
    for name in FINDINGS:
        old, new = before.findings[name], found.findings[name]
        assert new.auroc.value == pytest.approx(old.auroc.value)
        assert new.calibration.ece.value < old.calibration.ece.value
        assert new.calibration.slope.value == pytest.approx(1, abs=0.35)
        assert new.operating_point.threshold == pytest.approx(rules[name].threshold, abs=1e-6)
        assert new.operating_point.chosen_on == "validation.csv"
        assert (new.refer.low, new.refer.high) == pytest.approx((rules[name].refer.low, rules[name].refer.high))
        assert new.refer.in_band is True
        assert new.refer.low <= new.operating_point.threshold <= new.refer.high
    assert found.red_flags == ()


def test_shared_films_are_refused(files):
    with pytest.raises(LeakError, match=r"300 films .* stand in both"):
        evaluate_predictions(files[0], None, fit_on=files[0], bootstrap=0)


def test_shared_patients_are_refused_by_the_labels(files, tmp_path):
    rows = ["Image Index,Finding Labels,Patient ID"]
    for path in files:
        rows += [f"{name},No Finding,7" for name in read_predictions(path).image_ids]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    with pytest.raises(LeakError, match="0 films and 1 patients stand in both"):
        evaluate_predictions(files[0], tmp_path / "labels.csv", fit_on=files[1], bootstrap=0)


def test_a_finding_that_is_not_fitted_is_named(files, tmp_path):
    lines = [",".join(np.array(line.split(","))[[0, 1, 2, 4]]) for line in files[1].read_text().splitlines()]
    (tmp_path / "mass.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="does not answer Effusion"):
        evaluate_predictions(files[0], None, fit_on=tmp_path / "mass.csv", bootstrap=0)


def test_cross_fitted_films_are_judged_by_the_other_folds_alone(files):
    logits, targets, groups = made_up(40, 3, seed=3)
    columns = cross_fit(logits, targets, findings=FINDINGS, groups=groups, folds=4, seed=5)
    fold = patient_folds(groups, 4, 5)
    for number in range(4):
        inside = fold == number
        rules = fit_rules(logits[~inside], targets[~inside], groups[~inside].tolist(), findings=FINDINGS)
        np.testing.assert_allclose(columns.probabilities[inside], calibrate(rules, logits[inside]))
        assert set(columns.cuts[inside, 0]) == {rules["Mass"].threshold}
    np.testing.assert_allclose(columns.scores, expit(logits))


def test_cross_fitting_keeps_the_order_and_is_flagged(files):
    plain = evaluate_predictions(files[0], None, bootstrap=0)
    found = evaluate_predictions(files[0], None, folds=3, bootstrap=0)
    assert [flag.code for flag in found.red_flags] == ["cross_fitted"]
    for name in FINDINGS:
        assert found.findings[name].auroc.value == plain.findings[name].auroc.value
        assert found.findings[name].calibration.ece.value < plain.findings[name].calibration.ece.value
        assert found.findings[name].operating_point.chosen_on == "the judged films, 3 folds by patient"
        assert found.findings[name].refer.in_band in (True, None)


def test_cross_fitted_films_are_ordered_by_what_was_given_in_every_subgroup_and_mean():
    logits, targets, groups = made_up(seed=1)
    plain, crossed = (
        make_columns(expit(logits), targets, FINDINGS, groups=groups),
        cross_fit(logits, targets, findings=FINDINGS, groups=groups, folds=3),
    )
    attributes = {"sex": np.where(groups % 2, "male", "female")}
    before, after = (
        evaluate_columns(
            columns,
            Resamples(groups, 30, 0),
            thresholds_from={},
            prevalences={},
            attributes=attributes,
            origin=Origin(),
        )
        for columns in (plain, crossed)
    )
    for one, other in zip(before.subgroups.subgroups, after.subgroups.subgroups, strict=True):
        assert (one.mean_auroc, one.mean_gap) == (other.mean_auroc, other.mean_gap)
        assert [f.auroc for f in one.findings.values()] == [f.auroc for f in other.findings.values()]
    for part in ("macro", "micro", "weighted", "measurable"):
        assert getattr(before, part) == getattr(after, part)
    for name in FINDINGS:
        one, other = before.findings[name], after.findings[name]
        assert (one.auroc, one.auprc, one.rank, one.roc, one.pr) == (
            other.auroc,
            other.auprc,
            other.rank,
            other.roc,
            other.pr,
        )
    called = crossed.probabilities[:, 0] >= crossed.cuts[:, 0]
    women = (attributes["sex"] == "female") & (targets[:, 0] == 1)
    found = after.subgroups.subgroups[0].findings["Mass"].true_positive_rate
    assert found.value == pytest.approx(called[women].mean())


@pytest.mark.parametrize("fitted", ["folds", "elsewhere"])
def test_the_order_of_tiny_probabilities_is_kept(files, tmp_path, fitted):
    def shrink(path, name):
        head, *lines = path.read_text().splitlines()
        cells = [line.split(",") for line in lines]
        rows = [",".join([*row[:2], f"{float(row[2]) * 1e-300!r}", *row[3:]]) for row in cells]
        (tmp_path / name).write_text("\n".join([head, *rows]) + "\n")
        return tmp_path / name

    tiny = [shrink(path, f"tiny{place}.csv") for place, path in enumerate(files)]
    plain = evaluate_predictions(tiny[0], None, bootstrap=0)
    how = {"folds": 3} if fitted == "folds" else {"fit_on": tiny[1]}
    found = evaluate_predictions(tiny[0], None, bootstrap=0, predictions_path=tmp_path / "judged.csv", **how)
    assert 0.6 < plain.findings["Mass"].auroc.value == found.findings["Mass"].auroc.value


def test_cross_fitted_films_are_written_as_they_were_given(files, tmp_path):
    found = evaluate_predictions(files[0], None, folds=3, bootstrap=0, predictions_path=tmp_path / "judged.csv")
    again = evaluate_predictions(tmp_path / "judged.csv", None, bootstrap=0)
    for name in FINDINGS:
        assert again.findings[name].auroc.value == found.findings[name].auroc.value


def test_a_finding_whose_fold_lacks_a_threshold_has_none():
    logits, targets, groups = made_up(30, 2, seed=4)
    targets[:, 0] = 0
    targets[:2, 0] = 1  # one patient: the fold that holds it has nothing to fit on
    columns = cross_fit(logits, targets, findings=FINDINGS, groups=groups, folds=3)
    assert np.isnan(columns.cuts[:, 0]).all()
    assert not np.isnan(columns.cuts[:, 1]).any()


def test_with_fourteen_no_finding_is_derived_and_gets_a_threshold():
    generator = np.random.default_rng(0)
    targets = (generator.random((200, 14)) < 0.1).astype(float)
    logits = 2 * targets - 2 + generator.normal(size=targets.shape)
    columns = cross_fit(logits, targets, findings=NIH_FINDINGS, groups=None, folds=2)
    assert columns.names[-1] == "No Finding"
    assert np.isfinite(columns.cuts[:, -1]).all()
    assert "No Finding" not in columns.zones


@pytest.mark.parametrize("folds", [1, 21])
def test_folds_need_a_patient_each(folds):
    logits, targets, groups = made_up(20, 2, seed=1)
    with pytest.raises(InvalidValueError, match="at least 2 folds and as many patients"):
        cross_fit(logits, targets, findings=FINDINGS, groups=groups, folds=folds)


def test_certainties_have_finite_logits():
    assert np.isfinite(to_logits(np.array([[0.0, 1.0]]))).all()
    np.testing.assert_allclose(expit(to_logits(np.array([[0.2, 0.9]]))), [[0.2, 0.9]])


def test_only_one_way_to_a_threshold(files):
    with pytest.raises(InvalidValueError, match="choose one"):
        evaluate_predictions(files[0], None, fit_on=files[1], folds=2)


def test_thresholds_of_the_judged_films_are_a_red_flag(files):
    found = evaluate_predictions(
        files[0], None, thresholds={"Mass": 0.3}, thresholds_from="the judged films", bootstrap=0
    )
    assert [flag.code for flag in found.red_flags] == ["thresholds_from_test"]


def test_patients_that_cannot_be_told_apart_and_thresholds_that_are_missing_are_said(files, tmp_path):
    test, validation = files
    found = evaluate_predictions(test, None, fit_on=validation, bootstrap=0)
    assert any(warning.startswith("Whether patients of validation.csv are among") for warning in found.warnings)
    assert not any("No threshold could be chosen" in warning for warning in found.warnings)
    few = write(tmp_path / "few.csv", (*made_up(1, seed=2)[:2], np.array([900, 900])))
    found = evaluate_predictions(test, None, fit_on=few, bootstrap=0)
    (said,) = (warning for warning in found.warnings if "No threshold could be chosen" in warning)
    assert "too few films with or without it in few.csv" in said


def test_with_labels_for_both_files_patients_are_told_apart(files, tmp_path):
    test, validation = files
    names, labels = [], tmp_path / "labels.csv"
    rows = ["Image Index,Finding Labels,Patient ID"]
    for path in files:
        names = read_predictions(path).image_ids
        rows += [f"{name},{'Mass' if i % 3 else 'Hernia'},{name.split('-')[1]}" for i, name in enumerate(names)]
    labels.write_text("\n".join(rows) + "\n")
    found = evaluate_predictions(test, labels, fit_on=validation, bootstrap=0)
    assert not any("Whether patients" in warning for warning in found.warnings)
