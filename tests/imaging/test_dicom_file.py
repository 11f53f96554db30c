import csv
import io
import logging
import warnings

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydicom.sequence import Sequence

from hilum.errors import ImageRefusedError, InvalidValueError, MissingExtraError
from hilum.imaging import read_image, write_dicom

IMPLICIT, BIG_ENDIAN, RLE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
JPEG_BASELINE, JPEG_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
JPEG_LS, JPEG_LS_LOSSY, J2K_LOSSLESS, J2K = (f"1.2.840.10008.1.2.4.{n}" for n in (80, 81, 90, 91))


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


def own_range(values):
    return (values - values.min()) / (values.max() - values.min())


def linear(values, centre, width):
    """PS3.3 C.11.2.1.2.1, branch by branch, between 0 and 1."""
    grey = (values - (centre - 0.5)) / (width - 1) + 0.5
    grey = np.where(values <= centre - 0.5 - (width - 1) / 2, 0, grey)
    return np.where(values > centre - 0.5 + (width - 1) / 2, 1, grey)


def lut(entries, first, bits, data):
    item = pydicom.Dataset()
    item.LUTDescriptor = [entries, first, bits]
    if len(data) > 32767:  # more than fit into an explicit US
        item.add_new("LUTData", "OW", np.asarray(data, "<u2").tobytes())
    else:
        item.add_new("LUTData", "US", list(data))
    item["LUTDescriptor"].VR = "US"
    return Sequence([item])


def test_eight_bits_without_a_window_are_the_picture_itself(dicom, save, grey):
    image = read_image(dicom(grey))
    assert (image.pixels == read_image(save(grey, "film.png")).pixels).all()
    assert (image.facts.window, image.facts.inverted, image.facts.flags) == ("full range", False, ())
    assert (image.facts.modality, image.facts.view, image.facts.bits) == ("DX", "PA", 8)


def test_deeper_values_without_a_window_fill_their_own_range(dicom, ramp):
    image = read_image(dicom(ramp, BitsStored=12))
    assert np.abs(image.pixels - own_range(ramp.astype(float))).max() < 1e-6
    assert image.facts.window == "range 0 to 4094"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    bits=st.sampled_from([8, 10, 12, 14, 16]),
    signed=st.booleans(),
    slope=st.sampled_from([1.0, 0.5, 2.25, -1.0]),
    intercept=st.sampled_from([0.0, -1024.0, 37.5]),
    centre=st.floats(-2000, 5000).map(lambda x: round(x, 2)),
    width=st.floats(1.5, 9000).map(lambda x: round(x, 2)),
    photometric=st.sampled_from(["MONOCHROME1", "MONOCHROME2"]),
    seed=st.integers(0, 999),
)
def test_stored_value_to_grey_is_the_standards_formula(
    dicom, bits, signed, slope, intercept, centre, width, photometric, seed
):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    kind = np.dtype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}")
    stored = np.random.default_rng(seed).integers(low, high, (9, 11)).astype(kind)
    path = dicom(
        stored,
        BitsStored=bits,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=centre,
        WindowWidth=width,
        PhotometricInterpretation=photometric,
    )
    expected = linear(stored * slope + intercept, centre, width)
    image = read_image(path)
    if expected.min() == expected.max():
        assert "window_ignored" in image.facts.flags
        return
    expected = 1 - expected if photometric == "MONOCHROME1" else expected
    assert np.abs(image.pixels - expected).max() < 1e-5
    assert image.facts.inverted == (photometric == "MONOCHROME1")


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


