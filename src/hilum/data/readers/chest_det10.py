"""ChestX-Det10: films of ChestX-ray14 with boxes for ten findings, in two JSON files.

Source: Liu et al., "ChestX-Det10: Chest X-ray Dataset on Detection of Thoracic Abnormalities", arXiv 2020.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

__all__ = ["read_chestx_det10"]

_SET = LABEL_SETS["chestx-det10"]
_NO_PATIENTS = (
    "patients are unknown in this set: every film counts as a patient of its own, though its split is honoured"
)


def read_chestx_det10(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read ChestX-Det10; a finding is present where a film has a box for it.

    Args:
        path: The set's folder, or its ``train.json`` or ``test.json``.
        images: Folders of films; by default everything below the label files' folder.

    Returns:
        A manifest split into train and test as the set is.

    Raises:
        DataError: No label file, one of another form, an unknown label, or not a single film.
    """
    files = find_files(path, ("train.json", "test.json"), title=_SET.title)
    if path.is_dir():
        files = [file for name in ("train", "test") if (file := files[0].parent / f"{name}.json").is_file()]
    films = [(split, name, present) for file in files for split, name, present in _read(file)]
    names = [name for _, name, _ in films]
    found = FilmFolder(list(images) or [files[0].absolute().parent]).find(names)
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=names,
        splits=[split for split, _, _ in films],
        targets={
            label.findings[0]: [float(label_name in present) for _, _, present in films]
            for label_name, label in _SET.labels.items()
        },
    )
    source = f"{_SET.title}: {', '.join(file.name for file in files)}"
    return make_manifest(rows, title=_SET.title, source=source, notes=(_NO_PATIENTS, *found.notes()))


def _read(file: Path) -> list[tuple[str | None, str, frozenset[str]]]:
    split = file.stem if file.stem in {"train", "test"} else None
    try:
        entries = [
            (str(entry["file_name"]), frozenset(map(str, entry["syms"])))
            for entry in json.loads(file.read_text("utf-8"))
        ]
    except (ValueError, KeyError, TypeError):
        raise DataError(
            f"{file.name} is no label file of {_SET.title}: expected a list of file_name, syms and boxes"
        ) from None
    for name, present in entries:
        strange = present - set(_SET.labels)
        if strange:
            raise DataError(f"{file.name}: {min(strange)!r} of {name} is no label of {_SET.title}")
    return [(split, name, present) for name, present in entries]
