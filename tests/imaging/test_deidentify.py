"""Nothing that tells who a film is of may be left in any byte; what a model needs must be."""

import io
import re
import shutil
import subprocess
from datetime import date, timedelta

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from pydicom.sequence import Sequence

from hilum.errors import ImageRefusedError
from hilum.imaging import IdentityKey, deidentify_film, read_image
from hilum.imaging.deidentify import clean_film_record
from hilum.imaging.deidentify_profile import METHOD_CODES

KEY, OTHER_KEY = IdentityKey(b"k" * 32), IdentityKey(b"o" * 32)
UID = "1.2.826.0.1.3680043.9.9999"

CANARIES = {
    "PatientName": "Canaryname^Anna",
    "PatientID": "CANARY4711",
    "OtherPatientIDs": "CANARY0815",
    "PatientBirthDate": "19510203",
    "PatientAddress": "Canarystreet 5",
    "PatientTelephoneNumbers": "0049-CANARYPHONE",
    "PatientMotherBirthName": "Canarymother",
    "PatientComments": "canarycomment on the patient",
    "EthnicGroup": "CANARYETHNIC",
    "Occupation": "Canarybaker",
    "AdditionalPatientHistory": "canaryhistory",
    "IssuerOfPatientID": "CANARYISSUER",
    "ReferringPhysicianName": "Canaryreferrer^B",
    "PerformingPhysicianName": "Canaryperformer^C",
    "OperatorsName": "Canaryoperator^D",
    "NameOfPhysiciansReadingStudy": "Canaryreader^E",
    "InstitutionName": "Canary Hospital",
    "InstitutionAddress": "Canaryplace 1",
    "InstitutionalDepartmentName": "Canarydepartment",
    "StationName": "CANARYSTATION",
    "DeviceSerialNumber": "CANARYSERIAL",
    "AccessionNumber": "CANARYACC",
    "StudyID": "CANARYSTUDY",
    "StudyDate": "20150612",
    "StudyTime": "142311.7",
    "SeriesDate": "20150613",
    "AcquisitionDateTime": "20150614142311.7",
    "StudyDescription": "canarystudydescription",
    "SeriesDescription": "canaryseriesdescription",
    "ProtocolName": "canaryprotocol",
    "ImageComments": "canaryimagecomment",
    "StudyInstanceUID": f"{UID}.1",
    "SeriesInstanceUID": f"{UID}.2",
    "SOPInstanceUID": f"{UID}.3",
    "FrameOfReferenceUID": f"{UID}.4",
    "DetectorDescription": "canarydetector",
    "PatientSpeciesDescription": "canaryspecies",
    "SecondaryReviewerName": "Canaryretired",
    "InstanceCreationDate": "20150615",
}
"""By element; what no longer stands in the file, in any case of letters."""

NEEDLES = [
    *("canary", "0815", "4711", UID, "Canary"),
    *("19510203", "20150612", "20150613", "20150614", "20150615", "142311"),
]


