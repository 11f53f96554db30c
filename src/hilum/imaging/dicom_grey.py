"""From stored values to grey: which bits are values, modality, window.

Source: PS3.4 N.2 (the order), PS3.3 C.11.1 (modality), C.11.2 (window). Without a window in the header, 8-bit values
count as grey levels as they are, deeper ones as a share of their range.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from hilum.errors import ImageRefusedError
from hilum.imaging.dicom_header import is_encapsulated, native_bytes, pydicom_errors
from hilum.imaging.dicom_value import number_of, real_of, syntax_of, text_of
from hilum.imaging.picture_file import bits_in_use, grey_of_colour
from hilum.imaging.refusal import refuse

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["modality_values", "padding_of", "stored_values", "windowed"]

_RLE, _BIG_ENDIAN = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.2"
_FUNCTIONS = {"LINEAR", "LINEAR_EXACT", "SIGMOID"}
Values = Float64[np.ndarray, "height width"]


def stored_values(dataset: "Dataset", flags: list[str]) -> Values:
    """Return the stored values as whole numbers, grey levels of colour; appends to ``flags`` what a reader should know.

    Raises:
        ImageRefusedError: They cannot be decoded, or have more than a few colours.
    """
    native = "PixelData" in dataset and not is_encapsulated(dataset)
    # The standard pads to an even length with one byte.
    if native and len(dataset.PixelData) > native_bytes(dataset) + 1:
        flags.append("trailing_data")
    # Which bits are values depends on HighBit, which pydicom does not look at: see to it here.
    dataset.pixel_array_options(correct_unused_bits=False)
    try:
        array: np.ndarray = dataset.pixel_array
    except pydicom_errors() as error:
        raise _undecodable(dataset, error) from None
    if array.ndim == 2:
        return _whole_values(dataset, array).astype(np.float64)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8 and number_of(dataset, "BitsStored", 8) == 8:
        # pydicom has turned every kind of YBR into RGB.
        grey, marked = grey_of_colour(array)
        if marked:
            flags.append("colour_marks")
        return grey.astype(np.float64)
    raise refuse("colour", "The pixels are stored in colour with other than 8 bits.")


def _undecodable(dataset: "Dataset", error: Exception) -> ImageRefusedError:
    from pydicom.pixels.decoders.base import get_decoder

    try:
        decoder = get_decoder(syntax_of(dataset))
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
    stored = number_of(dataset, "BitsStored", 16)
    values = array.astype(np.int64)
    if not is_encapsulated(dataset) or syntax_of(dataset) == _RLE:
        values >>= max(0, number_of(dataset, "HighBit", stored - 1) - stored + 1)
    elif values.max() >= 2**stored:
        raise refuse("pixel_mismatch", f"The header says {stored} bits, the compressed pixels have more.")
    values &= 2**stored - 1
    if number_of(dataset, "PixelRepresentation", 0):
        values = (values ^ 2 ** (stored - 1)) - 2 ** (stored - 1)
    return values


def padding_of(dataset: "Dataset", stored: Values) -> np.ndarray:
    """Return where the detector saw nothing, as the header has it: shown black, and left out of ranges."""
    if dataset.get("PixelPaddingValue") in {None, ""} or number_of(dataset, "SamplesPerPixel", 1) != 1:
        return np.zeros(stored.shape, dtype=bool)
    first = number_of(dataset, "PixelPaddingValue")
    last = number_of(dataset, "PixelPaddingRangeLimit", first)
    if number_of(dataset, "PixelRepresentation", 0):  # many write the bits of a negative value as a positive one
        first, last = (value - 65536 if 32767 < value < 65536 else value for value in (first, last))
    mask: np.ndarray = (stored >= min(first, last)) & (stored <= max(first, last))
    return mask if not mask.all() else np.zeros(stored.shape, dtype=bool)


def modality_values(dataset: "Dataset", stored: Values) -> Values:
    """Apply the Modality LUT or rescale slope and intercept (PS3.3 C.11.1); refuses infinity."""
    if dataset.get("ModalityLUTSequence"):
        table = dataset.ModalityLUTSequence[0]
        return _looked_up(table, _entries(table, syntax_of(dataset)), stored)
    slope, intercept = real_of(dataset, "RescaleSlope", 1.0), real_of(dataset, "RescaleIntercept", 0.0)
    if slope == 0 or not math.isfinite(slope) or not math.isfinite(intercept):
        raise refuse("pixel_mismatch", "The header rescales every pixel to the same or to no value.")
    with np.errstate(over="ignore"):
        values = stored * slope + intercept
    if not np.isfinite(values).all():
        raise refuse("non_finite", "The header rescales some pixels to infinity.")
    return values


def _looked_up(table: "Dataset", lut: Float64[np.ndarray, " entry"], values: Values) -> Values:
    """Apply a lookup table (PS3.3 C.11.1.1): values below its first entry take the first, above its last the last."""
    first = int(table.LUTDescriptor[1])
    if first > 32767 and (values.min() < 0 or values.max() < first):  # the bits of a negative number
        first -= 65536
    return np.asarray(lut[np.clip(np.rint(values).astype(np.int64) - first, 0, lut.size - 1)])


def _entries(table: "Dataset", syntax: str) -> Float64[np.ndarray, " entry"]:
    entries, _, bits = (int(number) for number in table.LUTDescriptor)
    data = table.LUTData
    if isinstance(data, bytes):
        if syntax == _BIG_ENDIAN:
            data = np.frombuffer(data, ">u2").astype("<u2").tobytes()
        data = np.frombuffer(data, np.uint8 if bits <= 8 and len(data) <= (entries or 65536) else "<u2")
    lut = np.asarray(data, dtype=np.float64)[: entries or 65536]
    if lut.size == 0:
        raise refuse("pixel_mismatch", "The header holds an empty lookup table.")
    return lut


def windowed(dataset: "Dataset", values: Values, padding: np.ndarray, flags: list[str]) -> tuple[Values, str]:
    """Return values in [0, 1] and how they came about.

    The first VOI LUT, else the first window, else all levels of 8 bits, else the range of the film's own values.
    Colour has grey levels already: no window applies to it.
    """
    if number_of(dataset, "SamplesPerPixel", 1) != 1:
        return values / 255, "full range"
    if dataset.get("VOILUTSequence"):
        table = dataset.VOILUTSequence[0]
        bits = int(table.LUTDescriptor[2])
        if not 1 <= bits <= 16:
            raise refuse("pixel_mismatch", f"The header holds a lookup table of {bits} bits.")
        lut = _entries(table, syntax_of(dataset))
        in_use = bits_in_use(int(lut.max()))
        if in_use < bits - 1:  # a table of 12 bits that is said to be one of 16 would show next to nothing
            flags.append("bit_depth")
            bits = in_use
        return np.clip(_looked_up(table, lut, values) / (2**bits - 1), 0, 1), "VOI LUT"
    centre, width = real_of(dataset, "WindowCenter", math.nan), real_of(dataset, "WindowWidth", math.nan)
    if math.isfinite(centre) and math.isfinite(width):
        function = text_of(dataset, "VOILUTFunction") or "LINEAR"
        if function in _FUNCTIONS and (width >= 1 or (width > 0 and function != "LINEAR")):
            grey = _window(values, centre, width, function)
            if grey[~padding].min() < grey[~padding].max():
                return grey, f"window {centre:g}/{width:g}"
    if text_of(dataset, "WindowCenter") and text_of(dataset, "WindowWidth"):
        flags.append("window_ignored")
    if _is_eight_bit(dataset):
        return np.clip(values / 255, 0, 1), "full range"
    inside = values[~padding]
    low, high = float(inside.min()), float(inside.max())
    return np.clip((values - low) / max(high - low, 1e-12), 0, 1), f"range {low:g} to {high:g}"


def _is_eight_bit(dataset: "Dataset") -> bool:
    """Whether stored values are grey levels 0 .. 255 as they are."""
    rescaled = dataset.get("ModalityLUTSequence") or (
        real_of(dataset, "RescaleSlope", 1.0) != 1 or real_of(dataset, "RescaleIntercept", 0.0) != 0
    )
    signed = number_of(dataset, "PixelRepresentation", 0)
    return "PixelData" in dataset and number_of(dataset, "BitsStored", 16) == 8 and not signed and not rescaled


def _window(values: Values, centre: float, width: float, function: str) -> Values:
    """Apply a window; source: PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if width == 1:
        return (values > centre - 0.5).astype(np.float64)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
