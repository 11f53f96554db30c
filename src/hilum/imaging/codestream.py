"""How large a compressed picture says it is, from its first bytes: to be known before a decoder makes room for it.

Source: ITU-T T.81 B.2.2 and T.87 C.2.2 (JPEG and JPEG-LS frame headers), T.800 A.5.1 (JPEG 2000).
"""

from struct import unpack_from

__all__ = ["codestream_size"]

_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SIZ = b"\xff\x4f\xff\x51"
_BOX = b"\0\0\0\x0cjP  "
_MOST_SEGMENTS = 1000


def codestream_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of JPEG, JPEG-LS or JPEG 2000 data; None where they are none of these or say nothing."""
    # Some wrap the codestream into boxes, as files do, though the standard forbids it.
    start = data.find(_SIZ, 0, 4096) if data.startswith(_BOX) else 0
    if data[start : start + 4] == _SIZ and start >= 0 and len(data) >= start + 24:
        right, bottom, left, top = unpack_from(">4I", data, start + 8)
        return right - left, bottom - top
    return _jpeg_size(data) if data.startswith(b"\xff\xd8") else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    place = 2
    for _ in range(_MOST_SEGMENTS):
        if place + 9 > len(data) or data[place] != 0xFF:
            return None
        marker = data[place + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            place += 1
            continue
        length, _, height, width = unpack_from(">HBHH", data, place + 2)
        if marker in _FRAME_HEADERS:
            return width, height
        place += 2 + length
    return None
