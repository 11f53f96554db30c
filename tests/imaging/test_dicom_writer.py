import numpy as np
import pydicom
import pytest

from hilum.errors import InvalidValueError, MissingExtraError
from hilum.imaging import read_image, write_dicom


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_written_films_read_back_and_are_the_same_bytes(tmp_path, grey, photometric):
    facts = {"patient_id": "17", "instance_number": 2, "view": "AP", "age_years": 44, "sex": "F"}
    first, second = tmp_path / "a.dcm", tmp_path / "b.dcm"
    for path in (first, second):
        write_dicom(path, grey, photometric=photometric, **facts)
    assert first.read_bytes() == second.read_bytes()
    image = read_image(first)
    assert np.abs(image.pixels - grey / 255).max() < 1e-6
    assert (image.facts.view, image.facts.modality, image.facts.bits) == ("AP", "DX", 8)
    assert image.facts.inverted == (photometric == "MONOCHROME1")
    dataset = pydicom.dcmread(first)
    assert (dataset.PatientID, dataset.PatientAge, dataset.PatientSex) == ("17", "044Y", "F")
    assert len({dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID}) == 3
    assert all(len(uid) <= 64 for uid in (dataset.StudyInstanceUID, dataset.SOPInstanceUID))


def test_odd_sizes_are_padded(tmp_path):
    odd = np.arange(15, dtype=np.uint8).reshape(3, 5) * 17
    path = tmp_path / "odd.dcm"
    write_dicom(path, odd, patient_id="1", instance_number=1, view="PA", age_years=1, sex="M")
    assert np.abs(read_image(path).pixels - odd / 255).max() < 1e-6


def test_only_grey_bytes_are_written(tmp_path, grey):
    facts = {"patient_id": "1", "instance_number": 1, "view": "PA", "age_years": 1, "sex": "M"}
    with pytest.raises(InvalidValueError, match="expected uint8"):
        write_dicom(tmp_path / "a.dcm", grey.astype(float), **facts)
    with pytest.raises(InvalidValueError, match="MONOCHROME3"):
        write_dicom(tmp_path / "a.dcm", grey, photometric="MONOCHROME3", **facts)


def test_writing_without_pydicom(tmp_path, grey, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match="pydicom"):
        write_dicom(tmp_path / "a.dcm", grey, patient_id="1", instance_number=1, view="PA", age_years=1, sex="M")
