"""Where films lie: every picture below some folders, found by name."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hilum.errors import DataError
from hilum.imaging import IMAGE_ENDINGS
from hilum.wording import count

__all__ = ["FilmFolder", "FoundFilms", "find_below"]


@dataclass(frozen=True)
class FoundFilms:
    """Paths for a list of names.

    Attributes:
        paths: One per name; where a film is missing, the path at which it was expected.
        n_missing: Films that are not there.
        n_other_ending: Films found under another ending, such as ``.jpg`` for ``.png``.
        n_ambiguous: Films whose name lies in several folders; the first one, by the folders' order, was taken.
    """

    paths: list[str]
    n_missing: int
    n_other_ending: int
    n_ambiguous: int = 0

    def notes(self) -> tuple[str, ...]:
        """What a reader should know, a sentence each."""
        found = []
        if self.n_missing:
            found.append(
                f"{count(self.n_missing, 'film', 'are', of=len(self.paths))} not there; `data prepare` will list them"
            )
        if self.n_other_ending:
            found.append(
                f"{count(self.n_other_ending, 'film', 'were')} found under another ending than the label file gives"
            )
        if self.n_ambiguous:
            found.append(
                f"{count(self.n_ambiguous, 'film', 'lie')} in several folders under one name; the first of each was "
                "taken (name the folders with --images to choose)"
            )
        return tuple(found)


class FilmFolder:
    """An index of the pictures below some folders, one or many."""

    def __init__(self, roots: Sequence[Path]) -> None:
        """Look through ``roots`` and below.

        Raises:
            DataError: A root is no folder, or no picture lies below any of them.
        """
        self._first = roots[0]
        self._by_name: dict[str, str] = {}
        self._by_stem: dict[str, str] = {}
        self._ambiguous: set[str] = set()
        for root in roots:
            if not root.is_dir():
                raise DataError(f"there is no folder {root}: name the folder that holds the films (--images)")
            for path in _pictures(root):
                if self._by_name.setdefault(path.name, str(path)) != str(path):
                    self._ambiguous.add(path.name)
                self._by_stem.setdefault(path.stem, str(path))
        if not self._by_name:
            raise DataError(
                f"no film lies in {', '.join(map(str, roots))} or below (looked for {', '.join(IMAGE_ENDINGS)}): "
                "name the folder that holds them (--images)"
            )

    def find(self, names: Iterable[str]) -> FoundFilms:
        """Return where the films called ``names`` lie: by name, else by the name without its ending.

        Raises:
            DataError: Not one of them is there.
        """
        paths, n_missing, n_other = [], 0, 0
        for name in names:
            path = self._by_name.get(name)
            if path is None:
                path = self._by_stem.get(Path(name).stem)
                n_other += path is not None
            n_missing += path is None
            paths.append(path or str((self._first / name).absolute()))
        if paths and n_missing == len(paths):
            raise DataError(
                f"not one of the {count(len(paths), 'film')} of the list is among the {len(self._by_name):,} pictures "
                f"in {self._first} (the first would be {Path(paths[0]).name}): name the right folder (--images)"
            )
        n_ambiguous = sum(Path(path).name in self._ambiguous for path in paths) if self._ambiguous else 0
        return FoundFilms(paths, n_missing, n_other, n_ambiguous)


def find_below(roots: Sequence[Path], names: Sequence[str]) -> FoundFilms:
    """Return where films lie whose list gives their paths below one of some folders.

    Raises:
        DataError: A folder is not there, or not one of the films.
    """
    for root in roots:
        if not root.is_dir():
            raise DataError(f"there is no folder {root}: name the folder that holds the films (--images)")
    order = [root.absolute() for root in roots]
    paths, n_missing = [], 0
    for name in names:
        here = next((root for root in order if (root / name).is_file()), None)
        n_missing += here is None
        paths.append(str((here or order[0]) / name))
        if here and here is not order[0]:
            order = [here, *(root for root in order if root != here)]
    if paths and n_missing == len(paths):
        raise DataError(
            f"not one of the {count(len(paths), 'film')} of the list lies below {roots[0]} (the first would be "
            f"{names[0]}): name the folder that such paths start from (--images)"
        )
    return FoundFilms(paths, n_missing, 0)


def _pictures(root: Path) -> Iterable[Path]:
    for folder, folders, names in os.walk(root.absolute()):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(IMAGE_ENDINGS):
                yield Path(folder, name)
