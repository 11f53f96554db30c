import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hilum.data import find_label_file, read_manifest, read_subject
from hilum.errors import DataError, LeakError


@pytest.fixture
def torn(tmp_path, manifest_of):
    """A manifest's file with a patient in two splits, as no hilum writes one."""
    path = tmp_path / "torn.parquet"
    manifest_of(6, split=pd.Series(["train"] * 4 + ["test"] * 2, dtype=object)).save(path)
    arrow = pq.read_table(path)
    splits = pa.array(["train", "test", "train", "train", "test", "test"])
    pq.write_table(arrow.set_column(arrow.column_names.index("split"), "split", splits), path)
    return path


def test_a_manifest_that_is_refused_elsewhere_is_read(torn):
    with pytest.raises(LeakError):
        read_manifest(torn)
    subject = read_subject(torn)
    assert list(subject.splits) == ["train", "test", "train", "train", "test", "test"]
    assert subject.manifest.table["split"].isna().all()


def test_a_good_manifest_keeps_its_splits(tmp_path, manifest_of):
    manifest = manifest_of(6, split=pd.Series(["train"] * 4 + ["test"] * 2, dtype=object))
    manifest.save(tmp_path / "m.parquet")
    subject = read_subject(tmp_path / "m.parquet")
    assert list(subject.manifest.table["split"]) == list(subject.splits) == ["train"] * 4 + ["test"] * 2
    assert subject.manifest.digest == manifest.digest


def test_lines_without_a_film_or_a_patient_are_said(write_text, v2020):
    path = write_text(
        "Data_Entry_2017.csv",
        v2020,
        "a.png,Mass,0,1,58,M,PA,1,1,0.1,0.1",
        ",Mass,1,1,58,M,PA,1,1,0.1,0.1",
        "c.png,Mass,0,,18,F,AP,1,1,0.1,0.1",
    )
    subject = read_subject(path)
    (check,) = subject.found
    assert (check.code, check.severity, check.n_films) == ("no_name", "error", 2)
    assert [(film.image_id, film.detail) for film in check.films] == [("", "line 3"), ("c.png", "line 4")]
    assert list(subject.manifest.table["image_id"]) == ["a.png"]


def test_a_label_file_is_read_however_bad_it_is(write_text, v2020):
    path = write_text(
        "Data_Entry_2017.csv",
        v2020,
        "a.png,Effusion|No Finding,0,1,414,M,PA,1,1,0.1,0.1",
        "b.png,Efusion|Mass,1,1,58,M,PA,1,1,0.1,0.1",
        "c.png,No Finding,0,2,018M,F,AP,1,1,0.1,0.1",
        "c.png,Mass,0,2,2,F,AP,1,1,0.1,0.1",
        "d.png,,0,3,,F,AP,1,1,0.1,0.1",
    )
    subject = read_subject(path)
    found = {check.code: check for check in subject.found}
    assert set(found) == {"label_conflict", "unknown_finding", "repeated_id"}
    assert [(film.image_id, film.detail) for film in found["label_conflict"].films] == [("a.png", "line 2")]
    assert found["label_conflict"].excludes
    assert "Efusion (1)" in found["unknown_finding"].sentence
    assert "1 of them with different labels" in found["repeated_id"].sentence
    assert list(subject.manifest.table["image_id"]) == ["a.png", "b.png", "c.png", "d.png"]
    targets = subject.manifest.table.set_index("image_id")
    assert targets.loc["a.png", "Effusion"] == 1
    assert targets.loc["b.png", "Mass"] == 1
    assert targets.loc["c.png", "Mass"] == 0
    assert np.isnan(targets.loc["d.png", "Mass"])
    assert subject.ages[0] == 414
    assert subject.ages[2] == pytest.approx(1.5)
    assert np.isnan(subject.ages[3])


def test_films_of_a_label_file_are_looked_for(write_text, write_films, v2020, tmp_path):
    films = write_films(2)
    rows = [f"{film.name},Mass,0,1,50,M,PA,1,1,0.1,0.1" for film in films]
    path = write_text("labels.csv", v2020, *rows)
    assert read_subject(path).manifest.paths() == films
    with pytest.raises(DataError, match="there is no folder"):
        read_subject(path, images=[tmp_path / "nowhere"])


def test_a_label_file_of_another_form_is_refused_with_its_columns(write_text):
    with pytest.raises(
        DataError, match=r"neither a column 'Image Index' nor .*import it first.*Its columns: file, label"
    ):
        read_subject(write_text("own.csv", "file,label", "a.png,Mass"))


def test_the_label_file_of_a_folder_is_found(tmp_path, write_text, v2020):
    assert find_label_file(tmp_path) is None
    path = write_text("deep/er/sample_labels.csv", v2020)
    assert find_label_file(tmp_path) == path
    write_text("deep/sample_labels.csv", v2020)
    with pytest.raises(DataError, match="holds 2 label files"):
        find_label_file(tmp_path)
