"""Films made by hand, so that every stored value is known."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT = "1.2.840.10008.1.2.1"


def dicom_dataset(values, *, syntax=EXPLICIT, frames=None, **tags):
    """A DX data set of ``values``, as they are stored; ``tags`` override, None removes."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = DX
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset = pydicom.Dataset()
    dataset.file_meta = meta
    bits = values.dtype.itemsize * 8
    header = {
        "SOPClassUID": DX,
        "SOPInstanceUID": "1.2.3",
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "ViewPosition": "PA",
        "PatientAge": "050Y",
        "PixelSpacing": [0.2, 0.2],
        "SamplesPerPixel": 3 if values.ndim == 3 else 1,
        "PhotometricInterpretation": "RGB" if values.ndim == 3 else "MONOCHROME2",
        "Rows": values.shape[0],
        "Columns": values.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": None,
        "PixelRepresentation": int(values.dtype.kind == "i"),
        **({"PlanarConfiguration": 0} if values.ndim == 3 else {}),
        **tags,
    }
    if header["HighBit"] is None:
        header["HighBit"] = header["BitsStored"] - 1
    for name, value in header.items():
        if value is not None:
            setattr(dataset, name, value)
    content = values.tobytes()
    dataset.PixelData = encapsulate(frames) if frames else content + b"\0" * (len(content) % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 or frames else "OW"
    return dataset


@pytest.fixture
def write_dataset(tmp_path):
    """Write a data set and return its path."""

    def write(dataset, name="film.dcm"):
        path = tmp_path / name
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def dicom(write_dataset):
    """Write a DX file of stored values and return its path."""
    return lambda values, **tags: write_dataset(dicom_dataset(values, **tags))


@pytest.fixture
def make_dataset():
    return dicom_dataset


@pytest.fixture
def ramp():
    """64 x 48, every value of 12 bits that is a multiple of 4/3, not symmetric in any direction."""
    return (np.arange(64 * 48) * 4 // 3).astype(np.uint16).reshape(64, 48)


@pytest.fixture
def grey():
    """40 x 64, 8 bits, smooth, not symmetric in any direction."""
    rows, columns = np.mgrid[0:40, 0:64]
    return (rows * 3 + columns * 2).astype(np.uint8)


@pytest.fixture
def save(tmp_path):
    """Write a Pillow picture of an array or picture and return its path."""
    from PIL import Image

    def write(pixels, name, **options):
        path = tmp_path / name
        picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
        picture.save(path, **options)
        return path

    return write
