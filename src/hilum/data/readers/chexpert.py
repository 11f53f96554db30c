"""CheXpert in its own layout: ``train.csv``, ``valid.csv`` and, where it is there, ``test.csv``.

Source: Irvin et al., "CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert Comparison", AAAI
2019. ``valid.csv`` and ``test.csv`` hold labels by radiologists, ``train.csv`` labels mined from reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hilum.data.film_folder import find_below
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, parse_age, read_label_table
from hilum.data.manifest import Manifest
from hilum.data.readers.study_label import StudyLabels, read_study_labels
from hilum.errors import DataError
from hilum.findings import LABEL_SETS

__all__ = ["read_chexpert"]

_TITLE = LABEL_SETS["chexpert"].title
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}


def read_chexpert(
    path: Path, *, images: Sequence[Path] = (), uncertain: str = "ignore", blank: str = "unknown"
) -> Manifest:
    """Read CheXpert, small or full size.

    Args:
        path: The set's folder, the one above it, or one of its label files.
        images: The folders that hold ``train/``, ``valid/``; by default the label files' own.
        uncertain: What -1 counts as, a name of ``UNCERTAIN_POLICIES``.
        blank: What a blank counts as, a name of ``BLANKS``.

    Returns:
        A manifest split as the set is; lateral films are in it with view LL.

    Raises:
        DataError: No label file, a missing column, a cell that cannot be read, or not a single film.
        UnknownNameError: There is no such policy.
    """
    files = [file for file in find_files(path, ("train.csv", "valid.csv", "test.csv"), title=_TITLE) if file.is_file()]
    if path.is_dir():
        files = [file for name in _SPLITS if (file := files[0].parent / f"{name}.csv").is_file()]
    parts = [_read_part(file, blank) for file in files]
    films = [film for part in parts for film in part.films]
    found = find_below(list(images) or [files[0].absolute().parent], films)
    rows = FilmRows(
        image_ids=films,
        paths=found.paths,
        patients=[_folders(film)[0] for film in films],
        studies=["/".join(_folders(film)) for film in films],
        views=[view for part in parts for view in part.views],
        sexes=[sex for part in parts for sex in part.table.column("Sex")],
        ages=[parse_age(age) for part in parts for age in part.table.column("Age")],
        splits=[part.split for part in parts for _ in part.films],
        targets={
            name: [cell for part in parts for cell in part.labels.targets[name]] for name in parts[0].labels.targets
        },
    )
    labels = StudyLabels(
        rows.targets, sum(part.labels.n_blank for part in parts), sum(part.labels.n_conflicts for part in parts)
    )
    notes = (*found.notes(), *labels.notes(blank))
    return make_manifest(
        rows,
        title=_TITLE,
        source=f"{_TITLE}: {', '.join(file.name for file in files)}",
        uncertain=uncertain,
        notes=notes,
    )


@dataclass(frozen=True)
class _Part:
    table: LabelTable
    films: list[str]
    views: list[str]
    split: str | None
    labels: StudyLabels


def _read_part(file: Path, blank: str) -> _Part:
    table = read_label_table(file)
    films = [_below_the_set(path) for path in table.column("Path")]
    for row, film in enumerate(films):
        if len(PurePosixPath(film).parts) < 4:
            raise DataError(
                f"{table.source} line {table.lines[row]}: the path {film!r} is not of the form "
                "train/patient00001/study1/view1_frontal.jpg"
            )
    projections = zip(table.column("Frontal/Lateral"), table.column("AP/PA"), strict=True)
    views = ["LL" if side.lower() == "lateral" else projection for side, projection in projections]
    split = _SPLITS.get(file.name.split(".")[0])
    return _Part(table, films, views, split, read_study_labels(table, label_set="chexpert", blank=blank))


def _below_the_set(path: str) -> str:
    """Return a path without the set's own folder: the file names it whatever the folder is called on disk."""
    first, _, rest = path.partition("/")
    return rest if first.lower().startswith("chexpert") else path


def _folders(film: str) -> tuple[str, str]:
    """Return patient and study."""
    parts = PurePosixPath(film).parts
    return parts[-3], parts[-2]
