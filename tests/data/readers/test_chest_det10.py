import json

import pytest

from hilum.data import read_chestx_det10
from hilum.errors import DataError


def test_a_box_is_a_finding(layout, labels_of):
    manifest = read_chestx_det10(layout("chestx-det10").path)
    assert labels_of(manifest, "36199.png")[0] == {"Effusion", "Nodule"}
    assert len(labels_of(manifest, "36200.png")[1]) == 10
    assert list(manifest.table["split"]) == ["train", "train", "test"]
    assert "patients are unknown" in manifest.notes[0]


def test_one_file_alone_and_files_that_are_refused(layout):
    here = layout("chestx-det10")
    assert len(read_chestx_det10(here.path / "test.json")) == 1
    here.labels.write_text(json.dumps([{"file_name": "36199.png", "syms": ["Efusion"]}]))
    with pytest.raises(DataError, match=r"train.json: 'Efusion' of 36199.png is no label"):
        read_chestx_det10(here.path)
    here.labels.write_text("{")
    with pytest.raises(DataError, match="expected a list of file_name, syms and boxes"):
        read_chestx_det10(here.path)
