"""A folder of DICOM films into another one, without whom they are of."""

import csv
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hilum.errors import ImageRefusedError, InvalidValueError
from hilum.imaging.decode_message import Record
from hilum.imaging.deidentify import clean_film_record
from hilum.imaging.dicom_tree import DicomTree, find_dicom
from hilum.imaging.film_reader import FilmReader
from hilum.imaging.identity_key import IdentityKey
from hilum.runs import write_bytes

__all__ = ["CleanFolder", "deidentify_folder"]

_MAP_COLUMNS = ("source", "outcome", "patient_id", "pseudonym", "days", "sop_uid", "new_sop_uid", "file")
_Row = Callable[[Path, str, Record], None]


@dataclass
class CleanFolder:
    """What became of a folder's films.

    Attributes:
        tree: What lay in the folder.
        n_written: Films written.
        n_patients: Patients they are of.
        n_burned_in: Films with text burned into their pixels: set aside, or written as they were asked for.
        n_without_id: Films written that name no patient; each study of theirs counts as a patient.
        n_repeated: Copies of a film that was written already.
        n_conflicting: Films with the SOP Instance UID of another film that was written; they were not.
        refused: Films that were not written because hilum cannot read them, by refusal code.
    """

    tree: DicomTree
    n_written: int = 0
    n_patients: int = 0
    n_burned_in: int = 0
    n_without_id: int = 0
    n_repeated: int = 0
    n_conflicting: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def deidentify_folder(
    folder: Path,
    out: Path,
    *,
    key: IdentityKey,
    keep_burned_in: bool = False,
    map_file: Path | None = None,
    workers: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> CleanFolder:
    """Write every film of a folder anew (:func:`hilum.imaging.deidentify_film`); the old files stay as they are.

    Films are read in processes that are thrown away; files are named by pseudonym and a hash of the new UID.

    Args:
        folder: Any folder of DICOM, with sub-folders.
        out: Where the new files go; neither inside ``folder`` nor around it.
        key: Makes the pseudonyms.
        keep_burned_in: Write films with text burned into their pixels, too.
        map_file: Write which film became which, readable by the owner alone; None writes no such file.
        workers: Films read at a time.
        on_progress: Told of films done and in all.

    Raises:
        InvalidValueError: No DICOM in ``folder``, folders within each other, or the map would lie in ``out``.
        StorageError: The disk is full or cannot be written.
        MissingExtraError: pydicom or dicom-anonymizer is not installed.
    """
    _check_apart(folder, out, map_file)
    found = CleanFolder(find_dicom(folder))
    paths = found.tree.paths
    options = {"secret": key.secret.hex(), "keep_burned_in": keep_burned_in}
    patients: set[str] = set()
    with _map_rows(map_file) as add_row, FilmReader(workers=workers) as reader:
        answers = reader.map(clean_film_record, paths, options=options)
        for done, (path, answer) in enumerate(zip(paths, answers, strict=True), start=1):
            if isinstance(answer, ImageRefusedError):
                found.refused[answer.code] += 1
                add_row(path, answer.code, {})
            else:
                outcome = _keep(answer, out, found)
                if outcome == "written":
                    patients.add(answer["pseudonym"])
                add_row(path, outcome, answer)
            if on_progress:
                on_progress(done, len(paths))
    found.n_patients = len(patients)
    return found


def _keep(answer: Record, out: Path, found: CleanFolder) -> str:
    """Write a film; return what became of it, in a word."""
    found.n_burned_in += answer["burned_in"]
    if not answer["has_content"]:
        return "burned_in"
    content, path = answer["content"].tobytes(), out / answer["name"]
    if path.exists():
        same = path.read_bytes() == content
        found.n_repeated += same
        found.n_conflicting += not same
        return "repeated" if same else "conflict"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    found.n_written += 1
    found.n_without_id += not answer["patient_id"]
    return "written"


def _check_apart(folder: Path, out: Path, map_file: Path | None) -> None:
    source, target = folder.resolve(), out.resolve()
    if target.is_file():
        raise InvalidValueError(f"{out} is a file: name a folder for the new films")
    if source == target or source in target.parents or target in source.parents:
        raise InvalidValueError(f"{out} and {folder} lie within each other: give a folder of its own for the new films")
    if map_file and target in map_file.resolve().parents:
        raise InvalidValueError(
            f"{map_file} lies among the new films, and would go where they go: name a file outside {out}"
        )


@contextmanager
def _map_rows(path: Path | None) -> Iterator[_Row]:
    if path is None:
        yield lambda *_: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    # A file's name may be any bytes.
    with os.fdopen(handle, "w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(_MAP_COLUMNS)

        def add(source: Path, outcome: str, answer: Record) -> None:
            known: dict[str, Any] = {"source": source, "outcome": outcome, **answer}
            known["file"] = answer.get("name", "") if outcome == "written" else ""
            rows.writerow([known.get(name, "") for name in _MAP_COLUMNS])

        yield add
