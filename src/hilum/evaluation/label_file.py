"""Truth for films that someone else answered for: NIH's label file or a manifest."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from hilum.data import (
    NIH_FILM,
    PHANTOM_MARKER,
    Manifest,
    read_label_table,
    read_manifest,
    targets_from_labels,
)
from hilum.errors import DataError
from hilum.evaluation.prediction_file import IMAGE_COLUMNS
from hilum.findings import LABEL_SETS, NIH_FINDINGS
from hilum.runs import file_digest

__all__ = ["Truth", "is_nih", "read_truth"]

_NIH_FILES = ("data_entry_2017", "sample_labels")
_NIH_TITLE = LABEL_SETS["nih"].title


@dataclass(frozen=True, eq=False)
class Truth:
    """Targets by film and finding.

    Attributes:
        source: The file's name.
        image_ids: Films, as the file names them.
        patients: The patient of each film; None if the file does not say.
        splits: The split of each film, empty where it has none.
        findings: Names of the columns of ``targets``.
        targets: 1 present, 0 absent, NaN unknown.
        digest: Of the labels.
        split_digest: Of the split; empty where there is none.
        phantom: Whether the films are made up.
        nih: Whether the labels are ChestX-ray14's.
    """

    source: str
    image_ids: tuple[str, ...]
    patients: tuple[str, ...] | None
    splits: tuple[str, ...]
    findings: tuple[str, ...]
    targets: Float64[np.ndarray, "image finding"]
    digest: str
    split_digest: str
    phantom: bool
    nih: bool


def read_truth(path: Path) -> Truth:
    """Read a manifest (``.parquet``) or a CSV file in NIH's form (``.csv``, ``.csv.gz``, either version's header).

    A hospital may keep labels of its own in that form: they are taken for NIH's where every film is named as NIH's are.
    Only the films' names, ``Finding Labels`` and, if it is there, ``Patient ID`` are looked at; no film is opened.

    Raises:
        DataError: No such file, a missing column, an empty cell or an unknown finding (with its line).
    """
    if not path.is_file():
        raise DataError(f"there is no label file {path}")
    return _from_manifest(path) if path.suffix == ".parquet" else _from_csv(path)


def is_nih(manifest: Manifest) -> bool:
    """Say whether labels of a manifest are ChestX-ray14's: by its films' source, else by the name of the file."""
    sources = set(manifest.table["source"]) - {""}
    named = manifest.source.casefold().startswith(_NIH_FILES)
    return (_NIH_TITLE in sources if sources else named) and not manifest.phantom


def _from_manifest(path: Path) -> Truth:
    manifest = read_manifest(path)
    table = manifest.table
    return Truth(
        source=path.name,
        image_ids=tuple(table["image_id"]),
        patients=tuple(table["patient_id"]),
        splits=tuple(table["split"].fillna("")),
        findings=manifest.findings,
        targets=manifest.targets().astype(np.float64),
        digest=manifest.digest,
        split_digest=manifest.split_digest,
        phantom=manifest.phantom,
        nih=is_nih(manifest),
    )


def _from_csv(path: Path) -> Truth:
    table = read_label_table(path)
    image_ids = tuple(table.column(*IMAGE_COLUMNS))
    targets = targets_from_labels(table, table.column("Finding Labels"), NIH_FINDINGS)
    patients = table.columns.get("Patient ID")
    phantom = (path.parent / PHANTOM_MARKER).is_file()
    return Truth(
        source=path.name,
        image_ids=image_ids,
        patients=tuple(patients) if patients and all(patients) else None,
        splits=("",) * len(image_ids),
        findings=NIH_FINDINGS,
        targets=np.array([targets[name] for name in NIH_FINDINGS], dtype=np.float64).T,
        digest=file_digest(path),
        split_digest="",
        phantom=phantom,
        nih=not phantom and all(map(NIH_FILM.match, image_ids)),
    )
