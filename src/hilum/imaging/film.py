"""The one way in: a file becomes a canonical image, whatever its ending says it is."""

import stat
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from hilum.imaging.burned_in import text_boxes
from hilum.imaging.content_box import Box, border_share, find_content_box
from hilum.imaging.dicom_file import read_dicom
from hilum.imaging.file_kind import DICOM_START_BYTES, PREAMBLE_BYTES, check_known, starts_as_dicom
from hilum.imaging.film_judge import LOOK_PX, judge_film
from hilum.imaging.flag import in_order
from hilum.imaging.picture_file import read_picture
from hilum.imaging.refusal import LARGEST_BYTES, refuse
from hilum.imaging.square import ResizeRule, resize_square
from hilum.records import Image

__all__ = ["IMAGE_ENDINGS", "read_image", "read_square"]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom")
"""Endings by which films are found in folders; what a file is, its content says."""

_PICTURES = (
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_START_BYTES = 512
_SMALL_PX, _MUCH_BORDER = 128, 0.1


def read_image(path: Path) -> Image:
    """Read a film: PNG, JPEG, TIFF or DICOM, told apart by content.

    Returns:
        Grey values in [0, 1] with dense tissue bright, and facts about the file.

    Raises:
        ImageRefusedError: The file cannot be read rightly; its code is one of ``REFUSALS``.
        MissingExtraError: A DICOM file, and pydicom is not installed.
    """
    image = _not_blank(path)
    box = find_content_box(image.pixels)
    flags = [*image.facts.flags, *_look(image.pixels, box)]
    facts = image.facts.model_copy(update={"content_box": box, "flags": in_order(flags)})
    return Image(image.pixels, facts)


def _not_blank(path: Path) -> Image:
    """Return a film before it is looked at: what :func:`read_image` adds are flags, which cost half as much again."""
    image = _decoded(path)
    if image.pixels.min() == image.pixels.max():
        raise refuse("not_a_chest_radiograph", "All pixels have the same grey.")
    return image


def _look(pixels: Float32[np.ndarray, "height width"], box: Box | None) -> list[str]:
    """Return what the pixels themselves say, whatever the header does."""
    flags = ["small"] if min(pixels.shape) < _SMALL_PX else []
    if border_share(pixels.shape, box) > _MUCH_BORDER:
        flags.append("collimated")
    top, left, height, width = box or (0, 0, *pixels.shape)
    if min(height, width) >= LOOK_PX:
        flags += judge_film(pixels[top : top + height, left : left + width]).flags
    if text_boxes(pixels):
        flags.append("burned_in_text")
    return flags


def _decoded(path: Path) -> Image:
    start = _first_bytes(path)
    # Before the pictures: the preamble may hold the start of a TIFF file, whose grey values mean less.
    if starts_as_dicom(start):
        return read_dicom(path)
    for magic, kind in _PICTURES:
        if start.startswith(magic):
            return read_picture(path, kind)
    check_known(start)
    start = start[:DICOM_START_BYTES]
    cut_preamble = not start[:PREAMBLE_BYTES].strip(b"\0") and b"DICM".startswith(start[PREAMBLE_BYTES:].rstrip(b"\0"))
    if cut_preamble or any(magic.startswith(start) for magic, _ in _PICTURES):
        raise refuse(
            "truncated",
            f"The file ends after {len(start)} bytes." if len(start) < DICOM_START_BYTES else "It holds zeros.",
        )
    raise refuse("format", "The content is none of PNG, JPEG, TIFF or DICOM.")


def read_square(path: Path, size_px: int, *, rule: ResizeRule = "pad") -> UInt8[np.ndarray, "size size"]:
    """Read a film as a square; the same as :func:`resize_square` of :func:`read_image`.

    Raises:
        ImageRefusedError: The file cannot be read rightly.
        InvalidValueError: ``size_px`` is below 1.
    """
    return resize_square(_not_blank(path).pixels, size_px, rule=rule)


def _first_bytes(path: Path) -> bytes:
    try:
        n_bytes, mode = path.stat().st_size, path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise refuse("missing" if stat.S_ISDIR(mode) else "format", "It is not a regular file.")
        with path.open("rb") as stream:
            start = stream.read(_START_BYTES)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        raise refuse("missing", "There is no such file, or it may not be read.") from None
    if not start:
        raise refuse("empty", "The file has 0 bytes.")
    if n_bytes > LARGEST_BYTES:
        raise refuse("too_large", f"The file has {n_bytes / 1e6:,.0f} MB.")
    return start
