"""Every lossless coding of one film gives the identical array; DCMTK, which shares no code with pydicom, agrees."""

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow

from hilum.imaging import read_image

EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"
JPEG_LOSSLESS, JPEG_LS, J2K_LOSSLESS = (f"1.2.840.10008.1.2.4.{kind}" for kind in (70, 80, 90))
BASELINE, EXTENDED, NEAR_LOSSLESS = (f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 81))

needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="DCMTK is not installed")


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True)


@pytest.fixture
def film():
    """96 x 80 of 12 bits, smooth with some noise."""
    rows, columns = np.mgrid[0:96, 0:80]
    noise = np.random.default_rng(3).integers(0, 40, (96, 80))
    return (rows * 25 + columns * 19 + noise).clip(0, 4095).astype(np.uint16)


@pytest.mark.parametrize("syntax", [RLE, J2K_LOSSLESS])
@pytest.mark.parametrize(
    ("bits", "dtype"), [(8, np.uint8), (10, np.uint16), (12, np.uint16), (14, np.int16), (16, np.uint16)]
)
def test_codings_of_pydicom_are_lossless(dicom, make_dataset, write_dataset, film, syntax, bits, dtype):
    values = (film.astype(np.int64) * 2**bits // 4096 - (2 ** (bits - 1) if dtype == np.int16 else 0)).astype(dtype)
    expected = read_image(dicom(values, BitsStored=bits))
    dataset = make_dataset(values, BitsStored=bits)
    dataset.compress(syntax)
    image = read_image(write_dataset(dataset, "compressed.dcm"))
    assert (image.pixels == expected.pixels).all()
    assert image.facts == expected.facts


@needs_dcmtk
@pytest.mark.parametrize(
    ("program", "options", "syntax"),
    [
        ("dcmcjpeg", ["+e1"], JPEG_LOSSLESS),
        ("dcmcjpeg", ["+el"], "1.2.840.10008.1.2.4.57"),
        ("dcmcjpls", [], JPEG_LS),
        ("dcmcrle", [], RLE),
    ],
)
def test_lossless_codings_of_dcmtk_are_bit_identical(dicom, tmp_path, film, program, options, syntax):
    path, coded = dicom(film, BitsStored=12), tmp_path / "coded.dcm"
    run(program, *options, path, coded)
    assert pydicom.dcmread(coded).file_meta.TransferSyntaxUID == syntax
    image = read_image(coded)
    assert (image.pixels == read_image(path).pixels).all()
    assert "lossy" not in image.facts.flags


@needs_dcmtk
@pytest.mark.parametrize(
    ("program", "options", "syntax"),
    [("dcmcjpeg", ["+ee"], EXTENDED), ("dcmcjpeg", ["+eb"], BASELINE), ("dcmcjpls", ["+en"], NEAR_LOSSLESS)],
)
def test_lossy_codings_are_near_and_say_so(dicom, tmp_path, film, program, options, syntax):
    path, coded = dicom(film, BitsStored=12, WindowCenter=2048, WindowWidth=4096), tmp_path / "coded.dcm"
    run(program, *options, path, coded)
    assert pydicom.dcmread(coded).file_meta.TransferSyntaxUID == syntax
    image = read_image(coded)
    assert "lossy" in image.facts.flags
    assert np.corrcoef(image.pixels.ravel(), read_image(path).pixels.ravel())[0, 1] > 0.99


@needs_dcmtk
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 2000, "WindowWidth": 3000},
        {"WindowCenter": 500, "WindowWidth": 700, "RescaleSlope": 0.5, "RescaleIntercept": -100},
        {"WindowCenter": 1500, "WindowWidth": 2500, "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 1500, "WindowWidth": 2500, "VOILUTFunction": "SIGMOID"},
    ],
)
def test_dcmtk_shows_the_same_film(dicom, tmp_path, film, photometric, tags):
    path, shown = dicom(film, BitsStored=12, PhotometricInterpretation=photometric, **tags), tmp_path / "shown.pgm"
    run("dcm2pnm", "+Wi", "1", path, shown)
    with Pillow.open(shown) as picture:
        expected = np.asarray(picture, dtype=np.float64) / 255
    assert np.abs(read_image(path).pixels - expected).max() <= 1.5 / 255  # it rounds on its way
