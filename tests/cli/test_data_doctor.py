import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.data import read_manifest
from hilum.imaging import FLAGS, read_image, write_dicom
from hilum.records import DoctorReport


@pytest.fixture
def manifest(films, tmp_path):
    path = tmp_path / "m.parquet"
    shutil.copy(films.manifest, path)
    shutil.copytree(films.phantoms, tmp_path / "phantoms")
    return path


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The current folder, which reports on label files go to."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def labels(films):
    """NIH's label file of the phantoms."""
    return next(films.phantoms.glob("*.csv"))


@pytest.fixture
def dicom(tmp_path):
    path = tmp_path / "film.dcm"
    pixels = np.random.default_rng(0).integers(0, 255, (140, 160), dtype=np.uint8)
    write_dicom(path, pixels, patient_id="canary", instance_number=1, view="PA", age_years=50, sex="F")
    return path


# --- data sets -------------------------------------------------------------------------------------------------------


def test_labels_alone_take_a_moment_and_leave_three_files(hilum, manifest):
    answer = hilum("data", "doctor", manifest, "--no-films")
    assert answer.code == 0, answer.err
    folder = manifest.parent / "m-doctor"
    assert {path.name for path in folder.iterdir()} == {"doctor.html", "doctor.json", "excluded.csv"}
    report = DoctorReport.from_json((folder / "doctor.json").read_text())
    assert report.n_images == 72
    assert "72 films of" in answer.out
    assert "few_positives" in answer.out
    assert "0 errors" in answer.out
    assert (folder / "excluded.csv").read_text() == "image_id,code,reason\n"


@pytest.mark.slow
def test_films_are_opened_once(hilum, manifest):
    broken = read_manifest(manifest).paths()[3]
    broken.write_bytes(broken.read_bytes()[:500])
    answer = hilum("data", "doctor", manifest, "--workers", 1, "--out", manifest.parent / "out")
    assert answer.code == 0, answer.err
    assert "refused_truncated" in answer.out
    assert "--exclude" in answer.out
    excluded = (manifest.parent / "out" / "excluded.csv").read_text()
    assert f"{broken.name},refused_truncated" in excluded
    assert (manifest.parent / "out" / "films.npz").is_file()
    # What comes next keeps the split that there is.
    whole = manifest.with_suffix(".split.json")
    again = ("data", "doctor", manifest, "--workers", 1, "--out", manifest.parent / "out")
    assert f"hilum data prepare {manifest} --exclude" in hilum(*again).out
    assert hilum("data", "split", manifest).code == 0
    assert f"hilum data split {manifest} --from {whole} --exclude" in hilum(*again).out


def test_an_edited_list_of_films_to_leave_out_is_kept(hilum, manifest):
    table = read_manifest(manifest)
    view = table.table["view"].copy()
    view[:2] = "LATERAL"
    replace(table, table=table.table.assign(view=view)).save(manifest)
    excluded = manifest.parent / "m-doctor" / "excluded.csv"
    words = ("data", "doctor", manifest, "--no-films")
    assert hilum(*words).code == 0
    whole = excluded.read_text()
    assert whole.count("lateral") >= 2
    excluded.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    edited = excluded.read_text()
    for _ in range(2):
        answer = hilum(*words)
        assert excluded.read_text() == edited
        assert excluded.with_name("excluded.new.csv").read_text() == whole
        assert "excluded.csv is kept as it is" in answer.out
        assert "excluded.new.csv" in answer.out


def test_a_label_file_is_examined_without_an_import(hilum, labels, tmp_path):
    lines = labels.read_text().splitlines()
    cells = lines[1].split(",")
    cells[1] = "Mass|No Finding"
    path = tmp_path / "Data_Entry_2017.csv"
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    answer = hilum("data", "doctor", tmp_path, "--no-films")
    assert answer.code == 0, answer.err
    assert "label_conflict" in answer.out
    assert "1 film labelled with a finding" in next(tmp_path.glob("*-doctor/doctor.json")).read_text()
    assert Path(f"{tmp_path.name}-doctor", "doctor.html").is_file()
    assert "wrote Data_Entry_2017-doctor/doctor.html" in hilum("data", "doctor", path, "--no-films").out


