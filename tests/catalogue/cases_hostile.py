"""Made to harm, or broken everywhere: refused at little cost."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from catalogue import film as f
from catalogue.case import Case
from catalogue.cases_equivalent import grey, picture

__all__ = ["CASES"]

_UNDEFINED = 0xFFFFFFFF


def bad(name: str, row: str, what: str, build: Callable[[Path], Path], *codes: str) -> Case:
    return Case(name, row, "hostile", what, "refuse", build, codes=codes)


def deflated() -> bytes:
    """A deflated data set that unpacks to a private element of 600 MB."""
    packer = zlib.compressobj(9, wbits=-15)
    start = f.header_bytes() + f.element(9, 0x1010, b"OB", b"", length=600 * 2**20)
    return f.file_start(f.DEFLATED) + packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH) + f.deflated_zeros(600)


def nested(levels: int, *, close: bool) -> Callable[[], bytes]:
    """Sequences within sequences, of undefined length."""

    def make() -> bytes:
        opening = f.element(8, 0x1140, b"SQ", b"", length=_UNDEFINED) + struct.pack("<HHI", 0xFFFE, 0xE000, _UNDEFINED)
        closing = struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
        return f.file_start() + f.header_bytes() + opening * levels + (closing * levels if close else b"")

    return make


def nested_by_length(levels: int) -> bytes:
    """Sequences within the one that is asked for when a film is read, of defined length."""
    inner = f.element(0x28, 0x3002, b"US", struct.pack("<HHH", 16, 0, 16))
    for _ in range(levels):
        inner = f.element(0x28, 0x3000, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner)
    whole = f.dataset_bytes(f.dataset(f.film()))
    place = whole.index(b"\xe0\x7f\x10\0")
    return whole[:place] + inner + whole[place:]


def many_elements(count: int) -> bytes:
    """Private elements of no length, in one group after another."""
    numbers = np.arange(count, dtype=np.uint32)
    table = np.zeros((count, 4), "<u2")
    table[:, 0] = 9 + 2 * (numbers // 60000)
    table[:, 1] = 0x1000 + numbers % 60000
    table[:, 2] = int.from_bytes(b"CS", "little")
    return f.file_start() + f.header_bytes() + table.tobytes()


def four_gigabytes(tag: tuple[int, int], vr: bytes) -> bytes:
    return f.file_start() + f.header_bytes() + f.element(*tag, vr, bytes(200), length=0xFFFFFFFE)


def promised(rows: int, columns: int, **tags: object) -> Callable[[Path], Path]:
    return f.dicom(Rows=rows, Columns=columns, **tags)


def huge_jpeg2000() -> bytes:
    """The first segments of a picture of 65,535 x 65,535."""
    size = struct.pack(">HIIIIIIIIH", 0, 65535, 65535, 0, 0, 65535, 65535, 0, 0, 1) + bytes((7, 1, 1))
    return b"\xff\x4f\xff\x51" + struct.pack(">H", len(size) + 2) + size + bytes(400)


def honest_jpeg2000(rows: int, columns: int) -> bytes:
    """Hundreds of millions of pixels in a few bytes, as the header says."""
    return huge_jpeg2000().replace(struct.pack(">II", 65535, 65535), struct.pack(">II", columns, rows))


def large_png() -> bytes:
    return f.png_file(30000, 30000, 8, 0, bytes(30001) * 64)


def film_rows() -> bytes:
    return b"".join(b"\0" + line.tobytes() for line in f.film())


def chunk_bomb(kind: bytes) -> Callable[[], bytes]:
    """A small film with a chunk that unpacks to 400 MB."""
    return lambda: f.png_file(224, 256, 8, 0, film_rows(), extra=f.chunk(kind, b"name\0\0" + f.zlib_zeros(400)))


def data_bomb() -> bytes:
    """A film whose data unpack to 400 MB more than its pixels."""
    whole = f.png_file(224, 256, 8, 0, b"")
    data = f.chunk(b"IDAT", f.zlib_zeros(400, film_rows()))
    return whole.replace(f.chunk(b"IDAT", zlib.compress(b"", 9)), data)


def tiff_bomb() -> bytes:
    """A TIFF that says 60,000 x 60,000 in one strip."""
    data, entries = f.tiff_entries(f.film())
    for tag in (256, 257, 278):
        struct.pack_into("<HII", data, entries[tag] + 2, 4, 1, 60000)
    return bytes(data)


def escaping(folder: Path) -> Path:
    """An archive whose entries lead out of the folder it is unpacked in."""
    path = folder / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../outside.dcm", b"x")
        archive.writestr("/absolute.dcm", b"x")
    return path


def packed_bomb(folder: Path) -> Path:
    """Zeros, packed twice."""
    inner, path = io.BytesIO(), folder / "films.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("film.dcm", "w") as stream:
        for _ in range(20):
            stream.write(bytes(2**20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(16):
            archive.writestr(f"{number}.zip", inner.getvalue())
    return path


def crowded(folder: Path) -> Path:
    path = folder / "films.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(3_000):
            archive.writestr(f"{number}.dcm", b"")
    return path


def item_of_offsets() -> bytes:
    """Encapsulated pixels whose table of offsets says it is 4 GB long."""
    made = f.dataset(f.film(), syntax=f.JPEG_SV1, frames=[b"\xff\xd8" + bytes(500)])
    data = bytearray(f.dataset_bytes(made))
    place = data.index(b"\xe0\x7f\x10\0") + 12
    struct.pack_into("<I", data, place + 4, 0xFFFFFFF0)
    return bytes(data)


def endless_rle() -> bytes:
    """RLE that repeats its last byte for ever: 16 MB of runs for 57 thousand pixels."""
    header = struct.pack("<16I", 1, 64, *[0] * 14)
    made = f.dataset(f.film(), syntax=f.RLE, frames=[header + b"\x81\xff" * (8 * 2**20)])
    return f.dataset_bytes(made)


BOMBS = [
    bad("deflated bomb", "dicom bombs", "600 MB of zeros, deflated", f.content(deflated), "too_large"),
    bad(
        "nested open",
        "dicom bombs",
        "10,000 open sequences",
        f.content(nested(10_000, close=False)),
        "undecodable",
        "truncated",
        "too_large",
    ),
    bad(
        "nested closed",
        "dicom bombs",
        "10,000 nested sequences",
        f.content(nested(10_000, close=True)),
        "undecodable",
        "too_large",
    ),
    bad(
        "nested by length",
        "dicom bombs",
        "2,000 nested modality tables, of stated length",
        f.content(lambda: nested_by_length(2000)),
        "undecodable",
        "pixel_mismatch",
        "too_large",
    ),
    bad(
        "a million elements", "dicom bombs", "1,000,000 elements", f.content(lambda: many_elements(10**6)), "too_large"
    ),
    bad(
        "4 GB element",
        "dicom bombs",
        "an element of 4 GB",
        f.content(lambda: four_gigabytes((9, 0x1010), b"OB")),
        "undecodable",
        "truncated",
    ),
    bad(
        "4 GB pixels",
        "dicom bombs",
        "pixel data of 4 GB",
        f.content(lambda: four_gigabytes((0x7FE0, 0x10), b"OW")),
        "undecodable",
        "truncated",
    ),
    bad(
        "4 GB offsets",
        "dicom bombs",
        "a table of offsets of 4 GB",
        f.content(item_of_offsets),
        "undecodable",
        "truncated",
    ),
    bad(
        "endless rle",
        "dicom bombs",
        "RLE of 16 MB for 57 thousand pixels",
        f.content(endless_rle),
        "undecodable",
        "pixel_mismatch",
        "too_large",
        "not_a_chest_radiograph",
    ),
    bad("65535 native", "65535", "65,535 x 65,535 in 57 KB", promised(65535, 65535), "pixel_mismatch", "too_large"),
    bad(
        "65535 jpeg 2000",
        "65535",
        "65,535 x 65,535 in 400 bytes of JPEG 2000",
        promised(65535, 65535, syntax=f.J2K_LOSSLESS, frames=[huge_jpeg2000()]),
        "too_large",
    ),
    bad(
        "hidden 65535",
        "65535",
        "a header of 256 x 224 over JPEG 2000 of 65,535 x 65,535",
        promised(256, 224, syntax=f.J2K_LOSSLESS, frames=[huge_jpeg2000()]),
        "pixel_mismatch",
        "too_large",
    ),
    bad(
        "34 megapixels of nothing",
        "65535",
        "34 million pixels in 400 bytes of JPEG 2000",
        promised(5800, 5900, syntax=f.J2K_LOSSLESS, frames=[honest_jpeg2000(5800, 5900)]),
        "undecodable",
        "truncated",
        "pixel_mismatch",
    ),
    bad("2147483647 frames", "frames", "2,147,483,647 frames", f.dicom(NumberOfFrames="2147483647"), "multi_frame"),
]

PICTURES = [
    bad(
        "30000 x 30000 png",
        "picture bombs",
        "a PNG of 900 million pixels",
        f.content(large_png, "film.png"),
        "too_large",
    ),
    bad(
        "text bomb",
        "picture bombs",
        "a PNG with a text of 400 MB",
        f.content(chunk_bomb(b"zTXt"), "film.png"),
        "undecodable",
        "too_large",
    ),
    bad(
        "profile bomb",
        "picture bombs",
        "a PNG with a colour profile of 400 MB",
        f.content(chunk_bomb(b"iCCP"), "film.png"),
        "undecodable",
        "too_large",
    ),
    Case(
        "data bomb",
        "picture bombs",
        "hostile",
        "a PNG whose data unpack to 400 MB more than its pixels: read as far as they go",
        "accept",
        f.content(data_bomb, "film.png"),
        truth=f.film_grey,
    ),
    bad(
        "60000 x 60000 tiff",
        "picture bombs",
        "a TIFF of 3,600 million pixels",
        f.content(tiff_bomb, "film.tif"),
        "too_large",
    ),
    bad(
        "65500 x 65500 jpeg",
        "picture bombs",
        "a JPEG of 4,290 million pixels",
        f.content(lambda: f.jpeg_header(8, 65500, 65500), "film.jpg"),
        "too_large",
    ),
    bad("escaping zip", "archives", "an archive that leads out of its folder", escaping, "archive"),
    bad("zip bomb", "archives", "archives in an archive, 320 MB of zeros", packed_bomb, "archive"),
    bad("crowded zip", "archives", "3,000 entries", crowded, "archive"),
]

CUT = ("truncated", "undecodable", "no_pixels", "pixel_mismatch", "empty", "format")
CUTS = [
    bad("cut dicom", "cut", "DICOM, uncompressed", f.cuts(f.deep_dicom()), *CUT),
    bad("cut rle", "cut", "DICOM, RLE", f.cuts(f.compressed(f.RLE, BitsStored=12, **f.WINDOW)), *CUT),
    bad(
        "cut jpeg 2000",
        "cut",
        "DICOM, JPEG 2000",
        f.cuts(f.compressed(f.J2K_LOSSLESS, BitsStored=12, **f.WINDOW)),
        *CUT,
    ),
    bad("cut deflated", "cut", "DICOM, deflated", f.cuts(f.deflated_film), *CUT),
    bad("cut png", "cut", "PNG", f.cuts(picture("film.png", grey())), *CUT),
    bad("cut jpeg", "cut", "JPEG", f.cuts(picture("film.jpg", grey(), quality=90)), *CUT),
    bad("cut tiff", "cut", "TIFF, LZW", f.cuts(picture("film.tif", grey(), compression="tiff_lzw")), *CUT),
]

CASES = [*BOMBS, *PICTURES, *CUTS]
