"""What a DICOM header says, read with care, and what is refused because of it before any pixel is decoded."""

import logging
import math
import struct
import zlib
from types import ModuleType
from typing import TYPE_CHECKING

from hilum.errors import MissingExtraError
from hilum.imaging.quiet import ignore_warnings_of
from hilum.imaging.refusal import check_size, refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "PIXELS",
    "check_header",
    "is_encapsulated",
    "load_pydicom",
    "native_bytes",
    "number_of",
    "pydicom_errors",
    "real_of",
    "spacing_of",
    "syntax_of",
    "text_of",
    "view_of",
]

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_MODALITIES = {"CR", "DX", "DR", "RG", "OT", "SC", ""}
_CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "RIB", "HEART", "CLAVICLE", "STERNUM")
_OTHER_MODALITIES = {"CT", "ES", "GM", "IO", "IVUS", "KO", "MG", "MR", "NM", "OCT", "OP", "OPT", "PR", "PT", "PX"} | {
    *("RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "US", "XA", "XC", "BMD", "ECG", "DOC")
}
_FRONTAL = {"PA", "AP"}
_LATERAL = {"LL", "RL", "LATERAL", "LAT", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO"}
_GREY = {"MONOCHROME1", "MONOCHROME2"}


def load_pydicom() -> ModuleType:
    """Return pydicom, made to keep what it reads to itself; raises MissingExtraError if it is not installed."""
    try:
        import pydicom
        import pydicom.pixels
    except ImportError:
        raise MissingExtraError("pydicom", "dicom") from None
    # Its warnings and log lines quote values of the header.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    ignore_warnings_of("pydicom")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    return pydicom


def pydicom_errors() -> tuple[type[Exception], ...]:
    """Return what pydicom and its decoders raise on data that are not what they say."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError),
        *(AssertionError, MemoryError, struct.error, zlib.error, BytesLengthException, InvalidDicomError),
    )


def check_header(dataset: "Dataset") -> None:
    """Refuse what is no single frontal chest radiograph, and headers that contradict themselves, before decoding."""
    modality = text_of(dataset, "Modality")
    if modality not in _MODALITIES:
        name = modality if modality in _OTHER_MODALITIES else "of another kind"
        raise refuse("modality", f"The header says modality {name}.")
    part = text_of(dataset, "BodyPartExamined")
    if part and not any(name in part for name in _CHEST):
        raise refuse("body_part", "The header names another part of the body than the chest.")
    if view_of(dataset) in _LATERAL:
        raise refuse("view", f"The header says view {view_of(dataset)}.")
    if not any(name in dataset for name in PIXELS):
        raise refuse("no_pixels", "It holds no pixel data.")
    frames = text_of(dataset, "NumberOfFrames") or "1"
    if frames not in {"0", "1"}:
        raise refuse("multi_frame", "The header says it holds several frames, or an unreadable number of them.")
    _check_colour(dataset)
    stored, allocated = number_of(dataset, "BitsStored", 16), number_of(dataset, "BitsAllocated", 16)
    if "PixelData" in dataset and not 0 < stored <= allocated:
        raise refuse("pixel_mismatch", f"The header says {stored} of {allocated} bits are stored.")
    if "PixelData" in dataset and not is_encapsulated(dataset):
        expected, length = native_bytes(dataset), len(dataset.PixelData)
        if length < expected:
            raise refuse(
                "pixel_mismatch", f"The header promises {expected:,} bytes of pixels, the file has {length:,}."
            )
    check_size(number_of(dataset, "Columns"), number_of(dataset, "Rows"))


def _check_colour(dataset: "Dataset") -> None:
    """Refuse palettes, whose stored values are no grey levels, and kinds of colour that hilum does not know."""
    photometric, samples = text_of(dataset, "PhotometricInterpretation"), number_of(dataset, "SamplesPerPixel", 1)
    if samples == 1 and photometric not in _GREY:
        raise refuse("colour", "The pixels are stored by a palette or in an unknown colour model.")
    if samples != 1 and (samples != 3 or not (photometric == "RGB" or photometric.startswith("YBR"))):
        raise refuse("colour", f"The pixels are stored with {samples} samples each.")


def native_bytes(dataset: "Dataset") -> int:
    """Return how many bytes of uncompressed pixels the header promises."""
    samples, allocated = number_of(dataset, "SamplesPerPixel", 1), number_of(dataset, "BitsAllocated", 16)
    n_samples = number_of(dataset, "Rows") * number_of(dataset, "Columns") * samples
    if text_of(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        n_samples = n_samples * 2 // 3
    return (n_samples * allocated + 7) // 8


def is_encapsulated(dataset: "Dataset") -> bool:
    """Whether the pixels are compressed, frame by frame."""
    from pydicom.uid import UID

    syntax = UID(syntax_of(dataset))
    return syntax.is_transfer_syntax and syntax.is_encapsulated


def spacing_of(dataset: "Dataset") -> tuple[float, float] | None:
    """Return row and column spacing in mm; None where the header does not say, or says 0."""
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            row, column = (float(value) for value in dataset.get(name) or ())
        except (TypeError, ValueError):
            continue
        if row > 0 and column > 0 and math.isfinite(row + column):
            return row, column
    return None


def view_of(dataset: "Dataset") -> str:
    """Return the view; empty where it is unknown or a text of somebody's own."""
    view = text_of(dataset, "ViewPosition")
    return view if view in _FRONTAL | _LATERAL else ""


def syntax_of(dataset: "Dataset") -> str:
    """Return the UID of the transfer syntax."""
    return str(dataset.file_meta.TransferSyntaxUID)


def text_of(dataset: "Dataset", name: str) -> str:
    """Return a value as text in capitals; empty where it is missing."""
    value = dataset.get(name, "")
    return "" if value is None else str(value).strip().upper()


def number_of(dataset: "Dataset", name: str, default: int = 0) -> int:
    """Return a whole number; ``default`` where it is missing or empty."""
    value = dataset.get(name, default)
    return default if value in {None, ""} else int(value)


def real_of(dataset: "Dataset", name: str, default: float) -> float:
    """Return a decimal, the first of several; ``default`` where it is missing or unreadable."""
    value = dataset.get(name)
    if isinstance(value, (list, tuple)) or (
        value is not None and hasattr(value, "__iter__") and not isinstance(value, str)
    ):
        value = next(iter(value), None)
    try:
        return default if value in {None, ""} else float(str(value))
    except ValueError:
        return default
