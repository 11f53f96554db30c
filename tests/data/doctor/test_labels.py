import numpy as np
import pytest

from hilum.data import read_subject
from hilum.data.doctor.labels import (
    FIRST_RELEASE,
    children,
    impossible_ages,
    label_version,
    no_known_label,
    other_labels,
    read_faults,
)
from hilum.data.doctor.subject import subject_of
from hilum.findings import NIH_FINDINGS


def test_films_without_labels_are_found(examine, manifest_of):
    targets = np.zeros((4, 14), np.float32)
    targets[2] = np.nan
    targets[3, 1:] = np.nan
    (check,) = examine(no_known_label, manifest_of(4, targets=targets)).values()
    assert [film.image_id for film in check.films] == ["00000002_000.png"]
    assert check.excludes
    assert check.sentence.startswith("1 film ")
    assert not examine(no_known_label, manifest_of(4))
    (check,) = examine(no_known_label, manifest_of(4, findings=(), targets=np.zeros((4, 0)))).values()
    assert (check.n_films, check.excludes) == (4, False)


def test_ages_that_cannot_be_are_found(examine, manifest_of):
    ages = np.array([50, 414, -1, np.nan, 110, 3], np.float32)
    manifest = manifest_of(6, age_years=ages)
    (check,) = examine(impossible_ages, manifest).values()
    assert [film.detail for film in check.films] == ["414 years", "-1 years"]
    assert examine(children, manifest)["children"].n_films == 1


def test_labels_of_the_first_release_are_told_by_films(examine, manifest_of):
    ids = ["00000150_002.png", "00000193_019.jpg", "00000001_000.png"]
    targets = np.zeros((3, 14), np.float32)
    manifest = manifest_of(3, targets=targets, image_id=ids)
    (check,) = examine(label_version, manifest).values()
    assert "2 of 2 tell-tale films" in check.sentence
    targets[0, NIH_FINDINGS.index("Pneumonia")] = 1
    mixed = examine(label_version, manifest_of(3, targets=targets, image_id=ids))["label_version"]
    assert "1 of 2" in mixed.sentence
    assert "may be mixed" in mixed.sentence
    targets[1, NIH_FINDINGS.index("Pneumonia")] = 1
    assert not examine(label_version, manifest_of(3, targets=targets, image_id=ids))
    assert not examine(label_version, manifest_of(3, findings=("Mass",), image_id=ids))


@pytest.mark.parametrize(("place", "n_told"), [(0, 8), (1, 0)])
def test_labels_of_the_first_release_are_told_by_counts(examine, manifest_of, place, n_told):
    targets = np.zeros((112_120, 14), np.float32)
    for name, counts in FIRST_RELEASE.items():
        targets[: counts[place], NIH_FINDINGS.index(name)] = 1
    found = examine(label_version, manifest_of(112_120, targets=targets))
    assert sum(check.n_films for check in found.values()) == n_told


@pytest.mark.shared
@pytest.mark.slow
def test_the_present_label_file_is_not_taken_for_the_first(examine, shared_data):
    subject = read_subject(shared_data / "nih-metadata" / "Data_Entry_2017_v2020.csv.gz")
    for check in (label_version, impossible_ages, no_known_label, read_faults):
        assert not examine(check, subject)


def test_other_labels_are_compared_film_by_film(examine, manifest_of):
    one, two = np.zeros((2, 3, 14), np.float32)
    two[1, 0], two[2, 1] = 1, np.nan
    ours = manifest_of(3, targets=one)
    theirs = subject_of(manifest_of(3, targets=two, image_id=[f"0000000{n}_000.jpg" for n in range(3)]))
    (check,) = examine(other_labels, ours, other=theirs).values()
    assert [film.image_id for film in check.films] == ["00000001_000.png", "00000002_000.png"]
    assert check.films[0].detail == "Atelectasis absent here, present there"
    assert check.films[1].detail == "Cardiomegaly absent here, unknown there"
    assert "2 of 3 films" in check.sentence
    assert not examine(other_labels, ours, other=subject_of(ours))
    assert not examine(other_labels, ours)


def test_strangers_are_not_compared_in_silence(examine, manifest_of):
    theirs = subject_of(manifest_of(2, image_id=["x.png", "y.png"]))
    (check,) = examine(other_labels, manifest_of(2), other=theirs).values()
    assert "nothing was compared" in check.sentence
