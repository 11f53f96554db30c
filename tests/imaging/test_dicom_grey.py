import io

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow
from pydicom.sequence import Sequence

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image

IMPLICIT, RLE, JPEG_BASELINE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50"
JPEG_LS, J2K_LOSSLESS, J2K = (f"1.2.840.10008.1.2.4.{n}" for n in (80, 90, 91))


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


def linear(values, centre, width):
    """PS3.3 C.11.2.1.2.1, branch by branch, between 0 and 1."""
    grey = (values - (centre - 0.5)) / (width - 1) + 0.5
    grey = np.where(values <= centre - 0.5 - (width - 1) / 2, 0, grey)
    return np.where(values > centre - 0.5 + (width - 1) / 2, 1, grey)


def own_range(values):
    return (values - values.min()) / (values.max() - values.min())


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
    assert (image.facts.window, image.facts.inverted, image.facts.flags) == ("full range", False, ("small",))
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


def test_a_lookup_table_of_12_bits_that_is_said_to_have_16_is_scaled_by_12(dicom, ramp):
    table = np.linspace(0, 4095, 4096).round().astype(int)
    right = read_image(dicom(ramp, BitsStored=12, VOILUTSequence=lut(4096, 0, 12, table)))
    said = read_image(dicom(ramp, BitsStored=12, VOILUTSequence=lut(4096, 0, 16, table)))
    assert (said.pixels == right.pixels).all()
    assert "bit_depth" in said.facts.flags
    assert "bit_depth" not in right.facts.flags


def test_a_window_of_an_unknown_form_is_not_taken_for_a_linear_one(dicom, ramp):
    image = read_image(dicom(ramp, WindowCenter=2000, WindowWidth=1000, VOILUTFunction="LOGARITHMIC"))
    assert "window_ignored" in image.facts.flags
    assert image.facts.window.startswith("range")


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
    assert code_of(dicom(np.full((4, 4), 9, np.uint8), PixelPaddingValue=9)) == "not_a_chest_radiograph"


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
    for syntax, flags in ((J2K_LOSSLESS, ("small",)), (J2K, ("lossy", "small"))):
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
    assert image.facts.flags == ("lossy", "small")


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
    assert {"colour_marks", "small"} <= set(read_image(dicom(marked)).facts.flags)


def test_an_empty_lookup_table(dicom, grey):
    item = lut(1, 0, 8, [5])
    item[0]["LUTData"].value = []
    assert code_of(dicom(grey, VOILUTSequence=item)) in {"pixel_mismatch", "undecodable"}


@pytest.mark.parametrize("bits", [0, 65535])
def test_a_lookup_table_of_impossible_depth(dicom, grey, bits):
    """0 bits would give NaN."""
    assert code_of(dicom(grey, VOILUTSequence=lut(4, 0, bits, [0, 85, 170, 255]))) in {"pixel_mismatch", "undecodable"}


def test_padding_bytes_and_more_of_them(make_dataset, write_dataset):
    grey = np.arange(15, dtype=np.uint8).reshape(3, 5)
    dataset = make_dataset(grey)
    assert len(dataset.PixelData) == 16
    assert "trailing_data" not in read_image(write_dataset(dataset)).facts.flags
    dataset.PixelData += b"\0" * 8
    assert "trailing_data" in read_image(write_dataset(dataset)).facts.flags


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


def test_a_decoder_that_is_not_installed(make_dataset, write_dataset, grey, monkeypatch):
    from pydicom.pixels.decoders.base import get_decoder

    monkeypatch.setattr(get_decoder(JPEG_LS), "_available", {})
    path = write_dataset(make_dataset(grey, syntax=JPEG_LS, frames=[b"\xff\xd8"]))
    with pytest.raises(ImageRefusedError, match=r"pip install 'hilum\[dicom\]'") as caught:
        read_image(path)
    assert caught.value.code == "transfer_syntax"


