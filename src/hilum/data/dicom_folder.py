"""A hospital's own DICOM: any folder of it as a manifest, by what the headers say, with labels from a CSV file."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from hilum.data.label_table import LabelTable, parse_age, read_label_table
from hilum.data.manifest import Manifest
from hilum.data.own_csv import targets_of_table
from hilum.errors import DataError, ImageRefusedError, InvalidValueError
from hilum.imaging import FilmIdentity, FilmReader, IdentityKey, find_dicom, identity_record, pixel_record

__all__ = ["JOINS", "DicomLabels", "WithoutId", "read_dicom"]

JOINS: dict[str, str] = {
    "sop_uid": "the SOP Instance UID: one row per film",
    "file": "the file, by its path from the folder or by its name alone, with its ending or without",
    "study_uid": "the Study Instance UID: one row for all films of a study",
    "accession": "the accession number: one row for all films of an order",
}
"""What a column of a label file can name films by."""

WithoutId = Literal["refuse", "study", "skip"]


@dataclass(frozen=True)
class DicomLabels:
    """A label file and how its rows find films.

    Attributes:
        csv: One row per film, study or order.
        column: The column that names it.
        join: What the column holds: a key of ``JOINS``.
        label_column: Cells such as ``Effusion|Mass`` or ``No Finding``.
        finding_columns: Finding to column of 1, 0 or nothing; by default every column named as a finding.
    """

    csv: Path
    column: str
    join: str = "sop_uid"
    label_column: str | None = None
    finding_columns: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if self.join not in JOINS:
            raise InvalidValueError(f"films are joined by {', '.join(JOINS)}, got {self.join!r}")


@dataclass(frozen=True, repr=False)
class _Film:
    path: Path
    identity: FilmIdentity

    def names(self, join: str, folder: Path) -> tuple[str, ...]:
        """Return what a label row may call the film, the surest first."""
        if join != "file":
            value: str = getattr(self.identity, join)
            return (value,) if value else ()
        inside = self.path.relative_to(folder)
        return (inside.as_posix(), inside.with_suffix("").as_posix(), self.path.name, self.path.stem)


def read_dicom(
    folder: Path,
    *,
    key: IdentityKey | None = None,
    labels: DicomLabels | None = None,
    without_id: WithoutId = "refuse",
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Read any folder of DICOM: one row per film that hilum answers for, by its header; no pixel is decoded.

    Args:
        folder: Films with any ending or none, and anything else, in sub-folders.
        key: Patients and UIDs become pseudonyms; None takes them as they stand, and says so.
        labels: Where labels come from; None leaves the manifest without findings.
        without_id: Films without a patient id: an error, each study a patient of its own, or left out.
        workers: Headers read at a time.
        on_progress: Told of files done and in all.

    Returns:
        A manifest without splits. ``source`` is the device. What was left out is counted in ``notes``.

    Raises:
        DataError: No film, films without patient id, one UID for several films, labels that cannot be joined.
        MissingExtraError: pydicom is not installed.
    """
    root = folder.absolute()
    tree = find_dicom(root)
    notes = list(tree.notes())
    with FilmReader(workers=workers) as reader:
        films = _films(reader, tree.paths, notes, on_progress)
        films = _with_patients(films, without_id, notes)
        films = _once_each(reader, films, notes)
    targets = _targets(films, labels, root, notes) if labels else {}
    if not labels:
        notes.append("there are no labels: the manifest names films, and no finding")
    if key is None:
        notes.append("patient ids and UIDs stand in the manifest as they are in the files; --key gives pseudonyms")
    n_marked = sum(film.identity.burned_in for film in films)
    if n_marked:
        notes.append(f"{n_marked:,} films say that text is burned into their pixels; it may name the patient")
    return Manifest(_table(films, key, targets, root), tuple(targets), source=folder.name, notes=tuple(notes))


def _films(
    reader: FilmReader, paths: Sequence[Path], notes: list[str], on_progress: Callable[[int, int], None] | None
) -> list[_Film]:
    found, refused = [], Counter[str]()
    for done, (path, answer) in enumerate(zip(paths, reader.map(identity_record, paths), strict=True), start=1):
        if isinstance(answer, ImageRefusedError):
            refused[answer.code] += 1
        else:
            found.append(_Film(path, FilmIdentity(**answer)))
        if on_progress:
            on_progress(done, len(paths))
    if refused:
        reasons = ", ".join(f"{code} {number:,}" for code, number in refused.most_common())
        notes.append(
            f"{refused.total():,} of {len(paths):,} DICOM files are no films that hilum answers for: {reasons}"
        )
    if not found:
        raise DataError(f"not one film lies among the {len(paths):,} DICOM files ({reasons}): is it the right folder?")
    return found


