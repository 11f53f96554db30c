"""Cells of 1, 0, -1 and nothing, as the labellers of CheXpert write them; MIMIC-CXR has the same.

Source: Irvin et al., "CheXpert", AAAI 2019: a blank means that the report does not mention the finding. Its own
baselines count a blank as absent. ``No Finding`` is 1 where no finding but a device is present or uncertain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hilum.data.film_table import UNCERTAIN
from hilum.data.label_table import LabelTable
from hilum.errors import DataError, UnknownNameError
from hilum.findings import LABEL_SETS, NO_FINDING
from hilum.wording import count

__all__ = ["BLANKS", "StudyLabels", "read_study_labels"]

BLANKS: dict[str, str] = {
    "unknown": "not mentioned, so unknown; absent where `No Finding` is 1",
    "zero": "absent, as the baselines of the set's own paper count it",
}
"""The ``--blank`` of ``hilum data import``, and what a blank cell then is."""

_CELLS = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "-1": UNCERTAIN, "-1.0": UNCERTAIN, "": float("nan")}
_NOT_IN_NO_FINDING = "Support_Devices"


@dataclass(frozen=True)
class StudyLabels:
    """Labels of the rows of a file.

    Attributes:
        targets: Finding to 1, 0, NaN or ``UNCERTAIN``.
        n_blank: Blank cells.
        n_conflicts: Rows whose ``No Finding`` is 1 beside a finding that is present; the finding counts.
    """

    targets: Mapping[str, Sequence[float]]
    n_blank: int
    n_conflicts: int

    def notes(self, blank: str) -> tuple[str, ...]:
        """What a reader should know, a sentence each."""
        found = []
        if self.n_blank:
            other = "; --blank zero counts them absent" if blank == "unknown" else ""
            found.append(f"{count(self.n_blank, 'label', 'are')} blank: {BLANKS[blank]}{other}")
        if self.n_conflicts:
            found.append(f"{count(self.n_conflicts, 'row', 'have')} 'No Finding' beside a finding; the finding counts")
        return tuple(found)


def read_study_labels(table: LabelTable, *, label_set: str, blank: str) -> StudyLabels:
    """Read the columns that a label set names.

    Args:
        table: The label file.
        label_set: A name of ``LABEL_SETS``.
        blank: A name of ``BLANKS``.

    Raises:
        UnknownNameError: There is no such way to count blanks.
        DataError: A column is missing, or a cell is none of 1, 0, -1 and nothing (its line is named).
    """
    if blank not in BLANKS:
        raise UnknownNameError("way to count blank labels", blank, BLANKS)
    columns = {
        label.findings[0]: _numbers(table, name)
        for name, label in LABEL_SETS[label_set].labels.items()
        if label.findings
    }
    nothing = [cell == 1 for cell in _numbers(table, NO_FINDING)]
    n_blank = sum(cell != cell for cells in columns.values() for cell in cells)
    pathologies = [cells for name, cells in columns.items() if name != _NOT_IN_NO_FINDING]
    n_conflicts = sum(1 for row, empty in enumerate(nothing) if empty and any(cells[row] == 1 for cells in pathologies))
    for name, cells in columns.items():
        for row, cell in enumerate(cells):
            if cell != cell and (blank == "zero" or (nothing[row] and name != _NOT_IN_NO_FINDING)):
                cells[row] = 0.0
    return StudyLabels(columns, n_blank, n_conflicts)


def _numbers(table: LabelTable, column: str) -> list[float]:
    cells = table.column(column)
    try:
        return [_CELLS[cell] for cell in cells]
    except KeyError:
        row = next(row for row, cell in enumerate(cells) if cell not in _CELLS)
        raise DataError(
            f"{table.source} line {table.lines[row]}: {column} is {cells[row]!r}; expected 1, 0, -1 (uncertain) or "
            "nothing (not mentioned)"
        ) from None
