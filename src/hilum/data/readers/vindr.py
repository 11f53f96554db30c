"""VinDr-CXR: three readers per training film, a consensus per test film; PhysioNet's layout, and Kaggle's.

Source: Nguyen et al., "VinDr-CXR: An open dataset of chest X-rays with radiologist's annotations", Scientific Data
2022.
"""

from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, read_label_table
from hilum.data.manifest import Manifest, Split
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

__all__ = ["read_vindr"]

_SET = LABEL_SETS["vindr"]
_FILES = ("image_labels_*.csv*", "train.csv*")
_NO_PATIENTS = (
    "patients are unknown in this set: every film counts as a patient of its own, and splits cannot do better"
)
_CELLS = {"1": 1.0, "1.0": 1.0, "0": 0.0, "0.0": 0.0}


def read_vindr(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read VinDr-CXR; a finding is present where more than half of a film's readers say so.

    Args:
        path: The set's folder, or a label file: ``image_labels_train.csv``, ``image_labels_test.csv``, Kaggle's
            ``train.csv``.
        images: Folders of films; by default everything below ``path``.

    Returns:
        A manifest split into train and test as the set is (Kaggle's test films have no labels and are not in it).

    Raises:
        DataError: No label file, a missing column, a cell that cannot be read, or not a single film.
    """
    files = find_files(path, _FILES, title=_SET.title)
    parts = [(_split(file), *_read(read_label_table(file))) for file in files]
    names = [name for _, votes, _ in parts for name in votes]
    folder = path if path.is_dir() else path.absolute().parent.parent
    found = FilmFolder(list(images) or [folder]).find([f"{name}.dicom" for name in names])
    findings = [name for name in _SET.findings if any(name in known for _, _, known in parts)]
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=names,
        views=["PA"] * len(names),
        splits=[split for split, votes, _ in parts for _ in votes],
        targets={
            name: [
                _majority(ballots, name) if name in known else float("nan")
                for _, votes, known in parts
                for ballots in votes.values()
            ]
            for name in findings
        },
    )
    n_split = sum(
        0 < sum(name in ballot for ballot in ballots) < len(ballots)
        for _, votes, known in parts
        for ballots in votes.values()
        for name in known
    )
    disagree = [f"in {n_split:,} labels a film's readers disagreed; more than half of them decided"] if n_split else []
    notes = (_NO_PATIENTS, *found.notes(), *disagree)
    return make_manifest(rows, title=_SET.title, source=", ".join(file.name for file in files), notes=notes)


_Votes = dict[str, list[frozenset[str]]]


def _split(file: Path) -> Split:
    return "test" if "test" in file.name else "train"


def _majority(ballots: Sequence[frozenset[str]], finding: str) -> float:
    return float(2 * sum(finding in ballot for ballot in ballots) > len(ballots))


def _read(table: LabelTable) -> tuple[_Votes, frozenset[str]]:
    """Return per film the findings that each reader saw, and the findings that the file has labels for."""
    return _boxes(table) if "class_name" in table.columns else _columns(table)


def _columns(table: LabelTable) -> tuple[_Votes, frozenset[str]]:
    there = {name: label.findings for name, label in _SET.labels.items() if name in table.columns and label.findings}
    if not there:
        table.column("Pleural effusion")
    votes: _Votes = {}
    for row, image in enumerate(table.column("image_id")):
        seen = [finding for name, findings in there.items() if _cell(table, name, row) for finding in findings]
        votes.setdefault(image, []).append(frozenset(seen))
    return votes, frozenset(finding for findings in there.values() for finding in findings)


def _cell(table: LabelTable, column: str, row: int) -> float:
    text = table.columns[column][row]
    if text not in _CELLS:
        raise DataError(f"{table.source} line {table.lines[row]}: {column} is {text!r}; expected 1 or 0")
    return _CELLS[text]


def _boxes(table: LabelTable) -> tuple[_Votes, frozenset[str]]:
    """Read Kaggle's file: one row per box, several per reader."""
    readers: dict[str, dict[str, set[str]]] = {}
    cells = zip(table.column("image_id"), table.column("rad_id"), table.column("class_name"), strict=True)
    classes = set()
    for row, (image, reader, name) in enumerate(cells):
        if name not in _SET.labels:
            raise DataError(f"{table.source} line {table.lines[row]}: {name!r} is no label of {_SET.title}")
        classes.add(name)
        readers.setdefault(image, {}).setdefault(reader, set()).update(_SET.labels[name].findings)
    votes = {image: [frozenset(seen) for seen in ballots.values()] for image, ballots in readers.items()}
    return votes, frozenset(finding for name in classes for finding in _SET.labels[name].findings)
