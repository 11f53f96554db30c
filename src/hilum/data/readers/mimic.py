"""MIMIC-CXR-JPG in its own layout: labels per study, metadata and split per film.

Source: Johnson et al., "MIMIC-CXR-JPG, a large publicly available database of labeled chest radiographs", 2019.
"""

from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import find_below
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, read_label_table
from hilum.data.manifest import Manifest
from hilum.data.readers.study_label import read_study_labels
from hilum.errors import DataError
from hilum.findings import LABEL_SETS
from hilum.wording import count

__all__ = ["read_mimic"]

_TITLE = LABEL_SETS["mimic"].title
_SPLITS = {"train": "train", "validate": "validation", "test": "test"}
_FILES = "mimic-cxr-2*-{}.csv*"
_NAN = float("nan")


def read_mimic(
    path: Path, *, images: Sequence[Path] = (), uncertain: str = "ignore", blank: str = "unknown"
) -> Manifest:
    """Read MIMIC-CXR-JPG.

    Args:
        path: The set's folder, which holds ``mimic-cxr-2.0.0-chexpert.csv.gz``, ``-metadata`` and ``-split``.
        images: The folders that hold ``files/p10/...``; by default ``path``.
        uncertain: What -1 counts as, a name of ``UNCERTAIN_POLICIES``.
        blank: What a blank counts as, a name of ``BLANKS``.

    Returns:
        A manifest split as the set is. Films of studies without labels are in it, every label unknown; sexes and ages
        are not part of the set.

    Raises:
        DataError: A file or column is missing, a cell cannot be read, or not a single film is there.
        UnknownNameError: There is no such policy.
    """
    folder = find_files(path, (_FILES.format("split"),), title=_TITLE)[0].absolute().parent
    tables = {kind: _table(folder, kind) for kind in ("chexpert", "metadata", "split")}
    films = tables["split"]
    dicom_ids, patients, studies = (films.column(name) for name in ("dicom_id", "subject_id", "study_id"))
    labels = read_study_labels(tables["chexpert"], label_set="mimic", blank=blank)
    row_of = {study: row for row, study in enumerate(tables["chexpert"].column("study_id"))}
    places = [row_of.get(study) for study in studies]
    views = dict(zip(tables["metadata"].column("dicom_id"), tables["metadata"].column("ViewPosition"), strict=True))
    names = [
        f"files/p{patient[:2]}/p{patient}/s{study}/{film}.jpg"
        for film, patient, study in zip(dicom_ids, patients, studies, strict=True)
    ]
    found = find_below(list(images) or [folder], names)
    rows = FilmRows(
        image_ids=dicom_ids,
        paths=found.paths,
        patients=patients,
        studies=studies,
        views=[views.get(film, "") for film in dicom_ids],
        splits=_splits(films),
        targets={
            name: [_NAN if place is None else cells[place] for place in places]
            for name, cells in labels.targets.items()
        },
    )
    n_without = places.count(None)
    without = (
        [f"{count(n_without, 'film', 'are')} of studies without labels; every label of theirs is unknown"]
        if n_without
        else []
    )
    notes = (*found.notes(), *without, *labels.notes(blank))
    return make_manifest(rows, title=_TITLE, source=f"{_TITLE}: {films.source}", uncertain=uncertain, notes=notes)


def _table(folder: Path, kind: str) -> LabelTable:
    files = find_files(folder, (_FILES.format(kind),), title=_TITLE)
    if len(files) > 1:
        raise DataError(f"{folder} holds {len(files)} files of {kind} ({', '.join(f.name for f in files)}): keep one")
    return read_label_table(files[0])


def _splits(films: LabelTable) -> list[str]:
    cells = films.column("split")
    for row, cell in enumerate(cells):
        if cell not in _SPLITS:
            raise DataError(
                f"{films.source} line {films.lines[row]}: split is {cell!r}; expected one of {', '.join(_SPLITS)}"
            )
    return [_SPLITS[cell] for cell in cells]
