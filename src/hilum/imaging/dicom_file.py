"""DICOM in and out.

Order of what is done to stored values, as PS3.4 N.2 and PS3.3 C.11 have it: Modality LUT or rescale, VOI LUT or
window, then polarity. Nothing that tells who the film is of leaves this module.

Polarity: MONOCHROME1 shows the lowest value white (PS3.3 C.7.6.3.1.2), and a Presentation LUT Shape of INVERSE turns
grey values after the window (C.11.6.1.2). The DX module (C.8.11.3.1.2) asks for INVERSE beside MONOCHROME1 as the
name of one and the same inversion, so either of them, or both, invert once; IDENTITY never undoes MONOCHROME1.
Without a window in the header, 8-bit values count as grey levels as they are, deeper ones as a share of their range.
"""

import hashlib
import logging
import math
import struct
import zlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, UInt8

from hilum.errors import ImageRefusedError, InvalidValueError, MissingExtraError
from hilum.imaging.picture_file import grey_of_colour
from hilum.imaging.quiet import ignore_warnings_of
from hilum.imaging.refusal import check_size, refuse
from hilum.records import Image, ImageFacts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["read_dicom", "write_dicom"]

_MODALITIES = {"CR", "DX", "DR", "RG", "OT", "SC", ""}
_CHEST = ("CHEST", "THORAX", "TORAX", "LUNG", "RIB", "HEART", "CLAVICLE", "STERNUM")
_OTHER_MODALITIES = {"CT", "ES", "GM", "IO", "IVUS", "KO", "MG", "MR", "NM", "OCT", "OP", "OPT", "PR", "PT", "PX"} | {
    *("RF", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR", "US", "XA", "XC", "BMD", "ECG", "DOC")
}
_FRONTAL = {"PA", "AP"}
_LATERAL = {"LL", "RL", "LATERAL", "LAT", "LLO", "RLO", "LAO", "RAO", "LPO", "RPO"}
_GREY = {"MONOCHROME1", "MONOCHROME2"}
_RLE = "1.2.840.10008.1.2.5"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}
_DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
# By (implicit VR, little endian).
_NATIVE_SYNTAX: dict[tuple[bool | None, bool | None], str] = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): _EXPLICIT_LITTLE_ENDIAN,
    (False, False): "1.2.840.10008.1.2.2",
}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_OWN_ROOT = "2.25."
_UNDEFINED_LENGTH = 0xFFFFFFFF
Values = Float64[np.ndarray, "height width"]


def read_dicom(path: Path) -> Image:
    """Read a DICOM file that holds one projection radiograph.

    Raises:
        ImageRefusedError: It holds something else, or cannot be decoded.
        MissingExtraError: pydicom is not installed.
    """
    pydicom = _pydicom()
    dataset = _dataset(pydicom, path)
    try:
        return _image(dataset)
    except ImageRefusedError:
        raise
    except _errors():
        raise refuse("undecodable", "Its header holds values that cannot be.") from None


def _pydicom() -> ModuleType:
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


def _errors() -> tuple[type[Exception], ...]:
    """Return what pydicom and its decoders raise on data that are not what they say."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    return (
        *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, ArithmeticError),
        *(AssertionError, MemoryError, struct.error, zlib.error, BytesLengthException, InvalidDicomError),
    )


def _dataset(pydicom: ModuleType, path: Path) -> "Dataset":
    try:
        with path.open("rb") as stream:
            has_preamble = stream.read(132)[128:] == b"DICM"
        if has_preamble:
            meta = pydicom.filereader.read_file_meta_info(path)
            if meta.get("TransferSyntaxUID") == _DEFLATED:
                raise refuse("transfer_syntax", "The data set is deflated, which hides how large it is.")
        dataset: Dataset = pydicom.dcmread(path, force=True)
        _check_complete(dataset, path.stat().st_size)
        _name_syntax(pydicom, dataset)
    except ImageRefusedError:
        raise
    except (EOFError, struct.error):
        raise refuse("truncated", "The DICOM data end too early.") from None
    except _errors():
        raise refuse("undecodable", "It starts as DICOM does, but cannot be read on.") from None
    return dataset


def _check_complete(dataset: "Dataset", n_bytes: int) -> None:
    """Raise EOFError if the file ends amid an element; to be called before any of them is looked at."""
    end = 0
    for tag in dataset.keys():  # noqa: SIM118 - a data set iterates over values
        element = dataset.get_item(tag)
        length, value = getattr(element, "length", None), getattr(element, "value", None)
        if isinstance(value, bytes) and length is not None and length != _UNDEFINED_LENGTH:
            if len(value) < length:
                raise EOFError
            end = int(getattr(element, "value_tell", 0)) + len(value)
    # A few bytes more than the last element may be the start of another, which pydicom drops.
    if not any(name in dataset for name in _PIXELS) and end < n_bytes:
        raise EOFError


def _name_syntax(pydicom: ModuleType, dataset: "Dataset") -> None:
    """Write down how a file without meta information was read; without it pydicom does not decode."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        syntax = _NATIVE_SYNTAX.get(dataset.original_encoding, _EXPLICIT_LITTLE_ENDIAN)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)


