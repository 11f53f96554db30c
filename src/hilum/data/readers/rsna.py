"""RSNA's pneumonia challenge: DICOM films of ChestX-ray14 that radiologists read anew.

Source: Shih et al., "Augmenting the National Institutes of Health Chest Radiograph Dataset with Expert Annotations of
Possible Pneumonia", Radiology: Artificial Intelligence 2019.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, read_label_table
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

__all__ = ["read_rsna"]

_SET = LABEL_SETS["rsna"]
_OPACITY = {"Lung Opacity": 1.0, "Normal": 0.0, "No Lung Opacity / Not Normal": float("nan")}
_MAPPED = "ChestX-ray14 (RSNA)"
_UNMAPPED = (
    "patients are unknown: every film counts as a patient of its own. The challenge's film mapping "
    "(pneumonia-challenge-dataset-mappings_2018.json) beside the label file tells them apart"
)


def read_rsna(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read the training films of RSNA's challenge; those of its test have no public labels.

    Args:
        path: The set's folder, or ``stage_2_train_labels.csv``.
        images: Folders of films; by default everything below the label file's folder.

    Returns:
        A manifest without splits. ``Lung_Opacity`` is among its findings where ``stage_2_detailed_class_info.csv`` lies
        beside the label file; patients are NIH's where the challenge's film mapping does.

    Raises:
        DataError: No label file, a missing column, a cell that cannot be read, or not a single film.
    """
    files = find_files(path, ("stage_2_train_labels.csv*", "stage_1_train_labels.csv*"), title=_SET.title)
    table = read_label_table(files[0])
    present = _targets(table)
    names = list(present)
    folder = files[0].absolute().parent
    found = FilmFolder(list(images) or [folder]).find([f"{name}.dcm" for name in names])
    targets: dict[str, Sequence[float]] = {"Pneumonia": list(present.values())}
    classes = sorted(folder.glob("stage_*_detailed_class_info.csv*"))
    if classes:
        of_film = _classes(read_label_table(classes[0]))
        targets["Lung_Opacity"] = [of_film.get(name, float("nan")) for name in names]
    nih = _nih_names(folder)
    mapped = bool(nih) and all(name in nih for name in names)
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=[str(int(nih[name].split("_")[0])) for name in names] if mapped else names,
        targets=targets,
    )
    about = "the films are NIH's; patients are told apart by NIH's numbers" if mapped else _UNMAPPED
    title = _MAPPED if mapped else _SET.title
    return make_manifest(rows, title=title, source=table.source, notes=(about, *found.notes()))


def _targets(table: LabelTable) -> dict[str, float]:
    """Return film to target: a film with several boxes has several rows."""
    present: dict[str, float] = {}
    for row, (name, cell) in enumerate(zip(table.column("patientId"), table.column("Target"), strict=True)):
        if cell not in {"0", "1"}:
            raise DataError(f"{table.source} line {table.lines[row]}: Target is {cell!r}; expected 1 or 0")
        present[name] = max(present.get(name, 0.0), float(cell))
    return present


def _classes(table: LabelTable) -> dict[str, float]:
    of_film = {}
    for row, (name, cell) in enumerate(zip(table.column("patientId"), table.column("class"), strict=True)):
        if cell not in _OPACITY:
            raise DataError(
                f"{table.source} line {table.lines[row]}: class is {cell!r}; expected one of {', '.join(_OPACITY)}"
            )
        of_film[name] = _OPACITY[cell]
    return of_film


def _nih_names(folder: Path) -> Mapping[str, str]:
    files = sorted(folder.glob("pneumonia-challenge-dataset-mappings*.json"))
    if not files:
        return {}
    try:
        return {entry["subset_img_id"]: entry["img_id"] for entry in json.loads(files[0].read_text("utf-8"))}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{files[0].name} is no film mapping: expected a list with subset_img_id and img_id") from None
