"""What a user names becomes the files that are answered."""

import pytest

from hilum.errors import InvalidValueError
from hilum.inference import collect_files


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_named_files_are_taken_as_they_are_named_whatever_their_ending(tmp_path):
    files = touch(tmp_path, "b.png", "a.txt", ".hidden")
    absent = tmp_path / "absent.dcm"
    assert collect_files([*files, absent]) == [*files, absent]


def test_pictures_of_folders_are_taken_sorted_with_those_below(tmp_path):
    touch(tmp_path, "z.PNG", "b/c.jpeg", "b/IM0001", "a.dcm", "t.tif", "notes.txt", "table.csv", ".cache.png", "b/.x")
    found = [file.relative_to(tmp_path).as_posix() for file in collect_files([tmp_path])]
    assert found == ["a.dcm", "b/IM0001", "b/c.jpeg", "t.tif", "z.PNG"]


def test_a_folder_is_no_film_even_if_it_is_called_like_one(tmp_path):
    touch(tmp_path, "folder.png/a.png")
    assert collect_files([tmp_path]) == [tmp_path / "folder.png" / "a.png"]


def test_nothing_is_taken_twice_and_the_first_naming_counts(tmp_path):
    a, b = touch(tmp_path, "a.png", "b.png")
    assert collect_files([b, tmp_path, b, a]) == [b, a]


def test_a_folder_without_film_is_an_error_that_names_it(tmp_path):
    touch(tmp_path, "ok/a.png", "empty/notes.txt")
    with pytest.raises(InvalidValueError, match=r"no film lies in .*empty or below \(looked for \.png, .*\.dcm"):
        collect_files([tmp_path / "ok", tmp_path / "empty"])


def test_nothing_named_is_an_error():
    with pytest.raises(InvalidValueError, match="no file was named: name films or folders"):
        collect_files([])


def test_files_named_by_their_uid_are_films(tmp_path):
    for name in ("1.2.840.5", "IM0001", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    assert [path.name for path in collect_files([tmp_path])] == ["1.2.840.5", "IM0001"]
