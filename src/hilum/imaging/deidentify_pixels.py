"""What may hide beside the pixels: bytes after them, bits above them, comments in compressed streams.

Nothing here changes a grey value. Source: ITU-T T.81 B.1 (JPEG markers), T.800 A (JPEG 2000), PS3.5 8.1.1 (bits).
"""

from typing import TYPE_CHECKING

import numpy as np

from hilum.imaging.dicom_header import is_encapsulated, native_bytes
from hilum.imaging.dicom_value import number_of, syntax_of

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["clean_pixels", "without_comments"]

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f"
_END = b"\xff\xd9"
# Comments and application data; APP0, APP8 and APP14 say how colours are stored.
_JPEG_DROPPED = {0xFE, *range(0xE1, 0xF0)} - {0xE8, 0xEE}
_JPEG_LAST, _JPEG_2000_LAST = 0xDA, 0x90
_JPEG_2000_DROPPED = {0x64}


def clean_pixels(dataset: "Dataset") -> None:
    """Remove what is stored with the pixels of a single-frame film and is no pixel."""
    for name in ("FloatPixelData", "DoubleFloatPixelData"):
        if name in dataset:
            dataset[name].value = bytes(dataset[name].value)[: native_bytes(dataset)]
    if "PixelData" not in dataset:
        return
    if not is_encapsulated(dataset):
        expected = native_bytes(dataset)
        content = _only_value_bits(dataset, bytes(dataset.PixelData[:expected]))
        dataset["PixelData"].value = content + b"\0" * (len(content) % 2)
        return
    from pydicom.encaps import encapsulate, get_frame

    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    cleaned = without_comments(frame)
    if cleaned != frame:
        dataset["PixelData"].value = encapsulate([cleaned])
        for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
            if name in dataset:
                delattr(dataset, name)


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


def without_comments(stream: bytes) -> bytes:
    """Return a JPEG, JPEG-LS or JPEG 2000 stream without comments, application data and what follows its end."""
    if stream.startswith(_JPEG):
        dropped, last = _JPEG_DROPPED, _JPEG_LAST
    elif stream.startswith(_JPEG_2000):
        dropped, last = _JPEG_2000_DROPPED, _JPEG_2000_LAST
    else:
        return stream
    kept, place = [stream[:2]], 2
    while place + 4 <= len(stream) and stream[place] == 0xFF:
        marker, length = stream[place + 1], int.from_bytes(stream[place + 2 : place + 4], "big")
        if marker == last or length < 2:
            break
        if marker not in dropped:
            kept.append(stream[place : place + 2 + length])
        place += 2 + length
    end = stream.rfind(_END)
    kept.append(stream[place : end + 2 if end >= place else None])
    return b"".join(kept)
