"""What may hide beside the pixels: bytes after them, bits above them, comments in compressed streams.

Nothing here changes a grey value. Source: PS3.5 8.1.1 (bits), A.4 (fragments), G (RLE).
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.imaging.clean_stream import clean_stream
from hilum.imaging.dicom_header import is_encapsulated, native_bytes
from hilum.imaging.dicom_value import number_of, syntax_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["clean_pixels"]

_BIG_ENDIAN, _LITTLE_ENDIAN, _RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def clean_pixels(dataset: "Dataset") -> None:
    """Remove what is stored with the pixels of a single-frame film and is no pixel."""
    for name in ("FloatPixelData", "DoubleFloatPixelData"):
        if name in dataset:
            dataset[name].value = bytes(dataset[name].value)[: native_bytes(dataset)]
    if "PixelData" not in dataset:
        return
    if syntax_of(dataset) == _RLE:
        _unpack_rle(dataset)
    if is_encapsulated(dataset):
        from pydicom.encaps import encapsulate, get_frame

        dataset["PixelData"].value = encapsulate([clean_stream(get_frame(dataset.PixelData, 0, number_of_frames=1))])
        return
    expected = native_bytes(dataset)
    content = _only_value_bits(dataset, bytes(dataset.PixelData[:expected]))
    dataset["PixelData"].value = content + b"\0" * (len(content) % 2)


def _unpack_rle(dataset: "Dataset") -> None:
    """Store pixels uncompressed: RLE may hold bytes between its segments, and old overlays above the values."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    options: Any = {"correct_unused_bits": False}
    array, _ = get_decoder(_RLE).as_array(dataset, raw=True, **options)
    dataset["PixelData"].value = array.tobytes()
    dataset["PixelData"].is_undefined_length = False
    if number_of(dataset, "SamplesPerPixel", 1) != 1:
        dataset.PlanarConfiguration = 0
    dataset.file_meta.TransferSyntaxUID = UID(_LITTLE_ENDIAN)


def _only_value_bits(dataset: "Dataset", content: bytes) -> bytes:
    """Return stored values with the bits that are no part of them cleared: old overlays stood there."""
    allocated, stored = number_of(dataset, "BitsAllocated", 16), number_of(dataset, "BitsStored", 16)
    if allocated not in {8, 16, 32} or stored >= allocated:
        return content
    order = ">" if syntax_of(dataset) == _BIG_ENDIAN else "<"
    whole = len(content) // (allocated // 8) * (allocated // 8)
    values = np.frombuffer(content[:whole], dtype=f"{order}u{allocated // 8}")
    low = max(0, number_of(dataset, "HighBit", stored - 1) - stored + 1)
    mask = (2**stored - 1) << low
    kept = values & values.dtype.type(mask)
    if number_of(dataset, "PixelRepresentation", 0):
        # Above a signed value its sign is repeated.
        above = (2**allocated - 1) & ~(2 ** (low + stored) - 1)
        negative = (values >> (low + stored - 1)) & 1 == 1
        kept = np.where(negative, kept | values.dtype.type(above), kept).astype(values.dtype)
    cleaned: bytes = kept.tobytes()
    return cleaned + content[whole:]
