"""Any folder of DICOM as a manifest: what is taken, what is left out and counted, how labels find films."""

import numpy as np
import pytest

from hilum.data import JOINS, READERS, DicomLabels, read_dicom
from hilum.errors import DataError, InvalidValueError
from hilum.imaging import IdentityKey, deidentify_folder, write_dicom

KEY = IdentityKey(b"k" * 32)


def film(path, *, patient="p1", number=1, view="PA", tone=0, **changes):
    """Write a film; ``changes`` are attributes written afterwards, None removes one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = ((np.arange(64)[:, None] * 3 + np.arange(48) + tone) % 256).astype(np.uint8)
    write_dicom(path, pixels, patient_id=patient, instance_number=number, view=view, age_years=60, sex="F")
    if changes:
        import pydicom

        dataset = pydicom.dcmread(path)
        for name, value in changes.items():
            if value is None:
                delattr(dataset, name)
            else:
                setattr(dataset, name, value)
        dataset.save_as(path, enforce_file_format=True)


@pytest.fixture
def archive(tmp_path):
    root = tmp_path / "archive"
    film(root / "a.dcm", number=1, SOPInstanceUID="1.2.1", StudyInstanceUID="1.9.1", AccessionNumber="A1")
    film(
        root / "sub" / "b", number=2, view="AP", SOPInstanceUID="1.2.2", StudyInstanceUID="1.9.1", AccessionNumber="A1"
    )
    film(root / "sub" / "c.dcm", patient="p2", SOPInstanceUID="1.2.3", StudyInstanceUID="1.9.2", AccessionNumber="A2")
    return root


def read(archive, **options):
    return read_dicom(archive, workers=1, **options)


def test_rows_are_films_as_their_headers_say(archive):
    film(archive / "ct.dcm", number=8, Modality="CT")
    film(archive / "marked.dcm", number=9, BurnedInAnnotation="YES", Manufacturer="ACME", ManufacturerModelName="Ray")
    (archive / "notes.txt").write_text("text")
    (archive / "DICOMDIR").write_bytes((archive / "a.dcm").read_bytes())
    manifest = read(archive)
    table = manifest.table.set_index("image_id")
    assert list(table.index[:1]) == ["1.2.1"]
    assert len(manifest) == 4
    assert table.loc["1.2.2", "path"] == str(archive / "sub" / "b")
    assert list(table["patient_id"]) == ["p1", "p1", "p1", "p2"]
    assert list(table.loc[["1.2.1", "1.2.2", "1.2.3"], "study_id"]) == ["1.9.1", "1.9.1", "1.9.2"]
    assert (table.loc["1.2.2", "view"], table.loc["1.2.2", "sex"], table.loc["1.2.2", "age_years"]) == ("AP", "F", 60)
    assert list(table["source"]) == ["hilum phantoms", "ACME Ray", "hilum phantoms", "hilum phantoms"]
    assert manifest.findings == ()
    said = "\n".join(manifest.notes)
    assert "1 of 5 DICOM files is no film that hilum answers for: modality 1" in said
    assert "1 files are no DICOM" in said
    assert "1 DICOMDIR files" in said
    assert "1 film with text burned into the pixels" in said
    assert "there are no labels" in said
    assert "--key gives pseudonyms" in said


def test_a_key_gives_pseudonyms(archive):
    table = read(archive, key=KEY).table
    assert list(table["patient_id"]) == [KEY.pseudonym(name) for name in ("p1", "p1", "p2")]
    assert list(table["image_id"]) == [KEY.uid(uid) for uid in ("1.2.1", "1.2.2", "1.2.3")]
    assert table["study_id"].nunique() == 2
    assert not table.drop(columns="path").astype(str).isin(["p1", "p2", "1.2.1", "1.9.1"]).any(axis=None)


@pytest.mark.parametrize(
    ("join", "cells", "effusion"),
    [
        ("sop_uid", ["1.2.3", "1.2.1", "7.7"], [0, np.nan, 1]),
        ("file", ["c.dcm", "a", "nowhere"], [0, np.nan, 1]),
        ("file", ["sub/c", "./sub/b", "a.dcm"], [np.nan, 0, 1]),
        ("study_uid", ["1.9.2", "1.9.1", "1.9.3"], [0, 0, 1]),
        ("accession", ["A2", "A1", "A3"], [0, 0, 1]),
    ],
)
def test_labels_are_joined(archive, write_text, join, cells, effusion):
    rows = [f"{cell},{label}" for cell, label in zip(cells, (1, 0, ""), strict=True)]
    path = write_text("labels.csv", "name,Effusion", *rows)
    manifest = read(archive, labels=DicomLabels(path, "name", join))
    # In the order of a, b, c.
    found = manifest.targets()[:, 0]
    expected = {"sub/c": [np.nan, 0, 1], "c.dcm": [0, np.nan, 1]}.get(cells[0], effusion)
    assert np.array_equal(found, np.array(expected, np.float32), equal_nan=True)
    n_idle = sum(cell in {"7.7", "nowhere", "1.9.3", "A3"} for cell in cells)
    assert any("without a film in the folder" in note for note in manifest.notes) == bool(n_idle)
    assert any("without a row in labels.csv" in note for note in manifest.notes) == (cells[0] in {"1.2.3", "c.dcm"})


def test_labels_that_cannot_be_joined(archive, write_text):
    path = write_text("labels.csv", "name,Effusion", "x,1", "y,0")
    with pytest.raises(DataError, match=r"not one of its 2 rows names one of the 3 films.*sop_uid, study_uid"):
        read(archive, labels=DicomLabels(path, "name", "file"))
    for rows, sentence in ((["1.2.1,1", "1.2.1,0"], "lines 2 and 3 are for the same name"), ([",1"], "name is empty")):
        path = write_text("labels.csv", "name,Effusion", *rows)
        with pytest.raises(DataError, match=sentence):
            read(archive, labels=DicomLabels(path, "name"))
    with pytest.raises(InvalidValueError, match=f"joined by {', '.join(JOINS)}, got 'uid'"):
        DicomLabels(path, "name", "uid")


def test_films_without_a_patient(archive):
    film(archive / "d.dcm", PatientID="", number=3, SOPInstanceUID="1.2.4", StudyInstanceUID="1.9.4")
    with pytest.raises(DataError, match=r"1 of 4 films without a patient id.*--without-id skip"):
        read(archive)
    skipped, kept = read(archive, without_id="skip"), read(archive, without_id="study", key=KEY)
    assert (len(skipped), len(kept)) == (3, 4)
    assert KEY.pseudonym("study 1.9.4") in set(kept.table["patient_id"])
    assert any("leaks if a patient has two" in note for note in kept.notes)
    film(archive / "d.dcm", PatientID="", number=3, StudyInstanceUID=None)
    with pytest.raises(DataError, match="1 film with neither patient id nor study"):
        read(archive, without_id="study")
    for name in ("a.dcm", "sub/b", "sub/c.dcm"):
        (archive / name).unlink()
    with pytest.raises(DataError, match="not one film has a patient id"):
        read(archive, without_id="skip")


def test_the_same_film_twice(archive):
    (archive / "again").write_bytes((archive / "a.dcm").read_bytes())
    manifest = read(archive)
    assert len(manifest) == 3
    assert any("1 file with the UID of another film" in note for note in manifest.notes)
    film(archive / "other", tone=90, SOPInstanceUID="1.2.1")
    with pytest.raises(DataError, match="1 SOP Instance UID with different pixels"):
        read(archive)
    manifest = read(archive, repeated="first")
    assert manifest.table.set_index("image_id").loc["1.2.1", "path"] == str(archive / "a.dcm")
    assert len(manifest) == 3
    assert any("the first by path was kept" in note for note in manifest.notes)


def test_labels_are_checked_before_any_film(archive, write_text):
    (archive / "a.dcm").unlink()
    seen = []
    path = write_text("labels.csv", "name,Effusion", "x,2")
    for labels in (DicomLabels(path, "uid"), DicomLabels(path, "name")):
        with pytest.raises(DataError, match=r"no column 'uid'|expected 1, 0 or nothing"):
            read(archive, labels=labels, on_progress=lambda *at: seen.append(at))
    assert not seen


@pytest.fixture
def clean(archive, tmp_path):
    """The archive, de-identified."""
    deidentify_folder(archive, tmp_path / "clean", key=KEY, workers=1)
    return tmp_path / "clean"


def test_de_identified_films_join_those_imported_with_the_key(archive, clean):
    named, again, plain = read(archive, key=KEY), read(clean, key=KEY), read(clean)
    for column in ("image_id", "patient_id", "study_id"):
        assert set(named.table[column]) == set(again.table[column]) == set(plain.table[column])
    for manifest in (again, plain):
        assert any("3 films de-identified by hilum" in note for note in manifest.notes)
        assert not any("as they are in the files" in note for note in manifest.notes)


@pytest.mark.parametrize(("join", "cells"), [("sop_uid", ("1.2.3", "1.2.1")), ("study_uid", ("1.9.2", "1.9.1"))])
def test_old_uids_find_de_identified_films(clean, write_text, join, cells):
    path = write_text("labels.csv", "uid,Effusion", f"{cells[0]},1", f"{cells[1]},0")
    labels = DicomLabels(path, "uid", join)
    table = read(clean, key=KEY, labels=labels).table.set_index("image_id")
    assert table.loc[KEY.uid("1.2.3"), "Effusion"] == 1
    assert table.loc[KEY.uid("1.2.1"), "Effusion"] == 0
    with pytest.raises(DataError, match="--key is missing"):
        read(clean, labels=labels)
    with pytest.raises(DataError, match="this one may be another"):
        read(clean, labels=labels, key=IdentityKey(b"x" * 32))


def test_accession_numbers_are_gone_from_de_identified_films(clean, write_text):
    path = write_text("labels.csv", "order,Effusion", "A1,1")
    with pytest.raises(DataError, match="leaves no accession number and no file name: join by sop_uid or study_uid"):
        read(clean, key=KEY, labels=DicomLabels(path, "order", "accession"))


def test_a_film_without_uid_goes_by_its_file(archive):
    film(archive / "e.dcm", number=5, SOPInstanceUID="")
    assert "e.dcm" in set(read(archive).table["image_id"])


def test_folders_without_films(tmp_path):
    film(tmp_path / "in" / "ct", Modality="CT")
    with pytest.raises(DataError, match=r"not one film lies among 1 DICOM file \(modality 1\)"):
        read(tmp_path / "in")


def test_progress_and_the_table_of_readers(archive):
    seen = []
    read(archive, on_progress=lambda *at: seen.append(at))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert READERS["dicom"].read is read_dicom


def test_errors_name_no_patient(archive):
    film(archive / "other", patient="Canary^Anna", tone=90, SOPInstanceUID="1.2.1")
    with pytest.raises(DataError) as caught:
        read(archive)
    assert "Canary" not in str(caught.value)
    assert "1.2.1" not in str(caught.value)
