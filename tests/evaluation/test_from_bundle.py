from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from hilum.data import Manifest, PixelStore, Problem, patient_hash
from hilum.errors import DataError, LeakError, UnknownNameError
from hilum.evaluation import evaluate_bundle, read_predictions
from hilum.findings import NIH_FINDINGS
from hilum.records import BundleSpec, FindingRule, InputRules, Interval, PlattMap, Recalibration, ReferZone

NAN = float("nan")
N_FILMS = 120


def make_manifest(**options):
    generator = np.random.default_rng(0)
    patients = np.arange(N_FILMS) // 3
    splits = np.where(patients < 10, "train", np.where(patients < 16, "validation", "test"))
    table = pd.DataFrame({"image_id": [f"{i:03d}.png" for i in range(N_FILMS)], "path": "/x"})
    table = table.assign(patient_id=[f"P{patient}" for patient in patients], study_id="", view="", sex="")
    table = table.assign(age_years=np.float32(50), split=splits)
    targets = (generator.random((N_FILMS, 14)) < 0.3).astype(np.float32)
    table = table.assign(**dict(zip(NIH_FINDINGS, targets.T, strict=True)))
    return Manifest(table, NIH_FINDINGS, **{"source": "own.csv", **options})


class FakeStore(PixelStore):
    """Holds every film but those that could not be read or were left out, in another order than the manifest."""

    def __init__(self, manifest, absent=(), *, left_out=()):
        self.problems = [Problem(name, "truncated", "cut short") for name in absent if name not in left_out]
        self.names = [name for name in reversed(list(manifest.table["image_id"])) if name not in absent]

    def rows_of(self, image_ids):
        return np.array([self.names.index(name) if name in self.names else -1 for name in image_ids], dtype=np.int64)


class FakePredictor:
    """Answers with the targets, blurred by noise that belongs to the film."""

    def __init__(self, manifest, store, **spec):
        rules = {
            name: FindingRule(
                calibration=PlattMap(slope=0.5, intercept=-0.5),
                threshold=0.4,
                sensitivity=Interval(),
                specificity=Interval(),
                n_positive=5,
                n_negative=9,
            )
            for name in spec.pop("findings", NIH_FINDINGS)
        }
        rules.update(spec.pop("rules", {}))
        facts = {
            "findings": rules, "input": InputRules(size_px=32, mean=(0.5,), std=(0.2,)), "model": {}, "recipe": {},
            "manifest_digest": "", "split_digest": "", "licence": "MIT", "versions": {},
            "training_patients": tuple(sorted(patient_hash(f"P{patient}") for patient in range(10))),
        }  # fmt: skip
        self.bundle = SimpleNamespace(spec=BundleSpec(**{**facts, **spec}), digest="b" * 64)
        table = manifest.table.set_index("image_id").loc[store.names]
        columns = [table[name].to_numpy(float) if name in table else np.zeros(len(table)) for name in rules]
        noise = np.random.default_rng(1).normal(size=(len(table), len(rules)))
        self.logits = 3 * np.column_stack(columns) - 1 + noise

    def logits_from_store(self, store, rows, *, on_progress=None):
        assert (rows >= 0).all()
        if on_progress:
            on_progress(len(rows), len(rows))
        return self.logits[rows]


@pytest.fixture
def setting():
    manifest = make_manifest()
    store = FakeStore(manifest)
    return FakePredictor(manifest, store), manifest, store


def evaluate(setting, **options):
    return evaluate_bundle(*setting, **{"bootstrap": 20, **options})


