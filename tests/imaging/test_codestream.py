import io

import numpy as np
import pytest
from PIL import Image as Pillow

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image
from hilum.imaging.codestream import codestream_size

BASELINE, J2K_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"


def encoded(pixels, kind, **options):
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG2000", {"no_jp2": True}), ("JPEG2000", {})],
)
def test_the_size_stands_in_the_first_bytes(grey, kind, options):
    content = encoded(grey, kind, **options)
    assert codestream_size(content) == (64, 40)
    assert codestream_size(b"\xff\xd8\xff" + content[2:]) in {(64, 40), None}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8" + b"\xff" * 50,
        b"\xff\xd8\0" * 9,
        b"\xff\x4f\xff\x51",
        b"\1\xff\x4f\xff\x51" + bytes(40),
    ],
)
def test_nothing_is_said(data):
    assert codestream_size(data) is None


@pytest.mark.parametrize(
    ("syntax", "kind", "options"), [(BASELINE, "JPEG", {}), (J2K_LOSSLESS, "JPEG2000", {"no_jp2": True})]
)
def test_a_compressed_film_of_another_size_is_refused_undecoded(dicom, grey, syntax, kind, options):
    larger = encoded(np.kron(grey, np.ones((2, 2), np.uint8)), kind, **options)
    path = dicom(grey, syntax=syntax, frames=[larger])
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    assert caught.value.code == "pixel_mismatch"
