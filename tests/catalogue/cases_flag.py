"""Readable, with something that its reader should know: answered, and marked."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from catalogue import film as f
from catalogue.case import Case, Truth
from catalogue.cases_equivalent import grey, picture
from PIL import Image as Pillow
from PIL import ImageDraw

__all__ = ["CASES"]


def mark(
    name: str,
    row: str,
    what: str,
    build: Callable[[Path], Path],
    *codes: str,
    truth: Truth = f.film_grey,
    tolerance: float = 1e-6,
    mean_tolerance: float | None = None,
    also: tuple[str, ...] = (),
) -> Case:
    return Case(
        name, row, "flag", what, "flag", build, codes, truth, tolerance, mean_tolerance=mean_tolerance, also=also
    )


def turned(pixels: Callable[[], np.ndarray]) -> dict[str, Truth]:
    return {"truth": lambda: pixels() / 255}


def negative() -> np.ndarray:
    return 255 - f.film()


def left() -> np.ndarray:
    return np.ascontiguousarray(np.rot90(f.film()))


def upside_down() -> np.ndarray:
    return np.ascontiguousarray(np.rot90(f.film(), 2))


def bordered() -> np.ndarray:
    """The film within a black border of 40 pixels."""
    return np.pad(f.film(), 40)


def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (256, 224), dtype=np.uint8)


def lettered() -> np.ndarray:
    """The film with a name written into a corner."""
    canvas = Pillow.fromarray(np.kron(f.film(), np.ones((2, 2), np.uint8)))
    draw = ImageDraw.Draw(canvas)
    draw.text((12, 10), "ZZYZX, CANARY  1950-12-31", fill=255, font_size=18)
    draw.text((12, 34), "ID 1234567  50Y F", fill=255, font_size=18)
    return np.asarray(canvas)


def coloured_mark() -> Pillow.Image:
    pixels = np.dstack([f.film()] * 3)
    pixels[10:14, 10:20] = (255, 0, 0)
    return Pillow.fromarray(pixels)


def seen_through() -> Pillow.Image:
    alpha = np.full_like(f.film(), 255)
    alpha[:20] = 0
    return Pillow.merge("LA", [Pillow.fromarray(f.film()), Pillow.fromarray(alpha)])


def over_black() -> np.ndarray:
    pixels = f.film() / 255
    pixels[:20] = 0
    return pixels


def marked_truth() -> np.ndarray:
    return np.median(np.asarray(coloured_mark()), axis=2) / 255


def longer(folder: Path) -> Path:
    made = f.dataset(f.film())
    made.PixelData += bytes(100)
    return f.write(made, folder)


def surplus(folder: Path) -> Path:
    path = f.dicom()(folder)
    path.write_bytes(path.read_bytes() + b"\xff" * 333)
    return path


def preamble(start: bytes) -> Callable[[Path], Path]:
    def build(folder: Path) -> Path:
        path = f.dicom()(folder)
        path.write_bytes(start.ljust(128, b"\0") + path.read_bytes()[128:])
        return path

    return build


FILM = [
    mark(
        "inverted png",
        "polarity",
        "an inverted PNG",
        picture("film.png", grey(negative)),
        "polarity",
        **turned(negative),
    ),
    mark(
        "wrong monochrome1",
        "polarity",
        "MONOCHROME1 on a film whose bright is dense",
        f.dicom(PhotometricInterpretation="MONOCHROME1"),
        "polarity",
        **turned(negative),
    ),
    mark(
        "sign against lut",
        "presentation",
        "a sign that contradicts the way it is shown",
        f.dicom(PixelIntensityRelationshipSign=1),
        "polarity_header",
    ),
    mark("on its left", "pose", "rotated by 90 degrees", picture("film.png", grey(left)), "turned", **turned(left)),
    mark(
        "upside down",
        "pose",
        "rotated by 180 degrees",
        picture("film.png", grey(upside_down)),
        "turned",
        **turned(upside_down),
    ),
    mark(
        "turned by header",
        "pose",
        "Patient Orientation says that the head is below",
        f.dicom(PatientOrientation=["R", "H"]),
        "turned",
    ),
    mark(
        "mirrored by header",
        "pose",
        "Patient Orientation says that the left is on the left",
        f.dicom(PatientOrientation=["R", "F"]),
        "mirrored",
    ),
    mark(
        "border",
        "pose",
        "an even border around the field",
        picture("film.png", grey(bordered)),
        "collimated",
        **turned(bordered),
    ),
    mark(
        "noise",
        "not a film",
        "noise",
        picture("film.png", grey(noise)),
        "unlike_chest",
        **turned(noise),
        also=("polarity", "turned", "burned_in_text"),
    ),
    mark(
        "small",
        "pose",
        "a film of 64 pixels",
        picture("film.png", grey(lambda: f.film()[::4, ::4])),
        "small",
        truth=lambda: f.film()[::4, ::4] / 255,
    ),
    mark("burned in by header", "private", "Burned In Annotation YES", f.dicom(BurnedInAnnotation="YES"), "burned_in"),
    mark(
        "burned-in text",
        "private",
        "a name written into the pixels",
        picture("film.png", grey(lettered)),
        "burned_in_text",
        **turned(lettered),
    ),
]

HEADER = [
    mark("view unknown", "lateral", "no view", f.dicom(ViewPosition=None), "view_unknown"),
    mark("part unknown", "body part", "no part of the body", f.dicom(BodyPartExamined=None), "body_part_unknown"),
    mark("child", "age", "a patient of 3 months", f.dicom(PatientAge="003M"), "age"),
    mark("no age", "age", "no age, no date of birth", f.dicom(PatientAge=None, PatientBirthDate=None), "age"),
    mark("150 years", "age", "150Y", f.dicom(PatientAge="150Y"), "age"),
    mark("age 0", "age", "'0'", f.dicom(PatientAge="0"), "age"),
    mark("no spacing", "spacing", "no pixel spacing", f.dicom(PixelSpacing=None), "no_spacing"),
    mark("spacing 0", "spacing", "pixel spacing 0", f.dicom(PixelSpacing=[0, 0]), "no_spacing"),
    mark(
        "uneven spacing", "spacing", "pixels twice as high as wide", f.dicom(PixelSpacing=[0.4, 0.2]), "uneven_spacing"
    ),
    mark(
        "detector spacing",
        "spacing",
        "spacing at the detector alone",
        f.dicom(PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.2]),
        "detector_spacing",
    ),
    mark("no uid", "uids", "no SOP Instance UID", f.dicom(SOPInstanceUID=None), "identity"),
    mark("uid of letters", "uids", "a UID of letters", f.dicom(SOPInstanceUID="1.2.Zzyzx"), "identity"),
    mark("long uid", "uids", "a UID of 70 characters", f.dicom(SOPInstanceUID="1." + "2" * 68), "identity"),
    mark("preamble pe", "preamble", "a Windows program's start in the preamble", preamble(b"MZ\x90\0"), "preamble"),
    mark(
        "preamble elf", "preamble", "a Linux program's start in the preamble", preamble(b"\x7fELF\x02\x01"), "preamble"
    ),
    mark(
        "window of 0",
        "window",
        "a window of width 0: the film's own range",
        f.deep_dicom(WindowWidth=0),
        "window_ignored",
        truth=f.stretched,
    ),
    mark(
        "window beside",
        "window",
        "a window that shows nothing",
        f.deep_dicom(WindowCenter=60000, WindowWidth=10),
        "window_ignored",
        truth=f.stretched,
    ),
    mark("long data", "pixel length", "pixel data 100 bytes too long", longer, "trailing_data"),
    mark("bytes behind", "pixel length", "bytes that are no element behind the pixels", surplus, "trailing_data"),
]

PICTURES = [
    mark(
        "12 bits in 16",
        "png",
        "12-bit values in a 16-bit PNG",
        picture("film.png", grey(f.deep)),
        "bit_depth",
        truth=f.deep_grey,
    ),
    mark(
        "transparent",
        "png",
        "transparent in places: laid over black",
        picture("film.png", seen_through),
        "transparency",
        truth=over_black,
    ),
    mark(
        "coloured mark",
        "png",
        "a small red mark",
        picture("film.png", coloured_mark),
        "colour_marks",
        truth=marked_truth,
    ),
]

LOSSY = [
    mark(
        "dicom jpeg baseline",
        "syntax",
        "JPEG baseline, 8 bits",
        f.by_program("dcmcjpeg", "+eb", "+q", "90", stored=f.film),
        "lossy",
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
    mark(
        "dicom jpeg extended",
        "syntax",
        "JPEG extended, 12 bits",
        f.by_program("dcmcjpeg", "+ee", "+q", "90", BitsStored=12, **f.WINDOW),
        "lossy",
        truth=f.deep_grey,
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
    mark(
        "dicom jpeg-ls near",
        "syntax",
        "JPEG-LS near lossless, 3 levels",
        f.by_program("dcmcjpls", "+en", "+md", "3", BitsStored=12, **f.WINDOW),
        "lossy",
        truth=f.deep_grey,
        tolerance=4 / 4095,
    ),
    mark(
        "dicom jpeg 2000 lossy",
        "syntax",
        "JPEG 2000, 20 to 1",
        f.compressed(f.J2K, BitsStored=12, **f.WINDOW),
        "lossy",
        truth=f.deep_grey,
        tolerance=0.25,
        mean_tolerance=0.02,
    ),
]

CASES = [*FILM, *HEADER, *PICTURES, *LOSSY]
