"""Probabilities from a CSV file, hilum's own or another program's, and the one that hilum writes."""

import csv
import hashlib
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Shaped

from hilum.data import LabelTable, read_label_table
from hilum.errors import DataError
from hilum.findings import FINDINGS, NO_FINDING
from hilum.runs import file_digest, write_text

__all__ = ["IMAGE_COLUMNS", "PredictionTable", "read_predictions", "write_predictions"]

IMAGE_COLUMNS = ("Image Index", "image_id")
_MARKS = re.compile(r"[\W_]+")
_IMAGE_NAMES = ("imageindex", "imageid", "image", "imagename", "filename", "file", "imagepath", "path")
_PREFIXES = ("probability_", "prob_", "")
_GROUP, _TARGET = "group", "target_"
_KNOWN_COLUMNS = frozenset({"path", "status", "reason", _GROUP, *IMAGE_COLUMNS})
_KNOWN_PREFIXES = ("score_", "low_", "high_", "call_", _TARGET)
_TARGETS = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0, "": float("nan"), "nan": float("nan")}
_REFUSED = "refused"


def _folded(name: str) -> str:
    """Return a name without case, blanks, dashes and underscores."""
    return _MARKS.sub("", name).casefold()


_BY_FOLDED_NAME = {_folded(name): name for name in (*FINDINGS, NO_FINDING)}


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
        groups: The patient of each film, from the column ``group``; None if the file does not say.
        targets: From the columns ``target_<Finding>``, NaN where one is empty or missing; None if there is none.
    """

    source: str
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    probabilities: Float64[np.ndarray, "image finding"]
    n_refused: int
    digest: str
    ignored: tuple[str, ...]
    groups: tuple[str, ...] | None = None
    targets: Float64[np.ndarray, "image finding"] | None = None


def read_predictions(path: Path) -> PredictionTable:
    """Read a CSV file (``.csv`` or ``.csv.gz``) of probabilities.

    Films stand under ``Image Index`` or ``image_id``, or else ``image``, ``filename``, ``file`` or ``path``;
    probabilities under ``probability_<Finding>``, ``prob_<Finding>`` or ``<Finding>``, the first of them that is there.
    Case, blanks, dashes and underscores in a name do not count. ``No Finding`` may be one of them. In hilum's own form
    films also have a ``group`` (whose films belong together) and labels (``target_<Finding>``).

    Raises:
        DataError: No such file, no column of films or probabilities, no row, a row longer than the header, a cell that
            is not a number in [0, 1] (with its line), a target that is none of 1, 0 and nothing, or a column of calls
            (0 and 1 alone) where probabilities are needed.
    """
    if not path.is_file():
        raise DataError(f"there is no prediction file {path}")
    table = read_label_table(path)
    _refuse_overlong(table)
    named = _image_column(table)
    image_ids = table.column(*([named] if named else IMAGE_COLUMNS))
    _refuse_empty(table, named or IMAGE_COLUMNS[0], image_ids)
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
        ignored=tuple(name for name in table.columns if name != named and not _is_known(name, columns)),
        groups=_groups(table, rows),
        targets=_targets(table, tuple(columns), rows),
    )


def write_predictions(
    path: Path,
    image_ids: Sequence[str],
    probabilities: Float[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    targets: Float[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"] | None,
) -> str:
    """Write what :func:`read_predictions` reads: probabilities, labels, and which films are of one patient.

    Args:
        path: The CSV file.
        image_ids: Films.
        probabilities: In [0, 1].
        findings: Names of the columns.
        targets: 1 present, 0 absent, NaN unknown, which stands as nothing.
        groups: The patient of each film; a running number is written, never who it is. None if unknown.

    Returns:
        sha256 of the file, by which an evaluation knows it again.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    members = [""] * len(image_ids) if groups is None else np.unique(groups, return_inverse=True)[1].tolist()
    named = [f"probability_{name}" for name in findings], [f"{_TARGET}{name}" for name in findings]
    writer.writerow(["image_id", _GROUP, *named[0], *named[1]])
    cells = [["" if target != target else int(target) for target in row] for row in targets.tolist()]
    rows = zip(image_ids, members, probabilities.tolist(), cells, strict=True)
    writer.writerows([image_id, member, *row, *labels] for image_id, member, row, labels in rows)
    write_text(path, text.getvalue())
    return hashlib.sha256(text.getvalue().encode()).hexdigest()


