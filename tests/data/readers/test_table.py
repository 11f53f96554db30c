"""What holds for every reader, on its set's real layout."""

import gzip
import re

import numpy as np
import pytest

from hilum.data import READERS, read_manifest, recognise_set, split_by_patient
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

# A folder of DICOM files has tests of its own: it has no label file.
NAMES = [name for name in READERS if name != "dicom"]
FILES = [name for name in NAMES if name != "chestmnist"]


def read(layout, name):
    here = layout(name)
    return here, READERS[name].read(here.path, **here.options)


@pytest.mark.parametrize("name", NAMES)
def test_a_set_becomes_a_manifest(layout, name, tmp_path):
    _, manifest = read(layout, name)
    targets = manifest.targets()
    assert np.isin(targets[~np.isnan(targets)], [0, 1]).all()
    assert (targets == 1).any()
    assert manifest.table["image_id"].is_unique
    assert all(path.is_absolute() and path.is_file() for path in manifest.paths())
    assert not manifest.phantom
    labels = READERS[name].labels
    if labels:
        assert set(manifest.findings) <= set(LABEL_SETS[labels].findings)
        assert {LABEL_SETS[labels].title} == set(manifest.table["source"])
    manifest.save(tmp_path / "m.parquet")
    assert read_manifest(tmp_path / "m.parquet").digest == manifest.digest
    # No patient in two splits: construction would have refused; the manifest can be split anew as well.
    if manifest.n_patients >= 3:
        assert split_by_patient(manifest).split_digest


@pytest.mark.parametrize("name", NAMES)
def test_read_twice_it_is_the_same(layout, name):
    here, manifest = read(layout, name)
    again = READERS[name].read(here.path, **here.options)
    assert (again.digest, again.split_digest, again.notes) == (manifest.digest, manifest.split_digest, manifest.notes)


@pytest.mark.parametrize("name", FILES)
def test_a_film_that_is_missing_keeps_its_row_and_is_counted(layout, name):
    here = layout(name)
    before = READERS[name].read(here.path, **here.options)
    here.films[0].unlink()
    manifest = READERS[name].read(here.path, **here.options)
    assert len(manifest) == len(before)
    assert any(f"1 of {len(before)} films is not there" in note for note in manifest.notes)


@pytest.mark.parametrize("name", FILES)
def test_without_any_film_it_is_refused(layout, name, tmp_path):
    here = layout(name)
    for film in here.films:
        film.unlink()
    with pytest.raises(DataError, match=r"not one of the|no film lies in"):
        READERS[name].read(here.path, **here.options)


@pytest.mark.parametrize("name", [name for name in FILES if name not in {"openi", "chestx-det10"}])
def test_a_missing_column_is_named_with_the_nearest(layout, name):
    here = layout(name)
    raw = here.labels.read_bytes()
    packed = here.labels.suffix == ".gz"
    head, rest = (gzip.decompress(raw) if packed else raw).split(b"\n", 1)
    changed = head.replace(here.column.encode(), here.column.encode() + b"x") + b"\n" + rest
    here.labels.write_bytes(gzip.compress(changed) if packed else changed)
    with pytest.raises(DataError, match=f"no column .*Did you mean '{re.escape(here.column)}x'"):
        READERS[name].read(here.path, **here.options)


@pytest.mark.parametrize("name", [name for name in FILES if name != "csv"])
def test_a_folder_without_the_sets_files_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no (label file|report)"):
        READERS[name].read(tmp_path / "empty")
    with pytest.raises(DataError, match="there is no folder"):
        READERS[name].read(tmp_path / "absent")


def test_every_label_set_has_a_reader():
    assert {reader.labels for reader in READERS.values()} - {""} == set(LABEL_SETS)


@pytest.mark.parametrize("name", FILES)
def test_a_set_is_recognised_by_its_folder_and_its_label_file(layout, name):
    here = layout(name)
    folder = here.path if here.path.is_dir() else here.path.parent
    expected = "" if name in {"nih", "nih-sample", "csv"} else name
    assert recognise_set(folder) == expected
    if name != "openi":
        assert recognise_set(here.labels) == expected


def test_other_files_are_no_set(tmp_path):
    (tmp_path / "train.csv").write_text("image,label\n")
    (tmp_path / "valid.csv.gz").write_bytes(b"no gzip")
    (tmp_path / "chestmnist.npz").write_bytes(b"")
    for path in (tmp_path, *tmp_path.iterdir(), tmp_path / "absent"):
        assert recognise_set(path) == ""
