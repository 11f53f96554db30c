"""Who a DICOM film is of and where it came from: for manifests and pseudonyms, never for logs."""

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.imaging.dicom_file import load_dataset, refusing
from hilum.imaging.dicom_header import check_header
from hilum.imaging.dicom_subject import view_of
from hilum.imaging.dicom_value import text_of
from hilum.imaging.film import read_image
from hilum.imaging.refusal import refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FilmIdentity", "age_of", "day_of", "identity_record", "looks_like_dicom", "pixel_record", "read_identity"]

_PREAMBLE_BYTES = 128
_BARE = (b"\x02\0", b"\x08\0")
_SEXES = {"M", "F", "O"}
_AGE = re.compile(r"(\d{1,3})([DWMY])")


@dataclass(frozen=True, repr=False)
class FilmIdentity:
    """What a header says about one film; texts are empty where it says nothing. Its ``repr`` shows no value.

    Attributes:
        patient_id: As it stands, blanks around it removed.
        study_uid: Study Instance UID.
        sop_uid: SOP Instance UID.
        accession: Accession Number.
        sex: ``M``, ``F``, ``O``.
        age: Such as ``060Y``; from the dates of birth and study where it is not given.
        view: ``PA``, ``AP``.
        modality: ``DX``, ``CR`` ...
        manufacturer: Of the device.
        model: Of the device.
        burned_in: Whether the header says that text is burned into the pixels.
    """

    patient_id: str
    study_uid: str
    sop_uid: str
    accession: str
    sex: str
    age: str
    view: str
    modality: str
    manufacturer: str
    model: str
    burned_in: bool


def read_identity(path: Path) -> FilmIdentity:
    """Read who a film is of from its header; no pixel is decoded.

    Raises:
        ImageRefusedError: The file is no DICOM film that hilum answers for, as far as its header says.
        MissingExtraError: pydicom is not installed.
    """
    if not looks_like_dicom(path):
        raise refuse("format", "The content is no DICOM.")
    with refusing():
        dataset = load_dataset(path, [])
        check_header(dataset)
        sex = text_of(dataset, "PatientSex")
        return FilmIdentity(
            patient_id=_plain(dataset.get("PatientID")),
            study_uid=_plain(dataset.get("StudyInstanceUID")),
            sop_uid=_plain(dataset.get("SOPInstanceUID")),
            accession=_plain(dataset.get("AccessionNumber")),
            sex=sex if sex in _SEXES else "",
            age=age_of(dataset),
            view=view_of(dataset),
            modality=text_of(dataset, "Modality"),
            manufacturer=_plain(dataset.get("Manufacturer")),
            model=_plain(dataset.get("ManufacturerModelName")),
            burned_in=text_of(dataset, "BurnedInAnnotation") == "YES",
        )


def identity_record(path: Path) -> dict[str, Any]:
    """Return :func:`read_identity` as a plain record, for ``FilmReader.map``."""
    return dataclasses.asdict(read_identity(path))


def pixel_record(path: Path) -> dict[str, Any]:
    """Return the sha256 of a film's grey values, under ``digest``, for ``FilmReader.map``."""
    pixels = read_image(path).pixels
    return {"digest": hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest()}


def age_of(dataset: "Dataset") -> str:
    """Return the age as the standard writes it, from the dates where it is not given; empty if unknown."""
    found = _AGE.fullmatch(text_of(dataset, "PatientAge"))
    if found:
        return f"{int(found[1]):03d}{found[2]}"
    born, seen = day_of(dataset.get("PatientBirthDate")), day_of(dataset.get("StudyDate"))
    if born is None or seen is None or seen < born:
        return ""
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return f"{years:03d}Y" if years < 1000 else ""


def day_of(value: object) -> date | None:
    """Return the day of a date, or of a date with time; None if it is none."""
    digits = str(value or "").replace(".", "").replace("-", "").strip()[:8]
    if not (digits.isascii() and digits.isdigit() and len(digits) == 8):
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone here
    except ValueError:
        return None


def looks_like_dicom(path: Path) -> bool:
    """Whether a file starts as DICOM does, with a preamble or without."""
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE_BYTES + 4)
    return start[_PREAMBLE_BYTES:] == b"DICM" or (start.startswith(_BARE) and start[3:4] == b"\0")


def _plain(value: object) -> str:
    return "" if value is None else str(value).strip(" \0\t\r\n")
