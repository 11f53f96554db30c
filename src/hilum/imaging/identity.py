"""Who a DICOM film is of and where it came from: for manifests and pseudonyms, never for logs."""

import dataclasses
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.imaging.dicom_file import load_dataset, refusing
from hilum.imaging.dicom_header import check_header
from hilum.imaging.dicom_subject import view_of
from hilum.imaging.dicom_value import day_of, identifier_of, text_of
from hilum.imaging.file_kind import looks_like_dicom
from hilum.imaging.film import read_image
from hilum.imaging.identity_key import PSEUDONYM_LENGTH
from hilum.imaging.refusal import refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["FilmIdentity", "age_of", "identity_record", "pixel_record", "read_identity"]

_SEXES = {"M", "F", "O"}
_PSEUDONYM = re.compile(rf"[0-9a-f]{{{PSEUDONYM_LENGTH}}}")
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
        is_pseudonym: Whether ``patient_id`` and the UIDs are what hilum's de-identification gave.
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
    is_pseudonym: bool = False


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
            patient_id=identifier_of(dataset, "PatientID"),
            study_uid=identifier_of(dataset, "StudyInstanceUID"),
            sop_uid=identifier_of(dataset, "SOPInstanceUID"),
            accession=identifier_of(dataset, "AccessionNumber"),
            sex=sex if sex in _SEXES else "",
            age=age_of(dataset),
            view=view_of(dataset),
            modality=text_of(dataset, "Modality"),
            manufacturer=identifier_of(dataset, "Manufacturer"),
            model=identifier_of(dataset, "ManufacturerModelName"),
            burned_in=text_of(dataset, "BurnedInAnnotation") == "YES",
            is_pseudonym=_has_pseudonym(dataset),
        )


def _has_pseudonym(dataset: "Dataset") -> bool:
    """Whether hilum de-identified the film: it says so itself, and the id has the form."""
    return (
        text_of(dataset, "PatientIdentityRemoved") == "YES"
        and "HILUM" in text_of(dataset, "DeidentificationMethod")
        and _PSEUDONYM.fullmatch(identifier_of(dataset, "PatientID")) is not None
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
    born, seen = day_of(dataset, "PatientBirthDate"), day_of(dataset, "StudyDate")
    if born is None or seen is None or seen < born:
        return ""
    years = seen.year - born.year - ((seen.month, seen.day) < (born.month, born.day))
    return f"{years:03d}Y" if years < 1000 else ""
