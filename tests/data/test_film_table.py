import numpy as np
import pytest

from hilum.data.film_table import UNCERTAIN, FilmRows, find_files, make_manifest, normal_sex, normal_view
from hilum.errors import DataError


@pytest.mark.parametrize(
    ("text", "view"),
    [("PA", "PA"), (" ap ", "AP"), ("AP_horizontal", "AP"), ("LATERAL", "LL"), ("L", "LL"), ("Unk", ""), ("", ""),
     ("LAO", "LAO")],
)  # fmt: skip
def test_views_have_one_spelling(text, view):
    assert normal_view(text) == view


@pytest.mark.parametrize(("text", "sex"), [("Male", "M"), ("f", "F"), ("Unknown", ""), ("", "")])
def test_sexes_have_one_letter(text, sex):
    assert normal_sex(text) == sex


def test_only_names_paths_patients_and_labels_are_needed():
    rows = FilmRows(["a", "b"], ["/a", "/b"], ["p", "q"], {"Mass": [1.0, UNCERTAIN]})
    manifest = make_manifest(rows, title="Set", source="s.csv")
    assert list(manifest.table["study_id"]) == ["a", "b"]
    assert set(manifest.table["source"]) == {"Set"}
    assert np.isnan(manifest.table["age_years"]).all()
    assert manifest.notes == ("1 label is uncertain, taken as unknown (--uncertain ignore)",)


def test_a_split_is_taken_unless_a_patient_is_cut_in_two():
    rows = FilmRows(["a", "b"], ["/a", "/b"], ["p", "q"], {"Mass": [1.0, 0.0]}, splits=["train", None])
    assert list(make_manifest(rows, title="", source="s").table["split"]) == ["train", None]
    rows = FilmRows(["a", "b"], ["/a", "/b"], ["p", "p"], {"Mass": [1.0, 0.0]}, splits=["train", "test"])
    manifest = make_manifest(rows, title="", source="s")
    assert not manifest.split_digest
    assert "1 of 1 patient in more than one part" in manifest.notes[0]


def test_label_files_are_looked_for_in_the_folder_and_one_below(tmp_path):
    (tmp_path / "set").mkdir()
    deep = tmp_path / "set" / "b.csv"
    deep.touch()
    assert find_files(tmp_path, ("a.csv", "b.csv"), title="S") == [deep]
    assert find_files(deep, ("a.csv",), title="S") == [deep]
    near = tmp_path / "b.csv"
    near.touch()
    assert find_files(tmp_path, ("b.csv",), title="S") == [near]
    with pytest.raises(DataError, match=r"holds no label file of S \(looked for c.csv, there and one folder below\)"):
        find_files(tmp_path, ("c.csv",), title="S")
    with pytest.raises(DataError, match="there is no folder"):
        find_files(tmp_path / "absent", ("c.csv",), title="S")
