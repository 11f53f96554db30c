"""What a DICOM header says, read with care, and what is refused because of it before any pixel is decoded."""

import logging
import struct
import zlib
from types import ModuleType
from typing import TYPE_CHECKING

from hilum.errors import MissingExtraError
from hilum.imaging.codestream import codestream_size
from hilum.imaging.dicom_subject import LATERAL, names_chest, view_of
from hilum.imaging.dicom_value import number_of, syntax_of, text_of
from hilum.imaging.quiet import ignore_warnings_of
from hilum.imaging.refusal import check_size, refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["MODALITIES", "PIXELS", "check_header", "is_encapsulated", "load_pydicom", "native_bytes", "pydicom_errors"]

PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_PROJECTIONS = {"CR", "DX", "DR", "RG", "OT", "SC"}
MODALITIES = (
    _PROJECTIONS
    | {"CT", "ES", "GM", "IO", "IVUS", "KO", "MG", "MR", "NM", "OCT", "OP", "OPT", "PR", "PT", "PX"}
    | {*("RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "US", "XA", "XC", "BMD", "ECG", "DOC")}
)
"""What modalities are called, as far as a message may repeat it (PS3.3 C.7.3.1.1.1)."""

# Computed radiography, digital radiography, secondary capture and its multi-frame kinds, PS3.4 B.5.
_IMAGES = "1.2.840.10008.5.1.4.1.1."
_RADIOGRAPHS = {f"{_IMAGES}{kind}" for kind in ("1", "1.1", "7", "7.1", "7.2", "7.3", "7.4")}
_START_OF_FRAME_BYTES = 65536
_JPEG_START, _JPEG_SCAN, _JPEG_END, _JPEG_2000_START = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9", b"\xff\x4f\xff\x51"
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
        *(AssertionError, struct.error, zlib.error, BytesLengthException, InvalidDicomError),
    )


def check_header(dataset: "Dataset") -> None:
    """Refuse what is no single frontal chest radiograph, and headers that contradict themselves, before decoding."""
    _check_pixels_are_there(dataset)
    _check_kind(dataset)
    if names_chest(dataset) is False:
        raise refuse("body_part", "The header names another part of the body than the chest.")
    view = view_of(dataset)
    if view in LATERAL:
        raise refuse("view", f"The header says view {view}.")
    frames = text_of(dataset, "NumberOfFrames") or "1"
    if frames not in {"0", "1"}:
        raise refuse("multi_frame", "The header says it holds several frames, or an unreadable number of them.")
    _check_colour(dataset)
    _check_size(dataset)


def _check_pixels_are_there(dataset: "Dataset") -> None:
    """Tell a file without pixels from one that was cut before them: then what describes pixels is not whole."""
    if any(name in dataset for name in PIXELS):
        return
    classes = {str(dataset.file_meta.get("MediaStorageSOPClassUID", "")), str(dataset.get("SOPClassUID", ""))}
    promised = len(dataset) == 0 or "Rows" in dataset or not classes.isdisjoint(_RADIOGRAPHS)
    if promised and "PixelRepresentation" not in dataset:
        raise refuse("truncated", "The DICOM data end before the pixels that the header promises.")
    raise refuse("no_pixels", "It holds no pixel data.")


def _check_kind(dataset: "Dataset") -> None:
    modality, sop_class = text_of(dataset, "Modality"), text_of(dataset, "SOPClassUID")
    if modality and modality not in _PROJECTIONS:
        name = modality if modality in MODALITIES else "of another kind"
        raise refuse("modality", f"The header says modality {name}.")
    if text_of(dataset, "PresentationIntentType") == "FOR PROCESSING" or sop_class == f"{_IMAGES}1.1.1":
        raise refuse("intent", "The header says that the image is meant for processing.")
    if sop_class.startswith(_IMAGES) and sop_class not in _RADIOGRAPHS:
        raise refuse("modality", "By its SOP class it is another object than a projection radiograph.")


def _check_size(dataset: "Dataset") -> None:
    stored, allocated = number_of(dataset, "BitsStored", 16), number_of(dataset, "BitsAllocated", 16)
    width, height = number_of(dataset, "Columns"), number_of(dataset, "Rows")
    if "PixelData" in dataset and not 0 < stored <= allocated:
        raise refuse("pixel_mismatch", f"The header says {stored} of {allocated} bits are stored.")
    if "PixelData" in dataset and number_of(dataset, "HighBit", 0) >= number_of(dataset, "BitsAllocated", 16):
        raise refuse("pixel_mismatch", "The header says that values end above the bits that are there.")
    if "PixelData" in dataset and not is_encapsulated(dataset):
        _check_native(dataset, width)
        expected, length = native_bytes(dataset), len(dataset.PixelData or b"")
        if length < expected:
            raise refuse(
                "pixel_mismatch", f"The header promises {expected:,} bytes of pixels, the file has {length:,}."
            )
    check_size(width, height)
    if "PixelData" in dataset and is_encapsulated(dataset):
        _check_fragments(dataset.PixelData)
        said = codestream_size(_first_fragment(dataset.PixelData))
        if said not in {None, (width, height)}:
            raise refuse(
                "pixel_mismatch", f"The header says {width} x {height} pixels, the compressed data say otherwise."
            )


def _check_native(dataset: "Dataset", width: int) -> None:
    if dataset["PixelData"].is_undefined_length:
        raise refuse("pixel_mismatch", "The pixels are compressed, the header says that they are not.")
    if text_of(dataset, "PhotometricInterpretation") == "YBR_FULL_422" and width % 2:
        raise refuse("pixel_mismatch", "Two pixels share a colour, and the number of columns is odd.")


def _check_fragments(content: bytes) -> None:
    """Refuse several pictures (PS3.5 A.4), and JPEG that ends amid its last scan: decoders fill the rest in silence."""
    place, starts = 8 + int.from_bytes(content[4:8], "little"), []
    while place + 8 <= len(content):
        if content.startswith((_JPEG_START, _JPEG_2000_START), place + 8):
            starts.append(place + 8)
        place += 8 + int.from_bytes(content[place + 4 : place + 8], "little")
    if len(starts) > 1:
        raise refuse("multi_frame", "The compressed data hold several frames, the header says one.")
    if starts and content.startswith(_JPEG_START, starts[0]) and content.rfind(_JPEG_END) < content.rfind(_JPEG_SCAN):
        raise refuse("truncated", "The JPEG data end too early.")


def _first_fragment(content: bytes) -> bytes:
    """Return the start of the first fragment, which follows the item of offsets (PS3.5 A.4)."""
    begin = 16 + int.from_bytes(content[4:8], "little")
    return content[begin : begin + _START_OF_FRAME_BYTES]


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
