"""A hospital's own DICOM: any folder of it as a manifest, by what the headers say, with labels from a CSV file."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from hilum.wording import count

__all__ = ["JOINS", "DicomLabels", "WithoutId", "read_dicom"]

JOINS: dict[str, str] = {
    "sop_uid": "the SOP Instance UID: one row per film",
    "file": "the file, by its path from the folder or by its name alone, with its ending or without",
    "study_uid": "the Study Instance UID: one row for all films of a study",
    "accession": "the accession number: one row for all films of an order",
}
"""What a column of a label file can name films by."""

WithoutId = Literal["refuse", "study", "skip"]
Repeated = Literal["error", "first"]

_KEPT_BY_DEIDENTIFY = ("sop_uid", "study_uid")


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
    repeated: Repeated = "error",
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Read any folder of DICOM: one row per film that hilum answers for, by its header; no pixel is decoded.

    Args:
        folder: Films with any ending or none, and anything else, in sub-folders.
        key: Patients and UIDs become pseudonyms; None takes them as they stand, and says so. Films that hilum
            de-identified keep theirs, and find their labels by old UIDs where it was done with the same key.
        labels: Where labels come from; None leaves the manifest without findings.
        without_id: Films without a patient id: an error, each study a patient of its own, or left out.
        repeated: Films of one UID with different pixels: an error, or the first by path is kept.
        workers: Headers read at a time.
        on_progress: Told of files done and in all.

    Returns:
        A manifest without splits. ``source`` is the device. What was left out is counted in ``notes``.

    Raises:
        DataError: No film, films without patient id, one UID for several films, labels that cannot be joined.
        MissingExtraError: pydicom is not installed.
    """
    root = folder.absolute()
    cells = _read_labels(labels) if labels else None
    tree = find_dicom(root)
    notes = list(tree.notes())
    with FilmReader(workers=workers) as reader:
        films = _films(reader, tree.paths, notes, on_progress)
        films = _with_patients(films, without_id, notes)
        films = _once_each(reader, films, repeated, notes)
    targets = _targets(films, cells, key, root, notes) if cells else {}
    notes += _about(films, key, has_labels=labels is not None)
    return Manifest(_table(films, key, targets, root), tuple(targets), source=folder.name, notes=tuple(notes))


def _about(films: Sequence[_Film], key: IdentityKey | None, *, has_labels: bool) -> Iterator[str]:
    if not has_labels:
        yield "there are no labels: the manifest names films, and no finding"
    n_clean = sum(film.identity.is_pseudonym for film in films)
    if n_clean:
        yield f"{count(n_clean, 'film')} de-identified by hilum: patient ids and UIDs are pseudonyms already, and stay"
    if key is None and n_clean < len(films):
        yield "patient ids and UIDs stand in the manifest as they are in the files; --key gives pseudonyms"
    n_marked = sum(film.identity.burned_in for film in films)
    if n_marked:
        yield f"{count(n_marked, 'film')} with text burned into the pixels, by the header; it may name the patient"


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
            f"{count(refused.total(), 'DICOM file', 'are', of=len(paths))} no film that hilum answers for: {reasons}"
        )
    if not found:
        raise DataError(
            f"not one film lies among {count(len(paths), 'DICOM file')} ({reasons}): is it the right folder?"
        )
    return found


def _with_patients(films: list[_Film], without_id: WithoutId, notes: list[str]) -> list[_Film]:
    nameless = [film for film in films if not film.identity.patient_id]
    if not nameless:
        return films
    if without_id == "refuse":
        raise DataError(
            f"{len(nameless):,} of {count(len(films), 'film')} without a patient id, and splits go by patient. Leave "
            "them out (--without-id skip), or take each study for a patient (--without-id study) if no patient has two."
        )
    if without_id == "skip":
        notes.append(f"{count(len(nameless), 'film')} without a patient id left out (--without-id skip)")
        films = [film for film in films if film.identity.patient_id]
        if not films:
            raise DataError("not one film has a patient id: take each study for a patient (--without-id study)")
        return films
    lost = [film for film in nameless if not film.identity.study_uid]
    if lost:
        raise DataError(
            f"{count(len(lost), 'film')} with neither patient id nor study: leave them out (--without-id skip)"
        )
    notes.append(
        f"{count(len(nameless), 'film')} without a patient id: each of their studies counts as a patient, which leaks "
        "if a patient has two (--without-id study)"
    )
    return films