def test_window_functions(dicom, ramp):
    exact = read_image(dicom(ramp, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LINEAR_EXACT"))
    assert np.abs(exact.pixels - np.clip((ramp - 2000.0) / 1000 + 0.5, 0, 1)).max() < 1e-6
    curve = read_image(dicom(ramp, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="SIGMOID"))
    assert np.abs(curve.pixels - 1 / (1 + np.exp(-4 * (ramp - 2000.0) / 1000))).max() < 1e-6
    step = read_image(dicom(ramp, WindowCenter=2000, WindowWidth=1))
    assert (step.pixels == (ramp > 1999.5)).all()


def test_of_several_windows_the_first(dicom, ramp):
    several = read_image(dicom(ramp, WindowCenter=[2000, 100], WindowWidth=[1000, 50]))
    assert np.abs(several.pixels - linear(ramp.astype(float), 2000, 1000)).max() < 1e-6
    assert several.facts.window == "window 2000/1000"


@pytest.mark.parametrize(("centre", "width"), [(2000, 0), (2000, -5), (60000, 10), (None, 100), (100, None), ("", "")])
def test_a_window_that_shows_nothing_is_ignored(dicom, ramp, centre, width):
    image = read_image(dicom(ramp, WindowCenter=centre, WindowWidth=width))
    assert np.abs(image.pixels - own_range(ramp.astype(float))).max() < 1e-6
    said = isinstance(centre, int) and isinstance(width, int)
    assert ("window_ignored" in image.facts.flags) == said


def test_voi_lut_comes_before_windows(dicom, ramp):
    table = np.linspace(0, 1023, 4096).astype(int)[::-1]
    image = read_image(
        dicom(ramp, BitsStored=12, VOILUTSequence=lut(4096, 0, 10, table), WindowCenter=5, WindowWidth=5)
    )
    assert np.abs(image.pixels - table[ramp] / 1023).max() < 1e-6
    assert image.facts.window == "VOI LUT"


def test_a_lut_is_held_at_its_ends(dicom, ramp):
    table = np.array([10, 20, 30, 40])
    image = read_image(dicom(ramp, VOILUTSequence=lut(4, 100, 8, table)))
    assert np.abs(image.pixels - table[np.clip(ramp.astype(int) - 100, 0, 3)] / 255).max() < 1e-6


def test_a_lut_of_65536_entries_says_0(dicom):
    stored = np.array([[0, 1, 40000, 65535]], dtype=np.uint16)
    table = np.arange(65536)[::-1]
    image = read_image(dicom(stored, VOILUTSequence=lut(0, 0, 16, table)))
    assert np.abs(image.pixels - table[stored] / 65535).max() < 1e-6


def test_a_lut_may_start_below_zero(dicom):
    stored = np.array([[-3, -2, -1, 0]], dtype=np.int16)
    image = read_image(dicom(stored, VOILUTSequence=lut(4, 65536 - 3, 8, [0, 85, 170, 255])))
    assert np.abs(image.pixels - [[0, 1 / 3, 2 / 3, 1]]).max() < 1e-6


def test_modality_lut_comes_before_the_window(dicom, ramp):
    table = (np.arange(4096) // 2) + 500
    sequence = lut(4096, 0, 16, table)
    image = read_image(dicom(ramp, ModalityLUTSequence=sequence, WindowCenter=1500, WindowWidth=800))
    assert np.abs(image.pixels - linear(table[ramp].astype(float), 1500, 800)).max() < 1e-6


def test_old_overlays_in_high_bits_are_taken_away(dicom, ramp):
    dirty = ramp | np.uint16(0x8000) * (ramp % 3 == 0)
    clean = read_image(dicom(ramp, BitsStored=12)).pixels
    assert (read_image(dicom(dirty.astype(np.uint16), BitsStored=12)).pixels == clean).all()


def test_values_may_stand_higher_up(dicom, ramp):
    clean = read_image(dicom(ramp, BitsStored=12)).pixels
    assert (read_image(dicom(ramp << 4, BitsStored=12, HighBit=15)).pixels == clean).all()


def test_twelve_signed_bits_with_and_without_their_sign_spread(dicom):
    stored = np.array([[-2048, -1, 0, 2047]], dtype=np.int16)
    spread = read_image(dicom(stored, BitsStored=12))
    bare = read_image(dicom((stored.astype(np.uint16) & 0xFFF).view(np.int16), BitsStored=12))
    assert spread.facts.window == bare.facts.window == "range -2048 to 2047"
    assert (spread.pixels == bare.pixels).all()


def test_padding_is_black_and_stands_outside_the_range(dicom, ramp):
    stored = ramp + np.uint16(100)
    stored[:5] = 0
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        image = read_image(dicom(stored, PixelPaddingValue=0, PhotometricInterpretation=photometric))
        inside = stored[5:].astype(float)
        expected = own_range(inside)
        assert (image.pixels[:5] == 0).all()
        assert np.abs(image.pixels[5:] - (1 - expected if photometric == "MONOCHROME1" else expected)).max() < 1e-6
    stored[5:10] = 7
    image = read_image(dicom(stored, PixelPaddingValue=0, PixelPaddingRangeLimit=7))
    assert (image.pixels[:10] == 0).all()
    image = read_image(dicom(np.full((4, 4), 9, np.uint8), PixelPaddingValue=9))
    assert image.facts.flags == ("constant",)


@pytest.mark.parametrize("syntax", [IMPLICIT, RLE])
def test_other_lossless_syntaxes_hold_the_same_film(make_dataset, write_dataset, dicom, ramp, syntax):
    dataset = make_dataset(ramp, BitsStored=12)
    if syntax == RLE:
        dataset.compress(RLE)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    assert (read_image(write_dataset(dataset)).pixels == read_image(dicom(ramp, BitsStored=12)).pixels).all()


def test_jpeg_2000_is_lossless_or_flagged(make_dataset, write_dataset, grey):
    stream = io.BytesIO()
    Pillow.fromarray(grey).save(stream, "JPEG2000", no_jp2=True)
    for syntax, flags in ((J2K_LOSSLESS, ()), (J2K, ("lossy",))):
        image = read_image(write_dataset(make_dataset(grey, syntax=syntax, frames=[stream.getvalue()])))
        assert np.abs(image.pixels - grey / 255).max() < 1e-6
        assert image.facts.flags == flags


def test_compressed_pixels_with_more_bits_than_the_header_says(make_dataset, write_dataset):
    values = np.array([[0, 4095], [100, 65000]], dtype=np.uint16)
    stream = io.BytesIO()
    Pillow.fromarray(values).save(stream, "JPEG2000", no_jp2=True)
    dataset = make_dataset(values, syntax=J2K_LOSSLESS, frames=[stream.getvalue()], BitsStored=12)
    assert code_of(write_dataset(dataset)) == "pixel_mismatch"


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_grey_stored_as_colour(make_dataset, write_dataset, grey, photometric):
    stream = io.BytesIO()
    three = np.stack([grey] * 3, axis=2)
    Pillow.fromarray(three).save(stream, "JPEG", quality=95)
    dataset = make_dataset(
        three, syntax=JPEG_BASELINE, frames=[stream.getvalue()], PhotometricInterpretation=photometric
    )
    image = read_image(write_dataset(dataset))
    assert np.abs(image.pixels - grey / 255).max() < 4 / 255
    assert image.facts.flags == ("lossy",)


def test_uncompressed_colour(dicom, grey):
    middle = np.full_like(grey, 128)
    rgb, ybr = np.stack([grey] * 3, axis=2), np.stack([grey, middle, middle], axis=2)
    # A window is for monochrome: it must not touch grey levels that are final.
    assert (read_image(dicom(rgb, WindowCenter=50, WindowWidth=10)).pixels == grey.astype(np.float32) / 255).all()
    assert np.abs(read_image(dicom(ybr, PhotometricInterpretation="YBR_FULL")).pixels - grey / 255).max() < 1e-6
    half = ybr.reshape(-1, 2, 3)[:, [0, 1, 0, 0], [0, 0, 1, 2]]
    header = {"Rows": 40, "Columns": 64, "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    path = dicom(half.reshape(40, -1), PhotometricInterpretation="YBR_FULL_422", **header)
    assert np.abs(read_image(path).pixels - grey / 255).max() < 1e-6
    rgb[:10, :, 0] = 255
    assert code_of(dicom(rgb)) == "colour"
    assert code_of(dicom(np.zeros((8, 8, 3), np.uint16))) == "colour"
    marked = np.stack([np.full((100, 100), 90, np.uint8)] * 3, axis=2)
    marked[0, 0] = 255, 0, 0
    assert read_image(dicom(marked)).facts.flags == ("colour_marks",)


@pytest.mark.parametrize("photometric", ["PALETTE COLOR", "HSV", ""])
def test_stored_values_that_are_no_grey_levels(dicom, grey, photometric):
    assert code_of(dicom(grey, PhotometricInterpretation=photometric)) == "colour"


@pytest.mark.parametrize(
    ("tags", "code", "words"),
    [
        ({"Modality": "CT"}, "modality", "modality CT"),
        ({"Modality": "DOE JOHN"}, "modality", "of another kind"),
        ({"BodyPartExamined": "HAND"}, "body_part", "another part"),
        ({"ViewPosition": "LL"}, "view", "view LL"),
        ({"NumberOfFrames": "3"}, "multi_frame", "several frames"),
        ({"Rows": 65535, "Columns": 65535}, "pixel_mismatch", "4,294,836,225 bytes"),
        ({"Rows": 41}, "pixel_mismatch", "promises 2,624 bytes of pixels, the file has 2,560"),
        ({"Rows": 0}, "pixel_mismatch", "64 x 0"),
        ({"Rows": None}, "pixel_mismatch", "64 x 0"),
        ({"BitsStored": 9, "HighBit": 7}, "pixel_mismatch", "9 of 8 bits"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "pixel_mismatch", "rescales"),
        ({"RescaleSlope": "1e308", "RescaleIntercept": 0}, "non_finite", "infinity"),
        ({"SamplesPerPixel": 4, "PhotometricInterpretation": "CMYK"}, "colour", "4 samples"),
        ({"VOILUTSequence": Sequence([pydicom.Dataset()])}, "undecodable", "cannot be"),
        ({"BitsAllocated": 7, "BitsStored": 7, "HighBit": 6}, "undecodable", "cannot be decoded"),
    ],
)
def test_headers_that_are_refused(dicom, grey, tags, code, words):
    path = dicom(grey, **tags)
    assert code_of(path) == code
    with pytest.raises(ImageRefusedError, match=words):
        read_image(path)


def test_compressed_headers_that_claim_too_much_are_refused_undecoded(make_dataset, write_dataset, grey):
    dataset = make_dataset(grey, syntax=J2K, frames=[b"\xff\x4f\xff\x51"], Rows=65535, Columns=65535)
    assert code_of(write_dataset(dataset)) == "too_large"


def test_an_empty_lookup_table(dicom, grey):
    item = lut(1, 0, 8, [5])
    item[0]["LUTData"].value = []
    assert code_of(dicom(grey, VOILUTSequence=item)) in {"pixel_mismatch", "undecodable"}


def test_nothing_to_look_at(make_dataset, write_dataset, grey):
    dataset = make_dataset(grey)
    del dataset.PixelData
    assert code_of(write_dataset(dataset)) == "no_pixels"


@pytest.mark.parametrize("frames", ["1", "", None])
def test_one_frame_is_a_film(dicom, grey, frames):
    assert read_image(dicom(grey, NumberOfFrames=frames)).pixels.shape == (40, 64)


def test_padding_bytes_and_more_of_them(make_dataset, write_dataset):
    grey = np.arange(15, dtype=np.uint8).reshape(3, 5)
    dataset = make_dataset(grey)
    assert len(dataset.PixelData) == 16
    assert read_image(write_dataset(dataset)).facts.flags == ()
    dataset.PixelData += b"\0" * 8
    assert read_image(write_dataset(dataset)).facts.flags == ("trailing_data",)


def test_float_pixels(make_dataset, write_dataset):
    values = np.linspace(-3, 5, 12, dtype=np.float32).reshape(3, 4)
    dataset = make_dataset(np.zeros((3, 4), np.uint16), BitsAllocated=32, BitsStored=None, HighBit=0)
    del dataset.PixelData
    del dataset.HighBit
    dataset.FloatPixelData = values.tobytes()
    assert np.abs(read_image(write_dataset(dataset)).pixels - own_range(values)).max() < 1e-6
    values[1, 1] = np.nan
    dataset.FloatPixelData = values.tobytes()
    assert code_of(write_dataset(dataset)) == "non_finite"


def test_syntaxes_that_are_refused(make_dataset, write_dataset, grey):
    dataset = make_dataset(grey)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    assert code_of(write_dataset(dataset)) == "transfer_syntax"
    mpeg = make_dataset(grey, syntax="1.2.840.10008.1.2.4.100", frames=[b"\0\0\1\0"])
    assert code_of(write_dataset(mpeg)) == "transfer_syntax"
    jpeg = make_dataset(grey, syntax=JPEG_LOSSLESS, frames=[b"\xff\xd8 this is no JPEG"])
    assert code_of(write_dataset(jpeg)) == "undecodable"


def test_a_decoder_that_is_not_installed(make_dataset, write_dataset, grey, monkeypatch):
    from pydicom.pixels.decoders.base import get_decoder

    monkeypatch.setattr(get_decoder(JPEG_LS), "_available", {})
    path = write_dataset(make_dataset(grey, syntax=JPEG_LS, frames=[b"\xff\xd8"]))
    with pytest.raises(ImageRefusedError, match=r"pip install 'hilum\[dicom\]'") as caught:
        read_image(path)
    assert caught.value.code == "transfer_syntax"


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
    header = [*range(1, whole.index(b"\xe0\x7f\x10\x00") + 14)]
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


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": [0.143, 0.143]}, (0.143, 0.143)),
        ({"PixelSpacing": [0, 0.1], "ImagerPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({"PixelSpacing": [0.1]}, None),
        ({}, None),
    ],
)
def test_spacing(dicom, grey, tags, spacing):
    assert read_image(dicom(grey, **tags)).facts.spacing_mm == spacing


def test_flags_and_facts(dicom, grey):
    facts = read_image(
        dicom(grey, BurnedInAnnotation="YES", LossyImageCompression="01", ViewPosition="my own words")
    ).facts
    assert facts.flags == ("lossy", "burned_in")
    assert facts.view == ""


CANARY = "Zzyzx"


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
