import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.data import read_nih, write_phantoms
from hilum.data.phantom_set import BOX_FILE, BOX_HEADER, LABEL_FILE, LABEL_HEADER
from hilum.errors import DataError, InvalidValueError, StorageError, UnknownNameError
from hilum.findings import NIH_FINDINGS
from hilum.imaging import read_image
from hilum.phantoms import render_film

COUNT, SIZE = 14, 64


def write(folder, **changes):
    return write_phantoms(folder, **{"count": COUNT, "size_px": SIZE, "seed": 5, **changes})


@pytest.fixture(scope="module")
def truth():
    return [render_film(5, index, size_px=SIZE) for index in range(COUNT)]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write(tmp_path_factory.mktemp("sets") / "set", masks=True)


def rows_of(file):
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def bytes_of(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "header"), [("Data_Entry_2017_v2020.csv.gz", LABEL_HEADER), ("BBox_List_2017.csv.gz", BOX_HEADER)]
)
def test_the_headers_are_nihs_own(shared_data, name, header):
    with gzip.open(shared_data / "nih-metadata" / name, "rt", encoding="utf-8-sig") as stream:
        assert stream.readline().rstrip() == header


def test_the_label_file_is_written_as_nih_does(written, truth):
    header, *rows = rows_of(written.folder / LABEL_FILE)
    assert ",".join(header) == LABEL_HEADER
    assert len(header) == len(rows[0]) == 11, "two of NIH's names hold a comma each"
    for row, film in zip(rows, truth, strict=True):
        name, findings, follow_up, patient, age, sex, view, width, height, *spacing = row
        assert name == f"{int(patient):08d}_{int(follow_up):03d}.png"
        present = [finding for finding in NIH_FINDINGS if film.targets[finding]]
        assert findings == ("|".join(present) or "No Finding")
        assert (int(patient), int(follow_up), int(age)) == (film.patient_number, film.follow_up, film.age_years)
        assert (sex, view) == (film.sex, film.view)
        assert (width, height) == (str(SIZE), str(SIZE))
        assert [float(value) for value in spacing] == pytest.approx([film.spacing_mm] * 2, abs=1e-4)


def test_nihs_reader_reads_the_truth_back(written, truth):
    manifest = read_nih(written.folder)
    assert manifest.phantom
    assert len(manifest.table) == COUNT
    targets = manifest.table[list(NIH_FINDINGS)].to_numpy()
    np.testing.assert_array_equal(targets, [[film.targets[name] for name in NIH_FINDINGS] for film in truth])
    assert [int(patient) for patient in manifest.table["patient_id"]] == [film.patient_number for film in truth]
    assert list(manifest.table["view"]) == [film.view for film in truth]
    for path, film in zip(manifest.table["path"], truth, strict=True):
        np.testing.assert_array_equal(np.asarray(Picture.open(path)), film.pixels)


def test_what_is_reported_is_what_was_written(written, truth):
    assert (written.n_images, written.n_flipped) == (COUNT, 0)
    assert written.n_patients == len({film.patient_number for film in truth})
    assert written.n_positive == {name: sum(film.targets[name] for film in truth) for name in NIH_FINDINGS}


def test_the_box_file_holds_every_box(written, truth):
    header, *rows = rows_of(written.folder / BOX_FILE)
    assert ",".join(header) == BOX_HEADER
    expected = [
        [f"{film.patient_number:08d}_{film.follow_up:03d}.png", finding, *map(str, box)]
        for film in truth
        for finding, boxes in film.boxes.items()
        for box in boxes
    ]
    assert rows == expected


def test_masks_are_written_on_request(written, truth):
    files = sorted(file.name for file in (written.folder / "masks").iterdir())
    assert len(files) == sum(len(film.masks) for film in truth)
    for film in truth:
        for finding, mask in film.masks.items():
            name = f"{film.patient_number:08d}_{film.follow_up:03d}_{finding}.png"
            np.testing.assert_array_equal(np.asarray(Picture.open(written.folder / "masks" / name)) == 255, mask)


def test_no_masks_unless_asked(tmp_path):
    write(tmp_path, count=1)
    assert not (tmp_path / "masks").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_another(tmp_path):
    for name, seed in (("first", 5), ("again", 5), ("other", 6)):
        write(tmp_path / name, count=3, seed=seed)
    first, again, other = (bytes_of(tmp_path / name) for name in ("first", "again", "other"))
    assert first == again
    assert first[LABEL_FILE] != other[LABEL_FILE]