def _image(dataset: "Dataset") -> Image:
    _check_header(dataset)
    flags: list[str] = []
    stored = _stored_values(dataset, flags)
    padding = _padding(dataset, stored)
    values = _modality_values(dataset, stored)
    grey, window = _windowed(dataset, values, padding, flags)
    photometric = _text(dataset, "PhotometricInterpretation")
    inverted = photometric == "MONOCHROME1" or _text(dataset, "PresentationLUTShape") == "INVERSE"
    grey = 1 - grey if inverted else grey
    grey = np.where(padding, 0.0, grey)
    if grey.min() == grey.max():
        flags.append("constant")
    if _text(dataset, "LossyImageCompression") == "01" or _syntax(dataset) in _LOSSY:
        flags.append("lossy")
    if _text(dataset, "BurnedInAnnotation") == "YES":
        flags.append("burned_in")
    facts = ImageFacts(
        file_format="dicom",
        width_px=grey.shape[1],
        height_px=grey.shape[0],
        bits=_number(dataset, "BitsStored"),
        modality=_text(dataset, "Modality"),
        view=_view(dataset),
        photometric=photometric,
        inverted=inverted,
        window=window,
        spacing_mm=_spacing(dataset),
        flags=tuple(flags),
    )
    return Image(np.ascontiguousarray(grey, dtype=np.float32), facts)


def _check_header(dataset: "Dataset") -> None:
    """Refuse what is no single frontal chest radiograph, and headers that contradict themselves, before decoding."""
    modality = _text(dataset, "Modality")
    if modality not in _MODALITIES:
        name = modality if modality in _OTHER_MODALITIES else "of another kind"
        raise refuse("modality", f"The header says modality {name}.")
    part = _text(dataset, "BodyPartExamined")
    if part and not any(name in part for name in _CHEST):
        raise refuse("body_part", "The header names another part of the body than the chest.")
    if _view(dataset) in _LATERAL:
        raise refuse("view", f"The header says view {_view(dataset)}.")
    if not any(name in dataset for name in _PIXELS):
        raise refuse("no_pixels", "It holds no pixel data.")
    frames = _text(dataset, "NumberOfFrames") or "1"
    if frames not in {"0", "1"}:
        raise refuse("multi_frame", "The header says it holds several frames, or an unreadable number of them.")
    _check_colour(dataset)
    stored, allocated = _number(dataset, "BitsStored", 16), _number(dataset, "BitsAllocated", 16)
    if "PixelData" in dataset and not 0 < stored <= allocated:
        raise refuse("pixel_mismatch", f"The header says {stored} of {allocated} bits are stored.")
    if "PixelData" in dataset and not _is_encapsulated(dataset):
        expected, length = _native_bytes(dataset), len(dataset.PixelData)
        if length < expected:
            raise refuse(
                "pixel_mismatch", f"The header promises {expected:,} bytes of pixels, the file has {length:,}."
            )
    check_size(_number(dataset, "Columns"), _number(dataset, "Rows"))


def _check_colour(dataset: "Dataset") -> None:
    """Refuse palettes, whose stored values are no grey levels, and kinds of colour that hilum does not know."""
    photometric, samples = _text(dataset, "PhotometricInterpretation"), _number(dataset, "SamplesPerPixel", 1)
    if samples == 1 and photometric not in _GREY:
        raise refuse("colour", "The pixels are stored by a palette or in an unknown colour model.")
    if samples != 1 and (samples != 3 or not (photometric == "RGB" or photometric.startswith("YBR"))):
        raise refuse("colour", f"The pixels are stored with {samples} samples each.")


