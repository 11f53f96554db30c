"""One film as hilum sees it: a canonical array and what was done to get it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from hilum.records.base import Record

__all__ = ["Image", "ImageFacts"]


class ImageFacts(Record):
    """What the file was and what was done to its pixels. Holds nothing that identifies a patient.

    Attributes:
        file_format: ``png``, ``jpeg``, ``tiff`` or ``dicom``.
        width_px: Columns of the canonical array.
        height_px: Rows of the canonical array.
        bits: Bits per sample in the file.
        modality: DICOM Modality (``DX``, ``CR`` ...); empty where unknown.
        view: ``PA``, ``AP``, ``LL`` ...; empty where unknown.
        photometric: DICOM Photometric Interpretation or the picture's colour mode.
        inverted: Whether grey values were turned so that dense tissue is bright.
        window: How stored values became [0, 1], in words (``window 2047/4096``, ``VOI LUT``, ``full range``).
        spacing_mm: Row and column spacing in mm; None where the file does not say.
        spacing_from: Where the spacing stands (``PixelSpacing``, or ``ImagerPixelSpacing``: at the detector); empty
            if there is none.
        content_box: Top, left, height and width of the exposed field within an even border, in pixels of the canonical
            array; None if the film has no border. Nothing is cropped.
        flags: Stable codes of what a reader should know, keys of ``imaging.FLAGS``; empty if nothing.
    """

    file_format: str
    width_px: int
    height_px: int
    bits: int
    modality: str = ""
    view: str = ""
    photometric: str = ""
    inverted: bool = False
    window: str = "full range"
    spacing_mm: tuple[float, float] | None = None
    spacing_from: str = ""
    content_box: tuple[int, int, int, int] | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """A film: ``pixels`` in [0, 1], dense tissue bright, never NaN; ``facts`` about the file."""

    pixels: Float32[np.ndarray, "height width"]
    facts: ImageFacts
