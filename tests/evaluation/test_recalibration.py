from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from hilum.calibration import apply_map, calibrate
from hilum.data import Manifest, PixelStore, patient_hash
from hilum.errors import DataError, InvalidValueError, LeakError
from hilum.evaluation import recalibrate_bundle
from hilum.evaluation.recalibration import _change, _verdict
from hilum.metrics import count_patients
from hilum.records import BetaMap, BundleSpec, Estimate, FindingRule, InputRules, Interval, PlattMap, TemperatureMap

FINDINGS = ("Mass", "Effusion", "Hernia")


class Films(PixelStore):
    def __init__(self, n):
        self.n = n

    def rows_of(self, image_ids):
        return np.array([int(name) if int(name) < self.n else -1 for name in image_ids], dtype=np.int64)


def setting(n_patients=200, maps=None, trained=()):
    """Local films of which the bundle is much too sure; Hernia is on two films alone."""
    generator = np.random.default_rng(0)
    n = 2 * n_patients
    truth = generator.normal(size=(n, 3)) - 0.5
    targets = (generator.random((n, 3)) < expit(truth)).astype(np.float32)
    targets[:, 2] = 0
    targets[:2, 2] = 1
    table = pd.DataFrame({"image_id": [str(i) for i in range(n)], "path": "/x", "study_id": "", "view": "PA"})
    table = table.assign(patient_id=[f"P{i // 2}" for i in range(n)], sex="F", age_years=np.float32(50), split=None)
    table = table.assign(**dict(zip(FINDINGS, targets.T, strict=True)))
    maps = maps or {}
    rules = {
        name: FindingRule(
            calibration=maps.get(name, PlattMap(slope=0.5, intercept=1.0)), threshold=0.3, sensitivity=Interval(),
            specificity=Interval(), n_positive=40, n_negative=90,
        )
        for name in FINDINGS
    }  # fmt: skip
    spec = BundleSpec(
        findings=rules, input=InputRules(size_px=32, mean=(0.5,), std=(0.2,)), model={}, recipe={}, manifest_digest="m",
        split_digest="s", training_patients=tuple(map(patient_hash, trained)), licence="MIT", versions={},
    )  # fmt: skip
    logits = 4 * truth

    def answer(store, rows, *, on_progress=None):
        return logits[rows]

    predictor = SimpleNamespace(bundle=SimpleNamespace(spec=spec, digest="b" * 64), logits_from_store=answer)
    return predictor, Manifest(table, FINDINGS, source="own.csv"), Films(n), logits, targets


@pytest.fixture(scope="module")
def study():
    predictor, manifest, store, logits, targets = setting()
    return recalibrate_bundle(predictor, manifest, store, bootstrap=50), logits, targets, predictor.bundle.spec


