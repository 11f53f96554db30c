import gzip
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.data.label_table import parse_age, read_label_table, targets_from_labels
from hilum.errors import DataError


@pytest.mark.parametrize(
    ("text", "years"),
    [("60", 60), ("060Y", 60), ("58.0", 58), ("018M", 1.5), ("52W", 52 / 52.18), ("005D", 5 / 365.25), (" 7y ", 7)],
)
def test_ages(text, years):
    assert parse_age(text) == pytest.approx(years)
    assert parse_age("0") == parse_age("000Y") == 0
    assert parse_age("110") == 110


@pytest.mark.parametrize("text", ["414", "111", "", "-5", "old", "060X", "nan", "1e3"])
def test_ages_that_cannot_be(text):
    assert math.isnan(parse_age(text))


@given(st.integers(0, 999), st.sampled_from("YMWD"))
def test_ages_are_years_or_unknown(number, unit):
    age = parse_age(f"{number:03d}{unit}")
    assert math.isnan(age) or 0 <= age <= 110


def test_cells_columns_and_lines(write_text):
    path = write_text("a.csv", "\ufeffname, labels ,,x", 'one,"a, b",, 5 ', "", "two,c,,6", ",,,")
    table = read_label_table(path)
    assert (table.column("name"), table.column("labels"), table.column("x")) == (
        ["one", "two"],
        ["a, b", "c"],
        ["5", "6"],
    )
    assert list(table.lines) == [2, 4]
    assert table.optional(None) == ["", ""]
    assert table.column("absent", "x") == ["5", "6"]


def test_rows_may_be_longer_than_the_header(write_text):
    table = read_label_table(write_text("a.csv", "name,sizes[w,h]", "one,5,6,7,8"))
    assert table.column("name") == ["one"]


def test_gzip(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"name\none\n"))
    assert read_label_table(path).column("name") == ["one"]
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(DataError, match="no readable CSV"):
        read_label_table(path)
    damaged = bytearray(gzip.compress(b"name\n" + bytes(range(32, 127)) * 20))
    damaged[14] ^= 0xFF
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="no readable CSV"):
        read_label_table(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"name,label\n", "a header and no row"),
        (b"name,label\none,a\ntwo\n", "line 3: 1 cells, the header has 2"),
        (b"\xff\xfen\0a\0", "expected UTF-8"),
        (b"name,label,name\n1,2,3\n", "more than one column 'name'"),
        (b'name\n"' + b"a" * 200_000 + b'"\n', "no CSV"),
    ],
)
def test_files_that_are_no_label_tables(tmp_path, content, words):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_label_table(path)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="there is no label file"):
        read_label_table(tmp_path / "absent.csv")


def test_a_missing_column_names_the_nearest(write_text):
    table = read_label_table(write_text("a.csv", "Image Index,Labels", "1,2"))
    with pytest.raises(
        DataError, match=r"no column 'image index'. Did you mean 'Image Index'\? Its columns: Image Index"
    ):
        table.column("image index")
    with pytest.raises(DataError, match=r"'q' or 'r'. Its columns"):
        table.column("q", "r")


def test_labels_become_columns_and_errors_name_the_line(write_text):
    table = read_label_table(write_text("a.csv", "l", "b|a", "No Finding", "", "a"))
    assert targets_from_labels(table, table.column("l"), ["a", "b"]) == {"a": [1, 0, 1], "b": [1, 0, 0]}
    table = read_label_table(write_text("a.csv", "l", "Mass", "Masss"))
    with pytest.raises(DataError, match=r"a.csv line 3: unknown finding 'Masss'. Did you mean 'Mass'"):
        targets_from_labels(table, table.column("l"), ["Mass"])


@pytest.mark.parametrize(("mark", "named"), [(";", "';'"), ("\t", r"'\\t'")])
def test_columns_that_are_not_apart_by_commas(write_text, mark, named):
    path = write_text("own.csv", mark.join(("file", "patient")), mark.join(("a.png", "x")))
    with pytest.raises(DataError, match=f"has its columns apart by {named}: expected commas"):
        read_label_table(path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("hilum.data.label_table._MOST_BYTES", 1000)
    path = tmp_path / "labels.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"0" * 10_000_000))
    with pytest.raises(DataError, match="more than 0 MB of text"):
        read_label_table(path)


@pytest.mark.parametrize(("rows", "line"), [("a,0,37", 2), ("a,1\n\nb,2,,x", 4), ("a,1,\nb,2, ,", 0), ("a,1", 0)])
def test_the_first_row_with_something_behind_the_last_column_is_told(tmp_path, rows, line):
    (tmp_path / "x.csv").write_text(f"image,A\n{rows}\n")
    assert read_label_table(tmp_path / "x.csv").overlong == line
