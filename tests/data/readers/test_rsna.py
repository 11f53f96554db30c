import json

import pytest

from hilum.data import read_rsna
from hilum.errors import DataError


def test_what_stands_in_the_manifest(layout, labels_of):
    manifest = read_rsna(layout("rsna").path)
    assert labels_of(manifest, "a1")[0] == {"Pneumonia", "Lung_Opacity"}
    assert labels_of(manifest, "b2")[1] == {"Pneumonia", "Lung_Opacity"}
    # Something is there, but the set does not say what.
    assert labels_of(manifest, "c3") == (set(), {"Pneumonia"}, {"Lung_Opacity"})
    assert "patients are unknown" in manifest.notes[0]


def test_without_the_classes_there_is_one_finding(layout):
    here = layout("rsna")
    (here.path / "stage_2_detailed_class_info.csv").unlink()
    assert read_rsna(here.labels).findings == ("Pneumonia",)


def test_with_the_film_mapping_patients_are_nihs(layout):
    here = layout("rsna")
    mapping = here.path / "pneumonia-challenge-dataset-mappings_2018.json"
    names = {"a1": "00000017_003.png", "b2": "00000017_000.png", "c3": "00000404_000.png"}
    mapping.write_text(json.dumps([{"subset_img_id": ours, "img_id": nih} for ours, nih in names.items()]))
    manifest = read_rsna(here.path)
    assert list(manifest.table["patient_id"]) == ["17", "17", "404"]
    assert set(manifest.table["source"]) == {"ChestX-ray14 (RSNA)"}
    mapping.write_text("[1]")
    with pytest.raises(DataError, match="is no film mapping"):
        read_rsna(here.path)


def test_cells_that_are_refused(layout):
    here = layout("rsna")
    text = here.labels.read_text()
    here.labels.write_text(text.replace("b2,,,,,0", "b2,,,,,?"))
    with pytest.raises(DataError, match=r"line 4: Target is '\?'; expected 1 or 0"):
        read_rsna(here.path)
    here.labels.write_text(text)
    classes = here.path / "stage_2_detailed_class_info.csv"
    classes.write_text(classes.read_text().replace("b2,Normal", "b2,normal"))
    with pytest.raises(DataError, match="line 4: class is 'normal'; expected one of Lung Opacity"):
        read_rsna(here.path)
