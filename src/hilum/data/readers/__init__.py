"""Readers of public data sets, each in the set's own layout, and the table of them."""

from hilum.data.readers.chest_det10 import read_chestx_det10
from hilum.data.readers.chestmnist import read_chestmnist
from hilum.data.readers.chexpert import read_chexpert
from hilum.data.readers.mimic import read_mimic
from hilum.data.readers.nih_google import read_nih_google
from hilum.data.readers.openi import read_openi
from hilum.data.readers.padchest import read_padchest
from hilum.data.readers.rsna import read_rsna
from hilum.data.readers.siim import read_siim
from hilum.data.readers.study_label import BLANKS
from hilum.data.readers.table import READERS, Reader, recognise_set
from hilum.data.readers.vindr import read_vindr

__all__ = [
    "BLANKS",
    "READERS",
    "Reader",
    "read_chestmnist",
    "read_chestx_det10",
    "read_chexpert",
    "read_mimic",
    "read_nih_google",
    "read_openi",
    "read_padchest",
    "read_rsna",
    "read_siim",
    "read_vindr",
    "recognise_set",
]
