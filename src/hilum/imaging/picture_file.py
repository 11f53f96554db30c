"""PNG, JPEG and TIFF in; PNG out."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from hilum.errors import ImageRefusedError, InvalidValueError
from hilum.imaging.picture_check import check_palette, check_whole
from hilum.imaging.quiet import ignore_warnings_of
from hilum.imaging.refusal import check_size, refuse
from hilum.records import Image, ImageFacts

__all__ = ["bits_in_use", "encode_png", "grey_of_colour", "read_picture", "write_png"]

_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    ZeroDivisionError,
    EOFError,
    struct.error,
    zlib.error,
)
_ORIENTATION, _PHOTOMETRIC = 0x0112, 262
_END_OF_FILE = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
# EXIF orientation to what undoes it: transpose first, then the flips of rows and of columns.
_TURNS = {
    2: (False, 1, -1),
    3: (False, -1, -1),
    4: (False, -1, 1),
    5: (True, 1, 1),
    6: (True, 1, -1),
    7: (True, -1, -1),
    8: (True, -1, 1),
}
_COLOURED_LEVELS = 24
_COLOURED_SHARE = 0.002
_FAST, _SMALL = 1, 6


def read_picture(path: Path, kind: str) -> Image:
    """Read a picture file that starts as ``kind`` (PNG, JPEG, TIFF) does; raises ImageRefusedError."""
    ignore_warnings_of("PIL")
    try:
        # A stream, not a path: Pillow would map the file, and mistake rows for columns in turned TIFF.
        with path.open("rb") as stream, Pillow.open(stream, formats=(kind,)) as picture:
            check_size(*picture.size)
            _check_single(picture)
            mode = picture.mode
            # Pillow turns TIFF by itself.
            orientation = 1 if kind == "TIFF" else picture.getexif().get(_ORIENTATION, 1)
            inverted = kind == "TIFF" and mode[0] in "IF" and picture.getexif().get(_PHOTOMETRIC) == 0
            check_palette(picture, kind)
            grey, window, flags = _grey(picture)
            check_whole(picture, kind, stream)
    except Pillow.DecompressionBombError:
        raise refuse("too_large", "The header says more pixels than any film has.") from None
    except _PILLOW_ERRORS as error:
        raise _refusal_for(error, path, kind) from None
    if inverted:  # white is zero; Pillow sees to it in shallower pictures alone
        grey = 1 - grey
    turned = _turn(grey, orientation)
    facts = ImageFacts(
        file_format=kind.lower(),
        width_px=turned.shape[1],
        height_px=turned.shape[0],
        bits=_bits_of(mode),
        photometric=mode,
        inverted=inverted,
        window=window,
        flags=flags,
    )
    return Image(np.ascontiguousarray(turned, dtype=np.float32), facts)


def write_png(path: Path, pixels: UInt8[np.ndarray, "..."]) -> None:
    """Write grey (height, width) or colour (height, width, 3) as PNG, fast; raises OSError as ``open`` does."""
    path.write_bytes(_encode(pixels, _FAST))


def encode_png(pixels: UInt8[np.ndarray, "..."]) -> bytes:
    """Return grey (height, width) or colour (height, width, 3) as a small PNG file's bytes.

    Raises:
        InvalidValueError: Another shape or type.
    """
    return _encode(pixels, _SMALL)


def grey_of_colour(colour: UInt8[np.ndarray, "height width 3"]) -> tuple[Float32[np.ndarray, "height width"], bool]:
    """Return the grey levels of a picture stored in colour, and whether a few pixels do have a colour.

    Raises:
        ImageRefusedError: More than a few: it is a colour picture.
    """
    levels = colour.astype(np.int16)
    coloured = (levels.max(axis=2) - levels.min(axis=2)) > _COLOURED_LEVELS
    share = float(coloured.mean())
    if share > _COLOURED_SHARE:
        raise refuse("colour", f"{share:.1%} of the pixels have a colour.")
    # Equal channels keep their exact level.
    return np.asarray(np.median(colour, axis=2), dtype=np.float32), share > 0


def _check_single(picture: Pillow.Image) -> None:
    """Refuse several pages or frames; looks for a second one alone, for counting them may take for ever."""
    try:
        picture.seek(1)
    except EOFError:
        picture.seek(0)
        return
    raise refuse("multi_frame", "The file holds several pictures.")


def _grey(picture: Pillow.Image) -> tuple[Float32[np.ndarray, "height width"], str, tuple[str, ...]]:
    """Return grey values in [0, 1], how stored values became them, and flags."""
    mode = picture.mode
    if mode in {"L", "1", "RGB"} and "transparency" in picture.info:
        return _without_alpha(picture.convert("RGBA"))
    if mode in {"L", "1"}:
        levels: UInt8[np.ndarray, "height width"] = np.asarray(picture if mode == "L" else picture.convert("L"))
        return np.divide(levels, np.float32(255), dtype=np.float32), "full range", ()
    if mode in {"P", "LA", "RGBA", "PA", "La", "RGBa"}:
        return _without_alpha(picture.convert("RGBA"))
    if mode == "RGB":
        grey, marked = grey_of_colour(np.asarray(picture))
        return grey / 255, "full range", ("colour_marks",) if marked else ()
    if mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        clear = values == picture.info.get("transparency", -1)
        values[clear] = 0
        grey, window, flags = _deep(values)
        return grey, window, (*flags, "transparency") if clear.any() else flags
    if mode == "F":
        return _floating(np.asarray(picture, dtype=np.float32)), "full range", ()
    raise refuse("colour", f"The picture is stored as {mode}.")


def _without_alpha(picture: Pillow.Image) -> tuple[Float32[np.ndarray, "height width"], str, tuple[str, ...]]:
    """Lay a picture over black where it is transparent."""
    layers = np.asarray(picture)
    grey, marked = grey_of_colour(np.ascontiguousarray(layers[..., :3]))
    alpha = layers[..., 3].astype(np.float32) / 255
    flags = (("colour_marks",) if marked else ()) + (("transparency",) if alpha.min() < 1 else ())
    return grey / 255 * alpha, "full range", flags


def bits_in_use(highest: int) -> int:
    """Return how many bits grey values up to ``highest`` come from: 8, 10, 12, 14 or 16."""
    return max(8, highest.bit_length() + highest.bit_length() % 2)


def _deep(values: np.ndarray) -> tuple[Float32[np.ndarray, "height width"], str, tuple[str, ...]]:
    """Scale 16-bit grey by the bits that are in use, 8, 10, 12, 14 or 16: 12-bit films come in 16-bit files."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise refuse("value_range", f"Grey values run from {low} to {high}.")
    bits = bits_in_use(high)
    flags = () if bits == 16 else ("bit_depth",)
    return (values / (2**bits - 1)).astype(np.float32), f"{bits} of 16 bits", flags


