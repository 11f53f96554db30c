import gzip

import numpy as np
import pandas as pd
import pytest

from hilum.data import Manifest
from hilum.errors import DataError
from hilum.evaluation.label_file import read_truth
from hilum.findings import NIH_FINDINGS

START = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,"
END = ",View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
V2017 = f"{START}Patient Gender{END},\n"
V2020 = f"{START}Patient Sex{END}\n"
SAMPLE = (
    V2020.replace("Sex", "Gender")
    .replace("[Width,Height]", "Width,OriginalImageHeight")
    .replace("[x,y]", "_x,OriginalImagePixelSpacing_y")
)
ROWS = (
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,58,M,PA,2682,2749,0.143,0.143{end}\n"
    "00000002_000.png,No Finding,0,2,414,M,PA,2500,2048,0.171,0.171{end}\n"
)


@pytest.mark.parametrize(("header", "end"), [(V2017, ","), (V2020, ""), (SAMPLE, "")])
@pytest.mark.parametrize("name", ["Data_Entry_2017.csv", "labels.csv.gz"])
def test_nihs_file_in_each_version(tmp_path, header, end, name):
    text = (header + ROWS.format(end=end)).encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    truth = read_truth(tmp_path / name)
    assert truth.image_ids == ("00000001_000.png", "00000002_000.png")
    assert truth.patients == ("1", "2")
    assert truth.findings == NIH_FINDINGS
    assert [NIH_FINDINGS[i] for i in np.flatnonzero(truth.targets[0])] == ["Cardiomegaly", "Pleural_Thickening"]
    assert not truth.targets[1].any()
    assert (truth.nih, truth.phantom, len(truth.digest), set(truth.splits)) == (True, False, 64, {""})


def test_a_set_of_phantoms_is_known_by_its_marker(tmp_path):
    (tmp_path / "Data_Entry_2017.csv").write_text(V2020 + ROWS.format(end=""))
    (tmp_path / "phantoms.json").write_text("{}")
    truth = read_truth(tmp_path / "Data_Entry_2017.csv")
    assert (truth.phantom, truth.nih) == (True, False)


def test_own_labels_in_nihs_form_are_not_taken_for_nihs(tmp_path):
    text = V2020 + ROWS.format(end="")
    (tmp_path / "labels.csv").write_text(text.replace("00000002_000.png", "ward-7.png"))
    assert not read_truth(tmp_path / "labels.csv").nih


@pytest.mark.parametrize(
    "text", ["Image Index,Finding Labels\na.png,Mass\n", "image_id,Finding Labels,Patient ID\na,Mass,\n"]
)
def test_patients_may_be_unknown(tmp_path, text):
    (tmp_path / "labels.csv").write_text(text)
    assert read_truth(tmp_path / "labels.csv").patients is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Image Index,Finding Labels\na.png,Efusion\n", "line 2: .*Did you mean 'Effusion'"),
        ("Image Index,Finding Labels\na.png,\n", "line 2: .*empty"),
        ("Image Index,Labels\na.png,Mass\n", "no column 'Finding Labels'. Did you mean 'Labels'"),
        ("Name,Finding Labels\na.png,Mass\n", "no column 'Image Index'"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, text, message):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_truth(tmp_path / "labels.csv")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no label file"):
        read_truth(tmp_path / "labels.csv")


def test_a_manifest_brings_its_digests_splits_and_unknown_targets(tmp_path):
    table = pd.DataFrame({"image_id": ["a.png", "b.png"], "path": ["/a.png", "/b.png"], "patient_id": ["7", "8"]})
    table = table.assign(study_id="", view="", sex="", age_years=np.float32(50), split=["test", None])
    table = table.assign(Mass=np.array([1, np.nan], dtype=np.float32))
    manifest = Manifest(table, ("Mass",), "Data_Entry_2017.csv")
    manifest.save(tmp_path / "films.parquet")
    truth = read_truth(tmp_path / "films.parquet")
    assert (truth.image_ids, truth.patients, truth.splits) == (("a.png", "b.png"), ("7", "8"), ("test", ""))
    np.testing.assert_array_equal(truth.targets, [[1], [np.nan]])
    assert (truth.digest, truth.split_digest) == (manifest.digest, manifest.split_digest)
    assert truth.nih


@pytest.mark.parametrize(
    ("sources", "phantom", "nih"),
    [
        (["ChestX-ray14", "ChestX-ray14"], False, True),
        (["CheXpert", "ChestX-ray14"], False, True),
        (["ChestX-ray14 (Google)"] * 2, False, False),
        (["CheXpert"] * 2, False, False),
        (["phantoms"] * 2, True, False),
    ],
)
def test_whose_labels_a_manifest_has_is_said_by_its_films(tmp_path, sources, phantom, nih):
    table = pd.DataFrame({"image_id": ["a.png", "b.png"], "path": ["/a.png", "/b.png"], "patient_id": ["7", "8"]})
    table = table.assign(study_id="", view="", sex="", age_years=np.float32(50), split=None, source=sources)
    manifest = Manifest(table.assign(Mass=np.float32(1)), ("Mass",), "labels.csv", phantom=phantom)
    manifest.save(tmp_path / "films.parquet")
    assert read_truth(tmp_path / "films.parquet").nih is nih


GOOGLE = (
    "Image Index,Patient ID,Patient Gender,Patient Age,View Position,Fracture,Pneumothorax,Airspace opacity,"
    "Nodule or mass,Set Id\n00000013_008.png,13,M,60,AP,NO,YES,YES,NO,test\n"
    "00000014_000.png,14,F,44,PA,NO,,NO,YES,val\n"
)


def test_googles_adjudicated_labels_are_read_without_a_film(tmp_path):
    path = tmp_path / "google2019_nih-chest-xray-labels.csv.gz"
    path.write_bytes(gzip.compress(GOOGLE.encode()))
    truth = read_truth(path)
    assert truth.findings == ("Fracture", "Pneumothorax", "Lung_Opacity", "Lung_Lesion")
    np.testing.assert_array_equal(truth.targets, [[0, 1, 1, 0], [0, np.nan, 0, 1]])
    assert (truth.patients, truth.nih, truth.phantom) == (("13", "14"), False, False)
    assert truth.attributes["view"].tolist() == ["AP", "PA"]


def test_a_wrong_adjudicated_cell_is_named_with_its_line(tmp_path):
    path = tmp_path / "google2019_nih_labels.csv"
    path.write_text(GOOGLE.replace("NO,YES,YES", "NO,maybe,YES"))
    with pytest.raises(DataError, match=r"line 2: Pneumothorax is neither YES, NO nor empty"):
        read_truth(path)


def test_another_set_is_read_by_its_reader_with_the_films_beside_it(tmp_path):
    folder = tmp_path / "CheXpert-v1.0-small"
    (folder / "valid/patient1/study1").mkdir(parents=True)
    (folder / "valid/patient1/study1/view1_frontal.jpg").write_bytes(b"not opened")
    names = "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,"
    names += "Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
    (folder / "valid.csv").write_text(
        f"Path,Sex,Age,Frontal/Lateral,AP/PA,{names}\n"
        f"CheXpert-v1.0-small/valid/patient1/study1/view1_frontal.jpg,Male,73,Frontal,AP,{','.join(['0.0'] * 13)},1.0\n"
    )
    truth = read_truth(folder)
    assert truth.targets[0, truth.findings.index("Support_Devices")] == 1
    assert truth.attributes["sex"].tolist() == ["male"]
