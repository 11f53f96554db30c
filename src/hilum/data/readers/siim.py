"""SIIM-ACR's pneumothorax challenge: DICOM films of ChestX-ray14 with outlines.

Source: SIIM-ACR Pneumothorax Segmentation, Kaggle 2019.
"""

from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import read_label_table
from hilum.data.manifest import Manifest
from hilum.findings import LABEL_SETS
from hilum.wording import count

__all__ = ["read_siim"]

_SET = LABEL_SETS["siim"]
_WITHOUT = {"-1", ""}
_NO_PATIENTS = "patients are unknown in the label file: every film counts as a patient of its own"


def read_siim(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read the training films of SIIM-ACR's challenge: pneumothorax is present where an area is outlined.

    Args:
        path: The set's folder, or its ``train-rle.csv`` or ``stage_2_train.csv``.
        images: Folders of films; by default everything below the label file's folder.

    Returns:
        A manifest without splits.

    Raises:
        DataError: No label file, a missing column, or not a single film.
    """
    files = find_files(path, ("stage_2_train.csv*", "train-rle.csv*"), title=_SET.title)
    table = read_label_table(files[0])
    present: dict[str, float] = {}
    for name, outline in zip(table.column("ImageId"), table.column("EncodedPixels"), strict=True):
        present[name] = max(present.get(name, 0.0), float(outline not in _WITHOUT))
    names = list(present)
    found = FilmFolder(list(images) or [files[0].absolute().parent]).find([f"{name}.dcm" for name in names])
    rows = FilmRows(names, found.paths, names, {"Pneumothorax": list(present.values())})
    n_more = len(table.lines) - len(names)
    outlines = [f"{count(n_more, 'row', 'are')} a further outline of a film that stands before"] if n_more else []
    return make_manifest(rows, title=_SET.title, source=table.source, notes=(_NO_PATIENTS, *found.notes(), *outlines))
