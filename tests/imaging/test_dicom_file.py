import csv
import logging
import warnings

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image

RLE, JPEG_LOSSLESS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.70"


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


def linear(values, centre, width):
    """PS3.3 C.11.2.1.2.1, branch by branch, between 0 and 1."""
    grey = (values - (centre - 0.5)) / (width - 1) + 0.5
    grey = np.where(values <= centre - 0.5 - (width - 1) / 2, 0, grey)
    return np.where(values > centre - 0.5 + (width - 1) / 2, 1, grey)


CANARY = "Zzyzx"


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "IDENTITY", True),
        ("MONOCHROME1", "INVERSE", True),
    ],
)
def test_polarity_is_turned_once(dicom, grey, photometric, shape, inverted):
    image = read_image(dicom(grey, PhotometricInterpretation=photometric, PresentationLUTShape=shape))
    expected = 255 - grey if inverted else grey
    assert np.abs(image.pixels - expected / 255).max() < 1e-6
    assert image.facts.inverted == inverted


def test_syntaxes_that_are_refused(make_dataset, write_dataset, grey):
    mpeg = make_dataset(grey, syntax="1.2.840.10008.1.2.4.100", frames=[b"\0\0\1\0"])
    assert code_of(write_dataset(mpeg)) == "transfer_syntax"
    jpeg = make_dataset(grey, syntax=JPEG_LOSSLESS, frames=[b"\xff\xd8 this is no JPEG"])
    assert code_of(write_dataset(jpeg)) == "undecodable"


def test_a_file_without_preamble(make_dataset, tmp_path, grey):
    path = tmp_path / "bare"
    dataset = make_dataset(grey)
    del dataset.file_meta
    pydicom.dcmwrite(path, dataset, implicit_vr=True, little_endian=True)
    assert path.read_bytes().startswith(b"\x08\0\x16\0")
    assert (read_image(path).pixels == grey.astype(np.float32) / 255).all()


def test_a_file_cut_anywhere_is_refused(dicom, tmp_path, ramp):
    path = dicom(ramp)
    whole, cut = path.read_bytes(), tmp_path / "cut.dcm"
    dataset = pydicom.dcmread(path)
    items = [dataset.get_item(tag) for tag in dataset.keys()]  # noqa: SIM118
    seams = {item.value_tell + len(item.value) for item in items}
    seams_start = min(seams)
    header = [*range(1, whole.index(b"\xe0\x7f\x10\x00") + 14, 3)]
    for n_bytes in (*header, *(len(whole) * part // 64 for part in range(1, 64)), len(whole) - 1):
        cut.write_bytes(whole[:n_bytes])
        # Between two elements a file may well end; amid the meta information it is hard to tell.
        also = "no_pixels" if n_bytes in seams else "undecodable" if n_bytes < seams_start else ""
        assert code_of(cut) in {"truncated", also}, n_bytes


def test_compressed_files_cut_anywhere_are_refused(make_dataset, write_dataset, tmp_path, ramp):
    dataset = make_dataset(np.random.default_rng(0).integers(0, 4096, (64, 64), dtype=np.uint16), BitsStored=12)
    dataset.compress(RLE)
    whole, cut = write_dataset(dataset).read_bytes(), tmp_path / "cut.dcm"
    for part in range(1, 64):
        cut.write_bytes(whole[: len(whole) * part // 64])
        assert code_of(cut) == "truncated"


def test_flags_and_facts(dicom, grey):
    facts = read_image(
        dicom(grey, BurnedInAnnotation="YES", LossyImageCompression="01", ViewPosition="my own words")
    ).facts
    assert facts.flags == ("view_unknown", "burned_in", "lossy", "small")
    assert facts.view == ""


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"Modality": CANARY},
        {"BodyPartExamined": CANARY},
        {"ViewPosition": CANARY},
        {"PhotometricInterpretation": CANARY},
        {"NumberOfFrames": "3"},
        {"Rows": 60000},
        {"BitsAllocated": 7},
        {"PresentationLUTShape": CANARY, "VOILUTFunction": CANARY, "WindowCenter": 5, "WindowWidth": 9},
    ],
)
def test_nobody_is_named_in_errors_warnings_logs_or_facts(dicom, grey, caplog, capfd, damage):
    person = {
        name: CANARY
        for name in (
            "PatientName",
            "PatientID",
            "InstitutionName",
            "StudyDescription",
            "AccessionNumber",
            "StationName",
        )
    }
    path = dicom(grey, **{**person, "PatientBirthDate": f"19{CANARY}", "PatientAge": CANARY, **damage})
    content = path.read_bytes().replace(b"1.2.3\0", b"Zzyzx\0")
    path.write_bytes(content)
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            said = repr(read_image(path).facts)
        except ImageRefusedError as error:
            said = f"{error} {error!r} {error.__cause__!r} {error.__suppress_context__ or error.__context__!r}"
    assert CANARY.lower() not in f"{said} {caplog.text} {[str(w.message) for w in caught]} {capfd.readouterr()}".lower()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_bytes_are_read_or_refused_never_anything_else(dicom, data):
    path = dicom(np.arange(16 * 16, dtype=np.uint16).reshape(16, 16), WindowCenter=100, WindowWidth=200)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(128, len(content) - 500))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        image = read_image(path)
    except ImageRefusedError:
        return
    assert np.isfinite(image.pixels).all()
    assert 0 <= image.pixels.min() <= image.pixels.max() <= 1


@pytest.mark.shared
@pytest.mark.slow
def test_real_files_are_read_as_the_formula_says_or_refused(shared_data):
    """Chest films against pydicom's stored values and the standard's formula, written out; all others are refused."""
    with (shared_data / "dicom" / "index.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    n_read = 0
    for row in rows:
        path = shared_data / "dicom" / row["file"]
        if row["is chest X-ray"] != "True" or row["Modality"] == "CT":
            assert code_of(path) in {"modality", "body_part", "colour", "multi_frame"}, row["file"]
            continue
        image = read_image(path)
        dataset = pydicom.dcmread(path)
        stored = dataset.pixel_array.astype(float)
        window = dataset.get("WindowCenter")
        if window is None:
            assert dataset.BitsStored == 8
            expected = stored / 255
        else:
            expected = linear(stored, float(window), float(dataset.WindowWidth))
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            expected = 1 - expected
        assert np.abs(image.pixels - expected).max() < 1e-5, row["file"]
        n_read += 1
    assert n_read == 12
