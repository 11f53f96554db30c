import gzip

import pytest

from hilum.data import read_mimic
from hilum.errors import DataError


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_mimic(layout("mimic").path)
    table = manifest.table.set_index("image_id")
    assert list(table["view"]) == ["PA", "LL", "AP", "LL", ""]
    assert list(table["split"]) == ["train", "train", "train", "validation", "test"]
    assert table["patient_id"].nunique() == 3
    assert table["path"]["02aa804e"].endswith("files/p10/p10000032/s50414267/02aa804e.jpg")
    # Both films of a study have its labels; a study without any has none.
    assert labels_of(manifest, "02aa804e") == labels_of(manifest, "174413ec")
    assert labels_of(manifest, "2a2277a9")[:2] == ({"Pneumothorax"}, {"Edema"})
    assert len(labels_of(manifest, "b79e55c3")[2]) == 13
    notes = " ".join(manifest.notes)
    assert "1 film is of studies without labels" in notes
    assert "1 row has 'No Finding' beside a finding; the finding counts" in notes
    assert labels_of(manifest, "096052b7")[0] == {"Fracture"}


def test_two_files_of_a_kind_or_another_split(layout):
    here = layout("mimic")
    split = here.path / "mimic-cxr-2.0.0-split.csv.gz"
    twice = here.path / "mimic-cxr-2.1.0-split.csv.gz"
    twice.write_bytes(split.read_bytes())
    with pytest.raises(DataError, match="holds 2 files of split"):
        read_mimic(here.path)
    twice.unlink()
    split.write_bytes(gzip.compress(gzip.decompress(split.read_bytes()).replace(b"validate", b"valid")))
    with pytest.raises(DataError, match="line 5: split is 'valid'; expected one of train, validate, test"):
        read_mimic(here.path)
