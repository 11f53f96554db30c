"""Public data sets fetched, unpacked with care, and counted: the only code of hilum that uses the network."""

from hilum.data.download.archive import UnpackLimits, unpack_zip
from hilum.data.download.credential import require_credentials
from hilum.data.download.get import Fetched, get_dataset
from hilum.data.download.known import DATASETS, KnownSet, known_set
from hilum.data.download.transfer import Patience
from hilum.data.download.whole import SetCheck, check_dataset

__all__ = [
    "DATASETS",
    "Fetched",
    "KnownSet",
    "Patience",
    "SetCheck",
    "UnpackLimits",
    "check_dataset",
    "get_dataset",
    "known_set",
    "require_credentials",
    "unpack_zip",
]