def _native_bytes(dataset: "Dataset") -> int:
    samples, allocated = _number(dataset, "SamplesPerPixel", 1), _number(dataset, "BitsAllocated", 16)
    n_samples = _number(dataset, "Rows") * _number(dataset, "Columns") * samples
    if _text(dataset, "PhotometricInterpretation") == "YBR_FULL_422":
        n_samples = n_samples * 2 // 3
    return (n_samples * allocated + 7) // 8


def _stored_values(dataset: "Dataset", flags: list[str]) -> Values:
    native = "PixelData" in dataset and not _is_encapsulated(dataset)
    # The standard pads to an even length with one byte.
    if native and len(dataset.PixelData) > _native_bytes(dataset) + 1:
        flags.append("trailing_data")
    # Which bits are values depends on HighBit, which pydicom does not look at: see to it here.
    dataset.pixel_array_options(correct_unused_bits=False)
    try:
        array: np.ndarray = dataset.pixel_array
    except _errors() as error:
        raise _undecodable(dataset, error) from None
    if array.ndim == 2:
        return _whole_values(dataset, array).astype(np.float64)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        # pydicom has turned every kind of YBR into RGB.
        grey, marked = grey_of_colour(array)
        if marked:
            flags.append("colour_marks")
        return grey.astype(np.float64)
    raise refuse("colour", "The pixels are stored in colour with more than 8 bits.")


def _is_encapsulated(dataset: "Dataset") -> bool:
    from pydicom.uid import UID

    syntax = UID(_syntax(dataset))
    return syntax.is_transfer_syntax and syntax.is_encapsulated


def _undecodable(dataset: "Dataset", error: Exception) -> ImageRefusedError:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        decoder = get_decoder(_syntax(dataset))
    except (NotImplementedError, ValueError):
        return refuse("transfer_syntax", "The pixels are stored in a transfer syntax that hilum does not read.")
    if not decoder.is_available:
        return refuse(
            "transfer_syntax", "The decoder for its transfer syntax is not installed (pip install 'hilum[dicom]')."
        )
    return refuse("undecodable", f"Its pixels cannot be decoded ({type(error).__name__}).")


def _whole_values(dataset: "Dataset", array: np.ndarray) -> np.ndarray:
    """Return numbers from stored bits: without what stands beside them (old overlays), and with their sign.

    Raises:
        ImageRefusedError: Not finite, or compressed pixels have more bits than the header says.
    """
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise refuse("non_finite", "Some pixels are NaN or infinite.")
        return array
    stored = _number(dataset, "BitsStored", 16)
    values = array.astype(np.int64)
    if not _is_encapsulated(dataset) or _syntax(dataset) == _RLE:
        values >>= max(0, _number(dataset, "HighBit", stored - 1) - stored + 1)
    elif values.max() >= 2**stored:
        raise refuse("pixel_mismatch", f"The header says {stored} bits, the compressed pixels have more.")
    values &= 2**stored - 1
    if _number(dataset, "PixelRepresentation", 0):
        values = (values ^ 2 ** (stored - 1)) - 2 ** (stored - 1)
    return values


def _padding(dataset: "Dataset", stored: Values) -> np.ndarray:
    """Return where the detector saw nothing, as the header has it: shown black, and left out of ranges."""
    if "PixelPaddingValue" not in dataset:
        return np.zeros(stored.shape, dtype=bool)
    first = _number(dataset, "PixelPaddingValue")
    last = _number(dataset, "PixelPaddingRangeLimit", first)
    mask: np.ndarray = (stored >= min(first, last)) & (stored <= max(first, last))
    return mask if not mask.all() else np.zeros(stored.shape, dtype=bool)


def _modality_values(dataset: "Dataset", stored: Values) -> Values:
    if dataset.get("ModalityLUTSequence"):
        table = dataset.ModalityLUTSequence[0]
        return _looked_up(table, stored)
    slope, intercept = _real(dataset, "RescaleSlope", 1.0), _real(dataset, "RescaleIntercept", 0.0)
    if slope == 0 or not math.isfinite(slope) or not math.isfinite(intercept):
        raise refuse("pixel_mismatch", "The header rescales every pixel to the same or to no value.")
    with np.errstate(over="ignore"):
        values = stored * slope + intercept
    if not np.isfinite(values).all():
        raise refuse("non_finite", "The header rescales some pixels to infinity.")
    return values


