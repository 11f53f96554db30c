import pytest

from hilum.errors import ImageRefusedError
from hilum.imaging import FilmIdentity, identity_record, pixel_record, read_identity
from hilum.imaging.identity import age_of, day_of

TAGS = {
    "PatientID": " P7 ",
    "StudyInstanceUID": "1.2.4",
    "AccessionNumber": "A9",
    "PatientSex": "f",
    "PatientAge": "031Y",
    "Manufacturer": "ACME",
    "ManufacturerModelName": "Ray",
    "BurnedInAnnotation": "YES",
}


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")
def test_what_a_header_says(dicom, ramp):
    path = dicom(ramp, **TAGS)
    identity = read_identity(path)
    assert identity == FilmIdentity(
        patient_id="P7", study_uid="1.2.4", sop_uid="1.2.3", accession="A9", sex="F", age="031Y", view="PA",
        modality="DX", manufacturer="ACME", model="Ray", burned_in=True,
    )  # fmt: skip
    assert FilmIdentity(**identity_record(path)) == identity
    assert "P7" not in repr(identity)


def test_what_a_header_does_not_say(dicom, ramp):
    identity = read_identity(dicom(ramp, PatientSex="X", PatientAge=None, ViewPosition=None))
    assert (identity.patient_id, identity.sex, identity.age, identity.view, identity.burned_in) == (
        "",
        "",
        "",
        "",
        False,
    )


def test_an_age_follows_from_the_dates(make_dataset, ramp):
    dataset = make_dataset(ramp, PatientAge=None, PatientBirthDate="19800302", StudyDate="20100301")
    assert age_of(dataset) == "029Y"
    dataset.StudyDate = "20100302"
    assert age_of(dataset) == "030Y"
    dataset.StudyDate = "19700101"
    assert age_of(dataset) == ""
    dataset.PatientAge = "6M"
    assert age_of(dataset) == "006M"
    assert day_of("2010.03.01") == day_of("20100301141516.2") == day_of("2010-03-01")
    assert day_of("201013") is day_of(None) is None


def test_pixels_are_compared_by_value(dicom, ramp):
    one = pixel_record(dicom(ramp))
    assert pixel_record(dicom(ramp, PatientID="P8")) == one
    assert pixel_record(dicom(ramp[::-1])) != one


def test_other_files_are_refused(dicom, ramp, tmp_path):
    text = tmp_path / "text"
    text.write_text("text")
    for path, code in ((text, "format"), (dicom(ramp, Modality="CT"), "modality")):
        with pytest.raises(ImageRefusedError) as caught:
            read_identity(path)
        assert caught.value.code == code