def _with_patients(films: list[_Film], without_id: WithoutId, notes: list[str]) -> list[_Film]:
    nameless = [film for film in films if not film.identity.patient_id]
    if not nameless:
        return films
    if without_id == "refuse":
        raise DataError(
            f"{len(nameless):,} of {len(films):,} films have no patient id, and splits go by patient. Leave them out "
            "(--without-id skip), or take each study for a patient (--without-id study) if no patient has two."
        )
    if without_id == "skip":
        notes.append(f"{len(nameless):,} films have no patient id and were left out (--without-id skip)")
        films = [film for film in films if film.identity.patient_id]
        if not films:
            raise DataError("not one film has a patient id: take each study for a patient (--without-id study)")
        return films
    lost = [film for film in nameless if not film.identity.study_uid]
    if lost:
        raise DataError(f"{len(lost):,} films have neither patient id nor study: leave them out (--without-id skip)")
    notes.append(
        f"{len(nameless):,} films have no patient id: each of their studies counts as a patient, which leaks if a "
        "patient has two (--without-id study)"
    )
    return films


def _once_each(reader: FilmReader, films: list[_Film], notes: list[str]) -> list[_Film]:
    """Return each film once; the same UID over other pixels is an error that nobody but the user can settle."""
    by_uid: dict[str, list[_Film]] = {}
    for film in films:
        by_uid.setdefault(film.identity.sop_uid or str(film.path), []).append(film)
    doubles = [group for group in by_uid.values() if len(group) > 1]
    digests = reader.map(pixel_record, [film.path for group in doubles for film in group])
    n_conflicts = 0
    for group in doubles:
        seen = {_digest(next(digests)) for _ in group}
        n_conflicts += len(seen) > 1
    if n_conflicts:
        raise DataError(
            f"{n_conflicts:,} SOP Instance UIDs stand for films with different pixels: a UID must name one film. Keep "
            "the right file of each, or export them anew; `hilum data deidentify --map FILE` writes which they are "
            "(outcome conflict)."
        )
    n_repeated = sum(len(group) - 1 for group in doubles)
    if n_repeated:
        notes.append(f"{n_repeated:,} files repeat a film with the same UID and pixels; one of each was kept")
    return [group[0] for group in by_uid.values()]


def _digest(answer: Mapping[str, str] | ImageRefusedError) -> str:
    return answer.code if isinstance(answer, ImageRefusedError) else answer["digest"]


def _targets(
    films: Sequence[_Film], labels: DicomLabels, root: Path, notes: list[str]
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    cells = read_label_table(labels.csv)
    columns = targets_of_table(cells, labels.label_column, labels.finding_columns)
    row_of = _rows_by_name(cells, labels.column)
    rows = [_row(film, labels.join, root, row_of) for film in films]
    n_unlabelled = rows.count(None)
    if n_unlabelled == len(films):
        raise DataError(
            f"{cells.source}: not one of its {len(row_of):,} rows names one of the {len(films):,} films. "
            f"{labels.column!r} was taken for {JOINS[labels.join]}; the other ways are "
            f"{', '.join(name for name in JOINS if name != labels.join)}."
        )
    n_idle = len(row_of) - len({row for row in rows if row is not None})
    if n_unlabelled:
        notes.append(f"{n_unlabelled:,} of {len(films):,} films have no row in {cells.source}: labels unknown")
    if n_idle:
        notes.append(f"{n_idle:,} of {len(row_of):,} rows of {cells.source} name no film of the folder")
    return {
        name: np.array([np.nan if row is None else column[row] for row in rows], dtype=np.float32)
        for name, column in columns.items()
    }


def _rows_by_name(cells: LabelTable, column: str) -> dict[str, int]:
    row_of: dict[str, int] = {}
    for row, cell in enumerate(cells.column(column)):
        name = cell.replace("\\", "/").removeprefix("./")
        if not name:
            raise DataError(f"{cells.source} line {cells.lines[row]}: {column} is empty; every row must name its film")
        if name in row_of:
            raise DataError(
                f"{cells.source} lines {cells.lines[row_of[name]]} and {cells.lines[row]} are for the same {column}: "
                "one row each, please"
            )
        row_of[name] = row
    return row_of


def _row(film: _Film, join: str, root: Path, row_of: Mapping[str, int]) -> int | None:
    return next((row_of[name] for name in film.names(join, root) if name in row_of), None)


def _table(
    films: Sequence[_Film], key: IdentityKey | None, targets: Mapping[str, np.ndarray], root: Path
) -> pd.DataFrame:
    def uid(text: str) -> str:
        return key.uid(text) if key and text else text

    def patient(identity: FilmIdentity) -> str:
        name = identity.patient_id or f"study {identity.study_uid}"
        return key.pseudonym(name) if key else name

    identities = [film.identity for film in films]
    names = [film.identity.sop_uid or film.path.relative_to(root).as_posix() for film in films]
    ids = [uid(name) for name in names]
    return pd.DataFrame(
        {
            "image_id": ids,
            "path": [str(film.path) for film in films],
            "patient_id": [patient(identity) for identity in identities],
            "study_id": [uid(identity.study_uid) or name for identity, name in zip(identities, ids, strict=True)],
            "view": [identity.view for identity in identities],
            "sex": [identity.sex for identity in identities],
            "age_years": np.array([parse_age(identity.age) for identity in identities], np.float32),
            "source": [f"{identity.manufacturer} {identity.model}".strip() for identity in identities],
            "split": pd.Series([None] * len(films), dtype=object),
            **targets,
        }
    )