def plant(dataset):
    """Hide what identifies in the header, in nested sequences, private elements, overlays and the meta information."""
    for name, value in CANARIES.items():
        setattr(dataset, name, value)
    request, person, code = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    person.PersonName = "Canarynested^F"
    person.TextValue = "canarytext"
    request.RequestedProcedureDescription = "canaryprocedure"
    request.ScheduledPerformingPhysicianName = "Canaryscheduled"
    request.ContentSequence = Sequence([person])
    dataset.RequestAttributesSequence = Sequence([request])
    dataset.ContentSequence = Sequence([person])
    source = pydicom.Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = f"{UID}.3"
    source.PurposeOfReferenceCodeSequence = Sequence([person])
    source.ImageComments = "canary"
    dataset.SourceImageSequence = Sequence([source])
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "272479007", "SCT", "canarymeaning"
    own = pydicom.Dataset()
    own.CodeValue, own.CodingSchemeDesignator, own.CodeMeaning = "CANARY", "99HOSP", "canary"
    dataset.ViewCodeSequence = Sequence([code, own])
    dataset.AnatomicRegionSequence = Sequence([own])
    block = dataset.private_block(0x0011, "CANARY CREATOR", create=True)
    block.add_new(1, "LO", "canaryprivate")
    block.add_new(2, "SQ", Sequence([person]))
    for tag, kind, value in (
        ((0x6000, 0x3000), "OW", b"canaryoverlay!"),
        ((0x6000, 0x0022), "LO", "canaryoverlaydescription"),
        ((0x6002, 0x4000), "LT", "canaryoverlaycomment"),
        ((0x5000, 0x3000), "OW", b"canarycurve!"),
        ((0x0010, 0x9999), "LO", "canaryunknown"),
        ((0x0042, 0x0011), "OB", b"canarypdf!"),
        ((0x0040, 0xA160), "UT", "canarystructured"),
        ((0xFFFC, 0xFFFC), "OB", b"canarypadding"),
    ):
        dataset.add_new(tag, kind, value)
    dataset.file_meta.SourceApplicationEntityTitle = "CANARYAE"
    dataset.file_meta.MediaStorageSOPInstanceUID = f"{UID}.3"
    dataset.file_meta.PrivateInformationCreatorUID = f"{UID}.9"
    dataset.file_meta.PrivateInformation = b"canarymeta"
    dataset.preamble = b"canary preamble ".ljust(128, b"\0")
    return dataset


@pytest.fixture
def planted(make_dataset, write_dataset, ramp):
    def make(name="Canaryfile.dcm", **tags):
        return write_dataset(plant(make_dataset(ramp, BitsStored=12, **tags)), name)

    return make


def opened(film):
    return pydicom.dcmread(io.BytesIO(film.content))


def everything(film):
    """All bytes, all decoded text, and the name, in small letters."""
    return (film.content.decode("latin-1") + str(opened(film)) + film.name).lower()


def test_no_canary_is_left(planted):
    path = planted()
    before = path.read_bytes().decode("latin-1").lower()
    film = deidentify_film(path, KEY)
    after = everything(film)
    for needle in NEEDLES:
        assert needle.lower() in before
        assert needle.lower() not in after, needle
    assert "canary" not in repr(film).lower()
    assert film.content[:128] == bytes(128)


def test_what_a_model_needs_is_kept(planted, tmp_path):
    path = planted(
        PatientSex="F", PatientAge="064Y", Manufacturer="ACME", ManufacturerModelName="Ray 7", WindowCenter=2000,
        WindowWidth=3000, PixelSpacing=[0.2, 0.3], PresentationLUTShape="IDENTITY", BurnedInAnnotation="NO",
    )  # fmt: skip
    film = deidentify_film(path, KEY)
    new = tmp_path / "new.dcm"
    new.write_bytes(film.content)
    old_image, image, dataset = read_image(path), read_image(new), opened(film)
    assert np.array_equal(image.pixels, old_image.pixels)
    assert image.facts.spacing_mm == (0.2, 0.3)
    assert image.facts.window == old_image.facts.window
    assert dataset.PixelData == pydicom.dcmread(path).PixelData
    assert (dataset.PatientSex, dataset.PatientAge, dataset.Manufacturer) == ("F", "064Y", "ACME")
    assert (dataset.ManufacturerModelName, dataset.ViewPosition, dataset.Modality) == ("Ray 7", "PA", "DX")
    assert dataset.ViewCodeSequence[0].CodeValue == "272479007"
    assert len(dataset.ViewCodeSequence) == 1
    assert dataset.PatientID == str(dataset.PatientName) == film.pseudonym == KEY.pseudonym("CANARY4711")
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID == film.new_sop_uid
    assert dataset.SourceImageSequence[0].ReferencedSOPInstanceUID == film.new_sop_uid
    assert dataset.StudyInstanceUID == KEY.uid(f"{UID}.1")
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"