def test_calibration_is_better_beyond_chance_and_says_so(study):
    found = study[0]
    assert found.fitted == ("Mass", "Effusion")
    assert found.ece_after.value < 0.09 < 0.11 < found.ece_before.value  # chance alone gives 0.07 here
    assert found.change.high < 0
    assert found.change.value == pytest.approx(found.ece_after.value - found.ece_before.value)
    note = found.spec.recalibration.note
    assert "the change is better beyond chance" in note
    assert "Fewer than 10 patients of a kind, so the rule is as it was: Hernia" in note
    rarer = min(min(count_patients(column, np.arange(400) // 2)) for column in study[2].T[:2])
    assert note.startswith("Fitted on 400 films of 200 patients; least is known of ")
    assert f"where {rarer} patients are of the rarer kind." in note
    assert f"{found.ece_after.value:.3f} ({found.ece_after.low:.3f} to {found.ece_after.high:.3f}) after" in note
    for name in found.fitted:
        assert found.after.findings[name].calibration.ece.value < found.before.findings[name].calibration.ece.value
        assert found.after.findings[name].auroc.value == pytest.approx(found.before.findings[name].auroc.value)


def test_the_new_maps_are_for_raw_logits(study):
    found, logits, targets, old = study
    probabilities = calibrate(found.spec, logits)
    for place in (0, 1):
        assert probabilities[:, place].mean() == pytest.approx(targets[:, place].mean(), abs=0.02)
    map_ = found.spec.findings["Mass"].calibration
    assert map_.slope == pytest.approx(0.25, abs=0.07)
    assert len(map_.covariance) == 2
    assert found.spec.findings["Mass"].threshold != old.findings["Mass"].threshold


def test_a_finding_with_too_few_films_keeps_its_rule_before_and_after(study):
    found, _, _, old = study
    assert found.kept == ("Hernia",)
    assert found.spec.findings["Hernia"] == old.findings["Hernia"]
    before, after = found.before.findings["Hernia"], found.after.findings["Hernia"]
    assert before.calibration.brier == after.calibration.brier


def test_it_says_on_what_it_was_done(study):
    found = study[0]
    recalibration = found.spec.recalibration
    assert (recalibration.n_images, recalibration.n_patients, recalibration.parent_digest) == (400, 200, "b" * 64)
    assert recalibration.data_digest == found.after.pedigree.data_digest
    assert [flag.code for flag in found.after.red_flags] == ["cross_fitted"]
    assert found.before.red_flags == ()
    assert (found.before.title, found.after.title) == ("own.csv, as it came", "own.csv, recalibrated")


@pytest.mark.parametrize("first", [TemperatureMap(temperature=2.0), BetaMap(a=0.5, b=0.6, c=0.1)])
def test_every_kind_of_old_map_ends_in_a_map_for_raw_logits(first):
    predictor, manifest, store, logits, targets = setting(maps=dict.fromkeys(FINDINGS, first))
    found = recalibrate_bundle(predictor, manifest, store, bootstrap=0)
    new = apply_map(found.spec.findings["Mass"].calibration, logits[:, 0])
    assert new.mean() == pytest.approx(targets[:, 0].mean(), abs=0.02)
    assert np.polyfit(logits[:, 0], logit(new), 1)[0] == pytest.approx(0.25, abs=0.07)


def test_training_patients_are_refused_without_their_names():
    predictor, manifest, store, *_ = setting(trained=("P3", "P4"))
    with pytest.raises(LeakError, match=r"2 patients of these films.*--split NAME") as caught:
        recalibrate_bundle(predictor, manifest, store, bootstrap=0)
    assert "P3" not in str(caught.value)


def test_too_little_is_refused():
    predictor, manifest, _, *_ = setting()
    with pytest.raises(DataError, match="holds no film of own"):
        recalibrate_bundle(predictor, manifest, Films(0), bootstrap=0)
    with pytest.raises(DataError, match="no finding with films of 10 patients with it and 10 without"):
        recalibrate_bundle(predictor, manifest, Films(18), bootstrap=0)  # 9 patients
    with pytest.raises(InvalidValueError, match="as many patients"):
        recalibrate_bundle(predictor, manifest, Films(400), folds=300, bootstrap=0)


def test_a_note_without_an_interval_promises_nothing():
    predictor, manifest, store, *_ = setting()
    note = recalibrate_bundle(predictor, manifest, store, bootstrap=0).spec.recalibration.note
    assert "nan" not in note
    assert "no interval says whether the change is chance" in note


def test_what_needs_no_change_is_not_called_a_change():
    wrong = 0
    for seed in range(8):
        generator = np.random.default_rng(seed)
        before, after = (np.concatenate([[value], value + 0.02 + 0.01 * generator.normal(size=400)])
                         for value in (0.03, 0.03))  # fmt: skip
        after[1:] += 0.03  # a resample adds more to what is nearer to 0
        change = _change(before, after)
        wrong += change.low > 0
        assert change.low < change.value < change.high
    assert wrong == 0
    assert _verdict(Estimate(value=0.1, low=0.05, high=0.2)).endswith("keep the bundle as it came")
    assert _verdict(Estimate(value=0.0, low=-0.05, high=0.2)).startswith("the change is within chance")
