import os
import subprocess
import sys

import numpy as np
import pytest

from hilum.errors import ImageRefusedError, MissingExtraError
from hilum.imaging import IMAGE_ENDINGS, REFUSALS, read_image, read_square, resize_square, write_png


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    assert caught.value.code in REFUSALS
    return caught.value.code


def test_the_content_decides_not_the_ending(save, dicom, grey, ramp, tmp_path):
    path = save(grey, "film.png").rename(tmp_path / "film.jpg")
    assert read_image(path).facts.file_format == "png"
    path = dicom(ramp).rename(tmp_path / "film")
    assert read_image(path).facts.file_format == "dicom"


def test_dicom_wins_over_a_tiff_header_in_its_preamble(make_dataset, write_dataset, ramp):
    dataset = make_dataset(ramp, Modality="CT")
    path = write_dataset(dataset)
    content = path.read_bytes()
    path.write_bytes(b"II*\0" + content[4:])
    assert code_of(path) == "modality"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\x89", "truncated"),
        (b"\x89PNG\r\n", "truncated"),
        (b"\0" * 132, "truncated"),
        (b"\0" * 128 + b"DICM", "truncated"),
        (b"a", "format"),
        (b"Image Index,Finding Labels\n" * 20, "format"),
        (b'{"json": 1}' * 30, "format"),
        (b"MZ" + b"\x90" * 200, "format"),
        (b"\x7fELF" + b"\1" * 200, "format"),
        (b"GIF89a" + b"\1" * 200, "format"),
        (b"RIFF0000WEBPVP8 " + b"\1" * 200, "format"),
        (b"%PDF-1.7" + b"\1" * 200, "format"),
        (b"<svg>" * 50, "format"),
    ],
)
def test_what_is_no_film(tmp_path, content, code):
    path = tmp_path / "film.png"
    path.write_bytes(content)
    assert code_of(path) == code


def test_what_is_no_file(tmp_path):
    assert code_of(tmp_path / "absent.png") == "missing"
    assert code_of(tmp_path) == "missing"
    assert code_of(tmp_path / "nul\0.png") == "missing"
    assert code_of(tmp_path / ("a" * 300)) == "missing"
    os.mkfifo(tmp_path / "pipe.png")
    assert code_of(tmp_path / "pipe.png") == "format"
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert code_of(tmp_path / "loop.png") == "missing"


def test_a_square_is_the_resized_film(save, grey):
    path = save(grey, "film.png")
    for rule in ("pad", "stretch"):
        assert (read_square(path, 24, rule=rule) == resize_square(read_image(path).pixels, 24, rule=rule)).all()


def test_endings_are_lower_case():
    assert all(ending == ending.lower() and ending.startswith(".") for ending in IMAGE_ENDINGS)


def test_without_pydicom_the_line_to_install_it(tmp_path, dicom, grey, monkeypatch):
    path = dicom(grey)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'hilum\[dicom\]'"):
        read_image(path)
    write_png(tmp_path / "still.png", np.eye(4, dtype=np.uint8))
    assert read_image(tmp_path / "still.png").pixels.shape == (4, 4)


def test_pydicom_is_loaded_only_for_dicom():
    line = "import sys, hilum.imaging; sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", line], check=False).returncode == 0