def test_the_test_split_is_judged_with_the_bundles_own_rules(setting):
    predictor, manifest, store = setting
    seen = []
    found, probabilities, image_ids = evaluate(
        setting, command="c", on_progress=lambda done, total: seen.append((done, total))
    )
    rows = manifest.rows("test")
    assert image_ids == tuple(manifest.table["image_id"].iloc[rows])
    logits = predictor.logits[store.rows_of(image_ids)]
    np.testing.assert_allclose(probabilities, expit(0.5 * logits - 0.5))
    point = found.findings["Mass"].operating_point
    targets = manifest.targets(rows)[:, NIH_FINDINGS.index("Mass")]
    called = probabilities[:, NIH_FINDINGS.index("Mass")] >= 0.4
    assert (point.threshold, point.chosen_on) == (0.4, "validation")
    assert point.true_positive == (called & (targets == 1)).sum()
    assert found.findings["Mass"].auroc.value > 0.9
    assert seen == [(72, 72)]


def test_its_pedigree_names_data_split_and_bundle(setting):
    found = evaluate(setting, command="hilum evaluate", seed=3)[0]
    pedigree, manifest = found.pedigree, setting[1]
    assert (pedigree.data_digest, pedigree.split_digest) == (manifest.digest, manifest.split_digest)
    assert (pedigree.bundle_digest, pedigree.split, pedigree.command) == ("b" * 64, "test", "hilum evaluate")
    assert (pedigree.n_images, pedigree.n_patients, pedigree.seed) == (72, 24, 3)
    assert pedigree.thresholds_from == "validation"
    assert (found.title, found.leaked, found.phantom) == ("own.csv, test", False, False)
    assert found.no_finding is not None


def test_training_patients_are_refused_and_their_films_listed(setting, tmp_path):
    with pytest.raises(
        LeakError, match=r"10 of 10 patients were in this bundle's training set \(.*overlap.csv\).*Split anew"
    ) as caught:
        evaluate(setting, split="train", overlap_path=tmp_path / "overlap.csv")
    assert (tmp_path / "overlap.csv").read_text().splitlines() == ["image_id", *(f"{i:03d}.png" for i in range(30))]
    assert "P1" not in str(caught.value)


def test_one_shared_patient_is_enough(setting):
    manifest, store = setting[1:]
    predictor = FakePredictor(manifest, store, training_patients=(patient_hash("P20"),))
    with pytest.raises(LeakError, match="1 of 24 patients"):
        evaluate((predictor, manifest, store))


def test_overlap_can_be_allowed_and_is_marked(setting, tmp_path):
    found = evaluate(setting, split="train", allow_overlap=True, overlap_path=tmp_path / "overlap.csv")[0]
    assert found.leaked
    assert [flag.code for flag in found.red_flags] == ["shared_patients"]
    assert (tmp_path / "overlap.csv").is_file()
    assert evaluate(setting, split="train", allow_overlap=True)[0].leaked


def test_no_overlap_writes_no_list(setting, tmp_path):
    evaluate(setting, overlap_path=tmp_path / "overlap.csv")
    assert not (tmp_path / "overlap.csv").exists()


def test_films_that_could_not_be_read_are_counted_and_left_out(setting):
    manifest = setting[1]
    absent = tuple(manifest.table["image_id"].iloc[manifest.rows("test")[:5]])
    store = FakeStore(manifest, absent)
    found, probabilities, image_ids = evaluate((FakePredictor(manifest, store), manifest, store))
    assert found.counts == {"films evaluated": 67, "films that could not be read": 5}
    assert len(probabilities) == len(image_ids) == 67
    assert not set(absent) & set(image_ids)
    assert (
        min(finding.auroc.value for finding in found.findings.values()) > 0.85
    )  # films and targets still belong together
    assert any("5 films of the split that could not be read" in sentence for sentence in found.warnings)


def test_films_left_out_of_the_store_are_told_from_those_that_could_not_be_read(setting):
    manifest = setting[1]
    absent = tuple(manifest.table["image_id"].iloc[manifest.rows("test")[:5]])
    store = FakeStore(manifest, absent, left_out=absent[1:])
    found, *_ = evaluate((FakePredictor(manifest, store), manifest, store))
    assert found.counts == {
        "films evaluated": 67,
        "films that could not be read": 1,
        "films that the pixel store was made without": 4,
    }
    assert any("1 film of the split that could not be read; problems.csv" in sentence for sentence in found.warnings)
    assert any("4 films of the split that the pixel store was made without" in said for said in found.warnings)


