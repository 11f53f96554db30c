"""Pictures that decoders fill up in silence: what is missing of them comes out black or grey, and nobody is told."""

import zlib
from struct import unpack
from typing import BinaryIO

import numpy as np
from PIL import Image as Pillow

from hilum.imaging.refusal import refuse

__all__ = ["check_palette", "check_whole"]

_CHUNK = 1 << 16
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Adam7: first column, first row, step across, step down (PNG 8.2).
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_MIDDLE, _BLOCK = 128, 8
_COLOUR_MAP, _BITS, _OFFSETS, _ROWS, _PLANAR, _SAMPLE_FORMAT = 320, 258, 273, 278, 284, 339
_HEIGHT, _TILE_OFFSETS, _SAMPLES_TAG, _SIGNED, _APART = 257, 324, 277, 2, 2


def check_palette(picture: Pillow.Image, kind: str) -> None:
    """Refuse a picture with more indices than its palette has colours; to be called before it is decoded elsewhere.

    Raises:
        ImageRefusedError: The colours of some pixels are nowhere said.
    """
    if picture.mode != "P":
        return
    if kind == "TIFF":
        tags = picture.getexif()
        n_colours = len(tags.get(_COLOUR_MAP, ())) // 3
        lacks = n_colours < 2 ** int(np.max(tags.get(_BITS, 8)))
    else:
        n_colours = len(picture.palette.palette) // 3 if picture.palette else 0
        lacks = int(np.asarray(picture).max()) >= n_colours
    if lacks:
        raise refuse("undecodable", f"Its palette has {n_colours} colours, its pixels name others.")


def check_whole(picture: Pillow.Image, kind: str, stream: BinaryIO) -> None:
    """Refuse a decoded picture some of whose rows are not in its file.

    Raises:
        ImageRefusedError: Rows are missing, or stored with a sign that was not looked at.
    """
    if kind == "PNG":
        _check_png(picture, stream)
    elif kind == "JPEG":
        _check_jpeg(picture)
    else:
        _check_tiff(picture)


def _rows(picture: Pillow.Image, n_rows: int) -> np.ndarray:
    width, height = picture.size
    return np.asarray(picture.crop((0, max(0, height - n_rows), width, height)))


def _check_png(picture: Pillow.Image, stream: BinaryIO) -> None:
    """Count what the data unpack to, where one of the last rows is black: rows that are missing are."""
    if _rows(picture, 2).reshape(min(2, picture.size[1]), -1).any(axis=1).all():
        return
    stream.seek(8)
    inflater, missing = zlib.decompressobj(), 0
    while missing >= 0 and len(head := stream.read(8)) == 8:
        length, name = unpack(">I4s", head)
        if name == b"IHDR":
            missing = _png_bytes(*unpack(">IIBB2xB", stream.read(13)))
        elif name == b"IDAT":
            missing -= _unpacked(inflater, stream.read(length), missing)
        elif name == b"IEND":
            break
        else:
            stream.seek(length, 1)
        stream.seek(4, 1)
        if name in {b"IHDR", b"IDAT"} and missing == 0:
            return
    raise refuse("truncated", "The PNG data have fewer rows than the header promises.")


def _png_bytes(width: int, height: int, depth: int, colour: int, interlaced: int) -> int:
    bits = depth * _SAMPLES.get(colour, 1)
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    sizes = ((-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in passes)
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns > 0 and rows > 0)


def _unpacked(inflater: "zlib._Decompress", data: bytes, most: int) -> int:
    """Count the bytes that data unpack to, up to ``most``."""
    n_bytes = 0
    while data and n_bytes < most and not inflater.eof:
        n_bytes += len(inflater.decompress(data, min(_CHUNK, most - n_bytes)))
        data = inflater.unconsumed_tail
    return n_bytes


def _check_jpeg(picture: Pillow.Image) -> None:
    """Look for what a decoder makes of blocks that are not there: the middle grey, exactly."""
    if picture.size[1] > _BLOCK and (_rows(picture, _BLOCK) == _MIDDLE).all():
        raise refuse("truncated", "The last rows of the JPEG data are missing.")


def _check_tiff(picture: Pillow.Image) -> None:
    tags = picture.getexif()
    offsets = tags.get(_TILE_OFFSETS) or tags.get(_OFFSETS) or ()
    offsets = offsets if isinstance(offsets, tuple) else (offsets,)
    height = max(1, int(tags.get(_HEIGHT, picture.size[1])))  # the picture may have been turned
    n_strips = -(-height // max(1, min(height, int(tags.get(_ROWS, height)))))
    n_strips *= int(tags.get(_SAMPLES_TAG, 1)) if tags.get(_PLANAR) == _APART else 1
    if 0 in offsets or (_TILE_OFFSETS not in tags and len(offsets) < n_strips):
        raise refuse("truncated", "The TIFF data have fewer strips than the header promises.")
    if picture.mode[0] not in "IF" and np.any(np.equal(tags.get(_SAMPLE_FORMAT, 1), _SIGNED)):
        raise refuse("value_range", "Grey values are stored with a sign.")
