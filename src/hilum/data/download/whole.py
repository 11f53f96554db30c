"""Whether a data set is whole: films, label rows and official lists, counted against what it should hold."""

import gzip
import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.data.download.archive import WORK_FOLDER, OnProgress
from hilum.data.download.known import KnownSet, known_set
from hilum.data.label_table import read_label_table
from hilum.errors import DataError
from hilum.wording import count

__all__ = ["SetCheck", "check_dataset"]

_NAME_COLUMN = "Image Index"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
_END_BYTES = 1024
_SHOWN = 3


@dataclass(frozen=True)
class SetCheck:
    """What a folder holds of a data set.

    Attributes:
        counts: For each part: what it is, how many there are, how many there should be.
        problems: What keeps it from being whole, a sentence each.
        notes: What else a reader should know.
        label_file: The label file; None if there is none.
        film_folders: Folders that hold each film once, where some lie in several; else empty.
        lacks_films: Whether films or label rows are missing, not only a list.
    """

    counts: tuple[tuple[str, int, int], ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    label_file: Path | None
    film_folders: tuple[Path, ...]
    lacks_films: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.problems


@dataclass(frozen=True)
class _Found:
    """Files below a folder: films by name, the rest by lower-case name; the ones nearest to the top come first."""

    films: Mapping[str, Sequence[Path]]
    others: Mapping[str, Sequence[Path]]


def check_dataset(folder: Path, name: str, *, on_progress: OnProgress = lambda _done, _total, _label: None) -> SetCheck:
    """Count what ``folder`` and the folders below it hold of the data set ``name``; nothing is written or fetched.

    The layout does not matter: NIH's twelve archives, Kaggle's, or all films in one folder.

    Raises:
        UnknownNameError: No such data set.
        DataError: No such folder.
    """
    known = known_set(name)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: name the one that holds the data set")
    found = _look(folder)
    label_file = _label_file(found, known)
    rows, problems = _rows(label_file, known)
    missing = sorted(set(rows) - set(found.films))
    problems += _missing_films(missing, rows, known)
    if len(found.films) != known.n_films and not missing:
        problems.append(f"{count(len(found.films), 'film', 'are')} there, expected {known.n_films:,}")
    problems += _damaged_films(found.films, on_progress)
    lacks_films = bool(problems)
    lists, list_problems = _lists(found, known, rows)
    return SetCheck(
        counts=(("films", len(found.films), known.n_films), ("label rows", len(rows), known.n_films), *lists),
        problems=tuple(problems + list_problems),
        notes=tuple(_notes(found, rows, label_file)),
        label_file=label_file,
        film_folders=_folders_once(found),
        lacks_films=lacks_films,
    )


def _look(root: Path) -> _Found:
    films: dict[str, list[Path]] = {}
    others: dict[str, list[Path]] = {}
    folders = [(Path(folder), names) for folder, _, names in os.walk(root) if WORK_FOLDER not in Path(folder).parts]
    for folder, names in sorted(folders, key=lambda entry: (len(entry[0].parts), entry[0])):
        for name in names:
            if name.lower().endswith(".png"):
                films.setdefault(name, []).append(folder / name)
            else:
                others.setdefault(name.lower(), []).append(folder / name)
    return _Found(films, others)


def _label_file(found: _Found, known: KnownSet) -> Path | None:
    """Return the label file nearest to the top; of several there the last by name, which is the newest edition."""
    files = [
        path
        for paths in found.others.values()
        for path in paths
        if any(path.match(pattern) for pattern in known.label_files)
    ]
    return min(files, key=lambda path: (len(path.parts), [-ord(sign) for sign in path.name]), default=None)


def _rows(label_file: Path | None, known: KnownSet) -> tuple[Sequence[str], list[str]]:
    if label_file is None:
        return (), [f"the label file is not there (looked for {', '.join(known.label_files)})"]
    try:
        rows = read_label_table(label_file).column(_NAME_COLUMN)
    except DataError as error:
        return (), [str(error)]
    problems = []
    twice = len(rows) - len(set(rows))
    if len(rows) != known.n_films:
        problems.append(f"{label_file.name} has {len(rows):,} rows, expected {known.n_films:,}")
    if twice:
        problems.append(f"{label_file.name} names {count(twice, 'film')} more than once")
    return rows, problems


def _missing_films(missing: Sequence[str], rows: Sequence[str], known: KnownSet) -> list[str]:
    if not missing:
        return []
    verb = "is" if len(missing) == 1 else "are"
    text = f"{count(len(missing), 'film')} of the label file {verb} not there ({_some(missing)})"
    if sum(known.part_sizes) == len(rows):
        lost, places = set(missing), iter(sorted(rows))
        by_part = [sum(next(places) in lost for _ in range(size)) for size in known.part_sizes]
        parts = [f"images_{number:03d} {lacks:,}" for number, lacks in enumerate(by_part, start=1) if lacks]
        text += f"; by NIH's archives: {', '.join(parts)}"
    return [text]


def _damaged_films(films: Mapping[str, Sequence[Path]], on_progress: OnProgress) -> list[str]:
    damaged = []
    for done, (name, paths) in enumerate(films.items(), start=1):
        if not _is_png(paths[0]):
            damaged.append(name)
        on_progress(done, len(films), "checking, films")
    if not damaged:
        return []
    return [f"{count(len(damaged), 'film', 'are')} empty, cut off or no PNG ({_some(damaged)}): fetch them again"]


def _is_png(path: Path) -> bool:
    """Look at both ends of a file."""
    try:
        with path.open("rb") as stream:
            start = stream.read(len(_PNG_START))
            stream.seek(-min(_END_BYTES, path.stat().st_size), os.SEEK_END)
            return start == _PNG_START and _PNG_END in stream.read()
    except OSError:
        return False


def _lists(found: _Found, known: KnownSet, rows: Collection[str]) -> tuple[list[tuple[str, int, int]], list[str]]:
    counts, problems, listed = [], [], Counter[str]()
    for name, expected in known.lists.items():
        paths = [*found.others.get(name.lower(), ()), *found.others.get(f"{name.lower()}.gz", ())]
        if not paths:
            counts.append((name, 0, expected))
            problems.append(f"{name} is not there: fetch this one file, NIH and Kaggle offer it alone")
            continue
        entries = _entries(paths[0])
        counts.append((name, len(entries), expected))
        if len(entries) != expected:
            problems.append(f"{name} has {len(entries):,} entries, expected {expected:,}")
        unknown = set(entries) - set(rows)
        if unknown and rows:
            problems.append(
                f"{name} names {count(len(unknown), 'film')} that the label file does not ({_some(unknown)})"
            )
        if name.endswith(".txt"):
            listed.update(set(entries))
    shared = [film for film, times in listed.items() if times > 1]
    if shared:
        problems.append(
            f"{count(len(shared), 'film', 'stand')} in more than one of the official lists ({_some(shared)})"
        )
    return counts, problems


def _entries(path: Path) -> list[str]:
    """Return the first cell of each line; a CSV file's header is left out."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError):
        return []
    lines = [line.partition(",")[0].strip() for line in raw.decode("utf-8-sig", "replace").splitlines()]
    return [line for line in lines if line and line != _NAME_COLUMN]


def _notes(found: _Found, rows: Sequence[str], label_file: Path | None) -> list[str]:
    notes = []
    extra = set(found.films) - set(rows)
    twice = sum(len(paths) > 1 for paths in found.films.values())
    if extra and rows and label_file:
        notes.append(f"{count(len(extra), 'film', 'have')} no row in {label_file.name} ({_some(extra)})")
    if twice:
        notes.append(
            f"{count(twice, 'film', 'lie')} in more than one folder under the same name; the nearest to the top counts"
        )
    return notes


def _folders_once(found: _Found) -> tuple[Path, ...]:
    if all(len(paths) == 1 for paths in found.films.values()):
        return ()
    return tuple(dict.fromkeys(paths[0].parent for paths in found.films.values()))


def _some(names: Collection[str]) -> str:
    shown = sorted(names)[:_SHOWN]
    return ", ".join(shown) + (" ..." if len(names) > len(shown) else "")
