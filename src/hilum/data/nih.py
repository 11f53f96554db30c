"""ChestX-ray14 in its own layout: the whole set, its parts, and the sample that is passed around.

Source: Wang et al., "ChestX-ray8", CVPR 2017; label files ``Data_Entry_2017.csv``, ``Data_Entry_2017_v2020.csv``
and ``sample_labels.csv``, lists ``train_val_list.txt`` and ``test_list.txt``, boxes ``BBox_List_2017.csv``.
"""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hilum.data.film_folder import FilmFolder
from hilum.data.label_table import LabelTable, parse_age, read_label_table, targets_from_labels
from hilum.data.manifest import Manifest
from hilum.data.split import split_official
from hilum.errors import DataError
from hilum.findings import LABEL_SETS, NIH_FINDINGS
from hilum.wording import count

__all__ = ["NIH_FILM", "PHANTOM_MARKER", "find_label_file", "read_nih", "read_nih_sample"]

PHANTOM_MARKER = "phantoms.json"
"""Lies beside the label file of a set of phantoms."""

NIH_FILM = re.compile(r"\d{8}_\d{3}\.")
"""What the name of every film of ChestX-ray14 starts with: patient and number."""

_TITLE = LABEL_SETS["nih"].title
_PHANTOMS = "phantoms"
_SAMPLE_FILES = ("sample_labels.csv*",)
_LISTS = ("train_val_list*.txt*", "test_list*.txt*")
_BOXES = "BBox_List_2017*.csv*"
_LABEL_FILES = ("Data_Entry_2017*.csv*", "sample_labels.csv*", "labels.csv*")


def read_nih(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read ChestX-ray14, whole or in part.

    Args:
        path: The label file, or a folder that holds one (at any depth).
        images: Folders of films; by default everything below the folder that was named, or the label file's.

    Returns:
        A manifest, split by NIH's own lists where both lie in the folder and name films of it, else without splits. A
        film that is missing keeps its row; one under another ending is taken; both are counted in ``notes``, as are
        ages that cannot be (414 years).

    Raises:
        DataError: No label file or several, a missing column, an unknown finding (with its line), an image id that
            stands twice, or not a single film.
    """
    return _read(path, images, _LABEL_FILES)


def read_nih_sample(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read the sample of ChestX-ray14 that Kaggle has: 5,606 films, ``sample_labels.csv``.

    Args:
        path: The label file, or a folder that holds it (at any depth).
        images: Folders of films; by default everything below the folder that was named, or the label file's.

    Returns:
        As for :func:`read_nih`.

    Raises:
        DataError: As for :func:`read_nih`.
    """
    return _read(path, images, _SAMPLE_FILES)


def _read(path: Path, images: Sequence[Path], label_files: Sequence[str]) -> Manifest:
    file = path if path.suffix in {".csv", ".gz"} else _label_file(path, label_files)
    folder = path if path.is_dir() else file.absolute().parent
    labels = read_label_table(file)
    image_ids = labels.column("Image Index")
    found = FilmFolder(list(images) or [folder]).find(image_ids)
    patients = labels.column("Patient ID")
    ages = [parse_age(age) for age in labels.column("Patient Age")]
    phantom = (file.parent / PHANTOM_MARKER).is_file()
    table = pd.DataFrame(
        {
            "image_id": image_ids,
            "path": found.paths,
            "patient_id": patients,
            "study_id": [f"{patient}_{visit}" for patient, visit in zip(patients, _visits(labels), strict=True)],
            "view": labels.column("View Position"),
            "sex": labels.column("Patient Gender", "Patient Sex"),
            "age_years": np.array(ages, dtype=np.float32),
            "source": _PHANTOMS if phantom else _source(image_ids),
            "split": pd.Series([None] * len(image_ids), dtype=object),
        }
    )
    targets = targets_from_labels(labels, labels.column("Finding Labels"), NIH_FINDINGS)
    table = table.assign(**{name: np.array(column, dtype=np.float32) for name, column in targets.items()})
    notes = (*found.notes(), *_age_notes(ages), *_box_notes(folder))
    return _split(Manifest(table, NIH_FINDINGS, source=file.name, phantom=phantom, notes=notes), folder)


def _source(image_ids: Sequence[str]) -> str:
    """Return the set's name; nothing for a hospital's own films whose labels have NIH's form."""
    return _TITLE if all(map(NIH_FILM.match, image_ids)) else ""


def _split(manifest: Manifest, folder: Path) -> Manifest:
    """Split by NIH's own lists, if both are there and name films of the manifest."""
    lists = [next(iter(_below(folder, pattern)), None) for pattern in _LISTS]
    if lists[0] is None or lists[1] is None:
        return manifest
    names = f"NIH's own lists ({lists[0].name}, {lists[1].name})"
    try:
        parts = split_official(manifest, train_validation=lists[0], test=lists[1])
    except DataError as error:
        return manifest.with_splits([None] * len(manifest), notes=[f"{names} were found but not used: {error}"])
    note = f"split by {names}; validation is an eighth of the first, cut by patient"
    return parts.with_splits(parts.table["split"], notes=[*parts.split_notes, note])


def _below(folder: Path, pattern: str) -> list[Path]:
    """Return files of a folder, or of the folders one and two below: where NIH's archives put them."""
    return [file for depth in ("", "*/", "*/*/") for file in sorted(folder.glob(depth + pattern)) if file.is_file()]


def _box_notes(folder: Path) -> list[str]:
    files = _below(folder, _BOXES)
    if not files:
        return []
    raw = gzip.decompress(files[0].read_bytes()) if files[0].suffix == ".gz" else files[0].read_bytes()
    n_boxes = max(sum(1 for line in raw.splitlines() if line.strip()) - 1, 0)
    return [f"{count(n_boxes, 'box', 'lie', plural='boxes')} in {files[0].name}; hilum does not train on them"]


def find_label_file(folder: Path, patterns: Sequence[str] = _LABEL_FILES) -> Path | None:
    """Return the label file of a folder in NIH's layout, at any depth; None if there is none.

    Raises:
        DataError: There are several.
    """
    for pattern in patterns:
        files = sorted(folder.glob(pattern)) or sorted(folder.rglob(pattern))
        if len(files) > 1:
            names = ", ".join(str(file.relative_to(folder)) for file in files[:5])
            raise DataError(f"{folder} holds {len(files)} label files ({names}): name the one to read")
        if files:
            return files[0]
    return None


def _label_file(folder: Path, patterns: Sequence[str]) -> Path:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: name NIH's folder, or its label file")
    if found := find_label_file(folder, patterns):
        return found
    raise DataError(
        f"{folder} holds no label file of NIH (looked for {', '.join(patterns)}): name it, "
        "or use `hilum data import csv` for columns of your own"
    )


def _visits(labels: LabelTable) -> Sequence[str]:
    return labels.column("Follow-up #")


def _age_notes(ages: Sequence[float]) -> tuple[str, ...]:
    unknown = int(np.isnan(ages).sum())
    return (
        (f"{count(unknown, 'age', 'are')} missing or cannot be (above 110 years); they count as unknown",)
        if unknown
        else ()
    )
