import gzip
from dataclasses import replace

import pytest

from hilum.data.download import DATASETS, check_dataset
from hilum.errors import DataError


@pytest.fixture
def check(made, tmp_path, small_nih):
    def run(files=small_nih, name="nih"):
        return check_dataset(made.laid_out(files, tmp_path / "set"), name)

    return run


def flat(files):
    return {name.rpartition("/")[2]: content for name, content in files.items()}


@pytest.mark.parametrize("layout", [dict, flat, lambda files: {f"a/b/{name}": text for name, text in files.items()}])
def test_a_whole_set_is_whole_in_any_layout(check, small_nih, layout):
    found = check(layout(small_nih))
    assert found.is_whole
    assert not found.lacks_films
    assert [entry[1:] for entry in found.counts] == [(6, 6), (6, 6), (4, 4), (2, 2), (3, 3)]
    assert found.label_file.name == "Data_Entry_2017.csv"
    assert found.film_folders == ()
    assert found.notes == ()


def test_packed_tables_and_other_cases_of_names_count(check, small_nih):
    for name in ("Data_Entry_2017.csv", "train_val_list.txt", "test_list.txt"):
        small_nih[f"{name}.gz"] = gzip.compress(small_nih.pop(name))
    small_nih["BBox_list_2017.csv"] = small_nih.pop("BBox_List_2017.csv")
    assert check(small_nih).is_whole


def test_films_that_are_missing_are_counted_by_archive(check, small_nih):
    names = [name for name in small_nih if name.endswith(".png")]
    for name in names[2:5]:
        del small_nih[name]
    found = check(small_nih)
    assert found.lacks_films
    (problem,) = found.problems
    assert problem.startswith("3 films of the label file are not there (00000002_000.png, ")
    assert problem.endswith("by NIH's archives: images_001 1, images_002 2")


def test_films_without_a_row_and_films_that_lie_twice_are_notes(check, small_nih, made):
    small_nih["more/99999999_000.png"] = made.PNG
    small_nih["again/images_001/00000001_000.png"] = made.PNG
    found = check(small_nih)
    assert found.problems == ("7 films are there, expected 6",)
    assert found.notes == (
        "1 film has no row in Data_Entry_2017.csv (99999999_000.png)",
        "1 film lies in more than one folder under the same name; the nearest to the top counts",
    )
    assert "images_001/images" in [
        folder.relative_to(found.label_file.parent).as_posix() for folder in found.film_folders
    ]


def test_a_sample_that_holds_everything_twice_is_whole(made, monkeypatch, tmp_path):
    monkeypatch.setitem(DATASETS, "nih-sample", replace(DATASETS["nih-sample"], n_films=6))
    once = {f"images/{name.rpartition('/')[2]}": made.PNG for name in made.nih_files() if name.endswith(".png")}
    once["sample_labels.csv"] = made.nih_files()["Data_Entry_2017.csv"]
    twice = {f"sample/{name}": content for name, content in once.items()}
    folder = made.laid_out({**once, **twice}, tmp_path)
    found = check_dataset(folder, "nih-sample")
    assert found.is_whole
    assert found.label_file == folder / "sample_labels.csv"
    assert found.film_folders == (folder / "images",)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + bytes(30), b"\xff\xd8 no PNG IEND"])
def test_films_that_are_cut_off_are_counted(check, small_nih, content):
    small_nih["images_001/images/00000001_000.png"] = content
    found = check(small_nih)
    assert found.problems == ("1 film is empty, cut off or no PNG (00000001_000.png): fetch them again",)
    assert found.lacks_films


def test_lists_that_are_missing_or_odd_are_told(check, small_nih):
    del small_nih["BBox_List_2017.csv"]
    small_nih["test_list.txt"] = b"\xef\xbb\xbf00000001_000.png\r\n\r\n77777777_000.png\r\n00000003_001.png\r\n"
    found = check(small_nih)
    assert not found.lacks_films
    assert found.problems == (
        "test_list.txt has 3 entries, expected 2",
        "test_list.txt names 1 film that the label file does not (77777777_000.png)",
        "BBox_List_2017.csv is not there: fetch this one file, NIH and Kaggle offer it alone",
        "1 film stands in more than one of the official lists (00000003_001.png)",
    )


def test_a_list_that_cannot_be_unpacked_is_empty(check, small_nih):
    del small_nih["test_list.txt"]
    small_nih["test_list.txt.gz"] = b"no gzip"
    assert "test_list.txt has 0 entries, expected 2" in check(small_nih).problems


def test_label_files_are_missing_damaged_or_twice(check, small_nih):
    labels = small_nih.pop("Data_Entry_2017.csv")
    found = check(small_nih)
    assert found.label_file is None
    assert "the label file is not there (looked for Data_Entry_2017*.csv*)" in found.problems
    small_nih["Data_Entry_2017.csv"] = b"one,two\n1,2\n"
    assert any("has no column 'Image Index'" in problem for problem in check(small_nih).problems)
    small_nih["Data_Entry_2017.csv"] = labels + labels.splitlines(keepends=True)[1]
    assert {
        "Data_Entry_2017.csv has 7 rows, expected 6",
        "Data_Entry_2017.csv names 1 film more than once",
    } <= set(check(small_nih).problems)


def test_of_two_editions_the_newer_one_counts(check, small_nih):
    small_nih["Data_Entry_2017_v2020.csv"] = small_nih["Data_Entry_2017.csv"]
    assert check(small_nih).label_file.name == "Data_Entry_2017_v2020.csv"


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        check_dataset(tmp_path / "nowhere", "nih")


@pytest.mark.shared
@pytest.mark.slow
def test_the_real_tables_hold_what_the_table_says(shared_data, tmp_path):
    for file in (shared_data / "nih-metadata").glob("*.gz"):
        (tmp_path / file.name).symlink_to(file)
    found = check_dataset(tmp_path, "nih")
    assert [entry[1:] for entry in found.counts] == [
        (0, 112_120),
        (112_120, 112_120),
        (86_524, 86_524),
        (25_596, 25_596),
        (984, 984),
    ]
    (problem,) = found.problems
    assert "images_001 4,999, images_002 10,000" in problem
    assert problem.endswith("images_012 7,121")