def _floating(values: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    if not np.isfinite(values).all():
        raise refuse("non_finite", "Some grey values are NaN or infinite.")
    if values.min() < 0 or values.max() > 1:
        raise refuse("value_range", f"Floating grey values run from {values.min():g} to {values.max():g}.")
    return values


def _turn(grey: Float32[np.ndarray, "height width"], orientation: object) -> Float32[np.ndarray, "..."]:
    # Some write it as a fraction.
    turn = next((turn for number, turn in _TURNS.items() if number == orientation), None)
    if turn is None:
        return grey
    transpose, rows, columns = turn
    turned = grey.T if transpose else grey
    return turned[::rows, ::columns]


def _bits_of(mode: str) -> int:
    return {"1": 1, "F": 32, "I": 32}.get(mode, 16 if mode.startswith("I;16") else 8)


def _refusal_for(error: Exception, path: Path, kind: str) -> ImageRefusedError:
    text = str(error).lower()
    cut = isinstance(error, (EOFError, UnidentifiedImageError)) or "truncated" in text or "not processed" in text
    if cut and not _ends_as_it_should(path, kind):
        return refuse("truncated", f"The {kind} data end too early.")
    return refuse("undecodable", f"The {kind} data cannot be decoded.")


def _ends_as_it_should(path: Path, kind: str) -> bool:
    """Whether the mark that ends a file of this kind is there; TIFF has none."""
    mark = _END_OF_FILE.get(kind)
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 64))
        return mark is not None and mark in stream.read()


def _encode(pixels: UInt8[np.ndarray, "..."], level: int) -> bytes:
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise InvalidValueError(
            f"a PNG takes uint8 (height, width) or (height, width, 3), got {pixels.dtype} {pixels.shape}"
        )
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()
