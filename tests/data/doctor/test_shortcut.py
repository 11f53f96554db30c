import gzip

import numpy as np
import pytest

from hilum.data import read_subject
from hilum.data.doctor import shortcut
from hilum.data.doctor.examination import Examination
from hilum.data.doctor.shortcut import PROBES, audit_shortcuts, shortcut_checks
from hilum.data.doctor.subject import subject_of
from hilum.metrics import auroc

N = 400


def audit(manifest, **given):
    return {probe.code: probe for probe in audit_shortcuts(Examination(subject_of(manifest), **given))}


@pytest.fixture
def tied(manifest_of):
    """Films whose first finding goes with the view, the second with nothing."""
    generator = np.random.default_rng(1)
    targets = (generator.random((N, 2)) < 0.3).astype(np.float32)
    views = np.where(generator.random(N) < 0.2 + 0.6 * targets[:, 0], "AP", "PA")
    return manifest_of(N, targets=targets, findings=("Mass", "Nodule"), view=views)


def test_a_view_that_goes_with_a_finding_is_found(tied):
    probe = audit(tied)["view"]
    is_ap = (tied.table["view"] == "AP").to_numpy(dtype=float)
    assert probe.findings["Mass"] == pytest.approx(auroc(is_ap, tied.targets()[:, 0]), abs=1e-9)
    assert 0.4 < probe.findings["Nodule"] < 0.55
    assert probe.auroc.low < probe.auroc.value < probe.auroc.high
    assert probe.auroc.value == pytest.approx(np.mean(list(probe.findings.values())))
    assert "within-view" in probe.sentence
    (check,) = [check for check in shortcut_checks([probe])]
    assert check.code == "shortcut_view"
    assert check.severity == "warning"


def test_what_goes_with_nothing_is_no_shortcut(manifest_of):
    generator = np.random.default_rng(2)
    manifest = manifest_of(N, view=generator.choice(["AP", "PA"], N), sex=generator.choice(["F", "M"], N))
    probes = audit(manifest)
    # Cross-validation reads a little below chance: what is held out leans away from what was learnt.
    assert 0.42 < probes["view"].auroc.value < 0.52
    assert "hardly more than chance" in probes["view"].sentence
    assert not list(shortcut_checks([*probes.values()]))


@pytest.mark.parametrize(("low", "words"), [(0.56, "a model can learn"), (0.52, "more than chance."), (0.49, "hardly")])
def test_a_probe_says_no_less_than_its_interval(low, words):
    assert shortcut._verdict(PROBES["view"], low).startswith(words)


def test_what_is_the_same_for_all_films_is_not_measured(manifest_of):
    probe = audit(manifest_of(N))["view"]
    assert probe.findings == {}
    assert np.isnan(probe.auroc.value)
    assert "the same for all films" in probe.sentence
    assert not list(shortcut_checks([probe]))


