import pydicom
import pytest

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image

ADULT = {"PatientAge": "050Y"}


def flags(path):
    return set(read_image(path).facts.flags) - {"small"}


def coded(code, meaning=""):
    item = pydicom.Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
    return [item]


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


@pytest.mark.parametrize(
    ("code", "view"),
    [("272479007", "PA"), ("R-10214", "PA"), ("399348003", "AP"), ("R-10206", "AP"), ("399067008", None), ("9", "")],
)
def test_the_view_by_its_code(dicom, grey, code, view):
    path = dicom(grey, ViewPosition="", ViewCodeSequence=coded(code))
    if view is None:
        assert code_of(path) == "view"
        return
    facts = read_image(path).facts
    assert facts.view == view
    assert ("view_unknown" in facts.flags) == (view == "")


def test_the_written_view_counts_more_than_its_code(dicom, grey):
    assert read_image(dicom(grey, ViewPosition="AP", ViewCodeSequence=coded("272479007"))).facts.view == "AP"


@pytest.mark.parametrize(
    ("orientation", "found"),
    [
        (["L", "F"], {"view_unknown"}),
        (["R", "F"], {"view_unknown", "mirrored"}),
        (["L", "H"], {"view_unknown", "turned"}),
        (["F", "L"], {"view_unknown", "turned"}),
        (["LF", "FR"], {"view_unknown"}),
        (["L"], {"view_unknown"}),
        ("L", {"view_unknown"}),
        (None, {"view_unknown"}),
    ],
)
def test_orientation_is_a_hint(dicom, grey, orientation, found):
    assert flags(dicom(grey, ViewPosition=None, PatientOrientation=orientation)) == found


@pytest.mark.parametrize("orientation", [["A", "F"], ["P", "F"]])
def test_a_side_view_by_orientation_is_refused(dicom, grey, orientation):
    assert code_of(dicom(grey, ViewPosition=None, PatientOrientation=orientation)) == "view"
    assert read_image(dicom(grey, PatientOrientation=orientation)).facts.view == "PA"


@pytest.mark.parametrize(
    ("age", "is_flagged"),
    [
        *((age, False) for age in ("018Y", "110Y", "77", "960W", "240M", " 50Y")),
        *((age, True) for age in ("017Y", "111Y", "150Y", "0", "003M", "000Y", "Y", "old", "", None, "-5Y")),
    ],
)
def test_age(dicom, grey, age, is_flagged):
    assert ("age" in flags(dicom(grey, PatientAge=age))) == is_flagged


@pytest.mark.parametrize(("born", "is_flagged"), [("19500101", False), ("20100101", True), ("1950", True), ("", True)])
def test_age_by_dates_where_it_is_not_written(dicom, grey, born, is_flagged):
    path = dicom(grey, PatientAge=None, PatientBirthDate=born, StudyDate="20200101")
    assert ("age" in flags(path)) == is_flagged


@pytest.mark.parametrize(("part", "found"), [("CHEST", False), ("Thorax", False), ("", True), (None, True)])
def test_the_part_of_the_body(dicom, grey, part, found):
    assert ("body_part_unknown" in flags(dicom(grey, BodyPartExamined=part))) == found


def test_the_part_of_the_body_by_its_code(dicom, grey):
    path = dicom(grey, BodyPartExamined=None, AnatomicRegionSequence=coded("816094009"))
    assert "body_part_unknown" not in flags(path)


@pytest.mark.parametrize(
    ("uid", "is_flagged"), [("1.2.3", False), ("1.02.3", True), ("1." + "9" * 64, True), ("abc", True), (None, True)]
)
def test_identity(dicom, grey, uid, is_flagged):
    assert ("identity" in flags(dicom(grey, SOPInstanceUID=uid))) == is_flagged


@pytest.mark.parametrize(
    ("photometric", "shape", "sign", "is_flagged"),
    [
        ("MONOCHROME2", "IDENTITY", -1, False),
        ("MONOCHROME1", "INVERSE", 1, False),
        ("MONOCHROME1", None, 1, False),
        ("MONOCHROME2", "INVERSE", 1, False),
        ("MONOCHROME2", "IDENTITY", 1, True),
        ("MONOCHROME1", "INVERSE", -1, True),
        ("MONOCHROME1", None, None, False),
        ("MONOCHROME2", None, 0, False),
    ],
)
def test_the_sign_of_intensity(dicom, grey, photometric, shape, sign, is_flagged):
    tags = {"PhotometricInterpretation": photometric, "PresentationLUTShape": shape}
    image = read_image(dicom(grey, **tags, PixelIntensityRelationshipSign=sign))
    assert ("polarity_header" in image.facts.flags) == is_flagged
    assert image.facts.inverted == (photometric == "MONOCHROME1" or shape == "INVERSE")


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"PresentationIntentType": "FOR PROCESSING"}, "intent"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1.1"}, "intent"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, "modality"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.2"}, "modality"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.11"}, "modality"),
    ],
)
def test_what_is_no_film_for_readers(dicom, grey, tags, code):
    assert code_of(dicom(grey, **tags)) == code


@pytest.mark.parametrize("kind", ["1", "1.1", "7", "7.2"])
def test_kinds_of_radiographs(dicom, grey, kind):
    assert flags(dicom(grey, SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{kind}")) == set()


@pytest.mark.parametrize(("start", "is_flagged"), [(b"MZ\x90\0", True), (b"\x7fELF", True), (b"II*\0", False)])
def test_a_program_before_the_data(dicom, grey, start, is_flagged):
    path = dicom(grey)
    expected = read_image(path).pixels
    path.write_bytes(start + path.read_bytes()[len(start) :])
    image = read_image(path)
    assert (image.pixels == expected).all()
    assert ("preamble" in image.facts.flags) == is_flagged


def test_a_file_that_ends_between_two_elements_before_the_pixels(dicom, grey, make_dataset, write_dataset):
    for last in ("SOPInstanceUID", "Modality", "Rows", "BitsStored"):
        dataset = make_dataset(grey)
        for element in list(dataset):
            if element.tag > pydicom.tag.Tag(last):
                del dataset[element.tag]
        assert code_of(write_dataset(dataset)) == "truncated"
