import numpy as np
import pytest

from hilum.data import read_csv
from hilum.errors import DataError, UnknownNameError
from hilum.findings import NIH_FINDINGS


@pytest.fixture
def films(tmp_path):
    for name in ("a.png", "deep/b.png"):
        path = tmp_path / "films" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "films"


def read(csv, films, **options):
    return read_csv(csv, images=films, path_column="file", patient_column="who", **options)


def test_a_column_of_labels(write_text, films):
    csv = write_text("own.csv", "who,file,l", "x,a.png,Effusion|Pleural Thickening", "y,deep/b.png,No Finding")
    manifest = read(csv, films, label_column="l")
    assert manifest.findings == NIH_FINDINGS
    assert manifest.targets().sum(axis=1).tolist() == [2, 0]
    assert manifest.paths() == [films / "a.png", films / "deep" / "b.png"]
    assert list(manifest.table["patient_id"]) == ["x", "y"]
    assert manifest.notes == ()


def test_columns_of_findings_with_unknown_cells(write_text, films):
    csv = write_text("own.csv", "who,file,eff,Mass", "x,a.png,1,", "y,deep/b.png,No,TRUE")
    manifest = read(csv, films, finding_columns={"Effusion": "eff"})
    assert manifest.findings == ("Effusion",)
    assert manifest.targets().tolist() == [[1], [0]]
    found = read(csv, films)
    assert found.findings == ("Mass",)
    assert np.isnan(found.targets()[0, 0])
    assert found.targets()[1, 0] == 1


def test_optional_columns(write_text, films):
    csv = write_text("own.csv", "who,file,Mass,v,a,s,study", "x,a.png,1,AP,060Y,F,s1", "y,deep/b.png,0,PA,999,M,s2")
    columns = {"view": "v", "age_years": "a", "sex": "s", "study_id": "study"}
    manifest = read(csv, films, optional_columns=columns)
    table = manifest.table
    assert manifest.notes == (
        "1 of 2 cells is no age from 0 to 110 years (60, 060Y, 018M) in a ('999' 1); they count as unknown",
    )
    assert table[["view", "sex", "study_id"]].to_numpy().tolist() == [["AP", "F", "s1"], ["PA", "M", "s2"]]
    assert table["age_years"].tolist()[0] == 60
    assert np.isnan(table["age_years"].tolist()[1])
    bare = read(csv, films).table
    assert bare["view"].tolist() == ["", ""]
    assert bare["study_id"].tolist() == bare["image_id"].tolist()


def test_views_and_sexes_are_made_one_spelling_and_the_rest_is_counted(write_text, films):
    csv = write_text("own.csv", "who,file,Mass,v,s", "x,a.png,1,Postero-Anterior,female", "y,deep/b.png,0,front,2")
    manifest = read(csv, films, optional_columns={"view": "v", "sex": "s"})
    assert manifest.table[["view", "sex"]].to_numpy().tolist() == [["PA", "F"], ["FRONT", ""]]
    assert manifest.notes == (
        "1 of 2 cells is neither M nor F in s ('2' 1); they count as unknown",
        "1 of 2 cells is none of PA, AP and LL in v ('front' 1); they stay as they are",
    )
    lateral = write_text("lat.csv", "who,file,Mass,v", "x,a.png,1,lat", "y,deep/b.png,0,LEFT LATERAL")
    table = read(lateral, films, optional_columns={"view": "v"})
    assert (table.table["view"].tolist(), table.notes) == (["LL", "LL"], ())


def test_a_column_of_many_words_is_not_listed(write_text, films):
    rows = [f"p{n},{'a.png' if not n else f'{n}.png'},1,Canary{n}" for n in range(7)]
    manifest = read(write_text("own.csv", "who,file,Mass,s", *rows), films, optional_columns={"sex": "s"})
    assert "7 of 7 cells are neither M nor F in s (7 different ones: is it the right column?)" in manifest.notes[1]
    assert not any("Canary" in note for note in manifest.notes)


def test_missing_films_are_counted(write_text, films):
    csv = write_text("own.csv", "who,file,Mass", "x,a.png,1", "y,gone.png,0")
    assert read(csv, films).notes == ("1 of 2 films is not there; `data prepare` will list them",)


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        (("who,path,Mass", "x,a.png,1"), {}, "no column 'file'"),
        (("who,file,Mass", "x,a.png,2"), {}, "line 2: Mass is '2'; expected 1, 0 or nothing"),
        (("who,file,Mass", "x,a.png,-1"), {}, "Mass is '-1'"),
        (("who,file,mass", "x,a.png,1"), {}, r"no finding is given.*Its columns: who, file, mass"),
        (("who,file,Mass", "x,gone.png,1"), {}, "not one of the 1 film of own.csv lies in"),
        (("who,file,Mass", "x,a.png,1", "y,a.png,0"), {}, "1 row repeats an image id"),
        (("who,file,Mass", ",a.png,1"), {}, "no patient id"),
        (("who,file,Mass", "x,,1", "y,a.png,0"), {}, "no image id"),
        (("who,file,l", "x,a.png,Effusions"), {"label_column": "l"}, "line 2: unknown finding 'Effusions'"),
        (("who,file,Mass", "x,a.png,1"), {"finding_columns": {"Mass": "m"}}, "no column 'm'"),
        (("who,file,Mass", "x,a.png,1"), {"optional_columns": {"view": "v"}}, "no column 'v'"),
    ],
)
def test_files_that_are_refused(write_text, films, lines, options, words):
    with pytest.raises(DataError, match=words):
        read(write_text("own.csv", *lines), films, **options)


def test_an_unknown_finding_is_named(write_text, films):
    csv = write_text("own.csv", "who,file,m", "x,a.png,1")
    with pytest.raises(UnknownNameError, match="Did you mean 'Mass'"):
        read(csv, films, finding_columns={"mass": "m"})


def test_the_source_of_a_film_may_have_a_column(write_films, write_text):
    films = write_films(2)
    csv = write_text("own.csv", "file,who,device,Mass", f"{films[0].name},1,A,1", f"{films[1].name},2,B,0")
    manifest = read_csv(
        csv,
        images=films[0].parent,
        path_column="file",
        patient_column="who",
        optional_columns={"source": "device"},
    )
    assert list(manifest.table["source"]) == ["A", "B"]
