"""The table of readers: what ``hilum data import`` can read, by name."""

from collections.abc import Callable
from dataclasses import dataclass

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

__all__ = ["READERS", "Reader"]


@dataclass(frozen=True)
class Reader:
    """One kind of films that can be imported.

    Attributes:
        read: Takes a path and keywords of its own, and returns a manifest.
        labels: The set's entry in ``LABEL_SETS``; empty for films of one's own.
        uncertain: Whether ``read`` takes ``uncertain`` and ``blank``, because the set has such labels.
    """

    read: Callable[..., Manifest]
    labels: str = ""
    uncertain: bool = False


READERS: dict[str, Reader] = {
    "nih": Reader(read_nih, "nih"),
    "nih-sample": Reader(read_nih_sample, "nih"),
    "nih-google": Reader(read_nih_google, "nih-google"),
    "chexpert": Reader(read_chexpert, "chexpert", uncertain=True),
    "mimic": Reader(read_mimic, "mimic", uncertain=True),
    "padchest": Reader(read_padchest, "padchest"),
    "vindr": Reader(read_vindr, "vindr"),
    "rsna": Reader(read_rsna, "rsna"),
    "siim": Reader(read_siim, "siim"),
    "openi": Reader(read_openi, "openi"),
    "chestx-det10": Reader(read_chestx_det10, "chestx-det10"),
    "chestmnist": Reader(read_chestmnist, "chestmnist"),
    "csv": Reader(read_csv),
    "dicom": Reader(read_dicom),
}
"""What ``hilum data import`` reads, by the word after it."""