def test_methods_are_said(planted):
    dataset = opened(deidentify_film(planted(), KEY))
    assert dataset.PatientIdentityRemoved == "YES"
    assert dataset.LongitudinalTemporalInformationModified == "MODIFIED"
    codes = {item.CodeValue: item.CodeMeaning for item in dataset.DeidentificationMethodCodeSequence}
    assert codes == METHOD_CODES
    from pydicom.sr.codedict import codes as dictionary

    known = {str(dictionary.DCM.__getattr__(name).value): name for name in dir(dictionary.DCM) if "Option" in name}
    assert {"113107", "113108"} <= known.keys()


@pytest.mark.filterwarnings("ignore:.*[Ii]nvalid value for VR:UserWarning")
def test_dates_move_alike_and_times_go(planted):
    dataset = opened(deidentify_film(planted(ContentDate="2015.06.20", ContentTime="101112", PatientAge=None), KEY))
    days = KEY.days("CANARY4711")
    assert days != 0
    for name, old in (("StudyDate", 12), ("SeriesDate", 13), ("AcquisitionDateTime", 14), ("ContentDate", 20)):
        assert dataset[name].value == f"{date(2015, 6, old) + timedelta(days=days):%Y%m%d}"
    assert dataset.StudyTime == dataset.ContentTime == dataset.PatientBirthDate == ""
    # 64 at the time: the day of birth is gone, the age is not.
    assert dataset.PatientAge == "064Y"


@pytest.mark.filterwarnings("ignore:.*[Ii]nvalid value for VR:UserWarning")
def test_dates_that_are_none_go(planted, monkeypatch):
    monkeypatch.setitem(CANARIES, "StudyDate", "canary15")
    monkeypatch.setitem(CANARIES, "SeriesDate", "99991231")
    dataset = opened(deidentify_film(planted(PatientAge="canary"), IdentityKey(b"q" * 32)))
    assert (dataset.StudyDate, dataset.PatientAge) == ("", "")
    assert dataset.get("SeriesDate", "99980101") < "9999"


@pytest.mark.parametrize(("age", "kept"), [("089Y", "089Y"), ("090Y", "090Y"), ("104Y", "090Y"), ("007M", "007M")])
def test_ages_above_89_are_alike(planted, age, kept):
    assert opened(deidentify_film(planted(PatientAge=age), KEY)).PatientAge == kept


def test_two_films_of_a_patient_hang_together_and_another_key_tells_nothing(planted, monkeypatch):
    first = deidentify_film(planted("a.dcm"), KEY)
    monkeypatch.setitem(CANARIES, "SOPInstanceUID", f"{UID}.7")
    second, foreign = deidentify_film(planted("b.dcm"), KEY), deidentify_film(planted("b.dcm"), OTHER_KEY)
    assert first.pseudonym == second.pseudonym
    assert opened(first).StudyInstanceUID == opened(second).StudyInstanceUID
    assert opened(first).SOPInstanceUID != opened(second).SOPInstanceUID
    assert first.name != second.name
    assert first.name.split("/")[0] == first.pseudonym
    for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "StudyDate"):
        assert opened(second)[name].value != opened(foreign)[name].value
    assert deidentify_film(planted("b.dcm"), KEY).content == second.content


def test_a_film_without_ids_goes_by_its_study_or_pixels(make_dataset, write_dataset, ramp):
    film = deidentify_film(write_dataset(make_dataset(ramp, StudyInstanceUID="1.2.9")), KEY)
    assert (film.patient_id, film.pseudonym) == ("", KEY.pseudonym("study 1.2.9"))
    dataset = make_dataset(ramp)
    del dataset.SOPInstanceUID, dataset.SOPClassUID
    film = deidentify_film(write_dataset(dataset), KEY)
    again = deidentify_film(write_dataset(dataset, "copy.dcm"), KEY)
    assert film.name == again.name
    assert opened(film).SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"


