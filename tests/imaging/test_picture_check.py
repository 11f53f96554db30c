"""Files that a decoder fills up in silence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image as Pillow

from hilum.errors import ImageRefusedError
from hilum.imaging import read_image


def refusal(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


@pytest.fixture
def written(tmp_path):
    def write(data):
        path = tmp_path / "film"
        path.write_bytes(data)
        return path

    return write


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows, shape, *, depth=8, colour=0, before=b"", adam7=False, parts=1):
    header = struct.pack(">IIBBBBB", shape[1], shape[0], depth, colour, 0, 0, int(adam7))
    packed = zlib.compress(rows)
    step = -(-len(packed) // parts)
    data = b"".join(chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + data + chunk(b"IEND", b"")


def lines(pixels):
    return b"".join(b"\0" + line.tobytes() for line in pixels)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_png_of_too_few_rows(written, grey, parts):
    assert refusal(written(png(lines(grey[:30]), grey.shape, parts=parts))) == "truncated"


def test_a_png_with_a_black_edge_is_whole(written, grey):
    black = np.concatenate([grey[:30], np.zeros_like(grey[:10])])
    for parts in (1, 3):
        assert np.array_equal(read_image(written(png(lines(black), grey.shape, parts=parts))).pixels * 255, black)


@pytest.mark.parametrize(("mode", "depth"), [("I;16", 16), ("L", 8), ("1", 1), ("LA", 8), ("RGB", 8), ("RGBA", 8)])
def test_a_black_edge_in_every_mode_is_whole(save, grey, mode, depth):
    black = np.concatenate([grey[:30], np.zeros_like(grey[:10])])
    picture = Pillow.fromarray(black.astype(np.uint16) * 257) if mode == "I;16" else Pillow.fromarray(black)
    path = save(picture if mode == "I;16" else picture.convert(mode), "film.png")
    assert not read_image(path).pixels[30:].any()


def test_an_interlaced_png_with_a_black_edge_is_whole(written, grey):
    black = np.concatenate([grey[:31], np.zeros_like(grey[:8])])
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = b"".join(lines(black[row::down, column::across]) for row, column, down, across in passes)
    assert np.array_equal(read_image(written(png(rows, black.shape, adam7=True))).pixels * 255, black)
    assert refusal(written(png(rows[: -65 * 10], black.shape, adam7=True))) in {"truncated", "undecodable"}


def test_indices_beyond_the_palette(written, grey):
    palette = bytes(value for level in range(256) for value in (level,) * 3)
    whole = png(lines(grey), grey.shape, colour=3, before=chunk(b"PLTE", palette))
    assert np.array_equal(read_image(written(whole)).pixels * 255, grey)
    short = png(lines(grey), grey.shape, colour=3, before=chunk(b"PLTE", palette[:300]))
    assert refusal(written(short)) == "undecodable"
    assert refusal(written(png(lines(grey), grey.shape, colour=3))) == "undecodable"


def jpeg(pixels):
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_jpeg_whose_scan_ends_early(written, grey, share):
    for pixels in (np.kron(grey, np.ones((4, 4), np.uint8)), np.dstack([np.kron(grey, np.ones((4, 4), np.uint8))] * 3)):
        data = jpeg(pixels)
        assert refusal(written(data[: int(share * len(data))] + b"\xff\xd9")) == "truncated"


def tiff(pixels, *, offsets=None, **entries):
    """A TIFF file of strips of 10 rows."""
    places = [8 + at * 10 * pixels.shape[1] for at in range(pixels.shape[0] // 10)] if offsets is None else offsets
    counts = [10 * pixels.shape[1]] * len(places)
    tags = {256: [pixels.shape[1]], 257: [pixels.shape[0]], 258: [8], 259: [1], 262: [1], 273: places, 278: [10]}
    tags |= {279: counts} | {int(tag): values for tag, values in entries.items()}
    start = 8 + pixels.size
    behind = start + 2 + 12 * len(tags) + 4
    table, far = b"", b""
    for tag in sorted(tags):
        value = struct.pack(f"<{len(tags[tag])}I", *tags[tag])
        if len(value) > 4:
            far, value = far + value, struct.pack("<I", behind + len(far))
        table += struct.pack("<HHI", tag, 4, len(tags[tag])) + value
    return (
        b"II*\0" + struct.pack("<I", start) + pixels.tobytes() + struct.pack("<H", len(tags)) + table + bytes(4) + far
    )


def test_a_tiff_with_all_its_strips(written, grey):
    assert np.array_equal(read_image(written(tiff(grey))).pixels * 255, grey)
    turned = read_image(written(tiff(grey, **{"274": [6]}))).pixels
    assert np.array_equal(turned * 255, np.rot90(grey, -1))


@pytest.mark.parametrize("offsets", [[8, 648], [8, 648, 0, 1928]])
def test_a_tiff_without_some_strips(written, grey, offsets):
    assert refusal(written(tiff(grey, offsets=offsets))) == "truncated"


def test_eight_bits_with_a_sign(written, grey):
    assert refusal(written(tiff(grey, **{"339": [2]}))) == "value_range"


def test_a_tiff_with_half_a_palette(written, grey):
    levels = [level * 257 for level in range(256)] * 3
    assert np.array_equal(read_image(written(tiff(grey, **{"262": [3], "320": levels}))).pixels * 255, grey)
    assert refusal(written(tiff(grey, **{"262": [3], "320": levels[:300]}))) == "undecodable"
