"""ChestX-ray14 in its own layout: the whole set, its parts, and the sample that is passed around.

Source: Wang et al., "ChestX-ray8", CVPR 2017; label files ``Data_Entry_2017.csv``, ``Data_Entry_2017_v2020.csv``
and ``sample_labels.csv``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hilum.data.film_folder import FilmFolder
from hilum.data.label_table import LabelTable, parse_age, read_label_table, targets_from_labels
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import NIH_FINDINGS

__all__ = ["PHANTOM_MARKER", "read_nih"]

PHANTOM_MARKER = "phantoms.json"
"""Lies beside the label file of a set of phantoms."""

_LABEL_FILES = ("Data_Entry_2017*.csv*", "sample_labels.csv*", "labels.csv*")


def read_nih(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read ChestX-ray14, whole or in part.

    Args:
        path: The label file, or a folder that holds one (at any depth).
        images: Folders of films; by default everything below the label file's folder.

    Returns:
        A manifest without splits. A film that is missing keeps its row; one under another ending is taken;
        both are counted in ``notes``, as are ages that cannot be (414 years).

    Raises:
        DataError: No label file or several, a missing column, an unknown finding (with its line), an image id that
            stands twice, or not a single film.
    """
    file = path if path.suffix in {".csv", ".gz"} else _label_file(path)
    labels = read_label_table(file)
    image_ids = labels.column("Image Index")
    found = FilmFolder(list(images) or [file.absolute().parent]).find(image_ids)
    patients = labels.column("Patient ID")
    ages = [parse_age(age) for age in labels.column("Patient Age")]
    table = pd.DataFrame(
        {
            "image_id": image_ids,
            "path": found.paths,
            "patient_id": patients,
            "study_id": [f"{patient}_{visit}" for patient, visit in zip(patients, _visits(labels), strict=True)],
            "view": labels.column("View Position"),
            "sex": labels.column("Patient Gender", "Patient Sex"),
            "age_years": np.array(ages, dtype=np.float32),
            "split": pd.Series([None] * len(image_ids), dtype=object),
        }
    )
    targets = targets_from_labels(labels, labels.column("Finding Labels"), NIH_FINDINGS)
    table = table.assign(**{name: np.array(column, dtype=np.float32) for name, column in targets.items()})
    return Manifest(
        table,
        NIH_FINDINGS,
        source=file.name,
        phantom=(file.parent / PHANTOM_MARKER).is_file(),
        notes=(*found.notes(), *_age_notes(ages)),
    )


def _label_file(folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: name NIH's folder, or its label file")
    for pattern in _LABEL_FILES:
        files = sorted(folder.glob(pattern)) or sorted(folder.rglob(pattern))
        if len(files) == 1:
            return files[0]
        if files:
            names = ", ".join(str(file.relative_to(folder)) for file in files[:5])
            raise DataError(f"{folder} holds {len(files)} label files ({names}): name the one to read")
    raise DataError(
        f"{folder} holds no label file of NIH (looked for {', '.join(_LABEL_FILES)}): name it, "
        "or use `hilum data import csv` for columns of your own"
    )


def _visits(labels: LabelTable) -> Sequence[str]:
    return labels.column("Follow-up #")


def _age_notes(ages: Sequence[float]) -> tuple[str, ...]:
    unknown = int(np.isnan(ages).sum())
    return (f"{unknown:,} ages are missing or cannot be (above 110 years); they count as unknown",) if unknown else ()
