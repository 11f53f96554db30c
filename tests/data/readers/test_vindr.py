import pytest

from hilum.data import read_vindr
from hilum.errors import DataError


def test_the_majority_of_a_films_readers_decides(layout, labels_of):
    manifest = read_vindr(layout("vindr").path)
    table = manifest.table.set_index("image_id")
    assert list(table["split"].loc[["aa", "bb", "cc", "dd"]]) == ["train", "train", "test", "test"]
    # Two of three saw a fracture, of two kinds; one of three a nodule.
    assert labels_of(manifest, "aa")[0] == {"Effusion", "Fracture"}
    assert labels_of(manifest, "bb")[::2] == (set(), set())
    assert labels_of(manifest, "cc")[0] == {"Tuberculosis", "ILD"}
    assert labels_of(manifest, "dd")[0] == set()
    notes = " ".join(manifest.notes)
    assert "patients are unknown in this set" in notes
    assert "in 3 labels a film's readers disagreed" in notes


def test_kaggles_file_of_boxes(layout, labels_of, write_rows):
    here = layout("vindr")
    header = ["image_id", "class_name", "class_id", "rad_id", "x_min", "y_min", "x_max", "y_max"]
    rows = [("aa", "Cardiomegaly", "R1"), ("aa", "Cardiomegaly", "R1"), ("aa", "Cardiomegaly", "R2")]
    rows += [("aa", "ILD", "R3"), ("bb", "No finding", "R1"), ("bb", "No finding", "R2"), ("bb", "ILD", "R3")]
    labels = write_rows(here.path / "train.csv", header, *([i, n, "0", r, "", "", "", ""] for i, n, r in rows))
    manifest = read_vindr(labels, images=[here.path])
    assert manifest.findings == ("Cardiomegaly", "ILD")
    assert labels_of(manifest, "aa") == ({"Cardiomegaly"}, {"ILD"}, set())
    assert labels_of(manifest, "bb") == (set(), {"Cardiomegaly", "ILD"}, set())
    write_rows(here.path / "train.csv", header, ["aa", "Cardiomagaly", "0", "R1", "", "", "", ""])
    with pytest.raises(DataError, match="line 2: 'Cardiomagaly' is no label of VinDr-CXR"):
        read_vindr(labels, images=[here.path])


def test_files_that_are_refused(layout, write_rows):
    here = layout("vindr")
    here.labels.write_text(here.labels.read_text().replace(",1", ",2", 1))
    with pytest.raises(DataError, match=r"line 2: .* is '2'; expected 1 or 0"):
        read_vindr(here.path)
    write_rows(here.labels, ["image_id", "Pleural efusion"], ["aa", "1"])
    with pytest.raises(DataError, match=r"no column 'Pleural effusion'. Did you mean 'Pleural efusion'"):
        read_vindr(here.path)
