"""DICOM in.

Order of what is done to stored values, as PS3.4 N.2 and PS3.3 C.11 have it: Modality LUT or rescale, VOI LUT or
window, then polarity. Nothing that tells who the film is of leaves this module.

Polarity: MONOCHROME1 shows the lowest value white (PS3.3 C.7.6.3.1.2), and a Presentation LUT Shape of INVERSE turns
grey values after the window (C.11.6.1.2). The DX module (C.8.11.3.1.2) asks for INVERSE beside MONOCHROME1 as the
name of one and the same inversion, so either of them, or both, invert once; IDENTITY never undoes MONOCHROME1.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from mmap import ACCESS_READ, mmap
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from hilum.errors import ImageRefusedError, MissingExtraError
from hilum.imaging.dicom_grey import modality_values, padding_of, stored_values, windowed
from hilum.imaging.dicom_header import check_header, load_pydicom, pydicom_errors
from hilum.imaging.dicom_scan import DEFLATED, inflate, read_meta, scan_elements
from hilum.imaging.dicom_subject import subject_flags, view_of
from hilum.imaging.dicom_value import has_square_pixels, number_of, spacing_of, syntax_of, text_of
from hilum.imaging.file_kind import DICOM_START_BYTES, PREAMBLE_BYTES, has_preamble
from hilum.imaging.refusal import refuse
from hilum.records import Image, ImageFacts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["load_dataset", "read_dicom", "refusing"]

# JPEG baseline and extended, JPEG-LS near-lossless, JPEG 2000 and HTJ2K where they may be lossy.
_LOSSY = {f"1.2.840.10008.1.2.4.{kind}" for kind in (50, 51, 81, 91, 203)}
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
# By (implicit VR, little endian).
_NATIVE_SYNTAX: dict[tuple[bool | None, bool | None], str] = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): _EXPLICIT_LITTLE_ENDIAN,
    (False, False): "1.2.840.10008.1.2.2",
}
_SYNTAX_ELEMENT = b"\x02\0\x10\0UI\x14\0" + _EXPLICIT_LITTLE_ENDIAN.encode() + b"\0"
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_SQUARE_WITHIN = 0.01


def read_dicom(path: Path) -> Image:
    """Read a DICOM file that holds one projection radiograph.

    Raises:
        ImageRefusedError: It holds something else, or cannot be decoded.
        MissingExtraError: pydicom is not installed.
    """
    flags: list[str] = []
    with refusing():
        return _image(load_dataset(path, flags), flags)


def load_dataset(path: Path, flags: list[str]) -> "Dataset":
    """Return a file's elements after a look over them, pixels as they are stored; to be called within ``refusing``."""
    pydicom = load_pydicom()
    with path.open("rb") as stream, mmap(stream.fileno(), 0, access=ACCESS_READ) as data:
        return _dataset(pydicom, stream, data, flags)


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever pydicom raises on broken data into a refusal that quotes nothing of them."""
    try:
        yield
    except (ImageRefusedError, MissingExtraError):
        raise
    except MemoryError:
        raise refuse("too_costly", "Decoding it needs more memory than there is.") from None
    except (EOFError, struct.error):
        raise refuse("truncated", "The DICOM data end too early.") from None
    except pydicom_errors():
        raise refuse("undecodable", "It starts as DICOM does, but holds values that cannot be.") from None


def _dataset(pydicom: ModuleType, stream: BinaryIO, data: mmap, flags: list[str]) -> "Dataset":
    """Let pydicom read what has been looked over before."""
    start = data[:DICOM_START_BYTES]
    if has_preamble(start) and start.startswith(_PROGRAMS):
        flags.append("preamble")
    syntax, begin = read_meta(data, DICOM_START_BYTES if has_preamble(start) else 0)
    source: BinaryIO = stream
    if syntax == DEFLATED:
        content = bytes(PREAMBLE_BYTES) + b"DICM" + _SYNTAX_ELEMENT
        begin, content = len(content), content + inflate(data[begin:])
        elements = scan_elements(content, begin, "")
        n_bytes, source = len(content), BytesIO(content)
    else:
        elements = scan_elements(data, begin, syntax)
        n_bytes = len(data)
    if elements.end < n_bytes:
        flags.append("trailing_data")
        source.seek(0)
        source = BytesIO(source.read(elements.end))
    source.seek(0)
    dataset: Dataset = pydicom.dcmread(source, force=True)
    _name_syntax(pydicom, dataset)
    return dataset


def _name_syntax(pydicom: ModuleType, dataset: "Dataset") -> None:
    """Write down how a file without meta information was read; without it pydicom does not decode."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        syntax = _NATIVE_SYNTAX.get(dataset.original_encoding, _EXPLICIT_LITTLE_ENDIAN)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)


def _image(dataset: "Dataset", flags: list[str]) -> Image:
    check_header(dataset)
    flags += subject_flags(dataset)
    stored = stored_values(dataset, flags)
    padding = padding_of(dataset, stored)
    values = modality_values(dataset, stored)
    grey, window = windowed(dataset, values, padding, flags)
    photometric = text_of(dataset, "PhotometricInterpretation")
    inverted = photometric == "MONOCHROME1" or (
        photometric == "MONOCHROME2" and text_of(dataset, "PresentationLUTShape") == "INVERSE"
    )
    grey = 1 - grey if inverted else grey
    grey = np.where(padding, 0.0, grey)
    if text_of(dataset, "LossyImageCompression") == "01" or syntax_of(dataset) in _LOSSY:
        flags.append("lossy")
    if text_of(dataset, "BurnedInAnnotation") == "YES":
        flags.append("burned_in")
    spacing, spacing_from = spacing_of(dataset)
    flags += _spacing_flags(spacing, spacing_from) + (["uneven_spacing"] if not has_square_pixels(dataset) else [])
    facts = ImageFacts(
        file_format="dicom",
        width_px=grey.shape[1],
        height_px=grey.shape[0],
        bits=number_of(dataset, "BitsStored"),
        modality=text_of(dataset, "Modality"),
        view=view_of(dataset),
        photometric=photometric,
        inverted=inverted,
        window=window,
        spacing_mm=spacing,
        spacing_from=spacing_from,
        flags=tuple(flags),
    )
    return Image(np.ascontiguousarray(grey, dtype=np.float32), facts)


def _spacing_flags(spacing: tuple[float, float] | None, spacing_from: str) -> list[str]:
    if spacing is None:
        return ["no_spacing"]
    row, column = spacing
    uneven = ["uneven_spacing"] if abs(row - column) > _SQUARE_WITHIN * row else []
    return uneven + (["detector_spacing"] if spacing_from == "ImagerPixelSpacing" else [])