def test_rare_findings_are_left_out(manifest_of):
    targets = np.zeros((N, 2), np.float32)
    targets[:20, 0] = 1
    manifest = manifest_of(N, targets=targets, findings=("Mass", "Nodule"), view=["AP", "PA"] * (N // 2))
    assert "No finding has enough".lower() in audit(manifest)["view"].sentence.lower()


def test_unknown_labels_carry_nothing(tied):
    targets = tied.targets()
    table = tied.table.assign(Mass=np.where(np.arange(N) < N // 2, np.nan, targets[:, 0]))
    half = type(tied)(table.assign(Mass=table["Mass"].astype(np.float32)), tied.findings, "half")
    assert audit(half)["view"].findings["Mass"] > 0.7


def test_patients_stay_together_and_a_probe_learns_no_one_by_heart(manifest_of):
    """Labels that are the patient's own, and features that only tell the patient, are worth nothing."""
    generator = np.random.default_rng(3)
    labels = np.repeat(generator.random(N // 2) < 0.5, 2).astype(np.float32)
    manifest = manifest_of(N, targets=np.stack([labels], axis=1), findings=("Mass",))
    features = np.repeat(generator.normal(size=(N // 2, 40)), 2, axis=0)
    probe = shortcut.Probe("x", ("x",), "X.", lambda _: features)
    measured = shortcut._measure("view", probe, Examination(subject_of(manifest)), 0)
    assert measured.auroc.value == pytest.approx(0.5, abs=0.08)


def test_folds_of_different_prevalence_do_not_mix_up_scores():
    """With an intercept per fold, films would be ranked by what their fold held out, not by their features."""
    generator = np.random.default_rng(4)
    patients = np.arange(60)
    labels = (generator.random((60, 1)) < 0.5).astype(np.float32)
    features = labels + generator.normal(0, 0.3, (60, 1))
    scores = shortcut._out_of_fold(features, labels, patients, seed=0)[:, 0]
    assert auroc(scores, labels[:, 0]) == pytest.approx(auroc(features[:, 0], labels[:, 0]), abs=0.02)


def test_the_audit_is_deterministic(tied):
    assert audit(tied) == audit(tied)


@pytest.fixture
def marked(tied, thumbnails):
    """Films of noise with a marker in the corner of those that have the first finding, and a size that goes with it."""
    generator = np.random.default_rng(5)
    pixels = generator.integers(80, 120, (N, 64, 64), dtype=np.uint8)
    has = tied.targets()[:, 0] == 1
    pixels[has, 1:4, 58:61] = 255
    return thumbnails(N, pixels=pixels, sizes=np.where(has[:, None], [1024, 900], [1024, 1024]))


def test_a_marker_and_a_size_are_found(tied, marked):
    probes = audit(tied, thumbnails=marked)
    assert set(probes) == set(PROBES)
    for code in ("borders", "geometry", "thumbnail"):
        assert probes[code].findings["Mass"] > 0.95, code
    codes = [check.code for check in shortcut_checks([*probes.values()])]
    assert {"shortcut_borders", "shortcut_geometry"} <= set(codes)
    assert "shortcut_thumbnail" not in codes


def test_films_that_could_not_be_read_are_left_out(tied, thumbnails):
    problems = {row: ("format", "No.") for row in range(100)}
    shapes = np.random.default_rng(0).integers(500, 2000, (N, 2))
    probes = audit(tied, thumbnails=thumbnails(N, problems=problems, sizes=shapes))
    assert probes["geometry"].n_images == N - 100


def test_many_films_are_thinned_by_patient(tied, marked, monkeypatch):
    monkeypatch.setattr(shortcut, "_MOST_FILMS", 101)
    rows = shortcut._rows(Examination(subject_of(tied), thumbnails=marked), PROBES["borders"], np.zeros((N, 1)), seed=0)
    patients = tied.table["patient_id"].iloc[rows]
    assert len(rows) == 100
    assert (patients.value_counts() == 2).all()


@pytest.mark.slow
@pytest.mark.shared
def test_view_alone_tells_something_on_nih(shared_data):
    """A public probe is said to reach 0.588 on the official test films, each finding's better direction taken there."""
    subject = read_subject(shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz")
    probes = {probe.code: probe for probe in audit_shortcuts(Examination(subject))}
    assert probes["view"].auroc.value == pytest.approx(0.575, abs=0.005)
    assert len(probes["view"].findings) == 14
    assert probes["metadata"].auroc.value > probes["view"].auroc.value
    table = subject.manifest.table
    official = gzip.decompress((shared_data / "nih-metadata" / "test_list.txt.gz").read_bytes()).decode().split()
    rows = np.flatnonzero(table["image_id"].isin(official))
    is_ap = (table["view"].iloc[rows] == "AP").to_numpy(dtype=float)
    values = np.array([auroc(is_ap, labels) for labels in subject.manifest.targets(rows).T])
    assert np.maximum(values, 1 - values).mean() == pytest.approx(0.588, abs=0.001)
