import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from hilum.errors import ImageRefusedError, InvalidValueError
from hilum.imaging import encode_png, read_image, write_png


def code_of(path):
    with pytest.raises(ImageRefusedError) as caught:
        read_image(path)
    return caught.value.code


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width, height, *chunks, depth=8, colour=0, interlace=0):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + b"".join(chunks) + png_chunk(b"IEND", b"")


def adam7(pixels):
    """An interlaced PNG of 8-bit grey: seven passes, each a small picture with filter byte 0 (PNG, section 8.2)."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    lines = [
        b"\0" + line.tobytes()
        for row, column, down, right in passes
        for line in pixels[row::down, column::right]
        if line.size
    ]
    height, width = pixels.shape
    return png_of(width, height, png_chunk(b"IDAT", zlib.compress(b"".join(lines))), interlace=1)


def test_eight_bit_grey_is_a_share_of_255(save, grey):
    image = read_image(save(grey, "film.png"))
    assert image.pixels.dtype == np.float32
    assert (image.pixels == grey.astype(np.float32) / 255).all()
    assert (image.facts.file_format, image.facts.width_px, image.facts.height_px, image.facts.bits) == (
        "png",
        64,
        40,
        8,
    )
    assert (image.facts.window, image.facts.flags) == ("full range", ("small",))


def variants(grey):
    alpha = np.full_like(grey, 255)
    palette = Pillow.fromarray(grey).convert("P", palette=Pillow.Palette.ADAPTIVE, colors=256)
    return {
        "rgb.png": Pillow.fromarray(np.stack([grey] * 3, axis=2)),
        "rgba.png": Pillow.fromarray(np.stack([grey] * 3 + [alpha], axis=2)),
        "la.png": Pillow.fromarray(np.stack([grey, alpha], axis=2)),
        "palette.png": palette,
        "sixteen.png": Pillow.fromarray(grey.astype(np.uint16) * 257),
        "grey.tif": Pillow.fromarray(grey),
        "rgb.tif": Pillow.fromarray(np.stack([grey] * 3, axis=2)),
        "sixteen.tif": Pillow.fromarray(grey.astype(np.uint16) * 257),
        "float.tif": Pillow.fromarray(grey.astype(np.float32) / 255),
    }


@pytest.mark.parametrize("name", list(variants(np.zeros((2, 2), np.uint8))))
def test_the_same_film_in_other_clothes_has_the_same_pixels(save, grey, name):
    grey[0, 0] = 255
    image = read_image(save(variants(grey)[name], name))
    assert np.abs(image.pixels - grey / 255).max() < 1e-6
    assert image.facts.flags == ("small",)


def test_interlaced(tmp_path, grey):
    path = tmp_path / "adam7.png"
    path.write_bytes(adam7(grey))
    with Pillow.open(path) as picture:
        assert picture.info["interlace"] == 1
    assert (read_image(path).pixels == grey.astype(np.float32) / 255).all()


def test_one_bit_is_black_and_white(save):
    bits = np.zeros((16, 16), dtype=bool)
    bits[:, 3:] = True
    for name in ("bits.png", "bits.tif"):
        image = read_image(save(bits, name))
        assert (image.pixels == bits).all()
        assert image.facts.bits == 1


def test_a_palette_is_looked_up(save):
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([200, 200, 200, 10, 10, 10])
    picture.putdata([0, 1])
    assert np.allclose(read_image(save(picture, "palette.png")).pixels, [[200 / 255, 10 / 255]])


@pytest.mark.parametrize(("top", "bits"), [(200, 8), (256, 10), (1023, 10), (4095, 12), (16383, 14), (16384, 16)])
def test_deep_grey_is_scaled_by_the_bits_in_use(save, top, bits):
    values = np.array([[0, top // 2, top]], dtype=np.uint16)
    for name in ("deep.png", "deep.tif"):
        image = read_image(save(values, name))
        assert np.allclose(image.pixels, values / (2**bits - 1), atol=1e-7)
        assert image.facts.window == f"{bits} of 16 bits"
        assert ("bit_depth" in image.facts.flags) == (bits < 16)


def test_white_is_zero_in_tiff(save, grey):
    grey[0, :2] = 0, 255
    for values in (grey, grey.astype(np.uint16) * 257, grey.astype(np.float32) / 255):
        path = save(values, "white.tif", tiffinfo={262: 0})
        # Pillow turns 8-bit values while it writes them.
        expected = grey / 255 if values.dtype == np.uint8 else 1 - grey / 255
        assert np.abs(read_image(path).pixels - expected).max() < 1e-6


def test_transparent_pixels_lie_over_black(save, grey):
    alpha = np.full_like(grey, 255)
    alpha[:, :10], alpha[:, 10:20] = 0, 51
    image = read_image(save(np.stack([grey, alpha], axis=2), "alpha.png"))
    assert np.allclose(image.pixels, grey / 255 * (alpha / 255), atol=1e-6)
    assert {"small", "transparency"} <= set(image.facts.flags)


@pytest.mark.parametrize("deep", [False, True])
def test_a_transparent_grey_level_is_black(save, grey, deep):
    values = grey.astype(np.uint16) * 257 if deep else grey
    level = int(values[3, 5])
    pixels = read_image(save(values, "level.png", transparency=level)).pixels
    assert (pixels[values == level] == 0).all()
    top = 1 if not deep else 65535 / (2 ** (14 if values.max() < 2**14 else 16) - 1)
    assert np.allclose(pixels[values != level], grey[values != level] / 255 * top, atol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["film.png", "film.tif", "film.jpg"])
def test_exif_orientation_is_undone(save, grey, orientation, name):
    # What the camera stored, from what is to be seen; EXIF 2.3, 4.6.4 (row 0 and column 0 are at ...).
    stored = {
        1: grey,
        2: grey[:, ::-1],
        3: grey[::-1, ::-1],
        4: grey[::-1],
        5: grey.T,
        6: grey.T[::-1],
        7: grey.T[::-1, ::-1],
        8: grey.T[:, ::-1],
    }[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {274: orientation}} if name.endswith("tif") else {"exif": exif}
    path = save(np.ascontiguousarray(stored), name, **options)
    seen = read_image(path).pixels
    assert seen.shape == grey.shape
    assert np.abs(seen - grey / 255).max() <= (4.5 / 255 if name.endswith("jpg") else 1e-6)


def test_jpeg_grey_colour_progressive(save, grey):
    for mode in (grey, np.stack([grey] * 3, axis=2)):
        for progressive in (False, True):
            image = read_image(save(mode, "film.jpg", quality=95, progressive=progressive))
            assert image.facts.file_format == "jpeg"
            assert np.abs(image.pixels - grey / 255).max() < 4 / 255


def test_colour_is_refused_and_a_few_marks_are_flagged(save):
    film = np.full((100, 100, 3), 90, dtype=np.uint8)
    film[0, :3] = 255, 0, 0
    image = read_image(save(film, "marked.png"))
    assert {"colour_marks", "small"} <= set(image.facts.flags)
    film[:20] = 255, 0, 0
    path = save(film, "coloured.png")
    assert code_of(path) == "colour"
    with pytest.raises(ImageRefusedError, match=r"20\.0% of the pixels have a colour"):
        read_image(path)


@pytest.mark.parametrize("name", ["cmyk.jpg", "cmyk.tif", "lab.tif"])
def test_print_colours_are_refused(save, grey, name):
    picture = Pillow.new(name.split(".")[0].upper(), (32, 32))
    assert code_of(save(picture, name)) == "colour"


def test_several_pages_are_refused(save, grey):
    second = Pillow.fromarray(grey)
    assert code_of(save(grey, "pages.tif", save_all=True, append_images=[second])) == "multi_frame"
    assert (
        code_of(save(grey, "moving.png", save_all=True, append_images=[Pillow.fromarray(grey[::-1])])) == "multi_frame"
    )


def test_floats_must_be_finite_and_grey_levels(save):
    for value, code in ((np.nan, "non_finite"), (np.inf, "non_finite"), (-0.1, "value_range"), (1.5, "value_range")):
        pixels = np.full((4, 4), 0.5, dtype=np.float32)
        pixels[1, 2] = value
        assert code_of(save(pixels, "float.tif")) == code


def test_values_beyond_sixteen_bits_are_refused(save):
    for value in (70000, -5):
        assert code_of(save(np.array([[0, value]], dtype=np.int32), "wide.tif")) == "value_range"


def test_a_blank_film_is_refused(save):
    assert code_of(save(np.full((8, 8), 7, np.uint8), "blank.png")) == "not_a_chest_radiograph"
    assert code_of(save(np.full((1, 1), 7, np.uint8), "tiny.png")) == "not_a_chest_radiograph"


@pytest.mark.parametrize(("width", "height"), [(65535, 65535), (30000, 30000), (9000, 9000), (2**31 - 1, 1)])
def test_a_header_that_claims_too_much_is_refused_unread(tmp_path, width, height):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(width, height, png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))))
    assert code_of(path) == "too_large"


def test_text_that_unpacks_to_gigabytes_is_refused(tmp_path):
    path = tmp_path / "text.png"
    bomb = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 80_000_000))
    path.write_bytes(png_of(1, 1, bomb, png_chunk(b"IDAT", zlib.compress(b"\0\0"))))
    assert code_of(path) == "undecodable"


def test_no_pixels_at_all(tmp_path):
    path = tmp_path / "none.png"
    path.write_bytes(png_of(0, 5, png_chunk(b"IDAT", zlib.compress(b""))))
    assert code_of(path) in {"undecodable", "pixel_mismatch"}


@pytest.mark.parametrize("name", ["film.png", "film.jpg", "film.tif"])
def test_a_file_cut_anywhere_is_truncated(save, tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (80, 64), dtype=np.uint8)
    whole = save(noise, name).read_bytes()
    cut = tmp_path / f"cut-{name}"
    for part in range(64):
        cut.write_bytes(whole[: len(whole) * part // 64])
        assert code_of(cut) == ("truncated" if part else "empty"), part


def test_a_flipped_bit_in_a_png_is_never_answered_wrongly(save, tmp_path, grey):
    """Zlib's checksum sees to it even where the flipped bits are plain pixels."""
    whole = save(grey, "film.png", compress_level=0).read_bytes()
    start, flipped = whole.index(b"IDAT") + 4, tmp_path / "flipped.png"
    for place in range(start, whole.index(b"IEND") - 8, 97):
        content = bytearray(whole)
        content[place] ^= 0x10
        flipped.write_bytes(content)
        assert code_of(flipped) in {"undecodable", "truncated"}


