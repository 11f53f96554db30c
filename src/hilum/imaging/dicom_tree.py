"""Which files of a folder are DICOM: told by content, with any ending or none."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from hilum.errors import InvalidValueError
from hilum.imaging.file_kind import looks_like_dicom

__all__ = ["DicomTree", "find_dicom"]

_DIRECTORY = "DICOMDIR"


@dataclass
class DicomTree:
    """What lies in a folder and below.

    Attributes:
        paths: DICOM files, in the order of their names.
        n_other: Files that are no DICOM.
        n_directories: DICOMDIR files, which list others.
        n_links: Symbolic links, which are not followed, and things that are no files.
        n_unreadable: Files and folders that this user may not read.
    """

    paths: list[Path] = field(default_factory=list)
    n_other: int = 0
    n_directories: int = 0
    n_links: int = 0
    n_unreadable: int = 0

    def notes(self) -> tuple[str, ...]:
        """What was left aside, a sentence each."""
        said = (
            (self.n_other, "files are no DICOM"),
            (self.n_directories, "DICOMDIR files were left aside: films are read from their own headers"),
            (self.n_links, "symbolic links or special files were not followed"),
            (self.n_unreadable, "files or folders may not be read by this user"),
        )
        return tuple(f"{number:,} {what}" for number, what in said if number)


def find_dicom(folder: Path) -> DicomTree:
    """Return the DICOM files in a folder and below.

    Raises:
        InvalidValueError: There is no such folder, or not one DICOM file in it.
    """
    if folder.is_file():
        raise InvalidValueError(f"{folder} is a file: name the folder that holds the DICOM files")
    if not folder.is_dir():
        raise InvalidValueError(f"there is no folder {folder}: name the folder that holds the DICOM files")
    tree = DicomTree()
    _look_into(folder.absolute(), tree)
    if not tree.paths:
        raise InvalidValueError(
            f"no DICOM file lies in {folder} or below{_said(tree)}: name the folder that holds them, unpacked"
        )
    return tree


def _look_into(folder: Path, tree: DicomTree) -> None:
    pending = [folder]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            tree.n_unreadable += 1
            continue
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
            else:
                _look_at(entry, tree)
    tree.paths.sort()


def _look_at(entry: "os.DirEntry[str]", tree: DicomTree) -> None:
    if not entry.is_file(follow_symlinks=False):
        tree.n_links += 1
    elif entry.name.upper() == _DIRECTORY:
        tree.n_directories += 1
    else:
        try:
            is_dicom = looks_like_dicom(Path(entry.path))
        except OSError:
            tree.n_unreadable += 1
            return
        if is_dicom:
            tree.paths.append(Path(entry.path))
        else:
            tree.n_other += 1


def _said(tree: DicomTree) -> str:
    return f" ({'; '.join(tree.notes())})" if tree.notes() else ""