def test_a_store_of_other_films_is_refused(setting):
    predictor, manifest, _ = setting
    with pytest.raises(DataError, match="holds none of the 72 films of the split test: prepare this manifest"):
        evaluate((predictor, manifest, FakeStore(manifest, tuple(manifest.table["image_id"]))))


def test_a_split_without_films_is_refused(setting):
    predictor, manifest, store = setting
    unsplit = manifest.with_splits([None] * N_FILMS)
    with pytest.raises(DataError, match="has no film in the split test: `hilum data split`"):
        evaluate((predictor, unsplit, store))
    with pytest.raises((DataError, UnknownNameError), match="tset"):
        evaluate(setting, split="tset")


def test_validation_is_where_things_were_chosen_and_it_says_so(setting):
    found = evaluate(setting, split="validation")[0]
    assert "chosen on the split validation: the figures flatter" in found.red_flags[0].sentence


def test_a_bundle_that_does_not_name_its_patients_is_not_trusted(setting):
    manifest, store = setting[1:]
    found = evaluate((FakePredictor(manifest, store, training_patients=()), manifest, store))[0]
    assert any("does not say which patients" in sentence for sentence in found.warnings)


def test_phantoms_are_marked_on_either_side(setting):
    manifest, store = setting[1:]
    trained_on_phantoms = FakePredictor(manifest, store, phantom=True)
    found = evaluate((trained_on_phantoms, manifest, store))[0]
    assert not found.phantom
    assert any("trained on phantoms" in sentence for sentence in found.warnings)
    phantoms = make_manifest(phantom=True, source="Data_Entry_2017.csv")
    found = evaluate((trained_on_phantoms, phantoms, store))[0]
    assert found.phantom
    assert not any("hospital" in sentence for sentence in found.warnings)


def test_nihs_own_films_bring_their_caution(setting):
    predictor, _, store = setting
    nih = make_manifest(source="Data_Entry_2017_v2020.csv")
    assert any("one hospital" in sentence for sentence in evaluate((predictor, nih, store))[0].warnings)


def test_a_finding_without_a_threshold_calls_nothing(setting):
    manifest, store = setting[1:]
    rule = FindingRule(
        threshold=NAN, sensitivity=Interval(), specificity=Interval(), n_positive=0, n_negative=9, reason="none"
    )
    found = evaluate((FakePredictor(manifest, store, rules={"Mass": rule}), manifest, store))[0]
    assert np.isnan(found.findings["Mass"].operating_point.threshold)
    assert found.findings["Mass"].operating_point.true_positive == 0


def test_a_bundles_order_of_findings_is_kept_and_unlabelled_ones_are_undefined(setting):
    manifest = setting[1]
    few = Manifest(manifest.table.drop(columns=list(NIH_FINDINGS[2:])), NIH_FINDINGS[:2], "own.csv")
    store = FakeStore(few)
    order = ("Cardiomegaly", "Mass", "Atelectasis")
    found, probabilities, _ = evaluate((FakePredictor(few, store, findings=order), few, store))
    assert tuple(found.findings) == order
    assert probabilities.shape == (72, 3)
    assert found.findings["Atelectasis"].auroc.value > 0.9
    assert found.findings["Mass"].auroc.reason == "undefined: no film has a known label"
    assert found.no_finding is None


def test_no_finding_is_called_at_the_threshold_that_validation_gave_it(setting):
    _, manifest, store = setting
    rule = FindingRule(threshold=0.02, sensitivity=Interval(), specificity=Interval(), n_positive=5, n_negative=9)
    with_one, without = (
        evaluate_bundle(FakePredictor(manifest, store, no_finding=given), manifest, store, bootstrap=0)[0].no_finding
        for given in (rule, None)
    )
    point = with_one.operating_point
    assert (point.threshold, point.chosen_on) == (0.02, "validation")
    assert without.operating_point.chosen_on == "fixed 0.5"


