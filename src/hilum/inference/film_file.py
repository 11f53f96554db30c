"""From what a user names (files, folders) to the files that are to be answered."""

from collections.abc import Iterable
from pathlib import Path

from hilum.errors import InvalidValueError
from hilum.imaging import IMAGE_ENDINGS

__all__ = ["collect_files"]


def collect_files(paths: Iterable[Path]) -> list[Path]:
    """Return files as they are named, and the pictures of folders, sorted, with those of folders below.

    A file that is named is taken whatever its ending: whether it can be read shows when it is. Files below a folder
    are taken by their ending, or if they have none, as many DICOM files do (a UID is a name without ending). Nothing is
    taken twice.

    Raises:
        InvalidValueError: Nothing was named, or a folder holds no picture.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and _looks_like_a_picture(file)]
            if not inside:
                raise InvalidValueError(
                    f"no film lies in {path} or below (looked for {', '.join(IMAGE_ENDINGS)}): name another folder"
                )
            files |= dict.fromkeys(inside)
        else:
            files[path] = None
    if not files:
        raise InvalidValueError("no file was named: name films or folders of films")
    return list(files)


def _looks_like_a_picture(file: Path) -> bool:
    ending = file.suffix.lower()
    # A file that is named by its UID (1.2.840.5) has no ending: the last number only looks like one.
    return not file.name.startswith(".") and (not ending or ending in IMAGE_ENDINGS or ending[1:].isdecimal())
