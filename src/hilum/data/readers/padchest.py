"""PadChest in its own layout: one CSV file with labels as lists in text, films in folders by number.

Source: Bustos et al., "PadChest: A large chest x-ray image dataset with multi-label annotated reports", Medical Image
Analysis 2020.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, find_files, make_manifest
from hilum.data.label_table import LabelTable, parse_age, read_label_table
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import LABEL_SETS
from hilum.wording import count

__all__ = ["read_padchest"]

_SET = LABEL_SETS["padchest"]
_LABEL = re.compile(r"\s*(?:'([^']*)'|\"([^\"]*)\")\s*(?:,|$)")
_WITHOUT_LABELS = {"", "nan", "[]"}
_UNKNOWN = {"unchanged", "exclude", "suboptimal study"}


def read_padchest(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read PadChest.

    Args:
        path: The set's folder, or its ``PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv`` (``.gz`` is fine).
        images: The folders that hold the films, unpacked; by default everything below the label file's folder.

    Returns:
        A manifest without splits: the set has none. A label that a film's list does not hold is absent; films whose
        list is empty, or says only that nothing changed, have every label unknown.

    Raises:
        DataError: No label file, a missing column, a list that cannot be read (its line is named), or not a single
            film.
    """
    files = find_files(path, ("PADCHEST*.csv*", "chest_x_ray_images_labels*.csv*"), title=_SET.title)
    if len(files) > 1:
        raise DataError(f"{path} holds {len(files)} label files ({', '.join(f.name for f in files)}): name one of them")
    table = read_label_table(files[0])
    names = table.column("ImageID")
    found = FilmFolder(list(images) or [path if path.is_dir() else path.absolute().parent]).find(names)
    labels = [_labels(table, row, text) for row, text in enumerate(table.column("Labels"))]
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=table.column("PatientID"),
        studies=table.column("StudyID"),
        views=table.column("Projection"),
        sexes=table.column("PatientSex_DICOM"),
        ages=_ages(table),
        targets={name: [_target(present, name) for present in labels] for name in _SET.findings},
    )
    notes = (*found.notes(), *_about_labels(labels), *_about_method(table))
    return make_manifest(rows, title=_SET.title, source=table.source, notes=notes)


def _labels(table: LabelTable, row: int, text: str) -> frozenset[str] | None:
    """Return the labels of a cell such as ``['nodule', ' pleural effusion']``; None where it holds none."""
    if text.lower() in _WITHOUT_LABELS:
        return None
    inside = text.removeprefix("[").removesuffix("]").strip()
    names, place = [], 0
    while place < len(inside):
        match = _LABEL.match(inside, place)
        if match is None or not (text.startswith("[") and text.endswith("]")):
            raise DataError(
                f"{table.source} line {table.lines[row]}: the labels {text!r} are no list such as ['nodule', 'mass']"
            )
        names.append((match[1] if match[1] is not None else match[2]).strip())
        place = match.end()
    found = frozenset(filter(None, names))
    return None if not found or found <= _UNKNOWN else found


def _target(present: frozenset[str] | None, finding: str) -> float:
    if present is None:
        return float("nan")
    return float(any(label in present for label in _SET.labels_of(finding)))


def _ages(table: LabelTable) -> list[float]:
    """Ages from the years of study and birth: the set has no others."""
    pairs = zip(table.column("StudyDate_DICOM"), table.column("PatientBirth"), strict=True)
    return [
        parse_age(str(int(study[:4]) - int(float(born)))) if _years(study, born) else float("nan")
        for study, born in pairs
    ]


def _years(study: str, born: str) -> bool:
    return bool(re.match(r"\d{4}", study) and re.fullmatch(r"\d{4}(\.0)?", born) and int(study[:4]) >= int(born[:4]))


def _about_labels(labels: Sequence[frozenset[str] | None]) -> list[str]:
    n_unknown = sum(present is None for present in labels)
    others = {label for present in labels if present for label in present} - set(_SET.labels)
    notes = []
    if n_unknown:
        notes.append(
            f"{count(n_unknown, 'film', 'have')} no label, or only 'unchanged' and the like; every label is unknown"
        )
    if others:
        notes.append(f"{len(others):,} of the set's labels left out, as no finding of hilum's")
    return notes


def _about_method(table: LabelTable) -> list[str]:
    methods = [method.lower() for method in table.column("MethodLabel")]
    n_by_hand = methods.count("physician")
    return [
        f"{count(n_by_hand, 'film', 'were', of=len(methods))} labelled by physicians, the others by a network that "
        "read the report"
    ]
