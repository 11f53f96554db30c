"""A hospital's own films: a CSV file with columns of any name, and a folder."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hilum.data.film_table import is_lateral, normal_sex, normal_view
from hilum.data.label_table import OLDEST_YEARS, LabelTable, parse_age, read_label_table, targets_from_labels
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import FINDINGS, NIH_FINDINGS, get_finding
from hilum.wording import count

__all__ = ["read_csv", "targets_of_table"]

_FEW_WORDS = 5

_CELLS = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0, "": np.nan}


def read_csv(
    csv: Path,
    *,
    images: Path,
    path_column: str,
    patient_column: str,
    label_column: str | None = None,
    finding_columns: Mapping[str, str] | None = None,
    optional_columns: Mapping[str, str] | None = None,
) -> Manifest:
    """Read films listed in a CSV file.

    Args:
        csv: One row per film.
        images: The folder that the cells of ``path_column`` start from.
        path_column: Names the film's file; the cell becomes the image id.
        patient_column: Tells patients apart.
        label_column: Cells such as ``Effusion|Mass`` or ``No Finding``; the 14 findings of ChestX-ray14 are then known.
        finding_columns: Finding to column of 1, 0 or nothing (unknown). By default every column named as a finding.
        optional_columns: ``view``, ``sex``, ``age_years``, ``study_id`` or ``source`` to the column that holds it.

    Returns:
        A manifest without splits; missing films keep their rows and are counted in ``notes``.

    Raises:
        DataError: A column is missing (the nearest is named), a cell cannot be read (its line is named), an image id
            stands twice, no finding is given, or not a single film is there.
        UnknownNameError: A finding of ``finding_columns`` is none of hilum's.
    """
    cells = read_label_table(csv)
    optional = dict(optional_columns or {})
    image_ids = cells.column(path_column)
    patients = cells.column(patient_column)
    targets = targets_of_table(cells, label_column, finding_columns)
    paths = [str((images / name).absolute()) for name in image_ids]
    n_missing = sum(not Path(path).is_file() for path in paths)
    if n_missing == len(paths):
        raise DataError(
            f"not one of the {count(len(paths), 'film')} of {csv.name} lies in {images}: name the right folder"
        )
    ages = cells.optional(optional.get("age_years"))
    views, sexes = (cells.optional(optional.get(name)) for name in ("view", "sex"))
    years = np.array([parse_age(age) for age in ages], dtype=np.float32)
    table = pd.DataFrame(
        {
            "image_id": image_ids,
            "path": paths,
            "patient_id": patients,
            "study_id": cells.optional(optional.get("study_id")) if "study_id" in optional else image_ids,
            "view": [normal_view(cell) for cell in views],
            "sex": [normal_sex(cell) for cell in sexes],
            "age_years": years,
            "source": cells.optional(optional.get("source")),
            "split": pd.Series([None] * len(image_ids), dtype=object),
            **{name: np.array(column, dtype=np.float32) for name, column in targets.items()},
        }
    )
    notes = (
        *_missing(n_missing, len(paths)),
        *_strange(optional.get("age_years"), ages, _is_age, f"no age from 0 to {OLDEST_YEARS} years (60, 060Y, 018M)"),
        *_strange(optional.get("sex"), sexes, normal_sex, "neither M nor F"),
        *_strange(optional.get("view"), views, _is_known_view, "none of PA, AP and LL", become="stay as they are"),
    )
    return Manifest(table, tuple(targets), source=csv.name, notes=notes)


def _missing(n: int, n_films: int) -> Iterator[str]:
    if n:
        yield f"{count(n, 'film', 'are', of=n_films)} not there; `data prepare` will list them"


def _is_age(cell: str) -> bool:
    return not np.isnan(parse_age(cell))


def _is_known_view(cell: str) -> bool:
    view = normal_view(cell)
    return view in {"", "PA", "AP"} or is_lateral(view)


def _strange(
    column: str | None,
    cells: Sequence[str],
    is_known: Callable[[str], object],
    what: str,
    *,
    become: str = "count as unknown",
) -> Iterator[str]:
    """Say how many cells of a column are none of the words that hilum knows, and which, where they are few."""
    strange = Counter(cell for cell in cells if cell and not is_known(cell))
    if strange:
        # A column of many words is another one than meant, and may name patients.
        words = ", ".join(f"{cell!r} {n:,}" for cell, n in strange.most_common())
        listed = words if len(strange) <= _FEW_WORDS else f"{len(strange):,} different ones: is it the right column?"
        yield f"{count(strange.total(), 'cell', 'are', of=len(cells))} {what} in {column} ({listed}); they {become}"


def targets_of_table(
    cells: LabelTable, label_column: str | None, finding_columns: Mapping[str, str] | None
) -> dict[str, list[float]]:
    """Return a column of targets per finding, from a column of labels or columns of 1, 0 and nothing."""
    if label_column:
        return targets_from_labels(cells, cells.column(label_column), NIH_FINDINGS)
    columns = dict(finding_columns or {name: name for name in FINDINGS if name in cells.columns})
    if not columns:
        raise DataError(
            f"{cells.source}: no finding is given. Name a column of labels (--label-column) or columns of 1 and 0 "
            f"(--finding-columns Effusion=COLUMN). Its columns: {', '.join(filter(None, cells.columns))}."
        )
    return {get_finding(name).name: _numbers(cells, column) for name, column in columns.items()}


def _numbers(cells: LabelTable, column: str) -> list[float]:
    values: Sequence[str] = cells.column(column)
    for row, text in enumerate(values):
        if text.lower() not in _CELLS:
            raise DataError(
                f"{cells.source} line {cells.lines[row]}: {column} is {text!r}; expected 1, 0 or nothing (unknown)"
            )
    return [_CELLS[text.lower()] for text in values]
