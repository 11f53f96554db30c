import io

import numpy as np
import pydicom
import pytest
from PIL import Image as Pillow
from pydicom.sequence import Sequence

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image

J2K, JPEG = "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.50"


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


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


def test_nothing_to_look_at(make_dataset, write_dataset, grey):
    dataset = make_dataset(grey)
    del dataset.PixelData
    assert code_of(write_dataset(dataset)) == "no_pixels"


@pytest.mark.parametrize("frames", ["1", "", None])
def test_one_frame_is_a_film(dicom, grey, frames):
    assert read_image(dicom(grey, NumberOfFrames=frames)).pixels.shape == (40, 64)


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"PixelSpacing": None, "ImagerPixelSpacing": [0.143, 0.143]}, (0.143, 0.143)),
        ({"PixelSpacing": [0, 0.1], "ImagerPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({"PixelSpacing": [0.1]}, None),
        ({"PixelSpacing": None}, None),
    ],
)
def test_spacing(dicom, grey, tags, spacing):
    assert read_image(dicom(grey, **tags)).facts.spacing_mm == spacing


def jpeg_of(pixels):
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


def test_two_pictures_where_the_header_says_one(dicom, grey):
    one, other = jpeg_of(grey), jpeg_of(255 - grey)
    assert code_of(dicom(grey, syntax=JPEG, frames=[one, other])) == "multi_frame"
    parts = [one[: len(one) // 2], one[len(one) // 2 :]]
    dataset_of_two = dicom(grey, syntax=JPEG, frames=[one])
    data = dataset_of_two.read_bytes()
    whole = data[: data.index(b"\xfe\xff\x00\xe0")]
    items = b"".join(b"\xfe\xff\x00\xe0" + len(part).to_bytes(4, "little") + part for part in (b"", *parts))
    dataset_of_two.write_bytes(whole + items + b"\xfe\xff\xdd\xe0" + bytes(4))
    assert read_image(dataset_of_two).pixels.shape == grey.shape


def test_jpeg_that_ends_amid_its_scan(dicom, grey):
    stream = jpeg_of(grey)
    assert code_of(dicom(grey, syntax=JPEG, frames=[stream[: len(stream) * 3 // 4]])) == "truncated"


def test_compressed_pixels_under_a_syntax_without_compression(dicom, grey):
    path = dicom(grey, syntax=JPEG, frames=[jpeg_of(grey) + bytes(grey.size)])
    path.write_bytes(path.read_bytes().replace(f"{JPEG}".encode(), b"1.2.840.10008.1.2.1\0\0\0"))
    assert code_of(path) == "pixel_mismatch"


def test_two_pixels_share_a_colour_and_one_is_left(dicom, grey):
    tags = {"PhotometricInterpretation": "YBR_FULL_422", "SamplesPerPixel": 3}
    assert code_of(dicom(np.dstack([grey[:, :63]] * 3), **tags)) == "pixel_mismatch"


def test_values_end_above_the_bits(dicom, grey):
    assert code_of(dicom(grey, HighBit=8)) == "pixel_mismatch"
