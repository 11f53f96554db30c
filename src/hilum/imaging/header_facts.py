"""What may be told of a file that was refused: words of a fixed list and numbers, never what somebody typed."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image as Pillow

from hilum.errors import ImageRefusedError
from hilum.imaging.decode_message import Record
from hilum.imaging.dicom_file import load_dataset, refusing
from hilum.imaging.dicom_header import MODALITIES, PIXELS
from hilum.imaging.dicom_subject import names_chest, view_of
from hilum.imaging.dicom_value import syntax_of, text_of
from hilum.imaging.file_kind import DICOM_START_BYTES, starts_as_dicom
from hilum.imaging.quiet import ignore_warnings_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["header_facts"]

_PHOTOMETRIC = {
    *("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420"),
    *("YBR_ICT", "YBR_RCT"),
}
_INTENTS = {"FOR PRESENTATION", "FOR PROCESSING"}
_SHAPE = ("Rows", "Columns", "BitsAllocated", "BitsStored", "SamplesPerPixel", "NumberOfFrames")
_LARGEST = 10**7
_ANOTHER = "another value, not shown"


def header_facts(path: Path) -> Record:
    """Return what a file's header says of its kind and shape, under ``facts``: names to texts; a task of FilmReader.

    Nothing of it tells who the film is of: a value that is not on a list of known ones is not shown.

    Raises:
        MissingExtraError: A DICOM file, and pydicom is not installed.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(DICOM_START_BYTES)
    except (OSError, ValueError):
        return {"facts": {}}
    facts = {"file": f"{size:,} bytes"}
    facts |= _of_dicom(path) if starts_as_dicom(start) else _of_picture(path)
    return {"facts": facts}


def _of_dicom(path: Path) -> dict[str, str]:
    facts = {"format": "DICOM"}
    try:
        with refusing():
            facts |= _of_dataset(load_dataset(path, []))
    except ImageRefusedError:
        facts["elements"] = "cannot be read to their end"
    return facts


def _of_dataset(dataset: "Dataset") -> dict[str, str]:
    chest = names_chest(dataset)
    said = {
        "modality": _known(text_of(dataset, "Modality"), MODALITIES),
        "body part": "" if chest is None else "chest" if chest else "another than the chest",
        "view": view_of(dataset),
        "photometric": _known(text_of(dataset, "PhotometricInterpretation"), _PHOTOMETRIC),
        "intent": _known(text_of(dataset, "PresentationIntentType"), _INTENTS),
        "transfer syntax": _uid(syntax_of(dataset)),
        "object": _uid(str(dataset.get("SOPClassUID") or "")),
        "pixels": "" if any(name in dataset for name in PIXELS) else "none",
        **{name: _number(text_of(dataset, name)) for name in _SHAPE},
    }
    return {name: value for name, value in said.items() if value}


def _known(value: str, values: set[str]) -> str:
    return value if value in values or not value else _ANOTHER


def _number(value: str) -> str:
    if not value:
        return ""
    return value if re.fullmatch(r"\d{1,7}", value) and int(value) < _LARGEST else _ANOTHER


def _uid(value: str) -> str:
    """Return the name that the standard gives a UID of its own; another one may tell the hospital."""
    from pydicom.uid import UID

    if not value:
        return ""
    name = UID(value).name
    return name if name != value else _ANOTHER


def _of_picture(path: Path) -> dict[str, str]:
    ignore_warnings_of("PIL")
    try:
        with path.open("rb") as stream, Pillow.open(stream, formats=("PNG", "JPEG", "TIFF")) as picture:
            shape = f"{picture.size[0]} x {picture.size[1]} pixels"
            return {"format": str(picture.format), "mode": picture.mode, "size": shape}
    except Exception:  # noqa: BLE001 - the header of a file that was refused may break anything
        return {}