def _groups(table: LabelTable, rows: Sequence[int]) -> tuple[str, ...] | None:
    cells = table.columns.get(_GROUP)
    return tuple(cells[row] for row in rows) if cells and all(cells[row] for row in rows) else None


def _targets(
    table: LabelTable, findings: Sequence[str], rows: Sequence[int]
) -> Float64[np.ndarray, "image finding"] | None:
    by_finding = _target_columns(table)
    if not by_finding:
        return None
    targets = np.full((len(rows), len(findings)), np.nan)
    for place, name in enumerate(findings):
        if name not in by_finding:
            continue
        cells = table.columns[by_finding[name]]
        wrong = next((row for row in rows if cells[row].casefold() not in _TARGETS), None)
        if wrong is not None:
            raise DataError(
                f"{table.source} line {table.lines[wrong]}: {by_finding[name]} is {cells[wrong]!r}; expected 1, 0 or "
                "nothing (unknown)"
            )
        targets[:, place] = [_TARGETS[cells[row].casefold()] for row in rows]
    return targets


def _target_columns(table: LabelTable) -> dict[str, str]:
    """Return finding to column of labels."""
    found: dict[str, str] = {}
    for column in table.columns:
        finding = _finding_in(column, _TARGET)
        if finding in found:
            raise DataError(f"{table.source}: columns {found[finding]!r} and {column!r} are both {finding}: keep one")
        if finding:
            found[finding] = column
    return found


def _image_column(table: LabelTable) -> str:
    """Return the column of films, the likeliest name first; empty where there is none."""
    by_name = {_folded(column): column for column in reversed(list(table.columns))}
    return next((by_name[name] for name in _IMAGE_NAMES if name in by_name), "")


def _refuse_overlong(table: LabelTable) -> None:
    """Refuse rows longer than the header: 0,37 for 0.37 would be read as 0, and what follows moved by a column."""
    if table.overlong:
        raise DataError(
            f"{table.source} line {table.overlong}: more cells than the header's {len(table.columns)}. Expected one "
            "number per column, with a point (0.37, not 0,37), and quotes around names that hold a comma"
        )


def _refuse_empty(table: LabelTable, column: str, image_ids: Sequence[str]) -> None:
    empty = next((row for row, name in enumerate(image_ids) if not name), None)
    if empty is not None:
        raise DataError(f"{table.source} line {table.lines[empty]}: {column} is empty; expected the name of a film")


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
    return _BY_FOLDED_NAME.get(_folded(folded.removeprefix(prefix)))


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
    if _is_number(cell) and math.isfinite(float(cell)):
        do = "turn logits x into 1 / (1 + exp(-x)), percent into shares"
    elif cell.endswith("%"):
        do = "turn percent into shares"
    elif "," in cell and _is_number(cell.replace(",", ".")):
        do = "write a point for the comma"
    else:
        do = "leave out films not answered"
    return DataError(
        f"{table.source} line {table.lines[row]}: {column} is {repr(cell) if cell else 'empty'}; expected a "
        f"probability between 0 and 1 ({do})"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_known(column: str, chosen: Mapping[str, str]) -> bool:
    """Say whether a column was read, or belongs in hilum's own form to a finding that was."""
    if column in chosen.values() or column in _KNOWN_COLUMNS or not column:
        return True
    return any(_finding_in(column, prefix) in chosen for prefix in _KNOWN_PREFIXES)