@pytest.mark.filterwarnings("ignore:.*[Ii]nvalid value for VR:UserWarning")
def test_text_in_fields_of_terms_and_numbers_goes(planted):
    path = planted(
        ViewPosition="CANARY", PatientSex="CANARY", BodyPartExamined="CHEST OF CANARY", SeriesNumber=3,
        ImageType=["ORIGINAL", "Canary with a long name"], KVP="120.25", PatientOrientation=["L", "F"],
    )  # fmt: skip
    path.write_bytes(path.read_bytes().replace(b"120.25", b"canary"))
    dataset = opened(deidentify_film(path, KEY))
    assert (dataset.ViewPosition, dataset.PatientSex, dataset.BodyPartExamined) == ("", "", "CHEST")
    assert "ImageType" not in dataset  # a word of somebody's own where the standard lists two
    assert "KVP" not in dataset
    assert (dataset.SeriesNumber, list(dataset.PatientOrientation)) == (3, ["L", "F"])


def test_bits_and_bytes_beside_the_pixels_go(make_dataset, write_dataset, ramp, tmp_path):
    overlay = ramp | (np.arange(ramp.size, dtype=np.uint16).reshape(ramp.shape) % 2 << 15)
    dataset = make_dataset(overlay, BitsStored=12)
    dataset.PixelData += b"canary behind the pixels"
    path, new = write_dataset(dataset), tmp_path / "new.dcm"
    film = deidentify_film(path, KEY)
    new.write_bytes(film.content)
    assert b"canary" not in film.content
    assert opened(film).PixelData == ramp.tobytes()
    assert np.array_equal(read_image(new).pixels, read_image(path).pixels)


def test_bytes_behind_floats_go(make_dataset, write_dataset, ramp, tmp_path):
    dataset = make_dataset(ramp, BitsAllocated=32)
    floats = ramp.astype(np.float32) / 4095
    del dataset.PixelData, dataset.PixelRepresentation
    dataset.FloatPixelData = floats.tobytes() + b"canary!!"
    film = deidentify_film(write_dataset(dataset), KEY)
    assert opened(film).FloatPixelData == floats.tobytes()


def test_signs_are_kept(make_dataset, write_dataset, ramp, tmp_path):
    values = ramp.astype(np.int16) - 2047
    path = write_dataset(make_dataset(values, BitsStored=12, HighBit=11))
    film = deidentify_film(path, KEY)
    assert opened(film).PixelData == values.tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_comments_in_compressed_pixels_go(make_dataset, write_dataset, grey, tmp_path, kind):
    stream = io.BytesIO()
    options = {"comment": b"canary"} if kind == "JPEG" else {"comment": "canary", "no_jp2": True}
    Image.fromarray(grey).save(stream, kind, **options)
    frame = stream.getvalue() + b"canary behind"
    assert frame.count(b"canary") == 2
    syntax = "1.2.840.10008.1.2.4.50" if kind == "JPEG" else "1.2.840.10008.1.2.4.90"
    path = write_dataset(make_dataset(grey, syntax=syntax, frames=[frame]))
    film, new = deidentify_film(path, KEY), tmp_path / "new.dcm"
    new.write_bytes(film.content)
    assert b"canary" not in film.content
    assert np.array_equal(read_image(new).pixels, read_image(path).pixels)


def test_rle_is_unpacked_for_what_hides_in_it(make_dataset, write_dataset, ramp, tmp_path):
    overlay = ramp | (np.arange(ramp.size, dtype=np.uint16).reshape(ramp.shape) % 2 << 15)
    dataset = make_dataset(overlay)
    dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    dataset.BitsStored, dataset.HighBit = 12, 11
    frame = pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = pydicom.encaps.encapsulate([frame[:40] + b"canary" + frame[46:] + b"canary"])
    path, new = write_dataset(dataset), tmp_path / "new.dcm"
    film = deidentify_film(path, KEY)
    new.write_bytes(film.content)
    assert b"canary" not in film.content
    assert opened(film).PixelData == ramp.tobytes()
    assert np.array_equal(read_image(new).pixels, read_image(path).pixels)


