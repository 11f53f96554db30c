"""What the doctor examines: a manifest, or a file that hilum would refuse to work with."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from jaxtyping import Float32

from hilum.data.film_folder import FilmFolder
from hilum.data.label_table import PER_YEAR, LabelTable, read_label_table
from hilum.data.manifest import Manifest, open_manifest
from hilum.errors import DataError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.records import DoctorCheck, SuspectFilm
from hilum.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LABEL_ENDINGS", "MOST_NAMED", "Subject", "read_subject", "subject_of"]

LABEL_ENDINGS = (".csv", ".csv.gz")
"""Endings of label files, as text or packed."""

MOST_NAMED = 1000
"""Films named by a check that excludes none; the rest is counted."""


@dataclass(frozen=True, eq=False)
class Subject:
    """Films and labels as they came, and what was seen while reading them.

    Attributes:
        manifest: A valid manifest of them; without splits where the splits that came are none.
        splits: The split of every film as it came; None where it has none.
        ages: Years as they came, absurd ones included; NaN where unknown.
        found: What hilum would refuse, seen while reading.
    """

    manifest: Manifest
    splits: "NDArray[np.object_]"
    ages: Float32[np.ndarray, " image"]
    found: tuple[DoctorCheck, ...] = ()

    @property
    def image_ids(self) -> "NDArray[np.object_]":
        """The id of every film."""
        return self.manifest.table["image_id"].to_numpy(dtype=object)

    @property
    def patients(self) -> "NDArray[np.object_]":
        """The patient of every film."""
        return self.manifest.table["patient_id"].to_numpy(dtype=object)


def subject_of(manifest: Manifest) -> Subject:
    """Return a valid manifest as something to examine."""
    table = manifest.table
    return Subject(manifest, table["split"].to_numpy(dtype=object), table["age_years"].to_numpy(dtype=np.float32))


def read_subject(path: Path, *, images: Sequence[Path] = ()) -> Subject:
    """Read a manifest or a label file in NIH's form, and refuse as little as possible.

    Args:
        path: A manifest (``.parquet``) or a label file (``.csv``, ``.csv.gz``).
        images: Folders of the films of a label file; by default everything below its own folder. Without any film
            there, the labels alone can be examined.

    Raises:
        DataError: There is no such file, it is neither, a column is missing, or it holds no film.
    """
    if path.name.endswith(LABEL_ENDINGS):
        return _from_labels(path, images)
    content = open_manifest(path)
    table = content.table
    splits = table["split"].to_numpy(dtype=object)
    ages = table["age_years"].to_numpy(dtype=np.float32)
    manifest = Manifest(
        table.assign(split=pd.Series([None] * len(table), dtype=object)),
        content.findings,
        content.source,
        phantom=content.phantom,
        notes=content.notes,
    )
    return _with_splits(Subject(manifest, splits, ages))


def _with_splits(subject: Subject) -> Subject:
    """Give the manifest its splits back, if they are a split at all."""
    try:
        return replace(subject, manifest=subject.manifest.with_splits(subject.splits))
    except DataError:
        return subject


# --- label files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cells:
    """Findings per row; None where a cell says nothing that can be read."""

    present: list[frozenset[str] | None]
    conflicts: list[int]
    unknown: dict[str, list[int]]


def _from_labels(path: Path, images: Sequence[Path]) -> Subject:
    labels = read_label_table(path)
    if "Image Index" not in labels.columns and "Finding Labels" not in labels.columns:
        raise DataError(
            f"{path.name} has neither a column 'Image Index' nor 'Finding Labels', so it is no label file in NIH's "
            "form: import it first (`hilum data import csv`, or the import of its set), then examine the manifest. Its "
            f"columns: {', '.join(filter(None, labels.columns))}."
        )
    image_ids = labels.column("Image Index")
    cells = _read_cells(labels.column("Finding Labels"))
    patients = labels.column("Patient ID")
    texts = labels.column("Patient Age")
    frame = pd.DataFrame(
        {
            "image_id": image_ids,
            "path": _paths(path, image_ids, images),
            "patient_id": patients,
            "study_id": [
                f"{patient}_{visit}" for patient, visit in zip(patients, labels.column("Follow-up #"), strict=True)
            ],
            "view": labels.column("View Position"),
            "sex": labels.column("Patient Gender", "Patient Sex"),
            "age_years": _years(texts),
            "source": "",
            "split": pd.Series([None] * len(image_ids), dtype=object),
            **_targets(cells.present),
        }
    )
    found = (*_nameless(frame, labels), *_cell_checks(cells, image_ids, labels), *_repeated(frame[_has_names(frame)]))
    kept = frame[_has_names(frame)].drop_duplicates("image_id").reset_index(drop=True)
    ages = kept["age_years"].to_numpy(dtype=np.float32)
    manifest = Manifest(kept, NIH_FINDINGS, source=path.name)
    return Subject(manifest, kept["split"].to_numpy(dtype=object), ages, found)


def _paths(path: Path, image_ids: Sequence[str], images: Sequence[Path]) -> list[str]:
    try:
        return FilmFolder(list(images) or [path.absolute().parent]).find(image_ids).paths
    except DataError:
        if images:
            raise
        return [str(path.absolute().parent / name) for name in image_ids]


def _read_cells(cells: Iterable[str]) -> _Cells:
    """Read cells of findings; those with a finding and No Finding count as the findings."""
    known = frozenset(NIH_FINDINGS)
    nothing = NO_FINDING.replace(" ", "_")
    read = _Cells([], [], {})
    for row, cell in enumerate(cells):
        names = {part.strip().replace(" ", "_") for part in cell.split("|")} - {""}
        findings = names - {nothing}
        if len(findings) < len(names) and findings:
            read.conflicts.append(row)
        for name in sorted(findings - known):
            read.unknown.setdefault(name, []).append(row)
        read.present.append(frozenset(findings & known) if names else None)
    return read


def _targets(present: Sequence[frozenset[str] | None]) -> dict[str, Float32[np.ndarray, " image"]]:
    return {
        name: np.array([np.nan if labels is None else name in labels for labels in present], dtype=np.float32)
        for name in NIH_FINDINGS
    }


def _years(texts: Sequence[str]) -> Float32[np.ndarray, " image"]:
    """Return ages in years, however absurd; an age in months or days becomes a part of a year."""
    parts = pd.Series(texts, dtype=object).astype(str).str.extract(r"^\s*(-?\d+(?:\.\d+)?)\s*([YMWDymwd]?)\s*$")
    per_year = parts[1].str.upper().map(PER_YEAR).astype(float).fillna(1.0)
    return (parts[0].astype(float) / per_year).to_numpy(dtype=np.float32)


def _cell_checks(cells: _Cells, image_ids: Sequence[str], labels: LabelTable) -> Iterable[DoctorCheck]:
    if cells.conflicts:
        yield DoctorCheck(
            code="label_conflict",
            title="a finding beside No Finding",
            severity="error",
            sentence=f"{count(len(cells.conflicts), 'film')} labelled with a finding and with {NO_FINDING!r} at once.",
            fix="Look at the report of each and keep one of the two; until then the import refuses the file.",
            n_films=len(cells.conflicts),
            films=_on_lines(image_ids, labels, cells.conflicts),
            excludes=True,
        )
    if cells.unknown:
        rows = sorted({row for rows in cells.unknown.values() for row in rows})
        names = ", ".join(f"{name} ({len(rows):,})" for name, rows in sorted(cells.unknown.items()))
        yield DoctorCheck(
            code="unknown_finding",
            title="findings of another name",
            severity="error",
            sentence=f"{count(len(rows), 'film')} with findings that ChestX-ray14 does not have: {names}.",
            fix="Correct the names; the import names the nearest known one for each.",
            n_films=len(rows),
            films=_on_lines(image_ids, labels, rows[:MOST_NAMED]),
        )


def _on_lines(image_ids: Sequence[str], labels: LabelTable, rows: Iterable[int]) -> tuple[SuspectFilm, ...]:
    return tuple(SuspectFilm(image_id=image_ids[row], detail=f"line {labels.lines[row]}") for row in rows)


def _has_names(frame: pd.DataFrame) -> "pd.Series[bool]":
    return (frame["image_id"] != "") & (frame["patient_id"] != "")


def _nameless(frame: pd.DataFrame, labels: LabelTable) -> Iterable[DoctorCheck]:
    """Find lines that name no film or no patient; nothing else can be said of them."""
    rows = np.flatnonzero(~_has_names(frame))
    if len(rows):
        yield DoctorCheck(
            code="no_name",
            title="lines without a film or a patient",
            severity="error",
            sentence=f"{count(len(rows), 'line')} without an image id or a patient id, not examined.",
            fix="Fill the cells, or delete the lines; until then the import refuses the file.",
            n_films=len(rows),
            films=_on_lines(frame["image_id"].tolist(), labels, rows[:MOST_NAMED].tolist()),
        )


def _repeated(frame: pd.DataFrame) -> Iterable[DoctorCheck]:
    """Find films that stand twice, and whether their labels agree."""
    again = frame["image_id"].duplicated(keep=False)
    if not again.any():
        return
    names = frame.loc[again, "image_id"]
    rows = frame.loc[again, [*NIH_FINDINGS]].fillna(-1).apply(tuple, axis=1)
    differing = rows.groupby(names).nunique() > 1
    counts = Counter(names)
    yield DoctorCheck(
        code="repeated_id",
        title="films that stand twice",
        severity="error",
        sentence=(
            f"{count(len(counts), 'film')} on several lines, {int(differing.sum()):,} of them with different labels."
        ),
        fix="Remove the repetitions; until then the import refuses the file. The first line of each was examined.",
        n_films=len(counts),
        films=tuple(
            SuspectFilm(image_id=name, detail=f"{n} lines, {'labels differ' if differing[name] else 'labels agree'}")
            for name, n in list(counts.items())[:MOST_NAMED]
        ),
    )
