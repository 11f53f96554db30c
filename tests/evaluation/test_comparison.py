"""Models against each other on the same films, and what may not stand side by side."""

import csv
import json
import math
import shutil

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss

from hilum.errors import DataError
from hilum.evaluation import compare_models, evaluate_arrays, evaluate_predictions
from hilum.evaluation.origin import Origin
from hilum.evaluation.prediction_file import write_predictions
from hilum.metrics import auroc, holm, paired_delong, paired_difference
from hilum.records import Comparison

FINDINGS = ("Effusion", "Mass", "Nodule")
N = 240


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    targets = (rng.random((N, 3)) < [0.4, 0.3, 0.2]).astype(float)
    targets[::17, 1] = np.nan
    return targets, np.arange(N) // 3


def scores_of(truth, strength, seed):
    rng = np.random.default_rng(seed)
    return 1 / (1 + np.exp(-rng.normal(size=(N, 3)) - strength * np.nan_to_num(truth[0])))


@pytest.fixture(scope="module")
def good(truth):
    return scores_of(truth, 2.0, 1)


@pytest.fixture(scope="module")
def poor(truth):
    return scores_of(truth, 0.5, 2)


def write(path, probabilities, truth, *, films=range(N), findings=FINDINGS):
    rows, columns = list(films), [FINDINGS.index(name) for name in findings]
    write_predictions(
        path,
        [f"film{row}.png" for row in rows],
        probabilities[np.ix_(rows, columns)],
        findings=findings,
        targets=truth[0][np.ix_(rows, columns)],
        groups=truth[1][rows],
    )
    return path


def make_run(folder, probabilities, truth, *, threshold=None, **origin):
    facts = {"data_digest": "d" * 64, "split_digest": "s" * 64, "split": "test", "bundle_digest": "b" * 64}
    evaluation = evaluate_arrays(
        probabilities,
        truth[0],
        findings=FINDINGS,
        groups=truth[1],
        bootstrap=0,
        thresholds=threshold and dict.fromkeys(FINDINGS, threshold),
        origin=Origin(**{**facts, **origin}),
    )
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation" / "evaluation.json").write_text(evaluation.to_json())
    write(folder / "evaluation" / "predictions.csv", probabilities, truth)
    return folder


