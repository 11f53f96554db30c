"""A film without whom it is of: the header by profile and key, the pixels as they are, no byte more."""

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.imaging.deidentify_pixels import clean_pixels
from hilum.imaging.deidentify_profile import Patient, clean_header
from hilum.imaging.dicom_file import load_dataset, refusing
from hilum.imaging.dicom_header import load_pydicom
from hilum.imaging.dicom_value import identifier_of
from hilum.imaging.file_kind import looks_like_dicom
from hilum.imaging.film import read_image
from hilum.imaging.identity_key import IdentityKey
from hilum.imaging.refusal import refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["CleanFilm", "clean_film_record", "deidentify_film"]

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_IMPLEMENTATION = "2.25.302243289286071286713863817106829157543"
_NAME_LENGTH = 32
_BURNED_IN = {"burned_in", "burned_in_text"}


@dataclass(frozen=True, repr=False)
class CleanFilm:
    """A film without whom it is of, and what a list of pseudonyms needs. Its ``repr`` shows no value.

    Attributes:
        content: The new file's bytes; None if text is burned in and it was not asked for.
        name: Of the new file, relative to the folder it goes into: ``pseudonym/hash.dcm``.
        pseudonym: What stands for the patient.
        days: By how many days the patient's dates moved.
        patient_id: The old one; empty if the file has none, and the study then stands for the patient.
        sop_uid: The old SOP Instance UID.
        new_sop_uid: The new one.
        burned_in: Whether the header says that text is burned in, or lines of text were found in the pixels.
    """

    content: bytes | None
    name: str
    pseudonym: str
    days: int
    patient_id: str
    sop_uid: str
    new_sop_uid: str
    burned_in: bool


def deidentify_film(path: Path, key: IdentityKey, *, keep_burned_in: bool = False) -> CleanFilm:
    """Return a film's file anew, without whom it is of.

    The basic profile of PS3.15 E with modified dates (113107) and patient characteristics (113108), and stricter: see
    ``docs/how-to/data-deidentify.md``. Pixels are not changed, so text burned into them stays: by default such a film
    is not given.

    Args:
        path: A DICOM file.
        key: Same key and patient, same pseudonym and shift of dates; same key and UID, same new UID.
        keep_burned_in: Give films with text burned in, too.

    Raises:
        ImageRefusedError: The file is no film that hilum can read; what it holds cannot be vouched for.
        MissingExtraError: pydicom or dicom-anonymizer is not installed.
    """
    if not looks_like_dicom(path):
        raise refuse("format", "The content is no DICOM.")
    flags = read_image(path).facts.flags
    with refusing():
        dataset = load_dataset(path, [])
        burned_in = not _BURNED_IN.isdisjoint(flags)
        return _clean(dataset, key, burned_in=burned_in, keep_burned_in=keep_burned_in)


def _clean(dataset: "Dataset", key: IdentityKey, *, burned_in: bool, keep_burned_in: bool) -> CleanFilm:
    pydicom = load_pydicom()
    patient_id, old_uid = identifier_of(dataset, "PatientID"), identifier_of(dataset, "SOPInstanceUID")
    # Without them, the study stands for the patient and the pixels for the instance.
    stand_in = identifier_of(dataset, "StudyInstanceUID") or old_uid or _pixel_digest(dataset)
    if "SOPInstanceUID" not in dataset or not old_uid:
        dataset.SOPInstanceUID = _pixel_digest(dataset)
    new_uid = key.uid(identifier_of(dataset, "SOPInstanceUID"))
    person = patient_id or f"study {stand_in}"
    patient = Patient(key.pseudonym(person), key.days(person))
    content = None
    if keep_burned_in or not burned_in:
        clean_pixels(dataset)
        clean_header(dataset, key, patient)
        if burned_in:
            dataset.BurnedInAnnotation = "YES"
        content = _file_of(pydicom, dataset)
    return CleanFilm(
        content=content,
        name=f"{patient.pseudonym}/{hashlib.sha256(new_uid.encode()).hexdigest()[:_NAME_LENGTH]}.dcm",
        pseudonym=patient.pseudonym,
        days=patient.days,
        patient_id=patient_id,
        sop_uid=old_uid,
        new_sop_uid=new_uid,
        burned_in=burned_in,
    )


def clean_film_record(path: Path, secret: str, *, keep_burned_in: bool) -> dict[str, Any]:
    """Return :func:`deidentify_film` as a plain record, for ``FilmReader.map``; ``secret`` is hexadecimal."""
    film = deidentify_film(path, IdentityKey(bytes.fromhex(secret)), keep_burned_in=keep_burned_in)
    content = np.frombuffer(film.content or b"", dtype=np.uint8)
    return {**film.__dict__, "content": content, "has_content": film.content is not None}


def _file_of(pydicom: Any, dataset: "Dataset") -> bytes:  # noqa: ANN401 - a module
    """Return a DICOM file with meta information of its own and nothing in its preamble."""
    if "SOPClassUID" not in dataset or not dataset.SOPClassUID:
        dataset.SOPClassUID = _SECONDARY_CAPTURE
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = _IMPLEMENTATION
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    stream = BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=True)
    return stream.getvalue()


def _pixel_digest(dataset: "Dataset") -> str:
    return hashlib.sha256(bytes(dataset.get("PixelData") or b"")).hexdigest()
