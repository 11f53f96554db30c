"""DICOM in.

Order of what is done to stored values, as PS3.4 N.2 and PS3.3 C.11 have it: Modality LUT or rescale, VOI LUT or
window, then polarity. Nothing that tells who the film is of leaves this module.

Polarity: MONOCHROME1 shows the lowest value white (PS3.3 C.7.6.3.1.2), and a Presentation LUT Shape of INVERSE turns
grey values after the window (C.11.6.1.2). The DX module (C.8.11.3.1.2) asks for INVERSE beside MONOCHROME1 as the
name of one and the same inversion, so either of them, or both, invert once; IDENTITY never undoes MONOCHROME1.
"""

import struct
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from hilum.errors import ImageRefusedError
from hilum.imaging.dicom_grey import modality_values, padding_of, stored_values, windowed
from hilum.imaging.dicom_header import (
    PIXELS,
    check_header,
    load_pydicom,
    number_of,
    pydicom_errors,
    spacing_of,
    syntax_of,
    text_of,
    view_of,
)
from hilum.imaging.refusal import refuse
from hilum.records import Image, ImageFacts

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = ["read_dicom"]

_DEFLATED = "1.2.840.10008.1.2.1.99"
_LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}
_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
# By (implicit VR, little endian).
_NATIVE_SYNTAX: dict[tuple[bool | None, bool | None], str] = {
    (True, True): "1.2.840.10008.1.2",
    (False, True): _EXPLICIT_LITTLE_ENDIAN,
    (False, False): "1.2.840.10008.1.2.2",
}
_UNDEFINED_LENGTH = 0xFFFFFFFF


def read_dicom(path: Path) -> Image:
    """Read a DICOM file that holds one projection radiograph.

    Raises:
        ImageRefusedError: It holds something else, or cannot be decoded.
        MissingExtraError: pydicom is not installed.
    """
    pydicom = load_pydicom()
    dataset = _dataset(pydicom, path)
    try:
        return _image(dataset)
    except ImageRefusedError:
        raise
    except pydicom_errors():
        raise refuse("undecodable", "Its header holds values that cannot be.") from None


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
    except pydicom_errors():
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
    if not any(name in dataset for name in PIXELS) and end < n_bytes:
        raise EOFError


def _name_syntax(pydicom: ModuleType, dataset: "Dataset") -> None:
    """Write down how a file without meta information was read; without it pydicom does not decode."""
    if not hasattr(dataset, "file_meta"):
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        syntax = _NATIVE_SYNTAX.get(dataset.original_encoding, _EXPLICIT_LITTLE_ENDIAN)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)


def _image(dataset: "Dataset") -> Image:
    check_header(dataset)
    flags: list[str] = []
    stored = stored_values(dataset, flags)
    padding = padding_of(dataset, stored)
    values = modality_values(dataset, stored)
    grey, window = windowed(dataset, values, padding, flags)
    photometric = text_of(dataset, "PhotometricInterpretation")
    inverted = photometric == "MONOCHROME1" or text_of(dataset, "PresentationLUTShape") == "INVERSE"
    grey = 1 - grey if inverted else grey
    grey = np.where(padding, 0.0, grey)
    if text_of(dataset, "LossyImageCompression") == "01" or syntax_of(dataset) in _LOSSY:
        flags.append("lossy")
    if text_of(dataset, "BurnedInAnnotation") == "YES":
        flags.append("burned_in")
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
        spacing_mm=spacing_of(dataset),
        flags=tuple(flags),
    )
    return Image(np.ascontiguousarray(grey, dtype=np.float32), facts)