def test_a_trained_no_finding_is_judged_by_its_own_answer(setting):
    _, whole, store = setting
    table = whole.table.copy()
    table.loc[table.index[60:80], list(NIH_FINDINGS)] = np.float32(0)
    manifest = Manifest(table, NIH_FINDINGS, source="own.csv")
    predictor = FakePredictor(manifest, store, findings=(*NIH_FINDINGS, "No Finding"))
    study, probabilities, _ = evaluate_bundle(predictor, manifest, store, bootstrap=0)
    nothing = (manifest.targets(manifest.rows("test")) == 1).sum(axis=1) == 0
    assert study.no_finding.auroc.n_positive == nothing.sum()
    assert study.no_finding.auroc.value == pytest.approx(roc_auc_score(nothing, probabilities[:, 14]))
    assert len(study.macro["auroc"].findings) == 14


def test_films_split_otherwise_than_in_training_are_flagged(setting):
    predictor, manifest, store = setting
    predictor = FakePredictor(manifest, store, manifest_digest=manifest.digest, split_digest="another")
    assert [flag.code for flag in evaluate((predictor, manifest, store))[0].red_flags] == ["split_anew"]
    same = FakePredictor(manifest, store, manifest_digest=manifest.digest, split_digest=manifest.split_digest)
    assert evaluate((same, manifest, store))[0].red_flags == ()


def test_a_bundle_recalibrated_on_these_films_is_flagged(setting):
    predictor, manifest, store = setting
    told = Recalibration(
        n_images=9, n_patients=9, data_digest=manifest.digest, parent_digest="", ece_before=0.1, ece_after=0.1
    )
    predictor = FakePredictor(manifest, store, recalibration=told)
    assert [flag.code for flag in evaluate((predictor, manifest, store))[0].red_flags] == ["recalibrated_here"]


def test_refer_zones_prevalences_subgroups_and_predictions_come_with_the_bundle(setting, tmp_path):
    _, manifest, store = setting
    manifest = replace(manifest, table=manifest.table.assign(sex=["F", "M"] * (N_FILMS // 2)))
    zone = ReferZone(
        low=0.2, high=0.6, allowed_missed=0.1, allowed_false_alarms=0.1, n_patients_with=50, n_patients_without=90,
        missed=0.1, cleared=0.5, found=0.5, false_alarms=0.1,
    )  # fmt: skip
    rule = FindingRule(
        threshold=0.4, sensitivity=Interval(), specificity=Interval(), refer=zone, n_positive=5, n_negative=9
    )
    path = tmp_path / "predictions.csv"
    found, probabilities, image_ids = evaluate(
        (FakePredictor(manifest, store, rules={"Mass": rule}), manifest, store),
        prevalences={"Mass": 0.01},
        predictions_path=path,
    )
    assert found.findings["Mass"].refer.low == 0.2
    assert found.findings["Mass"].operating_point.predictive[1].prevalence == 0.01
    assert {one.level for one in found.subgroups.subgroups} == {"female", "male"}
    table = read_predictions(path)
    assert (table.image_ids, table.findings) == (image_ids, NIH_FINDINGS)
    np.testing.assert_array_equal(table.probabilities, probabilities)
    np.testing.assert_array_equal(table.targets, manifest.targets(manifest.rows("test")))
    assert not any(patient in path.read_text() for patient in set(manifest.table["patient_id"]))


def test_labels_of_other_names_are_judged_by_what_follows_from_the_answers(setting):
    predictor, manifest, store = setting
    lesion = manifest.table[["Mass", "Nodule"]].max(axis=1)
    manifest = Manifest(manifest.table.assign(Lung_Lesion=lesion), (*NIH_FINDINGS, "Lung_Lesion"), source="own.csv")
    found, probabilities, _ = evaluate((predictor, manifest, store))
    assert found.findings["Lung_Lesion"].auroc.value > 0.7
    assert probabilities.shape[1] == 14
    assert any("Lung Lesion is not answered" in text for text in found.warnings)
