import numpy as np
import pytest
from PIL import Image

from hilum.imaging import FilmReader, header_facts, write_dicom

pydicom = pytest.importorskip("pydicom")


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.dcm"
    pixels = (np.arange(64 * 64).reshape(64, 64) % 256).astype(np.uint8)
    write_dicom(path, pixels, patient_id="p", instance_number=1, view="PA", age_years=50, sex="F")
    return path


def changed(path, **values):
    dataset = pydicom.dcmread(path)
    for name, value in values.items():
        setattr(dataset, name, value)
    dataset.save_as(path)
    return header_facts(path)["facts"]


def test_kind_and_shape_are_told(film):
    facts = changed(film, Modality="CT", BodyPartExamined="HEAD", ViewPosition="LL")
    assert facts["format"] == "DICOM"
    assert facts["modality"] == "CT"
    assert facts["body part"] == "another than the chest"
    assert facts["view"] == "LL"
    assert (facts["Rows"], facts["Columns"]) == ("64", "64")
    assert facts["transfer syntax"] == "Explicit VR Little Endian"
    assert facts["file"].endswith("bytes")


def test_a_film_without_preamble_is_dicom_too(film):
    whole = film.read_bytes()
    film.write_bytes(whole[132:])
    facts = header_facts(film)["facts"]
    assert (facts["format"], facts["view"]) == ("DICOM", "PA")


def test_what_somebody_typed_is_not_told(film):
    secret = {
        "PatientName": "CANARY^NAME",
        "PatientID": "CANARY1",
        "Modality": "CANARY2",
        "BodyPartExamined": "CANARY3",
        "PresentationIntentType": "CANARY4",
        "InstitutionName": "CANARY5",
        "SOPClassUID": "1.2.826.0.1.3680043.8.498.4711",
    }
    facts = changed(film, **secret)
    said = " ".join(facts.values())
    assert "CANARY" not in said
    assert "4711" not in said
    assert facts["modality"] == "another value, not shown"


def test_a_header_that_cannot_be_read_is_said_to_be_one(film):
    film.write_bytes(film.read_bytes()[:300])
    facts = header_facts(film)["facts"]
    assert facts["format"] == "DICOM"
    assert facts["elements"] == "cannot be read to their end"


def test_pictures_say_mode_and_size(tmp_path):
    path = tmp_path / "x.png"
    Image.new("RGB", (30, 20)).save(path)
    assert header_facts(path)["facts"] == {
        "file": f"{path.stat().st_size} bytes",
        "format": "PNG",
        "mode": "RGB",
        "size": "30 x 20 pixels",
    }


def test_no_film_and_no_file_say_little(tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    assert header_facts(tmp_path / "x")["facts"] == {"file": "5 bytes"}
    assert header_facts(tmp_path / "y")["facts"] == {}
    assert header_facts(tmp_path / "nul\0")["facts"] == {}


def test_it_is_a_task_of_the_reader(film):
    with FilmReader(workers=1) as reader:
        (answer,) = reader.map(header_facts, [film])
    assert answer == header_facts(film)
