"""What a reader should know about a film that was read: a stable code for programs, its meaning for people."""

from collections.abc import Iterable

from hilum.errors import UnknownNameError

__all__ = ["FLAGS", "in_order"]

FLAGS: dict[str, str] = {
    "polarity": "The film looks inverted: dense tissue dark. It was not turned; look at it before you trust an answer.",
    "polarity_header": "The header contradicts itself about which end of the grey scale is dense; its display rule was "
    "followed.",
    "turned": "The film looks or is said to be rotated by 90 or 180 degrees; it was not turned back.",
    "mirrored": "The header says that the patient's left is on the left: the film is mirrored, or the header wrong.",
    "unlike_chest": "The pixels do not look like a frontal chest film; an answer means nothing where they are none.",
    "view_unknown": "The header does not say whether the film is PA, AP or lateral. Common; nothing else is wrong.",
    "body_part_unknown": "The header does not name the part of the body. Common; nothing else is wrong.",
    "age": "The patient is under 18, or the age is missing, unreadable or over 110: hilum is made for adults.",
    "burned_in": "The header says that text is burned into the pixels; it may name the patient.",
    "burned_in_text": "There seems to be text in the pixels beside the usual markers; it may name the patient.",
    "colour_marks": "A few pixels have a colour, as marks drawn onto a film have; they were read as grey.",
    "lossy": "The film went through lossy compression; fine detail may be gone.",
    "small": "One side has fewer than 128 pixels: most findings cannot be seen at this size.",
    "collimated": "More than a tenth of the film is an even border around the exposed field; content_box is the field.",
    "window_ignored": "The header's window shows nothing or cannot be used; the film's own range was used instead.",
    "bit_depth": "A picture or a lookup table uses fewer bits than it says; it was scaled by those in use.",
    "transparency": "The picture is transparent in places; it was laid over black.",
    "trailing_data": "The file holds more pixel data than the header promises; the surplus was left out.",
    "no_spacing": "The header does not say how large a pixel is, so nothing can be given in mm.",
    "detector_spacing": "The pixel size is that at the detector: lengths in the body are smaller by an unknown factor.",
    "uneven_spacing": "Pixels are not square by the header; rows and columns were taken as they are.",
    "identity": "The instance's UID is missing or no valid UID: archives will refuse the file.",
    "preamble": "The bytes before the DICOM data start as a program does. Do not run the file; nothing was run.",
}
"""Every code a film's flags can carry, with what it means for a reader; worst first."""


def in_order(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes once each, worst first.

    Raises:
        UnknownNameError: A code is no key of ``FLAGS``.
    """
    found = set(codes)
    for code in sorted(found - FLAGS.keys()):
        raise UnknownNameError("flag", code, FLAGS)
    return tuple(code for code in FLAGS if code in found)