def _once_each(reader: FilmReader, films: list[_Film], repeated: Repeated, notes: list[str]) -> list[_Film]:
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
    if n_conflicts and repeated == "error":
        raise DataError(
            f"{count(n_conflicts, 'SOP Instance UID')} with different pixels in several files: a UID must name one "
            "film. Keep the right file of each, or export them anew; `hilum data deidentify --map FILE` writes which "
            "they are (outcome conflict). --repeated first keeps the first file of each, by path."
        )
    if n_conflicts:
        notes.append(
            f"{count(n_conflicts, 'SOP Instance UID')} with different pixels in several files; the first by path was "
            "kept (--repeated first)"
        )
    n_repeated = sum(len(group) - 1 for group in doubles)
    if n_repeated:
        notes.append(f"{count(n_repeated, 'file')} with the UID of another film left out; one of each was kept")
    return [group[0] for group in by_uid.values()]


def _digest(answer: Mapping[str, str] | ImageRefusedError) -> str:
    return answer.code if isinstance(answer, ImageRefusedError) else answer["digest"]


@dataclass(frozen=True)
class _LabelRows:
    """A label file that was read, and which of its rows names what."""

    labels: DicomLabels
    cells: LabelTable
    columns: Mapping[str, Sequence[float]]
    row_of: Mapping[str, int]


def _read_labels(labels: DicomLabels) -> _LabelRows:
    """Read and check everything about labels that can be checked without the films."""
    cells = read_label_table(labels.csv)
    columns = targets_of_table(cells, labels.label_column, labels.finding_columns)
    return _LabelRows(labels, cells, columns, _rows_by_name(cells, labels.column))


def _targets(
    films: Sequence[_Film], read: _LabelRows, key: IdentityKey | None, root: Path, notes: list[str]
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float32]]]:
    row_of = dict(read.row_of)
    if key and any(film.identity.is_pseudonym for film in films):
        row_of |= {uid: row for uid, row in _hashed(read, key).items() if uid not in row_of}
    rows = [_row(film, read.labels.join, root, row_of) for film in films]
    n_unlabelled, n_rows, source = rows.count(None), len(read.row_of), read.cells.source
    if n_unlabelled == len(films):
        raise DataError(_not_joined(films, read, key))
    n_idle = n_rows - len({row for row in rows if row is not None})
    if n_unlabelled:
        notes.append(f"{n_unlabelled:,} of {count(len(films), 'film')} without a row in {source}: labels unknown")
    if n_idle:
        notes.append(f"{n_idle:,} of {count(n_rows, 'row')} of {source} without a film in the folder")
    return {
        name: np.array([np.nan if row is None else column[row] for row in rows], dtype=np.float32)
        for name, column in read.columns.items()
    }


def _hashed(read: _LabelRows, key: IdentityKey) -> dict[str, int]:
    """Return the rows by the UIDs that ``key`` gave in place of those that the file names films by."""
    if read.labels.join in _KEPT_BY_DEIDENTIFY:
        return {key.uid(name): row for name, row in read.row_of.items()}
    return {}


def _not_joined(films: Sequence[_Film], read: _LabelRows, key: IdentityKey | None) -> str:
    join = read.labels.join
    sentence = (
        f"{read.cells.source}: not one of its {count(len(read.row_of), 'row')} names one of the "
        f"{count(len(films), 'film')}. {read.labels.column!r} was taken for {JOINS[join]}; the other ways are "
        f"{', '.join(name for name in JOINS if name != join)}."
    )
    if not any(film.identity.is_pseudonym for film in films):
        return sentence
    if join not in _KEPT_BY_DEIDENTIFY:
        return (
            f"{sentence} The films are de-identified, which leaves no accession number and no file name: join by "
            "sop_uid or study_uid with the key they were made with (--key)."
        )
    return (
        f"{sentence} The films are de-identified: an old UID finds its film by the key it was made with alone "
        f"({'this one may be another' if key else '--key is missing'})."
    )


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
    def uid(text: str, identity: FilmIdentity) -> str:
        return key.uid(text) if key and text and not identity.is_pseudonym else text

    def patient(identity: FilmIdentity) -> str:
        name = identity.patient_id or f"study {identity.study_uid}"
        return key.pseudonym(name) if key and not identity.is_pseudonym else name

    identities = [film.identity for film in films]
    names = [film.identity.sop_uid or film.path.relative_to(root).as_posix() for film in films]
    ids = [uid(name, identity) for name, identity in zip(names, identities, strict=True)]
    return pd.DataFrame(
        {
            "image_id": ids,
            "path": [str(film.path) for film in films],
            "patient_id": [patient(identity) for identity in identities],
            "study_id": [
                uid(identity.study_uid, identity) or name for identity, name in zip(identities, ids, strict=True)
            ],
            "view": [identity.view for identity in identities],
            "sex": [identity.sex for identity in identities],
            "age_years": np.array([parse_age(identity.age) for identity in identities], np.float32),
            "source": [f"{identity.manufacturer} {identity.model}".strip() for identity in identities],
            "split": pd.Series([None] * len(films), dtype=object),
            **targets,
        }
    )
