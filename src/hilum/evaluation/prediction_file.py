"""Probabilities from a CSV file, hilum's own or another program's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from hilum.data import LabelTable, read_label_table
from hilum.errors import DataError
from hilum.findings import FINDINGS
from hilum.runs import file_digest

__all__ = ["IMAGE_COLUMNS", "PredictionTable", "read_predictions"]

IMAGE_COLUMNS = ("Image Index", "image_id")
_PREFIXES = ("probability_", "prob_", "")
_KNOWN_COLUMNS = frozenset({"path", "status", "reason", *IMAGE_COLUMNS})
_KNOWN_PREFIXES = ("score_", "low_", "high_", "call_")
_REFUSED = "refused"
_BY_FOLDED_NAME = {name.casefold(): name for name in FINDINGS}


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Probabilities by film and finding.

    Attributes:
        source: The file's name.
        image_ids: Films, as the file names them.
        findings: In the order of the file's columns.
        probabilities: In [0, 1].
        n_refused: Rows without an answer (hilum's ``refused``), left out.
        digest: sha256 of the file.
        ignored: Columns that are neither a finding's probability nor part of hilum's own form.
    """

    source: str
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    probabilities: Float64[np.ndarray, "image finding"]
    n_refused: int
    digest: str
    ignored: tuple[str, ...]


def read_predictions(path: Path) -> PredictionTable:
    """Read a CSV file (``.csv`` or ``.csv.gz``) of probabilities.

    Films stand under ``Image Index`` or ``image_id``; probabilities under ``probability_<Finding>``,
    ``prob_<Finding>`` or ``<Finding>``, the first of them that is there, with a blank or an underscore in the name.

    Raises:
        DataError: No such file, no column of films or probabilities, no row, a film that stands twice, a cell that is
            not a number in [0, 1] (with its line), or a column of calls (0 and 1 alone) where probabilities are needed.
    """
    if not path.is_file():
        raise DataError(f"there is no prediction file {path}")
    table = read_label_table(path)
    image_ids = table.column(*IMAGE_COLUMNS)
    columns = _probability_columns(table)
    status = table.columns.get("status", [""] * len(image_ids))
    rows = [row for row, word in enumerate(status) if word.casefold() != _REFUSED]
    if not rows:
        raise DataError(f"{table.source}: none of {len(image_ids)} films was answered, so there is nothing to evaluate")
    probabilities = np.column_stack([_numbers(table, column, rows) for column in columns.values()])
    _refuse_calls(table.source, columns.values(), probabilities)
    return PredictionTable(
        source=table.source,
        image_ids=tuple(image_ids[row] for row in rows),
        findings=tuple(columns),
        probabilities=probabilities,
        n_refused=len(image_ids) - len(rows),
        digest=file_digest(path),
        ignored=tuple(name for name in table.columns if not _is_known(name, columns.values())),
    )


def _probability_columns(table: LabelTable) -> dict[str, str]:
    """Return finding to column, in the file's order; the first prefix that names a finding wins."""
    chosen: dict[str, str] = {}
    for prefix in _PREFIXES:
        taken = set(chosen)
        for column in table.columns:
            finding = _finding_in(column, prefix)
            if finding is None or finding in taken:
                continue
            if finding in chosen:
                raise DataError(
                    f"{table.source}: columns {chosen[finding]!r} and {column!r} are both {finding}: keep one"
                )
            chosen[finding] = column
    if not chosen:
        raise DataError(
            f"{table.source} has no column of probabilities: expected probability_<Finding>, prob_<Finding> or "
            f"<Finding>, such as prob_Effusion. Its columns: {', '.join(filter(None, table.columns))}."
        )
    order = {column: place for place, column in enumerate(table.columns)}
    return dict(sorted(chosen.items(), key=lambda item: order[item[1]]))


def _finding_in(column: str, prefix: str) -> str | None:
    folded = column.casefold()
    if not folded.startswith(prefix):
        return None
    return _BY_FOLDED_NAME.get(folded.removeprefix(prefix).strip().replace(" ", "_"))


def _numbers(table: LabelTable, column: str, rows: Sequence[int]) -> Float64[np.ndarray, " row"]:
    cells = table.columns[column]
    try:
        numbers = np.array([cells[row] for row in rows], dtype=np.float64)
    except ValueError:
        raise _wrong_cell(table, column, next(row for row in rows if not _is_number(cells[row]))) from None
    wrong = np.flatnonzero(~((numbers >= 0) & (numbers <= 1)))
    if len(wrong):
        raise _wrong_cell(table, column, rows[wrong[0]])
    return numbers


def _refuse_calls(source: str, columns: Iterable[str], probabilities: Float64[np.ndarray, "image finding"]) -> None:
    """Refuse columns of 0 and 1 alone; one that is 0 on every film may be small probabilities, rounded."""
    calls = [
        column
        for column, numbers in zip(columns, probabilities.T, strict=True)
        if set(np.unique(numbers)) == {0.0, 1.0}
    ]
    if calls:
        raise DataError(
            f"{source} holds calls (0 and 1 alone) in {', '.join(calls)}, not probabilities: AUROC needs the "
            "probability of every film. Give that, or leave the column out."
        )


def _wrong_cell(table: LabelTable, column: str, row: int) -> DataError:
    cell = table.columns[column][row]
    return DataError(
        f"{table.source} line {table.lines[row]}: {column} is {repr(cell) if cell else 'empty'}; expected a "
        "probability between 0 and 1 (leave out films that were not answered)"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_known(column: str, used: Iterable[str]) -> bool:
    return column in used or column in _KNOWN_COLUMNS or column.startswith(_KNOWN_PREFIXES) or not column