def test_big_tiff_is_read_as_any_other(save, grey):
    path = save(grey, "big.tif", big_tiff=True)
    assert path.read_bytes()[:4] == b"II+\0"
    assert (read_image(path).pixels == grey.astype(np.float32) / 255).all()


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", None])
def test_compressed_tiff_holds_the_same_film(save, grey, compression):
    for values in (grey, grey.astype(np.uint16) * 257):
        image = read_image(save(values, "film.tif", compression=compression))
        bits = 8 if values.dtype == np.uint8 else int(image.facts.window.split()[0])
        assert np.abs(image.pixels - values / (2**bits - 1)).max() < 1e-6


def test_pages_without_end_are_refused_at_once(save, tmp_path, grey):
    """The second page of this file is its first again."""
    content = bytearray(save(grey, "film.tif").read_bytes())
    first = int.from_bytes(content[4:8], "little")
    n_entries = int.from_bytes(content[first : first + 2], "little")
    end = first + 2 + 12 * n_entries
    content[end : end + 4] = content[4:8]
    path = tmp_path / "ring.tif"
    path.write_bytes(content)
    try:
        assert read_image(path).pixels.shape == grey.shape
    except ImageRefusedError as error:
        assert error.code in {"multi_frame", "undecodable"}  # noqa: PT017


