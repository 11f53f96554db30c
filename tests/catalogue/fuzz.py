"""DICOM files and pictures with whatever a header, an encoder or a disk can get wrong; for hypothesis."""

import io
import struct
import time
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from catalogue import film as f
from hypothesis import strategies as st
from PIL import Image as Pillow

from hilum.errors import ImageRefusedError
from hilum.imaging import FLAGS, REFUSALS, read_image

__all__ = ["dicom_files", "picture_files", "read_or_refuse"]

MOST_S = 2.0
_UNDEFINED = 0xFFFFFFFF
_LONG = {b"OB", b"OD", b"OF", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"}
_VRS = (
    b"US",
    b"SS",
    b"DS",
    b"IS",
    b"CS",
    b"LO",
    b"PN",
    b"UI",
    b"AS",
    b"DA",
    b"FD",
    b"FL",
    b"OB",
    b"OW",
    b"UN",
    b"SQ",
    b"AT",
)
_VRS += (b"UT", b"UC", b"zz", b"\0\0")

_US = b"US"
# What describes pixels, and what an answer depends on: tag, VR, usual value.
_USUAL: dict[tuple[int, int], tuple[bytes, bytes]] = {
    (0x0008, 0x0005): (b"CS", b"ISO_IR 100"),
    (0x0008, 0x0016): (b"UI", f.DX.encode()),
    (0x0008, 0x0018): (b"UI", b"1.2.3"),
    (0x0008, 0x0020): (b"DA", b"20010203"),
    (0x0008, 0x0060): (b"CS", b"DX"),
    (0x0008, 0x0068): (b"CS", b"FOR PRESENTATION"),
    (0x0010, 0x0010): (b"PN", b"Zzyzx^Canary"),
    (0x0010, 0x0030): (b"DA", b"19501231"),
    (0x0010, 0x1010): (b"AS", b"050Y"),
    (0x0018, 0x0015): (b"CS", b"CHEST"),
    (0x0018, 0x1164): (b"DS", b"0.2\\0.2"),
    (0x0018, 0x5101): (b"CS", b"PA"),
    (0x0020, 0x0020): (b"CS", b"L\\F"),
    (0x0028, 0x0002): (_US, b"\1\0"),
    (0x0028, 0x0004): (b"CS", b"MONOCHROME2"),
    (0x0028, 0x0006): (_US, b"\0\0"),
    (0x0028, 0x0008): (b"IS", b"1"),
    (0x0028, 0x0010): (_US, b""),
    (0x0028, 0x0011): (_US, b""),
    (0x0028, 0x0030): (b"DS", b"0.2\\0.2"),
    (0x0028, 0x0100): (_US, b""),
    (0x0028, 0x0101): (_US, b""),
    (0x0028, 0x0102): (_US, b""),
    (0x0028, 0x0103): (_US, b"\0\0"),
    (0x0028, 0x0120): (_US, b"\0\0"),
    (0x0028, 0x0121): (_US, b"\0\0"),
    (0x0028, 0x0301): (b"CS", b"NO"),
    (0x0028, 0x1040): (b"CS", b"LOG"),
    (0x0028, 0x1041): (b"SS", b"\xff\xff"),
    (0x0028, 0x1050): (b"DS", b"100"),
    (0x0028, 0x1051): (b"DS", b"200"),
    (0x0028, 0x1052): (b"DS", b"0"),
    (0x0028, 0x1053): (b"DS", b"1"),
    (0x0028, 0x1056): (b"CS", b"LINEAR"),
    (0x0028, 0x2110): (b"CS", b"00"),
    (0x2050, 0x0020): (b"CS", b"IDENTITY"),
}
_RARE = {(0x0028, 0x0008), (0x0028, 0x0120), (0x0028, 0x0121), (0x0028, 0x1050), (0x0028, 0x1051), (0x0028, 0x1052)}
_RARE |= {(0x0028, 0x1053), (0x0028, 0x1056), (0x0018, 0x1164), (0x2050, 0x0020)}
_SEQUENCES = (
    (0x0028, 0x3000),
    (0x0028, 0x3010),
    (0x0054, 0x0220),
    (0x0008, 0x2218),
    (0x0009, 0x1001),
    (0x5200, 0x9229),
)
_IN_SEQUENCES = (
    (0x0028, 0x3002),
    (0x0028, 0x3006),
    (0x0008, 0x0100),
    (0x0008, 0x0102),
    (0x0028, 0x1050),
    (0x0009, 0x1002),
)
_ODD = (
    *(
        b"",
        b"\0",
        b"\0\0",
        b"\xff\xff",
        b"\x01\0",
        b"\0\x80",
        b"\xff\xff\xff\xff",
        b"0",
        b"-1",
        b"1",
        b"2",
        b"nan",
        b"inf",
    ),
    *(
        b"1e400",
        b"-1e308",
        b"1e-320",
        b"99999999999999999999",
        b"1.5",
        b"abc",
        b"1\\2\\3",
        b"\\",
        b"\\\\\\",
        b" ",
        b"\xe9\xff",
    ),
    *(
        b"MONOCHROME1",
        b"RGB",
        b"PALETTE COLOR",
        b"YBR_FULL",
        b"YBR_FULL_422",
        b"INVERSE",
        b"SIGMOID",
        b"LINEAR_EXACT",
        b"LL",
    ),
    *(
        b"ISO_IR 192",
        b"ISO 2022 IR 87",
        b"\x1b$B",
        b"x" * 300,
        b"\0\0\0\0\0\0\xf8\x7f",
        b"\x10\0\0\0\x10\0",
        b"\0\1\0\0\x08\0",
    ),
)
_SYNTAXES = (
    *(
        *(f.EXPLICIT,) * 10,
        f.IMPLICIT,
        f.IMPLICIT,
        f.BIG_ENDIAN,
        f.DEFLATED,
        f.RLE,
        f.JPEG,
        f.JPEG_EXTENDED,
        f.JPEG_SV1,
    ),
    *(
        f.JPEG_LS,
        f.J2K_LOSSLESS,
        f.J2K,
        f.HTJ2K_LOSSLESS,
        "1.2.840.10008.1.2.4.100",
        "1.2.840.10008.1.2.4.94",
        "1.2.3",
        "",
    ),
)
_NATIVE = {f.EXPLICIT, f.IMPLICIT, f.BIG_ENDIAN, f.DEFLATED, "1.2.3", ""}

Element = tuple[tuple[int, int], bytes, bytes, int | None]
"""Tag, VR, value, and what it says its length is."""


@cache
def _frame(syntax: str, rows: int, columns: int) -> bytes:
    """A frame that is right in RLE or JPEG 2000; anything for the others."""
    if syntax not in {f.RLE, f.J2K_LOSSLESS, f.J2K}:
        return b"\xff\xd8\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0" + bytes(range(200)) + b"\xff\xd9"
    made = f.dataset((np.indices((rows, columns)).sum(axis=0) * 5 % 256).astype(np.uint8))
    made.compress(syntax, generate_instance_uid=False, **({"j2k_cr": [5]} if syntax == f.J2K else {}))
    content = made.PixelData
    return bytes(content[24 : 16 + 8 + int.from_bytes(content[20:24], "little")])


def _encoded(element: Element, *, implicit: bool, order: str) -> bytes:
    (group, number), vr, value, length = element
    value += b"\0" * (len(value) % 2)
    said = len(value) if length is None else length
    if implicit:
        return struct.pack(f"{order}HHI", group, number, said) + value
    if vr in _LONG:
        return struct.pack(f"{order}HH2sHI", group, number, vr, 0, said) + value
    return struct.pack(f"{order}HH2sH", group, number, vr, said & 0xFFFF) + value


_values = st.one_of(
    st.sampled_from(_ODD), st.binary(max_size=8), st.integers(0, 65535).map(lambda n: n.to_bytes(2, "little"))
)
_lengths = st.one_of(
    st.none(), st.none(), st.none(), st.sampled_from((0, 1, 2, 7, 1000, 0xFFFE, 0xFFFFFFF0, _UNDEFINED))
)
_odd_elements = st.tuples(
    st.sampled_from([*_USUAL, *_SEQUENCES, (0x7FE0, 0x0010)]), st.sampled_from(_VRS), _values, _lengths
)


@st.composite
def _sequences(draw: st.DrawFn, *, implicit: bool, order: str, depth: int = 0) -> bytes:
    """A sequence of a few items, of stated or undefined length, with sequences inside."""
    items = b""
    for _ in range(draw(st.integers(0, 2))):
        inside = draw(
            st.lists(st.tuples(st.sampled_from(_IN_SEQUENCES), st.sampled_from(_VRS), _values, _lengths), max_size=3)
        )
        content = b"".join(_encoded(element, implicit=implicit, order=order) for element in inside)
        if depth < 3 and draw(st.booleans()):
            content += draw(_sequences(implicit=implicit, order=order, depth=depth + 1))
        open_end = draw(st.booleans())
        items += struct.pack(f"{order}HHI", 0xFFFE, 0xE000, _UNDEFINED if open_end else len(content)) + content
        items += struct.pack(f"{order}HHI", 0xFFFE, 0xE00D, 0) if open_end else b""
    tag = draw(st.sampled_from(_SEQUENCES))
    if draw(st.booleans()):
        return _encoded((tag, b"SQ", items, None), implicit=implicit, order=order)
    closed = items + struct.pack(f"{order}HHI", 0xFFFE, 0xE0DD, 0)
    return _encoded((tag, b"SQ", closed, _UNDEFINED), implicit=implicit, order=order)


@st.composite
def _pixels(draw: st.DrawFn, syntax: str, rows: int, columns: int, n_bytes: int) -> Element:
    """Pixel data: right, short, long, in fragments, or of another kind."""
    tag, vr = draw(st.sampled_from((((0x7FE0, 0x10), b"OW"),) * 8 + (((0x7FE0, 0x8), b"OF"), ((0x7FE0, 0x9), b"OD"))))
    n_bytes *= {0x10: 1, 0x8: 4, 0x9: 8}[tag[1]]
    if syntax in _NATIVE and not _seldom(draw):
        n_bytes = max(0, n_bytes + draw(st.sampled_from((*(0,) * 15, -1, -columns, 1, 100, -n_bytes))))
        return tag, vr, bytes(np.random.default_rng(draw(st.integers(0, 9))).integers(0, 256, n_bytes, np.uint8)), None
    frame = draw(st.one_of(st.just(_frame(syntax, rows, columns)), st.binary(max_size=40)))
    fragments = [frame[: len(frame) // 2], frame[len(frame) // 2 :]] if draw(st.booleans()) else [frame]
    offsets = draw(st.sampled_from((b"", b"", b"\0\0\0\0", b"\xff\xff\xff\xff")))
    content = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (offsets, *fragments))
    return tag, b"OB", content + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), _UNDEFINED


@st.composite
def _elements(draw: st.DrawFn, syntax: str) -> list[Element]:
    rows, columns, bits = (
        draw(st.integers(2, 20)),
        draw(st.integers(2, 20)),
        draw(st.sampled_from((8, 8, 16, 16, 16, 16, 32, 1))),
    )
    if syntax in {f.J2K, f.J2K_LOSSLESS}:  # what its encoder takes
        rows, columns, bits = 40, 40, 8
    stored = min(bits, draw(st.sampled_from((bits, bits, 12, 8, 1))))
    numbers = {0x10: rows, 0x11: columns, 0x100: bits, 0x101: stored, 0x102: stored - 1}
    order = "big" if syntax == f.BIG_ENDIAN else "little"
    kept = {tag for tag in _USUAL if tag not in _RARE} | draw(st.sets(st.sampled_from(sorted(_RARE)), max_size=4))
    kept -= draw(st.sets(st.sampled_from(sorted(_USUAL)), max_size=2 * _seldom(draw)))
    found: list[Element] = [
        (tag, vr, numbers[tag[1]].to_bytes(2, order) if tag[0] == 0x28 and tag[1] in numbers else value, None)
        for tag, (vr, value) in _USUAL.items()
        if tag in kept
    ]
    odd = [draw(_odd_elements) for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2, 4))))]
    found = [element for element in found if element[0] not in {tag for tag, *_ in odd}] + odd
    return sorted([*found, draw(_pixels(syntax, rows, columns, (rows * columns * bits + 7) // 8))], key=lambda e: e[0])


@st.composite
def dicom_files(draw: st.DrawFn) -> bytes:
    """A DICOM file's bytes, more or less."""
    syntax = draw(st.sampled_from(_SYNTAXES))
    implicit = (syntax == f.IMPLICIT) != _seldom(draw)
    order = ">" if syntax == f.BIG_ENDIAN else "<"
    parts = [_encoded(element, implicit=implicit, order=order) for element in draw(_elements(syntax))]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(parts)))
        parts.insert(place, draw(_sequences(implicit=implicit, order=order)))
    body = b"".join(parts)
    if syntax == f.DEFLATED:
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    start = draw(st.sampled_from((b"", bytes(128) + b"DICM"))) if _seldom(draw) else f.file_start(syntax)
    return draw(_damaged(start + body))


@st.composite
def _damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with a few of them changed, cut, or as they are."""
    data = bytearray(content)
    for _ in range(draw(st.sampled_from((*(0,) * 8, 1, 1, 2, 4)))):
        data[draw(st.integers(0, 9999)) * len(data) // 10_000] = draw(st.integers(0, 255))
    if _seldom(draw):
        del data[draw(st.integers(1, 255)) * len(data) // 256 :]
    return bytes(data)


def _seldom(draw: st.DrawFn) -> bool:
    return draw(st.sampled_from((False,) * 9 + (True,)))


@cache
def _picture(kind: str, mode: str, options: tuple[tuple[str, object], ...]) -> bytes:
    buffer = io.BytesIO()
    pixels = Pillow.fromarray(np.ascontiguousarray(f.film()[:90:3, ::7]))
    made = Pillow.fromarray(np.asarray(pixels).astype(np.uint16) * 257) if mode == "I;16" else pixels.convert(mode)
    made.save(buffer, kind, **dict(options))
    return buffer.getvalue()


_PICTURES = (
    *(("PNG", mode, ()) for mode in ("L", "I;16", "1", "RGB", "RGBA", "LA", "P")),
    *(("JPEG", mode, options) for mode in ("L", "RGB", "CMYK") for options in ((), (("progressive", True),))),
    *(("TIFF", mode, ()) for mode in ("L", "I;16", "1", "F", "RGB")),
    *(("TIFF", "L", (("compression", name),)) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
)


@st.composite
def picture_files(draw: st.DrawFn) -> bytes:
    """A picture file's bytes, damaged."""
    return draw(_damaged(_picture(*draw(st.sampled_from(_PICTURES)))))


def read_or_refuse(path: Path) -> str:
    """Read a file; returns ``read`` or the refusal's code; AssertionError for whatever else a reader could do."""
    start, said, code = time.process_time(), "", "read"
    try:
        image = read_image(path)
    except ImageRefusedError as error:
        said, code = str(error), error.code
    assert time.process_time() - start < MOST_S
    if code == "read":
        assert image.pixels.dtype == np.float32
        assert image.pixels.shape == (image.facts.height_px, image.facts.width_px)
        assert np.isfinite(image.pixels).all()
        assert 0 <= image.pixels.min() <= image.pixels.max() <= 1
        assert set(image.facts.flags) <= FLAGS.keys()
        said = repr(image.facts)
    assert code in {"read", *REFUSALS}
    assert f.CANARY not in said
    return code
