"""A compressed picture with nothing in it but the picture: no comments, no application data, nothing after its end.

Markers are walked to the end of the picture, between scans and in the heads of tiles too, and kept by name alone. Not
one bit of coded grey values changes. Source: ITU-T T.81 B.1 (JPEG), T.87 C (JPEG-LS), T.800 A and I (JPEG 2000).
"""

import re
from collections.abc import Iterator

from hilum.imaging.refusal import refuse

__all__ = ["clean_stream"]

_JPEG, _JPEG_2000, _END = b"\xff\xd8", b"\xff\x4f", b"\xff\xd9"
_BOXES, _CODESTREAM = b"\0\0\0\x0cjP  ", b"jp2c"
_SCAN, _LS_FRAME = 0xDA, 0xF7
_JPEG_KEPT = {*range(0xC0, 0xD0), *range(0xDA, 0xE0), _LS_FRAME, 0xF8}
# Application data that say how colours are stored: how they begin, and how long they are.
_JPEG_COLOURS = {0xE0: (b"JFIF\0", 14), 0xE8: (b"mrfx", 5), 0xEE: (b"Adobe", 12)}
_THUMBNAIL = 12
# Amid coded values a 0xFF stands before 0 or a restart marker; in JPEG-LS before any byte below 0x80.
_JPEG_MARKER, _LS_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]"), re.compile(rb"\xff+[\x80-\xcf\xd8-\xfe]")
_TILE, _DATA = 0x90, 0x93
_J2K_KEPT = {0x50, 0x51, 0x52, 0x53, 0x56, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x63}


def clean_stream(stream: bytes) -> bytes:
    """Return a JPEG, JPEG-LS or JPEG 2000 stream that holds the first picture and nothing else.

    Raises:
        ImageRefusedError: It is none of them, or cannot be followed to its end: nobody can say what else it holds.
    """
    if stream.startswith(_BOXES):
        stream = _unboxed(stream)
    if stream.startswith(_JPEG):
        parts = _JPEG, *_jpeg_parts(stream)
    elif stream.startswith(_JPEG_2000):
        parts = _JPEG_2000, *_j2k_parts(stream)
    else:
        raise _unclear()
    return b"".join((*parts, _END))


def _jpeg_parts(stream: bytes) -> Iterator[bytes]:
    place, pattern = len(_JPEG), _JPEG_MARKER
    while True:
        while stream[place : place + 2] == b"\xff\xff":  # fill bytes
            place += 1
        marker, content = _segment(stream, place)
        if marker == _END[1]:
            return
        pattern = _LS_MARKER if marker == _LS_FRAME else pattern
        if marker in _JPEG_KEPT:
            yield stream[place : place + 4] + content
        elif marker in _JPEG_COLOURS:
            yield _colours(marker, content)
        place += 4 + len(content)
        if marker == _SCAN:
            found = pattern.search(stream, place)
            # Some streams lack their end: the rest is coded values, as far as anyone can say.
            end = found.start() if found else len(stream)
            yield stream[place:end]
            if not found:
                return
            place = end


def _colours(marker: int, content: bytes) -> bytes:
    magic, length = _JPEG_COLOURS[marker]
    if not content.startswith(magic) or len(content) < length:
        return b""
    content = content[:_THUMBNAIL] + b"\0\0" if marker == 0xE0 else content[:length]
    return bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content


def _j2k_parts(stream: bytes) -> Iterator[bytes]:
    place = len(_JPEG_2000)
    while True:
        marker, content = _segment(stream, place)
        if marker == _END[1]:
            return
        if marker == _TILE:
            head, begin = _tile_head(stream, place + 4 + len(content))
            n_bytes = int.from_bytes(content[2:6], "big")
            # Two bytes of which the first is 0xFF and the second above 0x8F stand at an end alone.
            end = place + n_bytes if n_bytes else stream.find(_END, begin)
            if not begin <= end <= len(stream):
                raise _unclear()
            length = 12 + len(head) + end - begin if n_bytes else 0
            yield stream[place : place + 6] + length.to_bytes(4, "big") + content[6:] + head + stream[begin:end]
            place = end
            continue
        if marker in _J2K_KEPT:
            yield stream[place : place + 4] + content
        place += 4 + len(content)


def _tile_head(stream: bytes, place: int) -> tuple[bytes, int]:
    """Return what of a tile's head is kept, up to where its data begin, and that place."""
    kept = b""
    while stream[place : place + 2] != bytes((0xFF, _DATA)):
        marker, content = _segment(stream, place)
        if marker == _END[1]:
            raise _unclear()
        kept += stream[place : place + 4] + content if marker in _J2K_KEPT else b""
        place += 4 + len(content)
    return kept + bytes((0xFF, _DATA)), place + 2


def _segment(stream: bytes, place: int) -> tuple[int, bytes]:
    """Return the marker at a place and what it holds; nothing for the end of the picture."""
    if stream[place : place + 2] == _END:
        return _END[1], b""
    length = int.from_bytes(stream[place + 2 : place + 4], "big")
    if stream[place : place + 1] != b"\xff" or length < 2 or place + 2 + length > len(stream):
        raise _unclear()
    return stream[place + 1], stream[place + 4 : place + 2 + length]


def _unboxed(stream: bytes) -> bytes:
    """Return the codestream in the boxes of a JPEG 2000 file."""
    place = 0
    while place + 8 <= len(stream):
        length, kind = int.from_bytes(stream[place : place + 4], "big"), stream[place + 4 : place + 8]
        head = 8
        if length == 1:
            length, head = int.from_bytes(stream[place + 8 : place + 16], "big"), 16
        end = place + length if length else len(stream)
        if kind == _CODESTREAM:
            return stream[place + head : end]
        if length and length < head:
            break
        place = end
    raise _unclear()


def _unclear() -> Exception:
    return refuse("undecodable", "Its compressed pixels cannot be followed to their end.")
