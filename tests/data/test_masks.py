import numpy as np
import pytest

from hilum.data import FilmMasks, write_phantoms
from hilum.errors import DataError, ImageRefusedError
from hilum.phantoms import render_film


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_phantoms(tmp_path_factory.mktemp("set") / "set", count=4, size_px=64, seed=5, masks=True).folder


def test_masks_of_phantoms_come_back_as_they_were_rendered(folder):
    masks = FilmMasks(folder / "masks")
    for film in (render_film(5, index, size_px=64) for index in range(4)):
        image_id = f"{film.patient_number:08d}_{film.follow_up:03d}.png"
        for finding, target in film.targets.items():
            mask = masks.read(image_id, finding, (64, 64))
            if target:
                np.testing.assert_array_equal(mask, film.masks[finding])
            else:
                assert mask is None


def test_a_film_in_dicom_has_the_same_masks(folder):
    file = next((folder / "masks").iterdir())
    film, finding = file.stem[:12], file.stem[13:]
    assert FilmMasks(folder / "masks").read(f"{film}.dcm", finding, (64, 64)).any()


def test_what_is_no_folder_of_masks_is_said(folder, tmp_path):
    for wrong in (tmp_path, tmp_path / "nowhere", folder / "phantoms.json"):
        with pytest.raises(DataError, match="holds no mask: expected a picture per film and finding"):
            FilmMasks(wrong)


def test_masks_of_another_size_and_broken_ones_are_refused(folder, tmp_path):
    file = next((folder / "masks").iterdir())
    with pytest.raises(DataError, match=r"has the size \(64, 64\), its film \(64, 80\)"):
        FilmMasks(folder / "masks").read(f"{file.stem[:12]}.png", file.stem[13:], (64, 80))
    (tmp_path / "f_Mass.png").write_bytes(b"no picture")
    with pytest.raises(ImageRefusedError):
        FilmMasks(tmp_path).read("f.png", "Mass", (4, 4))
