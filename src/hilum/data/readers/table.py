"""The table of readers: what ``hilum data import`` can read, by name."""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from hilum.data.dicom_folder import read_dicom
from hilum.data.manifest import Manifest
from hilum.data.nih import read_nih, read_nih_sample
from hilum.data.own_csv import read_csv
from hilum.data.readers.chest_det10 import read_chestx_det10
from hilum.data.readers.chestmnist import read_chestmnist
from hilum.data.readers.chexpert import read_chexpert
from hilum.data.readers.mimic import read_mimic
from hilum.data.readers.nih_google import read_nih_google
from hilum.data.readers.openi import read_openi
from hilum.data.readers.padchest import read_padchest
from hilum.data.readers.rsna import read_rsna
from hilum.data.readers.siim import read_siim
from hilum.data.readers.vindr import read_vindr

__all__ = ["READERS", "Reader", "recognise_set"]

_BEGINNING = 4096
_ENDINGS = {".csv", ".gz", ".json", ".xml", ".npz"}


@dataclass(frozen=True)
class Reader:
    """One kind of films that can be imported.

    Attributes:
        read: Takes a path and keywords of its own, and returns a manifest.
        labels: The set's entry in ``LABEL_SETS``; empty for films of one's own.
        uncertain: Whether ``read`` takes ``uncertain`` and ``blank``, because the set has such labels.
        marks: By which the set is known: patterns of its files' names, to a text near the beginning of such a file.
    """

    read: Callable[..., Manifest]
    labels: str = ""
    uncertain: bool = False
    marks: Mapping[str, str] = field(default_factory=dict)


READERS: dict[str, Reader] = {
    "nih": Reader(read_nih, "nih"),
    "nih-sample": Reader(read_nih_sample, "nih"),
    "nih-google": Reader(
        read_nih_google,
        "nih-google",
        marks={"google2019*nih*labels*.csv*": "Image", "four_findings_expert_labels_*_labels.csv*": "Image"},
    ),
    "chexpert": Reader(
        read_chexpert,
        "chexpert",
        uncertain=True,
        marks={"train.csv*": "Frontal/Lateral", "valid.csv*": "Frontal/Lateral"},
    ),
    "mimic": Reader(read_mimic, "mimic", uncertain=True, marks={"mimic-cxr-2*-*.csv*": "subject_id"}),
    "padchest": Reader(
        read_padchest, "padchest", marks={"PADCHEST*.csv*": "ImageID", "chest_x_ray_images_labels*.csv*": "ImageID"}
    ),
    "vindr": Reader(read_vindr, "vindr", marks={"image_labels_*.csv*": "image_id", "train.csv*": "class_name"}),
    "rsna": Reader(read_rsna, "rsna", marks={"stage_[12]_train_labels.csv*": "patientId"}),
    "siim": Reader(read_siim, "siim", marks={"stage_2_train.csv*": "ImageId", "train-rle.csv*": "ImageId"}),
    "openi": Reader(read_openi, "openi", marks={"*.xml": "eCitation"}),
    "chestx-det10": Reader(read_chestx_det10, "chestx-det10", marks={"train.json": "syms", "test.json": "syms"}),
    "chestmnist": Reader(read_chestmnist, "chestmnist", marks={"chestmnist*.npz": "PK"}),
    "csv": Reader(read_csv),
    "dicom": Reader(read_dicom),
}
"""What ``hilum data import`` reads, by the word after it."""


def recognise_set(path: Path) -> str:
    """Return which reader a public set's folder or label file is for, by its files' names and how they begin.

    ChestX-ray14 in NIH's own layout is not among them: hilum works on its label file as it is.

    Returns:
        A key of ``READERS``; empty where no set is known.
    """
    inside = (file for below in ("*", "*/*") for file in path.glob(below)) if path.is_dir() else [path]
    files = [file for file in inside if file.suffix in _ENDINGS]
    for name, reader in READERS.items():
        for pattern, text in reader.marks.items():
            found = next((file for file in files if fnmatch(file.name, pattern)), None)
            if found and text in _beginning(found):
                return name
    return ""


def _beginning(path: Path) -> str:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            return stream.read(_BEGINNING).decode("latin-1")
    except (OSError, EOFError):
        return ""
