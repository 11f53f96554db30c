import pytest

from hilum.data.film_folder import FilmFolder, find_below
from hilum.errors import DataError


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_films_are_found_below_one_or_many_folders(tmp_path):
    touch(
        tmp_path / "images_001" / "images" / "a.png", tmp_path / "images_002" / "images" / "b.PNG", tmp_path / "c.txt"
    )
    for roots in ([tmp_path], [tmp_path / "images_001", tmp_path / "images_002"]):
        found = FilmFolder(roots).find(["b.PNG", "a.png"])
        assert found.paths == [
            str(tmp_path / "images_002" / "images" / "b.PNG"),
            str(tmp_path / "images_001" / "images" / "a.png"),
        ]
        assert found.notes() == ()


def test_missing_and_renamed_films_are_counted(tmp_path):
    touch(tmp_path / "a.jpg", tmp_path / "b.png")
    found = FilmFolder([tmp_path]).find(["a.png", "b.png", "c.png"])
    assert found.paths == [str(tmp_path / "a.jpg"), str(tmp_path / "b.png"), str(tmp_path / "c.png")]
    assert (found.n_missing, found.n_other_ending, found.n_ambiguous) == (1, 1, 0)
    first, second = found.notes()
    assert "1 of 3 films is not there" in first
    assert "1 film was found under another ending" in second


def test_a_name_in_two_folders_is_counted(tmp_path):
    touch(tmp_path / "x" / "a.png", tmp_path / "y" / "a.png", tmp_path / "y" / "b.png")
    found = FilmFolder([tmp_path]).find(["a.png", "b.png"])
    assert found.paths[0] == str(tmp_path / "x" / "a.png")
    assert found.n_ambiguous == 1
    assert "1 film lies in several folders" in found.notes()[0]
    # The same folder named twice is no second film.
    assert FilmFolder([tmp_path / "y", tmp_path / "y"]).find(["a.png"]).n_ambiguous == 0


def test_folders_without_films(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        FilmFolder([tmp_path / "absent"])
    with pytest.raises(DataError, match="no film lies in"):
        FilmFolder([tmp_path])
    touch(tmp_path / "other.png")
    with pytest.raises(DataError, match=r"not one of the 2 films of the list .* \(the first would be a.png\)"):
        FilmFolder([tmp_path]).find(["a.png", "b.png"])


def test_paths_below_one_of_some_folders(tmp_path):
    touch(tmp_path / "x" / "p1" / "a.jpg", tmp_path / "y" / "p2" / "b.jpg")
    roots = [tmp_path / "x", tmp_path / "y"]
    found = find_below(roots, ["p1/a.jpg", "p2/b.jpg", "p3/c.jpg"])
    assert found.paths[:2] == [str(tmp_path / "x" / "p1" / "a.jpg"), str(tmp_path / "y" / "p2" / "b.jpg")]
    assert found.n_missing == 1
    with pytest.raises(DataError, match=r"not one of the 1 film of the list lies below .* would be p3/c.jpg"):
        find_below(roots, ["p3/c.jpg"])
    with pytest.raises(DataError, match="there is no folder"):
        find_below([tmp_path / "z"], ["p1/a.jpg"])