def test_the_numbers_are_those_of_the_metrics(tmp_path, truth, good, poor):
    comparison = compare_models(
        [write(tmp_path / "good.csv", good, truth), write(tmp_path / "poor.csv", poor, truth)], bootstrap=100, seed=3
    )
    targets, groups = truth[0], truth[1].astype(str)
    known = paired_difference(good, poor, targets=targets, groups=groups, n_replicates=100, seed=3)
    tests = [paired_delong(a, b, t, groups) for a, b, t in zip(good.T, poor.T, targets.T, strict=True)]
    (pair,) = comparison.pairs
    assert (pair.first, pair.second) == ("good", "poor")
    for column, name in enumerate(FINDINGS):
        found = pair.findings[name]
        assert found.difference.value == pytest.approx(known.value[column])
        assert (found.difference.low, found.difference.high) == pytest.approx((known.low[column], known.high[column]))
        assert found.p_value == pytest.approx(tests[column].p_value)
        assert found.p_holm == pytest.approx(holm(np.array([test.p_value for test in tests]))[column])
        for model, scores in zip(comparison.models, (good, poor), strict=True):
            assert model.auroc[name].value == pytest.approx(auroc(scores[:, column], targets[:, column]))
            assert model.auroc[name].low < model.auroc[name].value < model.auroc[name].high
    assert (pair.mean.value, pair.mean.low, pair.mean.high) == pytest.approx(
        (known.mean, known.mean_low, known.mean_high)
    )
    assert (comparison.pedigree.n_images, comparison.pedigree.n_patients) == (N, N // 3)


def test_the_sentence_names_the_better_one_first(tmp_path, truth, good, poor):
    a, b = write(tmp_path / "a.csv", poor, truth), write(tmp_path / "b.csv", good, truth)
    (pair,) = compare_models([a, b], bootstrap=100).pairs
    assert pair.mean.high < 0
    said = f"b orders films better than a: mean AUROC {-pair.mean.value:+.3f} "
    assert pair.sentence.startswith(f"{said}({-pair.mean.high:.3f} to {-pair.mean.low:.3f})")
    assert pair.sentence.endswith("; for 3 of 3 findings the difference outlasts Holm's correction.")


def test_where_nothing_differs_it_says_so(tmp_path, truth, good):
    a, b = write(tmp_path / "a.csv", good, truth), write(tmp_path / "b.csv", good**2, truth)
    (pair,) = compare_models([a, b], bootstrap=20).pairs
    assert pair.sentence.startswith("No difference is shown between a and b: mean AUROC +0.000 (0.000 to 0.000)")
    assert [finding.p_holm for finding in pair.findings.values()] == [1, 1, 1]
    assert not pair.n_lasting


def test_a_finding_in_favour_of_the_other_is_said(tmp_path, truth, good, poor):
    mixed = good.copy()
    mixed[:, 2] = poor[:, 2]
    other = poor.copy()
    other[:, 2] = good[:, 2]
    a, b = write(tmp_path / "a.csv", mixed, truth), write(tmp_path / "b.csv", other, truth)
    (pair,) = compare_models([a, b], bootstrap=50).pairs
    assert pair.sentence.endswith("for 1 of them in favour of b.")


def test_without_resamples_there_is_no_interval(tmp_path, truth, good, poor):
    comparison = compare_models(
        [write(tmp_path / "a.csv", good, truth), write(tmp_path / "b.csv", poor, truth)], bootstrap=0
    )
    assert math.isnan(comparison.pairs[0].mean.low)
    assert "no interval says whether by chance" in comparison.pairs[0].sentence
    assert any(warning.startswith("No intervals") for warning in comparison.warnings)
    assert Comparison.from_json(comparison.to_json()).to_json() == comparison.to_json()


def test_three_models_are_three_pairs_with_one_correction(tmp_path, truth, good, poor):
    third = scores_of(truth, 1.0, 5)
    paths = [write(tmp_path / f"{name}.csv", p, truth) for name, p in zip("abc", (good, poor, third), strict=True)]
    pairs = compare_models(paths, bootstrap=0).pairs
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    p_values = np.array([finding.p_value for pair in pairs for finding in pair.findings.values()])
    found = [finding.p_holm for pair in pairs for finding in pair.findings.values()]
    assert found == pytest.approx(holm(p_values))


def test_only_the_same_films_and_findings_count(tmp_path, truth, good, poor):
    a = write(tmp_path / "a.csv", good, truth, films=range(20, N))
    b = write(tmp_path / "b.csv", poor, truth, films=reversed(range(N - 10)), findings=("Mass", "Effusion"))
    comparison = compare_models([a, b], bootstrap=0)
    kept = slice(20, N - 10)
    assert comparison.counts["films compared"] == N - 30
    assert comparison.counts["films of a that others lack"] == 10
    assert "Left out: 20 films of b that another model did not answer." in comparison.warnings
    assert "Only a answers, or not all others do: Nodule." in comparison.warnings
    assert list(comparison.models[0].auroc) == ["Effusion", "Mass"]
    assert comparison.models[1].auroc["Mass"].value == pytest.approx(auroc(poor[kept, 1], truth[0][kept, 1]))


def test_a_finding_of_one_class_is_undefined_with_its_reason(tmp_path, truth, good, poor):
    targets = truth[0].copy()
    targets[:, 2] = 0
    a, b = (write(tmp_path / f"{n}.csv", p, (targets, truth[1])) for n, p in (("a", good), ("b", poor)))
    comparison = compare_models([a, b], bootstrap=10)
    nodule = comparison.pairs[0].findings["Nodule"]
    assert math.isnan(nodule.difference.value)
    assert math.isnan(nodule.p_holm)
    assert nodule.difference.reason == "no film has it"
    assert comparison.pairs[0].mean.findings == ("Effusion", "Mass")
    assert "of 2 findings" in comparison.pairs[0].sentence


def test_runs_are_compared_and_their_digests_kept(tmp_path, truth, good, poor):
    a, b = make_run(tmp_path / "a", good, truth), make_run(tmp_path / "b", poor, truth, bundle_digest="c" * 64)
    comparison = compare_models([a, b], bootstrap=0)
    assert [model.bundle_digest[0] for model in comparison.models] == ["b", "c"]
    assert (comparison.pedigree.split_digest, comparison.pedigree.data_digest) == ("s" * 64, "d" * 64)
    elsewhere = tmp_path / "c"
    shutil.copytree(b / "evaluation", elsewhere)
    assert compare_models([a, elsewhere], bootstrap=0).pairs[0].mean.value == comparison.pairs[0].mean.value


def test_a_random_split_beside_the_official_one_is_refused(tmp_path, truth, good, poor):
    a, b = make_run(tmp_path / "a", good, truth), make_run(tmp_path / "b", poor, truth, split_digest="r" * 64)
    with pytest.raises(DataError, match="judged on different splits") as error:
        compare_models([a, b])
    for word in (
        "a on test of the split ssss",
        "b on test of the split rrrr",
        "compares films, not models",
        "--bundle",
    ):
        assert word in str(error.value)


def test_another_split_of_the_same_cut_is_refused(tmp_path, truth, good, poor):
    a, b = make_run(tmp_path / "a", good, truth), make_run(tmp_path / "b", poor, truth, split="validation")
    with pytest.raises(DataError, match="b on validation"):
        compare_models([a, b])


def test_other_label_digests_are_refused(tmp_path, truth, good, poor):
    a, b = make_run(tmp_path / "a", good, truth), make_run(tmp_path / "b", poor, truth, data_digest="e" * 64)
    with pytest.raises(DataError, match=r"different labels \(digests dddd.* and eeee.*same labels: judge both"):
        compare_models([a, b])


def test_other_labels_of_a_shared_film_are_refused(tmp_path, truth, good, poor):
    targets = truth[0].copy()
    targets[5, 0] = 1 - targets[5, 0]
    a, b = write(tmp_path / "a.csv", good, truth), write(tmp_path / "b.csv", poor, (targets, truth[1]))
    with pytest.raises(DataError, match="a and b have different labels for 1 film that both answered"):
        compare_models([a, b])


def test_films_that_are_not_the_same_are_refused(tmp_path, truth, good, poor):
    a = write(tmp_path / "a.csv", good, truth, films=range(100))
    b = write(tmp_path / "b.csv", poor, truth, films=range(100, N))
    with pytest.raises(DataError, match="no film stands in all of a, b"):
        compare_models([a, b])
    c = write(tmp_path / "c.csv", poor, truth, findings=("Mass",))
    d = write(tmp_path / "d.csv", poor, truth, findings=("Nodule",))
    with pytest.raises(DataError, match="no finding was answered by all of c, d"):
        compare_models([c, d])


def test_what_is_no_pair_is_refused(tmp_path, truth, good):
    path = write(tmp_path / "a.csv", good, truth)
    with pytest.raises(DataError, match="at least 2 models, got 1"):
        compare_models([path])
    with pytest.raises(DataError, match="named twice"):
        compare_models([path, path])
    with pytest.raises(DataError, match="holds no evaluation with its predictions: judge it first"):
        compare_models([tmp_path, path])


def test_models_of_one_name_are_told_apart_by_their_folders(tmp_path, truth, good, poor):
    (tmp_path / "x").mkdir()
    paths = [write(tmp_path / "a.csv", good, truth), write(tmp_path / "x" / "a.csv", poor, truth)]
    assert [model.name for model in compare_models(paths, bootstrap=0).models] == [str(path) for path in paths]


def test_labels_come_from_one_file_for_all_where_it_is_named(tmp_path, truth, good, poor):
    labels = tmp_path / "labels.csv"
    with labels.open("w") as file:
        writer = csv.writer(file)
        writer.writerow(["Image Index", "Finding Labels", "Patient ID"])
        for row in range(N):
            found = [name for name, target in zip(FINDINGS, truth[0][row], strict=True) if target == 1]
            writer.writerow([f"film{row}.png", "|".join(found) or "No Finding", truth[1][row]])
    for name, scores in (("a", good), ("b", poor)):
        with (tmp_path / f"{name}.csv").open("w") as file:
            writer = csv.writer(file)
            writer.writerow(["image_id", *FINDINGS])
            writer.writerows([f"film{row}", *scores[row]] for row in range(N))
    comparison = compare_models([tmp_path / "a.csv", tmp_path / "b.csv"], labels=labels, bootstrap=0)
    assert comparison.models[0].auroc["Effusion"].value == pytest.approx(auroc(good[:, 0], truth[0][:, 0]))
    assert comparison.pedigree.n_patients == N // 3
    with pytest.raises(DataError, match="--labels"):
        compare_models([tmp_path / "a.csv", tmp_path / "b.csv"])


def test_what_flatters_a_run_is_said(tmp_path, truth, good, poor):
    a = make_run(tmp_path / "a", good, truth, phantom=True)
    b = make_run(tmp_path / "b", poor, truth, leaked=True)
    judged = b / "evaluation" / "evaluation.json"
    content = json.loads(judged.read_text())
    content["red_flags"] = [{"code": "x", "sentence": "Something is wrong."}]
    judged.write_text(json.dumps(content))
    warnings = compare_models([a, b], bootstrap=0).warnings
    assert any("phantoms" in warning for warning in warnings)
    assert any("Patients of b's training set" in warning for warning in warnings)
    assert "b: Something is wrong." in warnings


def test_where_every_film_is_alike_nothing_can_be_compared(tmp_path, truth, good, poor):
    ill = np.ones_like(truth[0])
    a, b = (write(tmp_path / f"{n}.csv", p, (ill, truth[1])) for n, p in (("a", good), ("b", poor)))
    comparison = compare_models([a, b], bootstrap=5)
    assert comparison.pairs[0].sentence.startswith("a and b cannot be compared: no finding has films with it and")
    assert comparison.pairs[0].findings["Mass"].difference.reason == "every film has it"
    unknown = np.full_like(ill, np.nan)
    unknown[:, 0] = truth[0][:, 0]
    a, b = (write(tmp_path / f"{n}.csv", p, (unknown, truth[1])) for n, p in (("a", good), ("b", poor)))
    assert compare_models([a, b], bootstrap=0).models[0].auroc["Mass"].reason == "no film has a known label"


def test_one_patient_is_too_few_for_a_test(tmp_path, truth, good, poor):
    one = np.zeros(N, dtype=int)
    a, b = (write(tmp_path / f"{n}.csv", p, (truth[0], one)) for n, p in (("a", good), ("b", poor)))
    (pair,) = compare_models([a, b], bootstrap=0).pairs
    assert pair.sentence.endswith("; no finding has patients enough for a test.")
    assert math.isnan(pair.findings["Mass"].p_value)


def test_without_patients_every_film_counts_and_it_is_said(tmp_path, truth, good, poor):
    for name, scores in (("a", good), ("b", poor)):
        write_predictions(
            tmp_path / f"{name}.csv",
            [f"film{row}" for row in range(N)],
            scores,
            findings=FINDINGS,
            targets=truth[0],
            groups=None,
        )
    comparison = compare_models([tmp_path / "a.csv", tmp_path / "b.csv"], bootstrap=10)
    assert comparison.pedigree.n_patients == 0
    assert any("every film counts as another patient" in warning for warning in comparison.warnings)
    test = paired_delong(good[:, 0], poor[:, 0], truth[0][:, 0], np.arange(N))
    assert comparison.pairs[0].findings["Effusion"].p_value == pytest.approx(test.p_value)


def test_an_interval_around_nothing_shows_no_difference(tmp_path, truth):
    a, b = (write(tmp_path / f"{n}.csv", scores_of(truth, 1.0, seed), truth) for n, seed in (("a", 7), ("b", 8)))
    (pair,) = compare_models([a, b], bootstrap=100).pairs
    assert pair.mean.low < 0 < pair.mean.high
    assert pair.mean.value != 0
    assert pair.sentence.startswith("No difference is shown between ")


@pytest.fixture(scope="module")
def beside(tmp_path_factory, truth, good, poor):
    folder = tmp_path_factory.mktemp("compared")
    runs = [make_run(folder / "a", good, truth, threshold=0.7), make_run(folder / "b", poor, truth, threshold=0.4)]
    return compare_models(runs, bootstrap=200, seed=3)


def known(truth, column):
    return np.isfinite(truth[0][:, column])


def test_the_figures_are_those_of_another_library(beside, truth, good, poor):
    for model, scores in zip(beside.models, (good, poor), strict=True):
        for column, name in enumerate(FINDINGS):
            rows = known(truth, column)
            targets, said = truth[0][rows, column], scores[rows, column]
            found = {measure: model.measures[measure].findings[name] for measure in model.measures}
            assert found["auprc"].value == pytest.approx(average_precision_score(targets, said))
            assert found["brier"].value == pytest.approx(brier_score_loss(targets, said))
            assert all(value.low < value.value < value.high for value in found.values())


def test_calls_are_compared_at_each_models_own_threshold(beside, truth, good, poor):
    for model, scores, threshold in zip(beside.models, (good, poor), (0.7, 0.4), strict=True):
        for column, name in enumerate(FINDINGS):
            rows = known(truth, column)
            targets, called = truth[0][rows, column], scores[rows, column] >= threshold
            assert model.measures["sensitivity"].findings[name].value == pytest.approx(called[targets == 1].mean())
            assert model.measures["specificity"].findings[name].value == pytest.approx((~called)[targets == 0].mean())
    assert beside.pedigree.thresholds_from.startswith("each run's own")


def test_differences_are_paired_on_the_same_patients(beside, truth, good, poor):
    (pair,) = beside.pairs
    groups = truth[1].astype(str)
    whole = paired_difference(
        good, poor, targets=truth[0], groups=groups, metric="average_precision", n_replicates=200, seed=3
    )
    for column, name in enumerate(FINDINGS):
        found = pair.measures["auprc"].findings[name].difference
        assert found.value == pytest.approx(whole.value[column])
        assert (found.low, found.high) == pytest.approx((whole.low[column], whole.high[column]))
    mean = pair.measures["auprc"].mean
    assert (mean.value, mean.low, mean.high) == pytest.approx((whole.mean, whole.mean_low, whole.mean_high))


def test_p_of_a_mean_is_that_of_a_test_clustered_by_patient(beside, truth, good, poor):
    rows = known(truth, 0)
    targets = truth[0][rows, 0]
    gap = (good[rows, 0] - targets) ** 2 - (poor[rows, 0] - targets) ** 2
    sums = np.array([(gap - gap.mean())[truth[1][rows] == group].sum() for group in np.unique(truth[1][rows])])
    z = abs(gap.mean()) / (np.sqrt((sums**2).sum()) / len(gap))
    found = beside.pairs[0].measures["brier"].findings["Effusion"]
    assert found.difference.value == pytest.approx(gap.mean())
    assert math.log10(found.p_value) == pytest.approx(math.log10(math.erfc(z / math.sqrt(2))), rel=0.25)


def test_holm_counts_within_one_measure(beside):
    for found in beside.pairs[0].measures.values():
        p_values = np.array([finding.p_value for finding in found.findings.values()])
        assert [finding.p_holm for finding in found.findings.values()] == pytest.approx(holm(p_values))
    assert beside.pairs[0].measures["auprc"].n_lasting == 3


def test_a_model_against_itself_differs_in_nothing(tmp_path, truth, good):
    a, b = write(tmp_path / "a.csv", good, truth), write(tmp_path / "b.csv", good, truth)
    (pair,) = compare_models([a, b], bootstrap=30).pairs
    assert set(pair.measures) == {"auprc", "brier"}
    for found in pair.measures.values():
        assert (found.mean.value, found.mean.low, found.mean.high) == (0, 0, 0)
        assert [finding.p_holm for finding in found.findings.values()] == [1, 1, 1]
        assert not found.n_lasting


def test_files_of_predictions_have_no_thresholds_and_so_no_calls(tmp_path, truth, good, poor):
    fixed = make_run(tmp_path / "fixed", good, truth)
    assert set(compare_models([fixed, write(tmp_path / "c.csv", poor, truth)], bootstrap=0).models[0].measures) == {
        "auprc",
        "brier",
    }
    run, file = make_run(tmp_path / "run", good, truth, threshold=0.5), write(tmp_path / "b.csv", poor, truth)
    comparison = compare_models([run, file], bootstrap=0)
    assert set(comparison.models[0].measures) == {"auprc", "brier", "sensitivity", "specificity"}
    assert set(comparison.pairs[0].measures) == set(comparison.models[1].measures) == {"auprc", "brier"}
    found = comparison.pairs[0].measures["brier"].findings["Mass"]
    assert math.isnan(found.difference.low)
    assert math.isnan(found.p_holm)


def test_a_finding_without_films_is_undefined_with_its_reason(tmp_path, truth, good, poor):
    targets = truth[0].copy()
    targets[:, 2] = 0
    none = targets, truth[1]
    runs = [make_run(tmp_path / n, p, none, threshold=0.5) for n, p in (("a", good), ("b", poor))]
    (pair,) = compare_models(runs, bootstrap=20).pairs
    for name in ("auprc", "sensitivity"):
        nodule = pair.measures[name].findings["Nodule"]
        assert nodule.difference.reason.startswith("no film has it")
        assert math.isnan(nodule.p_holm)
        assert pair.measures[name].mean.findings == ("Effusion", "Mass")
    assert math.isfinite(pair.measures["specificity"].findings["Nodule"].difference.value)


def test_predictions_that_are_not_those_of_the_evaluation_beside_them_are_refused(tmp_path, truth, good, poor):
    theirs = write(tmp_path / "theirs.csv", poor, truth)
    for name in ("a", "b"):
        folder = tmp_path / name
        given = write(tmp_path / f"{name}.csv", good, truth)
        evaluation = evaluate_predictions(given, None, predictions_path=folder / "predictions.csv", bootstrap=0)
        (folder / "evaluation.json").write_text(evaluation.to_json())
    assert compare_models([tmp_path / "a", theirs], bootstrap=0).models[0].auroc
    edited = (tmp_path / "a" / "predictions.csv").read_text().replace("0.", "0.0", 1)
    (tmp_path / "a" / "predictions.csv").write_text(edited)
    with pytest.raises(DataError, match=r"is not what evaluation\.json beside it was made of"):
        compare_models([tmp_path / "a", theirs], bootstrap=0)
    assert compare_models([tmp_path / "a" / "predictions.csv", theirs], bootstrap=0).models  # a file is what it is


def test_a_models_own_numbers_are_those_of_its_evaluation(tmp_path, truth, good, poor):
    paths = [write(tmp_path / "good.csv", good, truth), write(tmp_path / "poor.csv", poor, truth)]
    compared = compare_models(paths, bootstrap=50, seed=3).models[0]
    alone = evaluate_arrays(good, truth[0], findings=FINDINGS, groups=truth[1].astype(str), bootstrap=50, seed=3)
    mean, macro = compared.mean, alone.macro["auroc"]
    assert (mean.value, mean.low, mean.high) == pytest.approx((macro.value, macro.low, macro.high))
    for name in FINDINGS:
        found, brier = alone.findings[name], compared.measures["brier"].findings[name]
        for one, other in ((compared.auroc[name], found.auroc), (brier, found.calibration.brier),
                           (compared.measures["auprc"].findings[name], found.auprc)):  # fmt: skip
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_of_one_patient_nobody_is_called_better_and_a_copy_is_told(tmp_path, truth, good, poor):
    alone = (truth[0], np.zeros(N, dtype=int))
    paths = [write(tmp_path / "a.csv", good, alone), write(tmp_path / "b.csv", poor, alone)]
    (pair,) = compare_models(paths, bootstrap=50).pairs
    assert np.isnan([pair.mean.low, pair.mean.high]).all()
    assert all(np.isnan(finding.difference.low) for finding in pair.findings.values())
    assert "no interval says whether by chance" in pair.sentence
    copy = compare_models([paths[0], write(tmp_path / "c.csv", good, alone)], bootstrap=50)
    assert any(warning.startswith("a and c are the same predictions") for warning in copy.warnings)
    assert "No difference is shown" in copy.pairs[0].sentence
