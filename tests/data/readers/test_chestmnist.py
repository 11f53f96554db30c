import numpy as np
import pytest
from PIL import Image as Picture

from hilum.data import read_chestmnist
from hilum.errors import DataError


def test_films_and_labels_are_those_of_the_file(layout):
    here = layout("chestmnist")
    seen = []
    manifest = read_chestmnist(here.path, **here.options, on_progress=lambda done, total: seen.append((done, total)))
    arrays = np.load(here.path, allow_pickle=False)
    for part in ("train", "val", "test"):
        name = "validation" if part == "val" else part
        rows = manifest.rows(name)
        np.testing.assert_array_equal(manifest.targets(rows), arrays[f"{part}_labels"])
        for row, pixels in zip(rows, arrays[f"{part}_images"], strict=True):
            with Picture.open(manifest.paths()[row]) as picture:
                np.testing.assert_array_equal(np.asarray(picture), pixels)
    assert seen[-1] == (9, 9)
    assert "patients are unknown" in manifest.notes[0]
    assert "28 x 28 pixels" in manifest.notes[1]


def test_files_that_are_refused(tmp_path):
    good = {f"{part}_{what}": np.zeros((2, 28, 28) if what == "images" else (2, 14), np.uint8)
            for part in ("train", "val", "test") for what in ("images", "labels")}  # fmt: skip
    path = tmp_path / "a.npz"
    changes = [
        {"val_images": np.array([{}, {}], dtype=object)},
        {"val_images": np.zeros((2, 28, 28, 3), np.uint8)},
        {"val_images": np.asfortranarray(np.zeros((2, 28, 28), np.uint8))},
        {"test_labels": np.zeros((2, 13), np.uint8)},
        {"test_labels": np.full((2, 14), 2, np.uint8)},
        {"test_labels": np.zeros((2, 14))},
    ]
    for change in changes:
        np.savez(path, **{**good, **change})
        with pytest.raises(DataError, match="is no ChestMNIST"):
            read_chestmnist(path, films=tmp_path / "films")
    np.savez(path, **{name: array for name, array in good.items() if name != "val_labels"})
    with pytest.raises(DataError, match="is no ChestMNIST"):
        read_chestmnist(path, films=tmp_path / "films")
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="is no ChestMNIST"):
        read_chestmnist(path, films=tmp_path / "films")
    with pytest.raises(DataError, match="there is no file"):
        read_chestmnist(tmp_path / "absent.npz", films=tmp_path / "films")