def test_an_empty_padding_value_pads_nothing(dicom, ramp):
    stored = 4095 - ramp
    stored[:3] = 0
    tags = {"BitsStored": 12, "WindowCenter": 2048, "WindowWidth": 4096, "PhotometricInterpretation": "MONOCHROME1"}
    assert (read_image(dicom(stored, PixelPaddingValue=None, **tags)).pixels[:3] == 1).all()
    empty = pydicom.dataelem.DataElement("PixelPaddingValue", "US", None)
    assert (read_image(dicom(stored, PixelPaddingValue=empty.value or "", **tags)).pixels[:3] == 1).all()


def test_a_negative_padding_value_in_the_bits_of_a_positive_one(make_dataset, write_dataset, ramp):
    stored = ramp.astype(np.int16) - 2048
    stored[:3] = -4000
    dataset = make_dataset(stored)
    dataset.add_new("PixelPaddingValue", "US", 65536 - 4000)
    image = read_image(write_dataset(dataset))
    assert not image.pixels[:3].any()
    assert np.abs(image.pixels[3:] - own_range(stored[3:].astype(float))).max() < 1e-6


def test_colour_is_not_padded_or_inverted(dicom, grey):
    colour = np.dstack([grey] * 3)
    image = read_image(dicom(colour, PixelPaddingValue=int(grey[20, 30]), PresentationLUTShape="INVERSE"))
    assert np.array_equal(image.pixels * 255, grey)
    assert code_of(dicom(colour // 2, BitsStored=7)) == "colour"


@pytest.mark.parametrize("name", ["VOILUTSequence", "ModalityLUTSequence"])
def test_a_table_of_words_in_big_endian(make_dataset, tmp_path, ramp, name):
    dataset, table = make_dataset(ramp.astype(">u2"), syntax="1.2.840.10008.1.2.2", BitsStored=12), pydicom.Dataset()
    table.LUTDescriptor = [4096, 0, 12]
    table.add_new("LUTData", "OW", np.arange(4096)[::-1].astype(">u2").tobytes())
    setattr(dataset, name, [table])
    path = tmp_path / "film.dcm"
    pydicom.dcmwrite(path, dataset, implicit_vr=False, little_endian=False, enforce_file_format=True)
    assert np.abs(read_image(path).pixels - own_range(4095.0 - ramp)).max() < 1e-3


def test_a_table_for_negative_values_none_of_which_is_there(dicom, ramp):
    table = lut(4096, 65536 - 2048, 12, range(4096))
    image = read_image(dicom(np.maximum(ramp, 2048), RescaleIntercept=-2048, RescaleSlope=1, VOILUTSequence=table))
    assert np.abs(image.pixels - np.maximum(ramp, 2048) / 4095).max() < 1e-6


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept"])
def test_numbers_that_are_none_rescale_nothing(dicom, ramp, name):
    path = dicom(ramp, **{name: "7.5"})
    path.write_bytes(path.read_bytes().replace(b"7.5 ", b"7,5 "))
    assert code_of(path) == "pixel_mismatch"


def test_a_window_that_is_no_number_is_said_to_be_ignored(dicom, ramp):
    path = dicom(ramp, WindowCenter="2047.5", WindowWidth="4096")
    path.write_bytes(path.read_bytes().replace(b"2047.5", b"2047,5"))
    assert "window_ignored" in read_image(path).facts.flags


def test_an_aspect_ratio_is_no_spacing_but_says_something(dicom, ramp):
    flags = read_image(dicom(ramp, PixelSpacing=None, PixelAspectRatio=[2, 1])).facts.flags
    assert {"no_spacing", "uneven_spacing"} <= {*flags}
    assert "uneven_spacing" not in read_image(dicom(ramp, PixelAspectRatio=[1, 1])).facts.flags
    assert "uneven_spacing" not in read_image(dicom(ramp, PixelAspectRatio=3)).facts.flags
