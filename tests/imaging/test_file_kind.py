import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image


def refusal_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value


def archives():
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("film.png", b"1234")
    with tarfile.open(fileobj=tarred, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("film.png"), io.BytesIO(b""))
    return {
        "ZIP": zipped.getvalue(),
        "tar": tarred.getvalue(),
        "gzip": gzip.compress(b"film"),
        "bzip2": bz2.compress(b"film"),
        "xz": lzma.compress(b"film"),
        "7z": b"7z\xbc\xaf\x27\x1c" + bytes(100),
        "RAR": b"Rar!\x1a\x07\x01\0" + bytes(100),
    }


@pytest.mark.parametrize("name", list(archives()))
def test_archives_are_to_be_unpacked(tmp_path, name):
    path = tmp_path / "films.dcm"
    path.write_bytes(archives()[name])
    error = refusal_of(path)
    assert error.code == "archive"
    assert name in error.sentence
    assert "Unpack" in error.advice


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"GIF89a", "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x18ftypavif", "AVIF"),
        (b"\0\0\0\x18ftypisom", "MP4"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns=", "SVG"),
        (b"\xef\xbb\xbf  <?xml version", "XML"),
        (b"BM6\0", "BMP"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b'{"a": 1}', "JSON"),
        (b"MZ\x90", "program"),
    ],
)
def test_kinds_are_named(tmp_path, start, name):
    path = tmp_path / "film.png"
    path.write_bytes(start + bytes(range(200)) * 4)
    error = refusal_of(path)
    assert error.code == "format"
    assert name in error.sentence


def test_a_file_larger_than_any_film_is_not_opened(tmp_path):
    path = tmp_path / "film.tif"
    with path.open("wb") as stream:
        stream.write(b"II*\0")
        stream.truncate(400_000_000)
    assert refusal_of(path).code == "too_large"
