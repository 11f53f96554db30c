"""Truth for films that someone else answered for: NIH's label file, a manifest, or another public set's labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Shaped

from hilum.data import (
    NIH_FILM,
    PHANTOM_MARKER,
    READERS,
    Manifest,
    read_label_table,
    read_manifest,
    recognise_set,
    targets_from_labels,
)
from hilum.errors import DataError
from hilum.evaluation.attribute import film_attributes, manifest_attributes
from hilum.evaluation.prediction_file import IMAGE_COLUMNS
from hilum.findings import LABEL_SETS, NIH_FINDINGS
from hilum.runs import file_digest

__all__ = ["Truth", "is_nih", "read_truth"]

_NIH_FILES = ("data_entry_2017", "sample_labels")
_NIH_TITLE = LABEL_SETS["nih"].title
_GOOGLE = "nih-google"
_ADJUDICATED = {"YES": 1.0, "NO": 0.0, "1": 1.0, "0": 0.0, "": float("nan")}


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
        nih: Whether films and labels are ChestX-ray14's.
        attributes: What divides the films: a level per film, empty where it is unknown.
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
    attributes: Mapping[str, Shaped[np.ndarray, " image"]] = field(default_factory=dict)


def read_truth(path: Path) -> Truth:
    """Read a manifest (``.parquet``), a CSV file in NIH's form (either version's header), or one of ``READERS``.

    A hospital may keep labels of its own in NIH's form: they are taken for NIH's where every film is named as NIH's
    are. Of NIH's form and of Google's adjudicated labels no film is needed; any other set is known by its files, as
    ``hilum data import`` knows it, and read by its reader, which looks for the films beside them.

    Raises:
        DataError: No such file, a missing column, an empty cell or an unknown finding (with its line).
    """
    if path.suffix == ".parquet" and path.is_file():
        return _from_manifest(read_manifest(path), path.name)
    known = recognise_set(path) if path.exists() else ""
    if known == _GOOGLE and path.is_file():
        return _from_google(path)
    if known:
        return _from_manifest(READERS[known].read(path), path.name)
    if not path.is_file():
        raise DataError(f"there is no label file {path}")
    return _from_csv(path)


def is_nih(manifest: Manifest) -> bool:
    """Say whether labels of a manifest are ChestX-ray14's: by its films' source, else by the name of the file."""
    sources = set(manifest.table["source"]) - {""}
    named = manifest.source.casefold().startswith(_NIH_FILES)
    return (_NIH_TITLE in sources if sources else named) and not manifest.phantom


def _from_manifest(manifest: Manifest, source: str) -> Truth:
    table = manifest.table
    return Truth(
        source=source,
        image_ids=tuple(table["image_id"]),
        patients=tuple(table["patient_id"]),
        splits=tuple(table["split"].fillna("")),
        findings=manifest.findings,
        targets=manifest.targets().astype(np.float64),
        digest=manifest.digest,
        split_digest=manifest.split_digest,
        phantom=manifest.phantom,
        nih=is_nih(manifest),
        attributes=manifest_attributes(manifest, np.arange(len(manifest))),
    )


def _from_google(path: Path) -> Truth:
    """Read labels that radiologists agreed on, of films of ChestX-ray14, joined by name."""
    table = read_label_table(path)
    image_ids = tuple(table.column(*IMAGE_COLUMNS))
    columns = {
        label.findings[0]: [_ADJUDICATED.get(cell.upper()) for cell in table.column(name)]
        for name, label in LABEL_SETS[_GOOGLE].labels.items()
    }
    for name, cells in columns.items():
        wrong = next((row for row, cell in enumerate(cells) if cell is None), None)
        if wrong is not None:
            raise DataError(f"{table.source} line {table.lines[wrong]}: {name} is neither YES, NO nor empty")
    patients = table.columns.get("Patient ID")
    return Truth(
        source=path.name,
        image_ids=image_ids,
        patients=tuple(patients) if patients and all(patients) else None,
        splits=("",) * len(image_ids),
        findings=tuple(columns),
        targets=np.array(list(columns.values()), dtype=np.float64).T,
        digest=file_digest(path),
        split_digest="",
        phantom=False,
        nih=False,
        attributes=film_attributes(table.columns),
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
        attributes=film_attributes(table.columns),
    )