def test_colour_in_rle_is_unpacked(make_dataset, write_dataset, grey, tmp_path):
    dataset = make_dataset(np.dstack([grey] * 3), SamplesPerPixel=3, PhotometricInterpretation="RGB")
    dataset.PlanarConfiguration = 0
    dataset.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)
    path, new = write_dataset(dataset), tmp_path / "new.dcm"
    new.write_bytes(deidentify_film(path, KEY).content)
    assert np.array_equal(read_image(new).pixels, read_image(path).pixels)


def test_pixels_and_tables_stand_where_they_belong_or_go(make_dataset, write_dataset, ramp):
    hidden = list(np.frombuffer(b"canary", "<u2"))
    dataset = make_dataset(ramp, BitsStored=12)
    table, other = pydicom.Dataset(), pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.add_new("LUTData", "US", [*range(4096), *map(int, hidden)])
    other.add_new("PixelData", "OW", b"canary")
    dataset.VOILUTSequence, dataset.SourceImageSequence = [table], [other]
    dataset.add_new("LUTData", "OW", b"canary")
    film = deidentify_film(write_dataset(dataset), KEY)
    assert b"canary" not in film.content
    assert list(opened(film).VOILUTSequence[0].LUTData) == list(range(4096))


@pytest.mark.parametrize(("bits", "n_bytes"), [(12, 8192), (8, 4096)])
def test_a_table_of_bytes_is_cut_to_its_entries(make_dataset, write_dataset, ramp, bits, n_bytes):
    dataset, table = make_dataset(ramp, BitsStored=12), pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, bits]
    values = (np.arange(4096) >> 12 - bits).astype("<u2" if bits == 12 else "u1").tobytes()
    table.add_new("LUTData", "OW", values + (b"canary" if bits == 12 else b""))
    dataset.VOILUTSequence = [table]
    film = deidentify_film(write_dataset(dataset), KEY)
    assert opened(film).VOILUTSequence[0].LUTData == values
    assert len(values) == n_bytes


@pytest.mark.parametrize(
    "keyword", ["ImageType", "Manufacturer", "FilterMaterial", "RescaleType", "WindowCenterWidthExplanation"]
)
def test_text_that_is_declared_as_numbers_goes(make_dataset, write_dataset, ramp, keyword):
    dataset = make_dataset(ramp, BitsStored=12)
    dataset.add_new(keyword, "US", [int(value) for value in np.frombuffer(b"canary", "<u2")])
    assert b"canary" not in deidentify_film(write_dataset(dataset), KEY).content


@pytest.mark.parametrize("keyword", ["Grid", "ConversionType", "PixelIntensityRelationship", "ExposureControlMode"])
def test_words_that_the_standard_does_not_know_go(make_dataset, write_dataset, ramp, keyword):
    dataset = make_dataset(ramp, BitsStored=12)
    dataset.add_new(keyword, "CS", "CANARY")
    assert b"CANARY" not in deidentify_film(write_dataset(dataset), KEY).content


def test_a_character_set_that_is_none_goes(make_dataset, write_dataset, ramp):
    path = write_dataset(make_dataset(ramp, BitsStored=12, SpecificCharacterSet="ISO_IR 100"))
    path.write_bytes(path.read_bytes().replace(b"ISO_IR 100", b"CANARY 100"))
    assert b"CANARY" not in deidentify_film(path, KEY).content


def test_of_the_kinds_of_image_those_of_the_standard_stay(make_dataset, write_dataset, ramp):
    dataset = make_dataset(ramp, BitsStored=12, ImageType=["DERIVED", "PRIMARY", "", "CANARY"], Grid="FOCUSED")
    new = opened(deidentify_film(write_dataset(dataset), KEY))
    assert (list(new.ImageType), new.Grid) == (["DERIVED", "PRIMARY"], "FOCUSED")


