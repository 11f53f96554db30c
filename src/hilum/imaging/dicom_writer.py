"""DICOM out: made-up films as another system would send them."""

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hilum.errors import InvalidValueError
from hilum.imaging.dicom_header import load_pydicom

__all__ = ["write_dicom"]

_DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_OWN_ROOT = "2.25."


def write_dicom(
    path: Path,
    pixels: UInt8[np.ndarray, "height width"],
    *,
    patient_id: str,
    instance_number: int,
    view: str,
    age_years: int,
    sex: str,
    photometric: str = "MONOCHROME2",
) -> None:
    """Write a film as a Digital X-Ray Image for presentation; same film and numbers, same bytes.

    Args:
        path: The file.
        pixels: Grey values, dense tissue bright; stored inverted for ``MONOCHROME1``.
        patient_id: Of a made-up patient.
        instance_number: Tells the patient's films apart.
        view: ``PA`` or ``AP``.
        age_years: 0 .. 999.
        sex: ``M``, ``F`` or ``O``.
        photometric: ``MONOCHROME1`` or ``MONOCHROME2``.

    Raises:
        MissingExtraError: pydicom is not installed.
        InvalidValueError: Pixels or photometric interpretation are of another kind.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 2 or photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        raise InvalidValueError(
            f"expected uint8 (height, width) and MONOCHROME1 or 2, got {pixels.dtype} {pixels.shape}, {photometric}"
        )
    pydicom = load_pydicom()
    uids = [_own_uid(f"{patient_id} {level}") for level in ("study", "series", f"image {instance_number}")]
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = _DX_FOR_PRESENTATION
    meta.MediaStorageSOPInstanceUID = uids[2]
    meta.TransferSyntaxUID = _EXPLICIT_LITTLE_ENDIAN
    meta.ImplementationClassUID = _own_uid("hilum")
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    inverted = photometric == "MONOCHROME1"
    values = {
        "SOPClassUID": _DX_FOR_PRESENTATION,
        "SOPInstanceUID": uids[2],
        "StudyInstanceUID": uids[0],
        "SeriesInstanceUID": uids[1],
        "PatientID": patient_id,
        "PatientName": "",
        "PatientBirthDate": "",
        "PatientSex": sex,
        "PatientAge": f"{age_years:03d}Y",
        "StudyDate": "",
        "StudyTime": "",
        "StudyID": "",
        "AccessionNumber": "",
        "ReferringPhysicianName": "",
        "Manufacturer": "hilum phantoms",
        "Modality": "DX",
        "SeriesNumber": 1,
        "InstanceNumber": instance_number,
        "BodyPartExamined": "CHEST",
        "ViewPosition": view,
        "PatientOrientation": ["L", "F"],
        "ImageType": ["DERIVED", "PRIMARY"],
        "ImageLaterality": "U",
        "PresentationIntentType": "FOR PRESENTATION",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1 if inverted else -1,
        "PresentationLUTShape": "INVERSE" if inverted else "IDENTITY",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "RescaleIntercept": 0,
        "RescaleSlope": 1,
        "RescaleType": "US",
        "WindowCenter": 128,
        "WindowWidth": 256,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": photometric,
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
    }
    for name, value in values.items():
        setattr(dataset, name, value)
    stored = 255 - pixels if inverted else pixels
    dataset.PixelData = stored.tobytes() + b"\0" * (stored.size % 2)
    dataset["PixelData"].VR = "OB"
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def _own_uid(text: str) -> str:
    """Return a UID below the root for made-up ones (PS3.5 B.2), always the same for the same text."""
    return _OWN_ROOT + str(int.from_bytes(hashlib.sha256(f"hilum {text}".encode()).digest()[:16], "big"))
