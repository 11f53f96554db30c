"""Label files as text cells: read with care for headers, empty lines and lines that are too short."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from hilum.errors import DataError, HilumError
from hilum.findings import parse_labels

__all__ = ["PER_YEAR", "LabelTable", "parse_age", "read_label_table", "targets_from_labels"]

OLDEST_YEARS = 110
_MOST_BYTES = 500_000_000
_AGE = re.compile(r"0*(\d+(?:\.\d+)?)\s*([YMWD]?)", re.IGNORECASE)
PER_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 52.18, "D": 365.25}


@dataclass(frozen=True)
class LabelTable:
    """A CSV file as text.

    Attributes:
        source: The file's name, for messages.
        columns: Cells per column, by the header's name.
        lines: Line of the file that each row stands on, from 1.
        overlong: The first line with something behind the header's last column; 0 if there is none.
    """

    source: str
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    overlong: int = 0

    def column(self, *names: str) -> Sequence[str]:
        """Return the first of ``names`` that is there; raises DataError naming the nearest column if none is."""
        for name in names:
            if name in self.columns:
                return self.columns[name]
        near = get_close_matches(names[0], self.columns, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{self.source} has no column {' or '.join(map(repr, names))}.{hint} "
            f"Its columns: {', '.join(filter(None, self.columns))}."
        )

    def optional(self, name: str | None) -> Sequence[str]:
        """Return a column, or empty cells where no name was given; raises DataError if the column is not there."""
        return self.column(name) if name else [""] * len(self.lines)


def read_label_table(path: Path) -> LabelTable:
    """Read a CSV file (``.csv`` or ``.csv.gz``) with a header.

    A row may have more cells than the header has names (NIH's own header quotes two names that hold a comma): the
    names count from the left. Blank lines are skipped.

    Raises:
        DataError: No such file, no header or one with the same name twice, a row shorter than the header, or not
            UTF-8 text.
    """
    if not path.is_file():
        raise DataError(f"there is no label file {path}")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            raw = stream.read(_MOST_BYTES + 1)
        text = raw.decode("utf-8-sig") if len(raw) <= _MOST_BYTES else ""
    except (UnicodeDecodeError, OSError, EOFError, zlib.error):
        raise DataError(
            f"{path.name} is no readable CSV file: expected UTF-8 text, plain or gzipped; a spreadsheet saves it so as "
            "'CSV UTF-8'"
        ) from None
    if len(raw) > _MOST_BYTES:
        raise DataError(f"{path.name} holds more than {_MOST_BYTES / 1e6:,.0f} MB of text, which no label file does")
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = _without_empty_end([name.strip() for name in next(reader, [])])
        _check_header(path.name, header)
        filled = [(row, reader.line_num) for row in reader if any(row)]
    except csv.Error as error:
        raise DataError(f"{path.name} line {reader.line_num}: this is no CSV ({error})") from None
    if not filled:
        raise DataError(f"{path.name} has a header and no row")
    short = next(((line, len(row)) for row, line in filled if len(row) < len(header)), None)
    if short:
        raise DataError(f"{path.name} line {short[0]}: {short[1]} cells, the header has {len(header)}")
    columns = {name: [row[place].strip() for row, _ in filled] for place, name in enumerate(header)}
    overlong = next((line for row, line in filled if any(cell.strip() for cell in row[len(header) :])), 0)
    return LabelTable(path.name, columns, [line for _, line in filled], overlong)


def _without_empty_end(header: list[str]) -> list[str]:
    """Return a header without empty names behind the last one; NIH's list of boxes has three, and no cells for them."""
    return header[: max((place + 1 for place, name in enumerate(header) if name), default=0)]


def _check_header(source: str, header: Sequence[str]) -> None:
    if not any(header):
        raise DataError(f"{source} is empty: expected a header and one row per film")
    other = next((mark for mark in (";", "\t") if mark in header[0]), None) if len(header) == 1 else None
    if other:
        raise DataError(
            f"{source} has its columns apart by {other!r}: expected commas; save it anew as comma-separated"
        )
    twice = [name for name in dict.fromkeys(header) if name and header.count(name) > 1]
    if twice:
        raise DataError(f"{source} has more than one column {twice[0]!r}: rename or remove all but one")


def parse_age(text: str) -> float:
    """Return an age in years from ``60``, ``060Y``, ``018M`` or ``005D``; NaN if empty, absurd or above 110 years.

    Example:
        >>> parse_age("018M"), parse_age("414")
        (1.5, nan)
    """
    match = _AGE.fullmatch(text.strip())
    if not match:
        return float("nan")
    years = float(match[1]) / PER_YEAR[match[2].upper()]
    return years if years <= OLDEST_YEARS else float("nan")


def targets_from_labels(table: LabelTable, cells: Sequence[str], findings: Sequence[str]) -> dict[str, list[float]]:
    """Turn cells such as ``Effusion|Mass`` or ``No Finding`` into a column of 1 and 0 per finding.

    Raises:
        DataError: A cell names an unknown finding or is empty; the line is named.
    """
    present = [_parse(table, row, cell, findings) for row, cell in enumerate(cells)]
    return {name: [float(name in labels) for labels in present] for name in findings}


def _parse(table: LabelTable, row: int, cell: str, findings: Iterable[str]) -> frozenset[str]:
    try:
        return parse_labels(cell, known=findings)
    except HilumError as error:
        raise DataError(f"{table.source} line {table.lines[row]}: {error}") from None