def written_on(text="MEIER^ANNA 1951"):
    picture = Image.fromarray(np.tile(np.linspace(40, 150, 400).astype(np.uint8), (400, 1)))
    ImageDraw.Draw(picture).text((20, 30), text, fill=255, font=ImageFont.load_default(16))
    return np.asarray(picture)


def test_text_in_the_pixels_is_set_aside_unless_asked_for(make_dataset, write_dataset):
    path = write_dataset(make_dataset(written_on()))
    film = deidentify_film(path, KEY)
    assert film.burned_in
    assert film.content is None
    kept = deidentify_film(path, KEY, keep_burned_in=True)
    assert opened(kept).BurnedInAnnotation == "YES"
    said = deidentify_film(write_dataset(make_dataset(written_on(""), BurnedInAnnotation="YES")), KEY)
    assert (said.burned_in, said.content) == (True, None)


def test_as_a_record(planted):
    record = clean_film_record(planted(), KEY.secret.hex(), keep_burned_in=False)
    film = deidentify_film(planted(), KEY)
    assert record.pop("content").tobytes() == film.content
    assert record.pop("has_content") is True
    assert record == {name: value for name, value in film.__dict__.items() if name != "content"}


def test_what_cannot_be_read_is_refused(tmp_path, dicom, ramp):
    text = tmp_path / "text.dcm"
    text.write_text("no film")
    for path, code in ((text, "format"), (dicom(ramp, Modality="CT"), "modality")):
        with pytest.raises(ImageRefusedError) as caught:
            deidentify_film(path, KEY)
        assert caught.value.code == code


def test_other_tools_can_read_it(planted, tmp_path):
    dcmdump = shutil.which("dcmdump")
    if not dcmdump:
        pytest.skip("dcmtk is not installed")
    new = tmp_path / "new.dcm"
    new.write_bytes(deidentify_film(planted(), KEY).content)
    answer = subprocess.run([dcmdump, str(new)], capture_output=True, text=True, check=True)
    assert not re.search(r"^[EW]:", answer.stderr, flags=re.MULTILINE)
    assert "canary" not in answer.stdout.lower()


TEXT_NAMES = [
    name
    for _, (kind, _, _, retired, name) in sorted(pydicom.datadict.DicomDictionary.items())
    if kind in {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE"} and not retired and name
]


@settings(max_examples=8, deadline=None, derandomize=True)
@given(names=st.lists(st.sampled_from(TEXT_NAMES), min_size=40, max_size=80, unique=True), depth=st.integers(0, 3))
def test_any_text_element_at_any_depth_goes(names, depth):
    from hilum.imaging.deidentify_profile import Patient, clean_header

    dataset = pydicom.Dataset()
    level = dataset
    for _ in range(depth):
        item = pydicom.Dataset()
        level.SourceImageSequence = Sequence([item])
        level = item
    kept = {"Manufacturer", "ManufacturerModelName", "SoftwareVersions"} | {
        *("DetectorManufacturerName", "DetectorManufacturerModelName")
    }
    for name in names:
        setattr(level, name, "kept" if name in kept else "canary")
    clean_header(dataset, KEY, Patient("p", 5))
    assert "canary" not in str(dataset)


@pytest.mark.slow
@pytest.mark.shared
def test_real_films(shared_data, tmp_path):
    n_films = 0
    for path in sorted((shared_data / "dicom" / "chest").glob("*.dcm")):
        try:
            old = read_image(path)
        except ImageRefusedError:
            continue
        film = deidentify_film(path, KEY, keep_burned_in=True)
        new = tmp_path / "new.dcm"
        new.write_bytes(film.content)
        assert np.array_equal(read_image(new).pixels, old.pixels)
        before, after = pydicom.dcmread(path), everything(film)
        for name in ("PatientID", "PatientName", "StudyInstanceUID", "SOPInstanceUID", "StudyDate", "InstitutionName"):
            value = str(before.get(name) or "").lower()
            assert len(value) < 6 or value not in after, name
        n_films += 1
    assert n_films >= 10