@pytest.mark.slow
def test_the_bytes_do_not_depend_on_the_workers(tmp_path):
    seen = []
    alone = write(tmp_path / "alone", count=30, label_noise=0.1)
    both = write(
        tmp_path / "both",
        count=30,
        label_noise=0.1,
        workers=2,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert bytes_of(alone.folder) == bytes_of(both.folder)
    assert alone.n_positive == both.n_positive
    assert alone.n_flipped == both.n_flipped > 0
    assert seen == [(done, 30) for done in range(1, 31)]


def test_label_noise_flips_its_share_and_leaves_films_and_boxes_true(tmp_path, written, truth):
    noisy = write(tmp_path / "noisy", label_noise=0.25)
    clean, wrong = (read_nih(folder).table[list(NIH_FINDINGS)].to_numpy() for folder in (written.folder, noisy.folder))
    flipped = int((clean != wrong).sum())
    assert flipped == noisy.n_flipped
    labels = COUNT * len(NIH_FINDINGS)
    assert abs(flipped - 0.25 * labels) < 4 * np.sqrt(labels * 0.25 * 0.75)
    assert noisy.n_positive == {name: int(wrong[:, column].sum()) for column, name in enumerate(NIH_FINDINGS)}
    assert (noisy.folder / BOX_FILE).read_bytes() == (written.folder / BOX_FILE).read_bytes()
    for file in (noisy.folder / "images").iterdir():
        assert file.read_bytes() == (written.folder / "images" / file.name).read_bytes()


def test_every_seed_flips_labels_of_its_own(tmp_path):
    flips = []
    for seed in (1, 2):
        noisy = write(tmp_path / str(seed), count=3, size_px=32, seed=seed, label_noise=0.5)
        labels = read_nih(noisy.folder).table[list(NIH_FINDINGS)].to_numpy()
        films = (render_film(seed, index, size_px=32) for index in range(3))
        flips.append(labels != [[film.targets[name] for name in NIH_FINDINGS] for film in films])
    assert (flips[0] != flips[1]).any()


def test_the_natural_mix_is_mostly_without_findings(tmp_path):
    mix = write(tmp_path, count=40, prevalence="nih", size_px=32)
    assert sum(mix.n_positive.values()) < 0.13 * 40 * 14
    assert json.loads((tmp_path / "phantoms.json").read_text())["prevalence"] == "nih"


def test_dicom_holds_the_same_picture(tmp_path, truth):
    pytest.importorskip("pydicom")
    write(tmp_path, count=4, dicom=True)
    manifest = read_nih(tmp_path)
    assert all(name.endswith(".dcm") for name in manifest.table["image_id"])
    for path, film in zip(manifest.table["path"], truth[:4], strict=True):
        image = read_image(Path(path))
        assert image.facts.view == film.view
        np.testing.assert_array_equal(np.rint(image.pixels * 255), film.pixels)


def test_a_foreign_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="not a set of phantoms: choose an empty or a new folder"):
        write(tmp_path)
    assert bytes_of(tmp_path) == {"thesis.txt": b"years of work"}
    with pytest.raises(DataError, match="not a set of phantoms"):
        write(tmp_path / "thesis.txt")


def test_an_older_set_is_replaced(tmp_path):
    write(tmp_path, count=5, masks=True)
    write(tmp_path, count=2, seed=8)
    fresh = write(tmp_path.parent / "fresh", count=2, seed=8)
    assert bytes_of(tmp_path) == bytes_of(fresh.folder)


def test_a_set_that_was_broken_off_is_no_set(tmp_path):
    write(tmp_path, count=5)

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, on_progress=stop)
    assert not (tmp_path / LABEL_FILE).exists()
    with pytest.raises(DataError, match="no label file"):
        read_nih(tmp_path)
    assert write(tmp_path, count=3).n_images == 3, "and can be begun anew"


@pytest.mark.parametrize("dicom", [False, True])
def test_a_full_disk_is_said(tmp_path, monkeypatch, dicom):
    def fail(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"hilum.data.phantom_set.write_{'dicom' if dicom else 'png'}", fail)
    with pytest.raises(StorageError, match="No space left on device"):
        write(tmp_path, dicom=dicom)
    assert not (tmp_path / LABEL_FILE).exists()


def test_a_folder_that_cannot_be_cleared_is_said(tmp_path, monkeypatch):
    write(tmp_path, count=1)
    monkeypatch.setattr("hilum.data.phantom_set.shutil.rmtree", lambda *arguments, **settings: None)
    with pytest.raises(StorageError, match="cannot make room in"):
        write(tmp_path, count=1)


@pytest.mark.parametrize("wrong", [{"count": 0}, {"workers": 0}, {"label_noise": -0.1}, {"label_noise": 0.6}])
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(InvalidValueError, match=f"{next(iter(wrong.values()))}"):
        write(tmp_path / "set", **wrong)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"prevalence": "balancd"}, UnknownNameError),
        ({"size_px": 16}, InvalidValueError),
        ({"seed": -1}, InvalidValueError),
    ],
)
def test_wrong_settings_do_not_cost_an_older_set(tmp_path, wrong, kind):
    write(tmp_path, count=1)
    before = bytes_of(tmp_path)
    with pytest.raises(kind):
        write(tmp_path, **wrong)
    assert bytes_of(tmp_path) == before
