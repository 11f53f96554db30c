import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hilum.data import examine_manifest, patient_hash, proposed_exclusions
from hilum.data.doctor import CHECKS, PROBES
from hilum.data.doctor import examine as room
from hilum.data.doctor.duplicates import DuplicatePair
from hilum.data.doctor.pose import PoseSuspect
from hilum.data.doctor.subject import subject_of
from hilum.records import DoctorReport


@pytest.fixture
def eyes(monkeypatch):
    """What the doctor sees, given instead of looked for."""
    seen = {"duplicates": [], "poses": []}
    monkeypatch.setattr("hilum.data.doctor.duplicates.find_duplicates", lambda _, **__: seen["duplicates"])
    monkeypatch.setattr("hilum.data.doctor.pose.judge_poses", lambda _: seen["poses"])
    return seen


@pytest.fixture
def faulty(write_films, manifest_of, eyes, tmp_path):
    """Eight films: one is gone, one is no film, two are the same, one is upside down."""
    paths = write_films(8)
    paths[0].unlink()
    paths[1].write_text("no film")
    eyes["duplicates"] = [DuplicatePair(2, 6, 0.98)]
    eyes["poses"] = [PoseSuspect(4, "upside_down", 0.99)]
    splits = pd.Series(["train"] * 6 + ["test"] * 2, dtype=object)
    return manifest_of(8, paths=paths, split=splits)


def test_everything_is_found_and_the_gravest_stands_first(faulty):
    stages = []
    report, pictures = examine_manifest(faulty, workers=1, on_progress=lambda *told: stages.append(told))
    found = {check.code: check.severity for check in report.checks}
    assert {
        "duplicate_across_splits": "error",
        "missing": "warning",
        "refused_format": "warning",
        "pose_upside_down": "warning",
        "few_positives": "note",
    }.items() <= found.items()
    severities = [check.severity for check in report.checks]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert (report.n_images, report.n_patients, report.n_opened) == (8, 4, 6)
    ids = faulty.table["image_id"]
    assert set(proposed_exclusions(report)) == {ids[row] for row in (0, 1, 2, 4)}
    assert {ids[2], ids[6], ids[4]} <= set(pictures)
    assert pictures[ids[4]].shape == (220, 220)
    assert ids[0] not in pictures
    assert {stage for _, _, stage in stages} >= {"opening films", "probing for shortcuts", "reading pictures"}
    assert DoctorReport.from_json(report.to_json()) == report


def test_every_check_is_found_passed_or_not_made(faulty):
    report, _ = examine_manifest(faulty, workers=1)
    titles = {check.title for check in CHECKS.values()}
    assert set(report.passed) | set(report.not_made) <= titles
    assert not set(report.passed) & set(report.not_made)
    assert report.not_made == {
        CHECKS["patients_of_training"].title: "no bundle was given (--bundle)",
        CHECKS["other_labels"].title: "no other manifest was given (--against)",
    }
    assert [probe.code for probe in report.shortcuts] == list(PROBES)


def test_labels_alone_need_no_film(manifest_of):
    manifest = manifest_of(8)
    hashes = [patient_hash("p0")]
    report, pictures = examine_manifest(
        manifest, open_films=False, bundle_patients=hashes, against=subject_of(manifest)
    )
    assert pictures == {}
    assert report.n_opened == 0
    assert CHECKS["refused"].title in report.not_made
    assert CHECKS["missing"].title in report.not_made
    title = CHECKS["other_labels"].title
    assert f"{title}: 0 labels differ in 8 films and 14 findings that both have" in report.passed
    assert report.checks[0].code == "patient_of_training"
    assert all(not PROBES[probe.code].pixels for probe in report.shortcuts)


def test_where_no_film_is_there_labels_are_examined(manifest_of):
    report, pictures = examine_manifest(manifest_of(8))
    (check,) = [check for check in report.checks if check.code == "missing"]
    assert "not one film was found" in check.sentence
    assert pictures == {}
    assert proposed_exclusions(report) == {}


def test_a_film_that_changes_amid_the_work_has_no_picture(faulty, monkeypatch):
    class Reader:
        def __init__(self, **_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def squares(self, paths, size):
            return [room.ImageRefusedError("missing", "Gone.", "") for _ in paths]

    report, _ = examine_manifest(faulty, workers=1)
    examination = room._open(room.Examination(subject_of(faulty)), 1, None, lambda *_: None)
    monkeypatch.setattr("hilum.imaging.FilmReader", Reader)
    assert room._pictures(report, examination, 1, lambda *_: None) == {}


@pytest.mark.slow
def test_planted_faults_are_found_with_real_eyes(write_text, tmp_path, v2020):
    """Phantoms with a film twice under another patient, cut, blank, gone: found without any stand-in."""
    from hilum.data import read_nih, split_by_patient, write_phantoms

    write_phantoms(tmp_path / "p", count=60, size_px=128, seed=3, workers=1)
    manifest = split_by_patient(read_nih(tmp_path / "p"), fractions=(0.5, 0.2, 0.3), seed=0)
    train, test = manifest.rows("train"), manifest.rows("test")
    paths = manifest.paths()
    with Image.open(paths[test[0]]) as film:
        film.resize((100, 100)).save(paths[train[0]])
    paths[train[1]].write_bytes(paths[train[1]].read_bytes()[:2000])
    Image.fromarray(np.full((128, 128), 90, np.uint8)).save(paths[train[2]])
    paths[train[3]].unlink()
    report, _ = examine_manifest(manifest)
    found = {check.code: check for check in report.checks}
    ids = manifest.table["image_id"]
    assert (ids[train[0]], ids[test[0]]) in {
        (film.image_id, film.other) for film in found["duplicate_across_splits"].films
    }
    assert [film.image_id for film in found["refused_truncated"].films] == [ids[train[1]]]
    assert [film.image_id for film in found["refused_not_a_chest_radiograph"].films] == [ids[train[2]]]
    assert [film.image_id for film in found["missing"].films] == [ids[train[3]]]
