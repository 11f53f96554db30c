"""Why a file is not answered: a stable code for programs, an advice for people."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from hilum.errors import ImageRefusedError, UnknownNameError

__all__ = ["LARGEST_BYTES", "LARGEST_PIXELS", "REFUSALS", "before_decoding", "check_size", "refuse"]

LARGEST_PIXELS = 36_000_000
LARGEST_BYTES = 300_000_000
"""Of a file, or of what it unpacks to: the largest film takes 288 million as 64-bit floats, and far less otherwise."""

REFUSALS: dict[str, str] = {
    "missing": "Check the path; folders of films are given as folders.",
    "empty": "Copy it anew from where it comes from.",
    "format": "Give PNG, JPEG, TIFF or DICOM.",
    "archive": "Unpack it first, then give the films or their folder.",
    "truncated": "The copy is incomplete: copy it anew from where it comes from.",
    "undecodable": "Export it anew, best as PNG or as uncompressed DICOM.",
    "too_large": f"Films have at most {LARGEST_PIXELS // 1_000_000} million pixels: export a smaller copy.",
    "too_costly": "Its decoder used more time or memory than a film needs: export it anew, best uncompressed.",
    "colour": "A film is grey: export it as a greyscale picture, without coloured marks.",
    "multi_frame": "One film at a time: export the frames or pages one by one.",
    "no_pixels": "Choose the object that holds the film itself, not a report or a presentation state.",
    "pixel_mismatch": "Header and pixel data contradict each other: export it anew.",
    "transfer_syntax": "Export it uncompressed or in a lossless JPEG, JPEG-LS, JPEG 2000 or RLE syntax.",
    "modality": "hilum answers for projection radiographs (CR, DX) alone.",
    "intent": "Export the image for presentation: this one holds raw detector values (FOR PROCESSING).",
    "body_part": "hilum answers for frontal chest films alone.",
    "view": "hilum answers for frontal chest films (PA, AP) alone.",
    "not_a_chest_radiograph": "Choose a frontal chest film; this file shows none.",
    "non_finite": "Export it anew with finite grey values.",
    "value_range": "Export it as 8- or 16-bit grey, or as floats in [0, 1].",
}
"""Every code a refusal can carry, with what to do about it."""

_LISTENER: ContextVar[Callable[[int], None] | None] = ContextVar("before_decoding", default=None)


def refuse(code: str, sentence: str) -> ImageRefusedError:
    """Return the refusal with ``code``; ``sentence`` says what was found, never who the film is of."""
    if code not in REFUSALS:
        raise UnknownNameError("refusal", code, REFUSALS)
    return ImageRefusedError(code, sentence, REFUSALS[code])


def check_size(width: int, height: int) -> None:
    """Refuse a film that says in its header that it is too large, or has no pixels at all, before it is decoded.

    Who listens (:func:`before_decoding`) hears how many pixels it has.

    Raises:
        ImageRefusedError: ``pixel_mismatch`` or ``too_large``.
    """
    if width < 1 or height < 1:
        raise refuse("pixel_mismatch", f"The header says {width} x {height} pixels.")
    if width * height > LARGEST_PIXELS:
        raise refuse("too_large", f"The header says {width} x {height} pixels.")
    listener = _LISTENER.get()
    if listener is not None:
        listener(width * height)


@contextmanager
def before_decoding(listener: Callable[[int], None]) -> Iterator[None]:
    """Within it, ``listener`` hears how many pixels a film's header promises, before they are decoded."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
