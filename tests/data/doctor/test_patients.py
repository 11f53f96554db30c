import numpy as np
import pandas as pd
import pytest

from hilum.data import patient_hash, read_subject
from hilum.data.doctor.examination import Examination
from hilum.data.doctor.patients import (
    age_jumps,
    bundle_apart,
    known_to_bundle,
    patients_alike,
    several_sexes,
    strange_splits,
    torn_patients,
)
from hilum.data.doctor.subject import Subject, subject_of


def split_as(manifest, splits):
    subject = subject_of(manifest)
    return Subject(manifest, np.array(splits, dtype=object), subject.ages)


def test_a_patient_in_two_splits_is_an_error(examine, manifest_of):
    splits = ["train", "test", "train", "train", None, "test"]
    (check,) = examine(torn_patients, split_as(manifest_of(6), splits)).values()
    assert check.severity == "error"
    assert [film.image_id for film in check.films] == ["00000000_000.png", "00000001_000.png"]
    assert "1 of 3 patients" in check.sentence
    assert not examine(torn_patients, split_as(manifest_of(6), ["train"] * 4 + ["test", None]))


def test_patients_of_a_bundle_are_found_in_the_test_split(examine, manifest_of):
    manifest = manifest_of(6, split=pd.Series(["train"] * 2 + ["test"] * 4, dtype=object))
    known = frozenset({patient_hash("p0"), patient_hash("p2"), patient_hash("elsewhere")})
    (check,) = examine(known_to_bundle, manifest, bundle_patients=known).values()
    assert "2 of 3 patients" in check.sentence
    assert check.n_films == 2
    assert check.excludes
    assert [film.image_id for film in check.films] == ["00000004_000.png", "00000005_000.png"]
    assert examine(known_to_bundle, manifest_of(6), bundle_patients=known)["patient_of_training"].n_films == 4
    elsewhere = frozenset({patient_hash("elsewhere")})
    assert not examine(known_to_bundle, manifest, bundle_patients=elsewhere)


def test_a_bundle_that_does_not_say_whom_it_was_trained_on_is_no_proof(examine, manifest_of):
    (check,) = examine(known_to_bundle, manifest_of(6), bundle_patients=frozenset()).values()
    assert (check.code, check.severity, check.excludes) == ("bundle_without_patients", "warning", False)
    assert "unknown" in check.sentence


def test_what_a_bundle_was_compared_with_is_said_where_all_is_well(manifest_of):
    manifest = manifest_of(6, split=pd.Series(["train"] * 2 + ["test"] * 4, dtype=object))
    said = [
        bundle_apart(Examination(subject_of(manifest), bundle_patients=frozenset({patient_hash(name)})))
        for name in ("elsewhere", "p0")
    ]
    assert said == [
        "0 of 3 patients were in its training",
        "1 of 3 patients was in its training, none of them in the test split",
    ]


def test_two_sexes_are_found(examine, manifest_of):
    (check,) = examine(several_sexes, manifest_of(6, sex=["F", "M", "F", "", "M", "M"])).values()
    assert [film.detail for film in check.films] == ["F", "M"]


def test_ids_that_are_nearly_the_same_are_named(examine, manifest_of):
    (check,) = examine(
        patients_alike, manifest_of(6, patient_id=["007", "7", "70", "ann lee", "Ann  Lee", "0"])
    ).values()
    assert [film.image_id for film in check.films] == [f"{row:08d}_000.png" for row in (0, 1, 3, 4)]
    assert check.sentence.startswith("4 patient ids differ")
    assert not examine(patients_alike, manifest_of(6, patient_id=["1", "1", "10", "100", "0001a", "a1"]))


@pytest.mark.parametrize(
    ("visits", "ages", "strange"),
    [
        ((0, 1), (50, 51), False),
        ((0, 1), (50, 49), False),  # rounding
        ((0, 1), (50, 45), True),
        ((1, 0), (45, 50), True),
        ((0, 1), (30, 51), True),
        ((0, 1), (30, np.nan), False),
        ((0, 1), (30, 414), False),  # another check's
    ],
)
def test_ages_that_do_not_fit_together_are_found(examine, manifest_of, visits, ages, strange):
    manifest = manifest_of(2, study_id=[f"p0_{visit}" for visit in visits], age_years=np.array(ages, np.float32))
    assert bool(examine(age_jumps, manifest)) is strange


def test_study_ids_of_another_form_tell_no_order(examine, manifest_of):
    manifest = manifest_of(2, study_id=["1.2.840.1_2", "1.2.840.1_1"], age_years=np.array([45, 50], np.float32))
    assert not examine(age_jumps, manifest)


def test_films_in_no_split_are_noted(examine, manifest_of):
    found = examine(strange_splits, split_as(manifest_of(4), ["train", None, "test", "test"]))
    assert found["no_split"].n_films == 1
    assert not examine(strange_splits, split_as(manifest_of(4), [None] * 4))


@pytest.mark.shared
@pytest.mark.slow
def test_patients_of_nih_are_consistent(examine, shared_data):
    subject = read_subject(shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz")
    for check in (several_sexes, age_jumps, torn_patients):
        assert not examine(check, subject)