def _looked_up(table: "Dataset", values: Values) -> Values:
    """Apply a lookup table (PS3.3 C.11.1.1): values below its first entry take the first, above its last the last."""
    entries, first, bits = (int(number) for number in table.LUTDescriptor)
    data = table.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, np.uint8 if bits <= 8 and len(data) <= (entries or 65536) else "<u2")
    lut = np.asarray(data, dtype=np.float64)[: entries or 65536]
    if lut.size == 0:
        raise refuse("pixel_mismatch", "The header holds an empty lookup table.")
    if first > 32767 and values.min() < 0:
        first -= 65536
    return np.asarray(lut[np.clip(np.rint(values).astype(np.int64) - first, 0, lut.size - 1)])


def _windowed(dataset: "Dataset", values: Values, padding: np.ndarray, flags: list[str]) -> tuple[Values, str]:
    """Return values in [0, 1] and how they came about.

    The first VOI LUT, else the first window, else all levels of 8 bits, else the range of the film's own values.
    Colour has grey levels already: no window applies to it.
    """
    if _number(dataset, "SamplesPerPixel", 1) != 1:
        return values / 255, "full range"
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        top = float(2 ** int(table.LUTDescriptor[2]) - 1)
        return np.clip(_looked_up(table, values) / top, 0, 1), "VOI LUT"
    centre, width = _real(dataset, "WindowCenter", math.nan), _real(dataset, "WindowWidth", math.nan)
    if math.isfinite(centre) and math.isfinite(width):
        function = _text(dataset, "VOILUTFunction") or "LINEAR"
        if width >= 1 or (width > 0 and function != "LINEAR"):
            grey = _window(values, centre, width, function)
            if grey[~padding].min() < grey[~padding].max():
                return grey, f"window {centre:g}/{width:g}"
        flags.append("window_ignored")
    if _is_eight_bit(dataset):
        return np.clip(values / 255, 0, 1), "full range"
    inside = values[~padding]
    low, high = float(inside.min()), float(inside.max())
    return np.clip((values - low) / max(high - low, 1e-12), 0, 1), f"range {low:g} to {high:g}"


def _is_eight_bit(dataset: "Dataset") -> bool:
    """Whether stored values are grey levels 0 .. 255 as they are."""
    rescaled = dataset.get("ModalityLUTSequence") or (
        _real(dataset, "RescaleSlope", 1.0) != 1 or _real(dataset, "RescaleIntercept", 0.0) != 0
    )
    signed = _number(dataset, "PixelRepresentation", 0)
    return "PixelData" in dataset and _number(dataset, "BitsStored", 16) == 8 and not signed and not rescaled


def _window(values: Values, centre: float, width: float, function: str) -> Values:
    """Apply a window; source: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)


def _spacing(dataset: "Dataset") -> tuple[float, float] | None:
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            row, column = (float(value) for value in dataset.get(name) or ())
        except (TypeError, ValueError):
            continue
        if row > 0 and column > 0 and math.isfinite(row + column):
            return row, column
    return None


def _view(dataset: "Dataset") -> str:
    """Return the view; empty where it is unknown or a text of somebody's own."""
    view = _text(dataset, "ViewPosition")
    return view if view in _FRONTAL | _LATERAL else ""


def _syntax(dataset: "Dataset") -> str:
    return str(dataset.file_meta.TransferSyntaxUID)


def _text(dataset: "Dataset", name: str) -> str:
    value = dataset.get(name, "")
    return "" if value is None else str(value).strip().upper()


def _number(dataset: "Dataset", name: str, default: int = 0) -> int:
    value = dataset.get(name, default)
    return default if value in {None, ""} else int(value)


def _real(dataset: "Dataset", name: str, default: float) -> float:
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
    pydicom = _pydicom()
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
        "PatientOrientation": ["R", "F"] if view == "PA" else ["L", "F"],
        "ImageType": ["DERIVED", "PRIMARY"],
        "ImageLaterality": "U",
        "PresentationIntentType": "FOR PRESENTATION",
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": -1 if inverted else 1,
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