def test_twelve_bit_jpeg_is_not_called_truncated(save, tmp_path, grey):
    content = bytearray(save(grey, "film.jpg").read_bytes())
    frame = content.index(b"\xff\xc0")
    content[frame + 4] = 12
    path = tmp_path / "twelve.jpg"
    path.write_bytes(content)
    assert code_of(path) == "undecodable"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["png", "jpg", "tif"]))
def test_damaged_bytes_are_read_or_refused_never_anything_else(tmp_path, data, ending):
    picture = Pillow.fromarray((np.arange(24 * 24) % 251).astype(np.uint8).reshape(24, 24))
    buffer = io.BytesIO()
    picture.save(buffer, {"png": "PNG", "jpg": "JPEG", "tif": "TIFF"}[ending])
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged.{ending}"
    path.write_bytes(content)
    try:
        image = read_image(path)
    except ImageRefusedError:
        return
    assert np.isfinite(image.pixels).all()
    assert 0 <= image.pixels.min() <= image.pixels.max() <= 1


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_png_out_and_in(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "out.png"
    write_png(path, pixels)
    assert (np.asarray(Pillow.open(io.BytesIO(path.read_bytes()))) == pixels).all()
    assert (np.asarray(Pillow.open(io.BytesIO(encode_png(pixels)))) == pixels).all()
    assert (np.asarray(Pillow.open(io.BytesIO(encode_png(pixels[::-1, ::2])))) == pixels[::-1, ::2]).all()


@pytest.mark.parametrize("pixels", [np.zeros((2, 2)), np.zeros(4, np.uint8), np.zeros((2, 2, 4), np.uint8)])
def test_png_takes_bytes_of_grey_or_colour(pixels):
    with pytest.raises(InvalidValueError, match="a PNG takes uint8"):
        encode_png(pixels)


@pytest.mark.parametrize(("kind", "value"), [(11, struct.pack("<f", 6.0)), (5, struct.pack("<III", 26, 6, 1)[0:4])])
def test_orientation_as_a_fraction(save, grey, tmp_path, kind, value):
    exif = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHI", 0x0112, kind, 1) + value + bytes(4) + struct.pack("<II", 6, 1)
    rows = b"".join(b"\0" + line.tobytes() for line in grey)
    path = tmp_path / "film.png"
    path.write_bytes(png_of(64, 40, png_chunk(b"eXIf", exif), png_chunk(b"IDAT", zlib.compress(rows))))
    assert np.array_equal(read_image(path).pixels * 255, np.rot90(grey, -1))


def test_a_transparent_level_of_16_bits_is_said(tmp_path, grey):
    deep = grey.astype(">u2") * 257
    rows = b"".join(b"\0" + line.tobytes() for line in deep)
    path = tmp_path / "film.png"
    clear = struct.pack(">H", int(deep[20, 30]))
    path.write_bytes(png_of(64, 40, png_chunk(b"tRNS", clear), png_chunk(b"IDAT", zlib.compress(rows)), depth=16))
    image = read_image(path)
    assert "transparency" in image.facts.flags
    assert not image.pixels[grey == grey[20, 30]].any()
