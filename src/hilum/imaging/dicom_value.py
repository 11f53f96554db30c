"""Single values of a DICOM header, read with care: whatever stands there, the answer is of one type."""

import math
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

__all__ = [
    "day_of",
    "has_square_pixels",
    "identifier_of",
    "items_of",
    "number_of",
    "real_of",
    "spacing_of",
    "syntax_of",
    "text_of",
]


def spacing_of(dataset: "Dataset") -> tuple[tuple[float, float] | None, str]:
    """Return row and column spacing in mm and the attribute that says so; None and empty where none does."""
    for name in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            row, column = (float(value) for value in dataset.get(name) or ())
        except (TypeError, ValueError):
            continue
        if row > 0 and column > 0 and math.isfinite(row + column):
            return (row, column), name
    return None, ""


def has_square_pixels(dataset: "Dataset") -> bool:
    """Whether the pixel aspect ratio, for files without spacing, is 1 or not given."""
    try:
        height, width = (float(value) for value in dataset.get("PixelAspectRatio") or (1, 1))
    except (TypeError, ValueError):
        return True
    return height == width


def items_of(dataset: "Dataset", name: str) -> list["Dataset"]:
    """Return the items of a sequence; empty where it is missing or no sequence."""
    from pydicom.sequence import Sequence

    value = dataset.get(name)
    return list(value) if isinstance(value, Sequence) else []


def syntax_of(dataset: "Dataset") -> str:
    """Return the UID of the transfer syntax."""
    return str(dataset.file_meta.TransferSyntaxUID)


def text_of(dataset: "Dataset", name: str) -> str:
    """Return a value as text in capitals; empty where it is missing."""
    value = dataset.get(name, "")
    return "" if value is None else str(value).strip(" \0\t\r\n").upper()


def identifier_of(dataset: "Dataset", name: str) -> str:
    """Return a value as it is written, blanks around it removed; empty where it is missing."""
    value = dataset.get(name)
    return "" if value is None else str(value).strip(" \0\t\r\n")


def day_of(dataset: "Dataset", name: str) -> date | None:
    """Return the day of a date, or of a date with time, in today's or an older form; None if it is none."""
    digits = text_of(dataset, name).replace(".", "").replace("-", "")[:8]
    if not (digits.isascii() and digits.isdigit() and len(digits) == 8):
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone here
    except ValueError:
        return None


def number_of(dataset: "Dataset", name: str, default: int = 0) -> int:
    """Return a whole number; ``default`` where it is missing or empty."""
    value = dataset.get(name, default)
    return default if value in {None, ""} else int(value)


def real_of(dataset: "Dataset", name: str, default: float) -> float:
    """Return a decimal, the first of several; ``default`` where it is missing or empty, NaN where it is no number."""
    value = dataset.get(name)
    if isinstance(value, (list, tuple)) or (
        value is not None and hasattr(value, "__iter__") and not isinstance(value, str)
    ):
        value = next(iter(value), None)
    try:
        return default if value in {None, ""} else float(str(value))
    except ValueError:
        return math.nan
