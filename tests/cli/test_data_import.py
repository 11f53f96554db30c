import csv
import gzip
import math

import numpy as np
import pytest

from hilum.data import read_manifest


def rewrite(path, change):
    with path.open(newline="") as stream:
        rows = list(csv.reader(stream))
    change(rows)
    with path.open("w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)


@pytest.fixture
def nih(films, tmp_path):
    """NIH's label file of the phantoms, to be changed; the films stay where they are."""
    path = tmp_path / "Data_Entry_2017.csv"
    path.write_bytes((films.phantoms / "Data_Entry_2017.csv").read_bytes())
    return path


def test_nih(hilum, films, tmp_path):
    out = tmp_path / "m.parquet"
    answer = hilum("data", "import", "nih", films.phantoms, "--out", out)
    assert answer.code == 0
    manifest = read_manifest(out)
    assert len(manifest) == 72
    assert f"72 films of {manifest.n_patients} patients, 14 findings" in answer.out
    assert f"wrote {out}" in answer.out
    assert "hilum data split" in answer.out
    assert answer.err == ""


def test_nih_label_file_and_folders_named(hilum, films, nih, tmp_path):
    packed = tmp_path / "labels.csv.gz"
    packed.write_bytes(gzip.compress(nih.read_bytes()))
    out = tmp_path / "m.parquet"
    assert hilum("data", "import", "nih", packed, "--images", films.phantoms / "images", "--out", out).code == 0
    assert read_manifest(out).digest == read_manifest(films.manifest).digest


def test_an_unknown_finding_names_line_and_nearest(hilum, films, nih, tmp_path):
    rewrite(nih, lambda rows: rows[3].__setitem__(1, "Efusion"))
    answer = hilum("data", "import", "nih", nih, "--images", films.phantoms, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "Data_Entry_2017.csv line 4: unknown finding 'Efusion'. Did you mean 'Effusion'?" in answer.sentence
    assert not (tmp_path / "m.parquet").exists()


def test_a_film_that_stands_twice(hilum, films, nih, tmp_path):
    rewrite(nih, lambda rows: rows.append(rows[1]))
    answer = hilum("data", "import", "nih", nih, "--images", films.phantoms, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "1 row repeats an image id" in answer.sentence
    assert "remove the repetitions" in answer.sentence


def test_a_missing_column_names_the_nearest(hilum, films, nih, tmp_path):
    rewrite(nih, lambda rows: rows[0].__setitem__(3, "PatientID"))
    answer = hilum("data", "import", "nih", nih, "--images", films.phantoms, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "has no column 'Patient ID'. Did you mean 'PatientID'?" in answer.sentence


def test_a_folder_without_films(hilum, nih, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = hilum("data", "import", "nih", nih, "--images", empty, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert f"no film lies in {empty}" in answer.sentence


def test_a_folder_that_is_not_there(hilum, tmp_path):
    answer = hilum("data", "import", "nih", tmp_path / "nowhere", "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "there is no folder" in answer.sentence


@pytest.fixture
def own(films, tmp_path):
    path = tmp_path / "own.csv"
    names = [film.name for film in films.images]
    rows = [
        f"{name},p{place // 2},{place % 2},{'AP' if place % 3 else 'PA'},F,{40 + place}Y,s{place}"
        for place, name in enumerate(names)
    ]
    path.write_text("\n".join(["file,patient,fluid,position,sex,age,visit", *rows]) + "\n")
    return path


def test_own_columns(hilum, films, own, tmp_path):
    out = tmp_path / "m.parquet"
    answer = hilum(
        "data", "import", "csv", own, "--images", films.phantoms / "images", "--path-column", "file",
        "--patient-column", "patient", "--finding-columns", "Effusion=fluid", "--view-column", "position",
        "--sex-column", "sex", "--age-column", "age", "--study-column", "visit", "--out", out,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    table = read_manifest(out).table
    assert table["Effusion"].tolist() == [float(place % 2) for place in range(72)]
    assert table["age_years"].tolist()[:71] == [40.0 + place for place in range(71)]
    assert math.isnan(table["age_years"][71])
    assert set(table["view"]) == {"AP", "PA"}
    assert table["study_id"][5] == "s5"
    assert read_manifest(out).n_patients == 36


def test_own_columns_that_are_not_there(hilum, films, own, tmp_path):
    common = ("data", "import", "csv", own, "--images", films.phantoms / "images", "--out", tmp_path / "m.parquet")
    answer = hilum(*common, "--path-column", "files", "--patient-column", "patient", "--finding-columns", "Mass=fluid")
    assert (answer.code, "has no column 'files'. Did you mean 'file'?" in answer.sentence) == (1, True)
    answer = hilum(*common, "--path-column", "file", "--patient-column", "patient", "--finding-columns", "Mas=fluid")
    assert (answer.code, "Did you mean 'Mass'?" in answer.sentence) == (1, True)
    answer = hilum(*common, "--path-column", "file", "--patient-column", "patient", "--finding-columns", "fluid")
    assert (answer.code, "expected FINDING=COLUMN" in answer.sentence) == (1, True)
    twice = ("--finding-columns", "Mass=fluid", "--finding-columns", "Mass=sex")
    answer = hilum(*common, "--path-column", "file", "--patient-column", "patient", *twice)
    assert (answer.code, "names a finding twice" in answer.sentence) == (1, True)


def test_a_manifest_ends_in_parquet(hilum, nih, tmp_path):
    answer = hilum("data", "import", "nih", nih, "--out", tmp_path / "m.csv")
    assert answer.code == 1
    assert "expected a file that ends in .parquet" in answer.sentence
    assert not (tmp_path / "m.csv").exists()


# --- public sets -----------------------------------------------------------------------------------------------------


def write_chexpert(folder):
    """Three films of two patients, one lateral."""
    findings = (
        "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
        "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
    )
    films = (
        "patient1/study1/view1_frontal.jpg",
        "patient1/study1/view2_lateral.jpg",
        "patient2/study1/view1_frontal.jpg",
    )
    lines = [f"Path,Sex,Age,Frontal/Lateral,AP/PA,{findings}"]
    for name, cells in zip(films, (",,,,,-1.0,,,,,1.0,,,", ",,,,,-1.0,,,,,1.0,,,", "1.0,,,,,,,,,,,,,"), strict=True):
        path = folder / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        side = "Lateral" if "lateral" in name else "Frontal"
        lines.append(f"CheXpert-v1.0-small/train/{name},Male,60,{side},AP,{cells}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_chexpert_with_its_policies(hilum, tmp_path):
    folder, out = write_chexpert(tmp_path / "chexpert"), tmp_path / "m.parquet"
    answer = hilum("data", "import", "chexpert", folder, "--uncertain", "smooth", "--blank", "zero", "--out", out)
    assert answer.code == 0
    assert "3 films of 2 patients, 13 findings" in answer.out
    assert "1 film is lateral" in answer.out
    assert "2 labels are uncertain, taken as a soft target in training alone" in answer.out
    assert f"hilum data prepare {out}" in answer.out
    manifest = read_manifest(out)
    assert manifest.soft_findings == ("Edema",)
    assert not manifest.table["Fracture"].isna().any()
    assert hilum("data", "import", "chexpert", folder, "--uncertain", "maybe", "--out", out).code == 2


def test_a_folder_that_is_not_the_sets(hilum, tmp_path):
    answer = hilum("data", "import", "padchest", tmp_path, "--out", tmp_path / "m.parquet")
    assert answer.code == 1
    assert "holds no label file of PadChest" in answer.sentence


def test_chestmnist_is_unpacked_beside_the_manifest(hilum, tmp_path):
    arrays = {}
    for part, n in (("train", 3), ("val", 1), ("test", 1)):
        arrays[f"{part}_images"] = np.full((n, 28, 28), 7, np.uint8)
        arrays[f"{part}_labels"] = np.eye(n, 14, dtype=np.uint8)
    np.savez(tmp_path / "chestmnist.npz", **arrays)
    out = tmp_path / "work" / "m.parquet"
    out.parent.mkdir()
    answer = hilum("data", "import", "chestmnist", tmp_path / "chestmnist.npz", "--out", out)
    assert answer.code == 0
    assert "patients are unknown in this set" in answer.out
    assert f"wrote {tmp_path / 'work' / 'm.films'}" in answer.out
    assert all(path.is_file() for path in read_manifest(out).paths())
    other = tmp_path / "elsewhere"
    assert hilum("data", "import", "chestmnist", tmp_path / "chestmnist.npz", "--films", other, "--out", out).code == 0
    assert len(list(other.glob("*.png"))) == 5


def test_every_reader_has_a_verb():
    from hilum.cli.data_import import IMPORTS
    from hilum.data import READERS

    assert set(IMPORTS) - {"dicom"} == set(READERS) - {"dicom"}
