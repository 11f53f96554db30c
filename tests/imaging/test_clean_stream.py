"""Compressed pictures with nothing beside the picture: wherever something can hide, it goes; no grey value moves."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from hilum.errors import ImageRefusedError
from hilum.imaging.clean_stream import clean_stream

CANARY = b"Zzyzx"


def segment(marker, content=CANARY):
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def encoded(pixels, kind="JPEG", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def decoded(stream):
    return np.asarray(Image.open(io.BytesIO(stream)))


def before(stream, mark, hidden):
    place = stream.rfind(mark)
    return stream[:place] + hidden + stream[place:]


def behind_start(stream, hidden):
    return stream[:2] + hidden + stream[2:]


def jpegs(grey):
    plain, progressive = encoded(grey), encoded(grey, progressive=True)
    return {
        "comment": behind_start(plain, segment(0xFE)),
        "fill bytes": behind_start(plain, b"\xff\xff" + segment(0xFE)),
        "exif": behind_start(plain, segment(0xE1, b"Exif\0\0" + CANARY)),
        "thumbnail": behind_start(plain, segment(0xE0, b"JFXX\0\x10" + CANARY)),
        "behind jfif": plain[:2] + segment(0xE0, plain[6:20] + CANARY) + plain[20:],
        "adobe": behind_start(plain, segment(0xEE, b"Adobe" + bytes(6) + b"\0" + CANARY)),
        "no adobe": behind_start(plain, segment(0xEE)),
        "short adobe": behind_start(plain, segment(0xEE, b"Adobe" + CANARY)),
        "colour transform": behind_start(plain, segment(0xE8)),
        "between scans": before(progressive, b"\xff\xda", segment(0xFE)),
        "before the end": before(plain, b"\xff\xd9", segment(0xFE)),
        "behind the end": plain + CANARY,
        "between two ends": plain + CANARY + b"\xff\xd9",
        "second picture": plain + behind_start(plain, segment(0xFE)),
        "restart markers": behind_start(encoded(grey, restart_marker_rows=1), segment(0xFE)),
    }


@pytest.mark.parametrize("place", list(jpegs(np.zeros((64, 48), np.uint8))))
def test_jpeg(grey, place):
    stream = jpegs(grey)[place]
    clean = clean_stream(stream)
    assert CANARY in stream
    assert CANARY not in clean
    assert np.array_equal(decoded(clean), decoded(stream))
    assert clean_stream(clean) == clean


def test_a_clean_jpeg_stays(grey):
    plain = encoded(grey)
    assert clean_stream(plain) == plain
    assert clean_stream(plain[:-2]) == plain  # some lack their end


def test_how_colours_are_stored_stays(grey):
    colour = encoded(np.dstack([grey] * 3), keep_rgb=True)
    assert b"Adobe" in colour
    assert np.array_equal(decoded(clean_stream(colour)), decoded(colour))


def test_in_jpeg_ls_more_bytes_are_values():
    # Between 0xFF and a marker's second byte: T.87 stuffs one bit, so 0x7F may follow.
    head = b"\xff\xd8" + segment(0xF7, bytes(9)) + segment(0xDA, bytes(8))
    stream = head + b"\x12\xff\x7f\x34" + segment(0xFE) + b"\xff\xd9" + CANARY
    assert clean_stream(stream) == head + b"\x12\xff\x7f\x34\xff\xd9"


def in_tile(stream, hidden, *, to_end=False):
    place = stream.find(b"\xff\x90")
    n_bytes, data = struct.unpack_from(">I", stream, place + 6)[0], stream.find(b"\xff\x93", place)
    said = 0 if to_end else n_bytes + len(hidden)
    return stream[: place + 6] + struct.pack(">I", said) + stream[place + 10 : data] + hidden + stream[data:]


def boxed(codestream, *, wide=False, open_end=False):
    def box(kind, content):
        return struct.pack(">I4s", len(content) + 8, kind) + content

    data = box(b"jp2c", codestream)
    if wide:
        data = struct.pack(">I4sQ", 1, b"jp2c", len(codestream) + 16) + codestream
    if open_end:
        data = struct.pack(">I4s", 0, b"jp2c") + codestream
    return box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 " + bytes(4) + b"jp2 ") + box(b"xml ", CANARY) + data


def j2ks(grey):
    plain = encoded(grey, "JPEG2000", no_jp2=True)
    tiles = encoded(grey, "JPEG2000", no_jp2=True, tile_size=(32, 32))
    return {
        "comment": before(plain, b"\xff\x90", segment(0x64)),
        "unknown marker": before(plain, b"\xff\x90", segment(0x6F)),
        "in a tile": in_tile(plain, segment(0x64)),
        "in a tile to the end": in_tile(plain, segment(0x64), to_end=True),
        "first of many tiles": in_tile(tiles, segment(0x64)),
        "behind the end": plain + CANARY,
        "between two ends": plain + CANARY + b"\xff\xd9",
        "boxes": boxed(plain),
        "wide box": boxed(plain, wide=True),
        "open box": boxed(plain, open_end=True),
    }


@pytest.mark.parametrize("place", list(j2ks(np.zeros((64, 48), np.uint8))))
def test_jpeg_2000(grey, place):
    stream = j2ks(grey)[place]
    clean = clean_stream(stream)
    assert CANARY in stream
    assert CANARY not in clean
    plain = encoded(grey, "JPEG2000", no_jp2=True)
    assert np.array_equal(decoded(clean), decoded(plain))
    assert clean_stream(clean) == clean


@pytest.mark.parametrize(
    "stream",
    [
        b"anything",
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xfe\0\1",
        b"\xff\xd8no marker",
        b"\xff\x4f\xff\x51\xff\xff",
        b"\xff\x4f" + segment(0x90, bytes(8)) + b"\xff\xd9",
        b"\xff\x4f" + segment(0x90, b"\0\0\0\0\xff\xff\0\0") + b"\xff\x93" + bytes(9),
        b"\xff\x4f" + segment(0x90, bytes(8)) + b"\xff\x93 no end",
        b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\3jp2h",
        b"\0\0\0\x0cjP  \r\n\x87\n",
    ],
)
def test_what_cannot_be_followed_is_refused(stream):
    with pytest.raises(ImageRefusedError) as caught:
        clean_stream(stream)
    assert caught.value.code == "undecodable"