def test_a_report_never_lies_inside_a_data_set(hilum, labels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(labels.parent.iterdir())
    assert hilum("data", "doctor", labels.parent, "--no-films").code == 0
    assert (tmp_path / f"{labels.parent.name}-doctor" / "doctor.json").is_file()
    assert set(labels.parent.iterdir()) == before


def test_strict_makes_errors_and_warnings_fatal(hilum, labels, tmp_path):
    lines = labels.read_text().splitlines()
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")
    words = ("data", "doctor", path, "--no-films", "--strict")
    answer = hilum(*words)
    assert answer.code == 1
    assert "error repeated_id: 1 film on several lines" in answer.err
    assert hilum(*words, "--accept", "repeated_id").code == 0
    answer = hilum(*words, "--accept", "repeatd_id")
    assert answer.code == 1
    assert "--accept repeatd_id: no such error or warning was found (found: repeated_id)" in answer.err


def test_strict_is_content_with_notes(hilum, manifest):
    assert hilum("data", "doctor", manifest, "--no-films", "--strict").code == 0


def test_a_bundle_and_another_label_file_are_compared(hilum, manifest, labels, make_bundle, tmp_path):
    from hilum.data import patient_hash

    known = patient_hash(str(read_manifest(manifest).table["patient_id"].iloc[0]))
    bundle = tmp_path / "bundle"
    make_bundle(bundle, spec={"training_patients": (known,)})
    changed = tmp_path / "labels.csv"
    lines = labels.read_text().splitlines()
    cells = lines[1].split(",")
    cells[1] = "No Finding" if cells[1] != "No Finding" else "Mass"
    changed.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    answer = hilum("data", "doctor", manifest, "--no-films", "--bundle", bundle, "--against", changed)
    assert answer.code == 0, answer.err
    report = json.loads((manifest.parent / "m-doctor" / "doctor.json").read_text())
    sentences = {check["code"]: check["sentence"] for check in report["checks"]}
    assert "1 of 72 films in both" in sentences["other_labels"]
    assert any("patients was in" in sentence for sentence in [*sentences.values(), *report["passed"]])
    titles = [check["code"] for check in report["checks"]]
    assert "patient_of_training" in titles or any("was trained on: 1 of" in line for line in report["passed"])


def test_what_was_asked_for_is_answered_where_all_is_well(hilum, manifest, labels, make_bundle, tmp_path):
    make_bundle(tmp_path / "bundle", spec={"training_patients": ("0" * 16,)})
    words = ("data", "doctor", manifest, "--no-films", "--against", labels, "--bundle")
    answer = hilum(*words, tmp_path / "bundle")
    assert answer.code == 0, answer.err
    assert "0 of 24 patients were in its training" in answer.out
    assert "0 labels differ in 72 films and 14 findings that both have" in answer.out
    make_bundle(tmp_path / "mute", spec={"training_patients": ()})
    answer = hilum(*words, tmp_path / "mute")
    assert "bundle_without_patients" in answer.out
    assert "were in its training" not in answer.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("film.dcm", "--strict", "--accept", "x"), "--strict, --accept would change nothing for films"),
        (("film.dcm", "--bundle", "b"), "--bundle would change nothing for films: name a manifest or a label file"),
        (("film.dcm", "--out", "o"), "--out would change nothing for films"),
        (("film.dcm", "--no-films"), "--no-films would change nothing for films"),
        (("{m}", "--images", "."), "--images would change nothing for a manifest"),
        (("{m}", "--accept", "lateral"), "--accept lets a check pass --strict, which was not given"),
        (("{m}", "--out", "{m}"), "is a file: name a folder"),
        (("own.csv",), "import it first"),
        (("chex/train.csv",), "is CheXpert: import it first, `hilum data import chexpert"),
        (("chex",), "is CheXpert: import it first, `hilum data import chexpert"),
    ],
)
def test_what_would_change_nothing_is_refused(hilum, manifest, tmp_path, words, sentence):
    (tmp_path / "own.csv").write_text("image,label\na,1\n")
    (tmp_path / "chex").mkdir()
    (tmp_path / "chex" / "train.csv").write_text("Path,Sex,Age,Frontal/Lateral,AP/PA\n")
    answer = hilum("data", "doctor", *(word.format(m=manifest) for word in words))
    assert answer.code == 1
    assert sentence in answer.sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("{m}", "--picture", "x.png"), "--picture is for one film"),
        (("{m}", "film.png"), "one data set at a time"),
        (("nowhere.parquet",), "there is no manifest"),
        (("nowhere.csv",), "there is no label file"),
    ],
)
def test_wrong_uses_are_sentences(hilum, manifest, words, sentence):
    answer = hilum("data", "doctor", *(word.format(m=manifest) for word in words))
    assert answer.code == 1
    assert sentence in answer.sentence


