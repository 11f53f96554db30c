import os

import pytest

from hilum.errors import InvalidValueError
from hilum.imaging import find_dicom


@pytest.fixture
def folder(tmp_path, write_dataset, make_dataset, ramp):
    root = tmp_path / "in"
    (root / "b" / "c").mkdir(parents=True)
    film = write_dataset(make_dataset(ramp))
    for name in ("z", "b/IM0001", "b/c/film.dcm"):
        (root / name).write_bytes(film.read_bytes())
    return root


def test_films_are_found_by_content(folder):
    (folder / "DICOMDIR").write_bytes((folder / "z").read_bytes())
    (folder / "notes.dcm").write_text("no film")
    (folder / "empty").touch()
    (folder / "link").symlink_to(folder / "z")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    tree = find_dicom(folder)
    assert [path.relative_to(folder).as_posix() for path in tree.paths] == ["b/IM0001", "b/c/film.dcm", "z"]
    assert (tree.n_other, tree.n_directories, tree.n_links, tree.n_unreadable) == (2, 1, 3, 0)
    assert tree.notes()[2] == "3 symbolic links or special files were not followed"


def test_what_may_not_be_read_is_counted(folder, monkeypatch):
    scan = os.scandir

    def refuse(place):
        if str(place).endswith("c"):
            raise PermissionError
        return scan(place)

    def cannot(path):
        raise PermissionError

    monkeypatch.setattr("hilum.imaging.dicom_tree.os.scandir", refuse)
    assert find_dicom(folder).n_unreadable == 1
    monkeypatch.setattr("hilum.imaging.dicom_tree.looks_like_dicom", cannot)
    with pytest.raises(InvalidValueError, match=r"no DICOM file lies in .* \(3 files or folders may not be read"):
        find_dicom(folder)


def test_folders_without_dicom(tmp_path):
    with pytest.raises(InvalidValueError, match="there is no folder"):
        find_dicom(tmp_path / "nowhere")
    with pytest.raises(InvalidValueError, match="no DICOM file lies in"):
        find_dicom(tmp_path)
