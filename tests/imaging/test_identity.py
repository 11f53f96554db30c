from datetime import date

import pytest

from hilum.errors import ImageRefusedError
from hilum.imaging import FilmIdentity, IdentityKey, deidentify_film, identity_record, pixel_record, read_identity
from hilum.imaging.dicom_value import day_of, identifier_of
from hilum.imaging.identity import age_of

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


@pytest.mark.parametrize("written", ["20100301", "2010.03.01", "20100301141516.2", "2010-03-01"])
def test_a_day_is_read_in_every_form(make_dataset, ramp, written):
    assert day_of(make_dataset(ramp, StudyDate=written), "StudyDate") == date(2010, 3, 1)


@pytest.mark.parametrize("written", ["201013", "20101301", "", None, "today"])
def test_what_is_no_day_is_none(make_dataset, ramp, written):
    assert day_of(make_dataset(ramp, StudyDate=written), "StudyDate") is None


def test_blanks_around_an_identifier_make_no_other_patient(dicom, make_dataset, ramp):
    assert identifier_of(make_dataset(ramp, PatientID="\tP 7\n"), "PatientID") == "P 7"
    key = IdentityKey(b"k" * 32)
    spaced, plain = (dicom(ramp, PatientID=name) for name in ("P7\n", "P7"))
    assert read_identity(spaced).patient_id == read_identity(plain).patient_id == "P7"
    assert deidentify_film(spaced, key).pseudonym == deidentify_film(plain, key).pseudonym == key.pseudonym("P7")


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
