"""Films of ChestX-ray14 with labels that radiologists of Google's studies agreed on.

Source: Majkowska et al., "Chest Radiograph Interpretation with Deep Learning Models: Assessment with
Radiologist-adjudicated Reference Standards and Population-adjusted Evaluation", Radiology 2020.
"""

from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, parse_age, read_label_table
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

__all__ = ["read_nih_google"]

_SET = LABEL_SETS["nih-google"]
_CELLS = {"YES": 1.0, "NO": 0.0, "1": 1.0, "0": 0.0, "": float("nan")}
_SPLITS = {"val": "validation", "validation": "validation", "test": "test"}
_FILES = ("google2019*nih*labels*.csv*", "four_findings_expert_labels_[tv][ea]*_labels.csv*")


def read_nih_google(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read the adjudicated labels for fracture, pneumothorax, airspace opacity, and nodule or mass.

    Args:
        path: A label file, or the folder that holds one (or the two, of validation and test).
        images: Folders of NIH's films; by default everything below the label file's folder.

    Returns:
        A manifest split into validation and test as the study was; there is no train.

    Raises:
        DataError: No label file, a missing column, a cell that is neither YES nor NO (its line is named), or not
            a single film.
    """
    files = find_files(path, _FILES, title="Google's labels for ChestX-ray14")
    tables = [read_label_table(file) for file in files]
    names = [name for table in tables for name in table.column("Image Index")]
    found = FilmFolder(list(images) or [path if path.is_dir() else path.absolute().parent]).find(names)
    patients = [patient for table in tables for patient in table.column("Patient ID")]
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=patients,
        studies=_joined(tables, "Follow-up #")
        and [f"{patient}_{visit}" for patient, visit in zip(patients, _joined(tables, "Follow-up #"), strict=True)],
        views=_joined(tables, "View Position"),
        sexes=_joined(tables, "Patient Gender"),
        ages=[parse_age(age) for age in _joined(tables, "Patient Age")],
        splits=[split for table in tables for split in _splits(table)],
        targets={
            label.findings[0]: [cell for table in tables for cell in _numbers(table, name)]
            for name, label in _SET.labels.items()
        },
    )
    return make_manifest(rows, title=_SET.title, source=", ".join(file.name for file in files), notes=found.notes())


def _joined(tables: Sequence[LabelTable], column: str) -> list[str]:
    """Return a column that may be absent; empty if a file lacks it."""
    if not all(column in table.columns for table in tables):
        return []
    return [cell for table in tables for cell in table.columns[column]]


def _splits(table: LabelTable) -> list[str | None]:
    if "Set Id" in table.columns:
        return [_SPLITS.get(cell.lower()) for cell in table.columns["Set Id"]]
    named = next((split for word, split in _SPLITS.items() if f"_{word}" in table.source), None)
    return [named] * len(table.lines)


def _numbers(table: LabelTable, column: str) -> list[float]:
    cells = [cell.upper() for cell in table.column(column)]
    wrong = next((row for row, cell in enumerate(cells) if cell not in _CELLS), None)
    if wrong is not None:
        raise DataError(
            f"{table.source} line {table.lines[wrong]}: {column} is {cells[wrong]!r}; expected YES, NO or nothing"
        )
    return [_CELLS[cell] for cell in cells]
