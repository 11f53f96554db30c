"""What a case of the input catalogue is: one file, or a row of cut files, and what must become of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

__all__ = ["FOR_THE_SERVICE", "GROUPS", "ROWS", "Case", "ProgramMissingError", "of_row"]

GROUPS = {
    "equivalent": "Other encodings of one film: the same grey values come out",
    "refuse": "No single frontal chest film, or none that can be read rightly: refused with a code",
    "flag": "Readable, with something that its reader should know: answered and marked",
    "hostile": "Made to harm, or broken everywhere: done with within 2 s and 256 MB",
}

ROWS: dict[str, str] = {
    "modality": "CT, MR, ultrasound",
    "body part": "Hand, abdomen, skull",
    "lateral": "Lateral films, unknown views",
    "monochrome1": "MONOCHROME1",
    "polarity": "Inverted pixels, a header that says so wrongly",
    "presentation": "Presentation LUT Shape, Pixel Intensity Relationship Sign",
    "rescale": "Rescale, Modality LUT",
    "window": "VOI window, VOI LUT, several, width 0, none",
    "signed": "Signed values",
    "bits": "8, 10, 12, 14, 16 bits, dirty high bits, odd HighBit",
    "syntax": "Transfer syntaxes",
    "frames": "Number of frames",
    "spacing": "Pixel spacing: none, 0, not square, at the detector",
    "pose": "Rotated, mirrored, padded, collimated",
    "png": "PNG: RGB, RGBA, LA, palette, 1 bit, 16 bit, Adam7",
    "jpeg": "JPEG: progressive, CMYK, YCCK, 12 bits",
    "exif": "EXIF orientation 1 to 8",
    "other pictures": "TIFF of every kind; WebP, GIF, HEIC, SVG, PDF",
    "picture bombs": "Chunk bombs, pictures of 900 million pixels",
    "65535": "Rows and Columns of 65535",
    "pixel length": "Pixel data short, long, padded",
    "dicom bombs": "Deflated bombs, deep nesting, 4 GB lengths, a million elements",
    "cut": "Files cut at 64 points",
    "no film": "0, 1, 132 bytes, text, JSON, programs",
    "preamble": "A program in the preamble",
    "no pixels": "No pixel data, floating pixels, reports",
    "uids": "UIDs missing, invalid, too long",
    "age": "Children, no age, 150 years",
    "not a film": "Blank, noise",
    "intent": "FOR PROCESSING",
    "text": "Character sets, names, script, paths, line breaks in the header",
    "file names": "File names, links, special files",
    "archives": "Archives",
    "private": "Private tags, documents in tags, patients' data, burned-in text",
}
"""The rows of the catalogue that concern one file, by a short key."""

FOR_THE_SERVICE: dict[str, str] = {
    "same UID with the same pixels, other pixels, another patient": "needs a store that remembers what it was sent",
    "mixed patients in a study, a study in two parts, a late image": "needs studies that grow while they are read",
    "UIDs refused with 422 or 0xA900": "a file is answered and flagged; a server must not store it",
    "a program in the preamble is zeroed": "reading flags it; zeroing happens where files are stored",
    "character sets stored as they are, one log line, shown escaped": "reading leaves the header's text where it is",
    "stored by hash, in the root": "reading opens the path it is given and writes nothing",
    "portable films, lines, pacemaker, prosthesis, per subgroup": "answered; the gate behind the network judges them",
    "photograph of a screen, cat, screenshot of a viewer": "the gate behind the network judges what pixels show",
    "CT, bone or lateral under a header that lies": "the gate behind the network judges what pixels show",
}
"""Rows and parts of rows that one file read on its own cannot show, with the reason; issue 7 holds them."""

Truth = Callable[[], np.ndarray]


class ProgramMissingError(Exception):
    """A program that writes this kind of file is not on this machine."""


@dataclass(frozen=True)
class Case:
    """One case of the catalogue.

    Attributes:
        name: Short and unique: what stands in tables and in test ids.
        row: The catalogue's row, a key of ``ROWS``.
        group: A key of ``GROUPS``.
        what: What the file is, for people.
        outcome: What must become of it.
        codes: The flags that must be there; or the codes a refusal may carry.
        build: Writes the file, or a folder of files that all must come to ``outcome``; returns its path.
        truth: Grey values in [0, 1]; for what is refused None, or the film that another loader may rightly find in it.
        tolerance: The largest difference allowed.
        mean_tolerance: The largest mean difference allowed; None where there is no need to say.
        also: Flags that may stand beside.
        oracle: Whether Debian's ``dcm2pnm`` renders the same picture.
    """

    name: str
    row: str
    group: str
    what: str
    outcome: Literal["accept", "flag", "refuse"]
    build: Callable[[Path], Path]
    codes: tuple[str, ...] = ()
    truth: Truth | None = None
    tolerance: float = 1e-6
    mean_tolerance: float | None = None
    also: tuple[str, ...] = ()
    oracle: bool = False

    def files(self, folder: Path) -> list[Path]:
        """Build it; returns its files."""
        folder.mkdir(parents=True, exist_ok=True)
        path = self.build(folder)
        return sorted(path.iterdir()) if path.name == "cuts" else [path]


def of_row(cases: list[Case]) -> dict[str, list[Case]]:
    """Return cases by the catalogue's row, rows in their order."""
    return {row: [case for case in cases if case.row == row] for row in ROWS}