# --- exclusions ------------------------------------------------------------------------------------------------------


def test_split_puts_excluded_films_in_no_split_and_takes_them_back(hilum, manifest, tmp_path):
    ids = list(read_manifest(manifest).table["image_id"])
    excluded = tmp_path / "excluded.csv"
    excluded.write_text(f"image_id,code,reason\n{ids[0]},blank,x\n{ids[5]},blank,x\n")
    answer = hilum("data", "split", manifest, "--exclude", excluded)
    assert answer.code == 0, answer.err
    assert "2 films left out: by excluded.csv" in answer.out
    table = read_manifest(manifest).table
    assert list(table["image_id"]) == ids
    assert list(table.index[table["split"].isna()]) == [0, 5]
    assert "without the films of excluded.csv" in manifest.with_suffix(".split.json").read_text()
    assert hilum("data", "split", manifest).code == 0
    assert not read_manifest(manifest).table["split"].isna().any()


def test_prepare_leaves_excluded_films_out(hilum, manifest, tmp_path):
    from hilum.data import PixelStore

    ids = list(read_manifest(manifest).table["image_id"])
    excluded = tmp_path / "excluded.csv"
    excluded.write_text("image_id\n" + "\n".join(ids[4:]) + "\n")
    where = ("--size", 16, "--out", tmp_path / "store", "--workers", 1)
    answer = hilum("data", "prepare", manifest, *where, "--exclude", excluded)
    assert answer.code == 0, answer.err
    assert "68 films left out by" in answer.out
    assert list(PixelStore(tmp_path / "store").image_ids) == ids[:4]
    excluded.write_text(f"image_id\n{ids[0]}x\n")
    answer = hilum("data", "prepare", manifest, *where, "--exclude", excluded)
    assert answer.code == 1
    assert f"Did you mean {ids[0]!r}?" in answer.sentence


# --- films -----------------------------------------------------------------------------------------------------------


def test_a_film_is_explained(hilum, dicom, tmp_path):
    answer = hilum("data", "doctor", dicom, "--picture", tmp_path / "out.png")
    assert answer.code == 0, answer.err
    assert "hilum answers for this film" in answer.out
    assert "160 x 140 pixels" in answer.out
    assert "PA" in answer.out
    assert "canary" not in answer.out + answer.err
    for code in read_image(dicom).facts.flags:
        assert FLAGS[code][:60] in answer.out
    written = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(written, np.rint(read_image(dicom).pixels * 255))


def test_a_refusal_is_explained_with_what_the_header_may_tell(hilum, dicom, tmp_path):
    (tmp_path / "cut.dcm").write_bytes(dicom.read_bytes()[:-500])
    answer = hilum("data", "doctor", tmp_path / "cut.dcm", dicom, tmp_path / "gone.png")
    assert answer.code == 1
    assert "truncated" in answer.out
    assert "what to do" in answer.out
    assert "header: elements" in answer.out
    assert "1 film accepted, 2 films refused" in answer.out
    assert "canary" not in answer.out + answer.err


def test_a_folder_without_labels_is_a_folder_of_films(hilum, films):
    answer = hilum("data", "doctor", films.phantoms / "images", "--picture", "x.png")
    assert answer.code == 1
    assert "72 were named" in answer.sentence


def test_a_picture_has_a_picture_ending(hilum, dicom):
    assert "ends in .png" in hilum("data", "doctor", dicom, "--picture", "x.dcm").sentence


def test_turned_grey_values_spacing_and_field_are_said():
    from hilum.cli._film_words import accepted_lines
    from hilum.records import ImageFacts

    facts = ImageFacts(
        file_format="dicom",
        width_px=200,
        height_px=300,
        bits=12,
        modality="DX",
        inverted=True,
        window="window 2047/4096",
        spacing_mm=(0.14, 0.14),
        spacing_from="PixelSpacing",
        content_box=(10, 20, 250, 150),
        flags=("collimated",),
    )
    lines = dict(accepted_lines(facts))
    assert lines["grey values"] == "window 2047/4096, turned so that dense tissue is bright"
    assert lines["pixel size"] == "0.14 x 0.14 mm, by PixelSpacing"
    assert lines["exposed field"] == "150 x 250 pixels, from column 20 and row 10; nothing was cropped"
    assert lines["! collimated"] == FLAGS["collimated"]
