import numpy as np
import pytest

from hilum.imaging import open_key, read_identity, write_dicom


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(2):
        pixels = ((np.arange(64)[:, None] * 3 + np.arange(48) + number) % 256).astype(np.uint8)
        write_dicom(
            folder / f"Canary {number}.dcm", pixels, patient_id="CANARY", instance_number=number, view="PA",
            age_years=50, sex="M",
        )  # fmt: skip
    return folder


def mark(path):
    path.write_bytes(path.read_bytes().replace(b"\x28\0\x01\x03CS\x02\0NO", b"\x28\0\x01\x03CS\x04\0YES "))


def test_films_and_numbers(hilum, archive, tmp_path):
    mark(archive / "Canary 1.dcm")
    out, key, map_file = tmp_path / "out", tmp_path / "k.key", tmp_path / "map.csv"
    answer = hilum("data", "deidentify", archive, "--out", out, "--key", key, "--map", map_file)
    assert answer.code == 0, answer.err
    assert "1 film of 1 patient written without whom they are of" in answer.out
    assert "1 film with text burned into the pixels, set aside" in answer.out
    assert "canary" not in (answer.out + answer.err).lower()
    assert f"wrote {map_file}" in answer.out
    (film,) = out.rglob("*.dcm")
    assert read_identity(film).patient_id == open_key(key).pseudonym("CANARY")
    answer = hilum("data", "deidentify", archive, "--out", out, "--key", key, "--keep-burned-in")
    assert "1 film with a copy of a film that was written already" in answer.out
    assert len(list(out.rglob("*.dcm"))) == 2


def test_nothing_written_is_a_failure(hilum, archive, tmp_path):
    for path in archive.iterdir():
        path.write_bytes(path.read_bytes()[:400])
    answer = hilum("data", "deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "k.key")
    assert answer.code == 1
    assert "2 files left out, since hilum cannot read them" in answer.out
    assert not (tmp_path / "out").exists()
    assert "not one film was written" in answer.err


def test_a_second_run_has_nothing_to_do(hilum, archive, tmp_path):
    words = ("data", "deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "k.key")
    assert hilum(*words).code == 0
    again = hilum(*words)
    assert (again.code, "nothing new: every film that could be written" in again.out) == (0, True)


def test_the_key_stays_elsewhere(hilum, archive, tmp_path):
    answer = hilum("data", "deidentify", archive, "--out", tmp_path / "out", "--key", tmp_path / "out" / "k.key")
    assert answer.code == 1
    assert "would lie among the new films" in answer.sentence


@pytest.mark.parametrize(
    ("folder", "out", "key", "sentence"),
    [
        ("archive/Canary 0.dcm", "out", "k.key", "is a file: name the folder that holds the DICOM files"),
        ("archive", "file", "k.key", "is a file: name a folder for the new films"),
        ("archive", "out", "archive", "is a folder: name a file, for instance"),
    ],
)
def test_files_and_folders_taken_for_each_other_are_sentences(hilum, archive, tmp_path, folder, out, key, sentence):
    (tmp_path / "file").write_text("")
    words = (archive.parent / folder, "--out", tmp_path / out, "--key", tmp_path / key)
    answer = hilum("data", "deidentify", *words)
    assert answer.code == 1
    assert sentence in answer.sentence
