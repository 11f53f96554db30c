"""From what a data set's files say about films to a manifest: one way for all readers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from hilum.data.manifest import SOFT, Manifest
from hilum.errors import DataError
from hilum.findings import check_policy, smooth_target
from hilum.wording import count

__all__ = ["UNCERTAIN", "FilmRows", "find_files", "is_lateral", "make_manifest", "normal_sex", "normal_view"]

UNCERTAIN = -1.0
"""What a reader writes for a label that its set calls uncertain."""

_VIEWS = {
    "PA": "PA",
    "POSTEROANTERIOR": "PA",
    "AP": "AP",
    "ANTEROPOSTERIOR": "AP",
    "AP_HORIZONTAL": "AP",
    "AP_SUPINE": "AP",
    "L": "LL",
    "LL": "LL",
    "RL": "LL",
    "LLD": "LL",
    "LATERAL": "LL",
    "LEFT LATERAL": "LL",
    "RIGHT LATERAL": "LL",
    "LAT": "LL",
    "AP HORIZONTAL": "AP",
    "AP SUPINE": "AP",
    "POSTERO-ANTERIOR": "PA",
    "ANTERO-POSTERIOR": "AP",
}
_LATERAL = re.compile(r"LL|RL|L|LLD|LLO|RLO|LAO|RAO|LPO|RPO|LAT.*|LEFT.*|RIGHT.*|.*LATERAL.*")
_UNKNOWN_VIEWS = {"", "UNK", "UNKNOWN", "EXCLUDE", "NAN"}
_SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F"}


@dataclass(frozen=True)
class FilmRows:
    """Films as a reader found them, one entry each in every list.

    Attributes:
        image_ids: Unique names.
        paths: Where they lie, or should.
        patients: Patient ids; the image ids where the set does not tell patients apart.
        targets: Finding to 1 present, 0 absent, NaN unknown or ``UNCERTAIN``.
        studies: Study ids; the image ids by default.
        views: As the set spells them.
        sexes: The same.
        ages: In years, NaN where unknown.
        splits: The set's own split, None where it has none.
    """

    image_ids: Sequence[str]
    paths: Sequence[str]
    patients: Sequence[str]
    targets: Mapping[str, Sequence[float]]
    studies: Sequence[str] = ()
    views: Sequence[str] = ()
    sexes: Sequence[str] = ()
    ages: Sequence[float] = ()
    splits: Sequence[str | None] = field(default=())


def make_manifest(
    rows: FilmRows, *, title: str, source: str, uncertain: str = "ignore", notes: Sequence[str] = ()
) -> Manifest:
    """Return the manifest of a data set's films.

    Args:
        rows: The films.
        title: The set, which becomes the ``source`` of every film.
        source: The file that was read.
        uncertain: A name of ``UNCERTAIN_POLICIES``.
        notes: What a reader should know about the import.

    Raises:
        UnknownNameError: There is no such policy.
        DataError: An image id stands twice.
    """
    empty = [""] * len(rows.image_ids)
    views = [normal_view(view) for view in rows.views or empty]
    splits, about_splits = _disjoint(rows)
    table = pd.DataFrame(
        {
            "image_id": list(rows.image_ids),
            "path": list(rows.paths),
            "patient_id": list(rows.patients),
            "study_id": list(rows.studies or rows.image_ids),
            "view": views,
            "sex": [normal_sex(sex) for sex in rows.sexes or empty],
            "age_years": np.array(list(rows.ages) or [np.nan] * len(empty), dtype=np.float32),
            "source": title,
            "split": pd.Series(splits, dtype=object),
        }
    )
    columns, about_labels = _targets(rows, check_policy(uncertain))
    table = pd.concat([table, pd.DataFrame(columns)], axis=1)
    n_lateral = views.count("LL")
    lateral = [f"{count(n_lateral, 'film', 'are')} lateral (view LL); they are kept, with the labels of their study"]
    every = (*notes, *(lateral if n_lateral else ()), *about_labels, *about_splits)
    return Manifest(table, tuple(rows.targets), source=source, notes=every)


def normal_view(text: str) -> str:
    """Return ``PA``, ``AP``, ``LL`` (lateral) or nothing for a set's own word; other words as they are, in capitals.

    Example:
        >>> normal_view("AP_horizontal"), normal_view("Lateral"), normal_view("UNK")
        ('AP', 'LL', '')
    """
    word = text.strip().upper()
    return "" if word in _UNKNOWN_VIEWS else _VIEWS.get(word, word)


def is_lateral(view: str) -> bool:
    """Whether a view, as a set or a header spells it, is lateral or oblique.

    Example:
        >>> is_lateral("ll"), is_lateral("Left lateral"), is_lateral("PA"), is_lateral("")
        (True, True, False, False)
    """
    return _LATERAL.fullmatch(view.strip().upper()) is not None


def normal_sex(text: str) -> str:
    """Return ``M``, ``F`` or nothing."""
    return _SEXES.get(text.strip().upper(), "")


def find_files(path: Path, patterns: Sequence[str], *, title: str) -> list[Path]:
    """Return the label files of a data set: ``path`` itself, or those in the folder or one below it.

    Args:
        path: A file, or the set's folder.
        patterns: Of file names; the first pattern that any file has is taken.
        title: The set, for messages.

    Returns:
        The files, by name; never empty.

    Raises:
        DataError: No such folder, or none of the files in it.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"there is no folder {path}: name the folder of {title}, or its label file")
    for pattern in patterns:
        for below in (pattern, f"*/{pattern}"):
            found = sorted(path.glob(below))
            if found:
                return found
    raise DataError(
        f"{path} holds no label file of {title} (looked for {', '.join(patterns)}, there and one folder below): name "
        "the folder that holds it, or the file itself"
    )


def _targets(rows: FilmRows, policy: str) -> tuple[dict[str, np.ndarray], list[str]]:
    columns: dict[str, np.ndarray] = {}
    n_uncertain = 0
    for finding, given in rows.targets.items():
        values = np.array(given, dtype=np.float32)
        doubtful = values == UNCERTAIN
        n_uncertain += int(doubtful.sum())
        values[doubtful] = {"zero": 0.0, "one": 1.0}.get(policy, np.nan)
        columns[finding] = values
        if policy == "smooth" and doubtful.any():
            soft = np.full(len(values), np.nan, dtype=np.float32)
            places = np.flatnonzero(doubtful)
            soft[places] = [smooth_target(rows.image_ids[place], finding) for place in places.tolist()]
            columns[SOFT + finding] = soft
    words = {"ignore": "unknown", "zero": "absent", "one": "present", "smooth": "a soft target in training alone"}
    notes = [f"{count(n_uncertain, 'label', 'are')} uncertain, taken as {words[policy]} (--uncertain {policy})"]
    return columns, notes if n_uncertain else []


def _disjoint(rows: FilmRows) -> tuple[list[str | None], list[str]]:
    """Return the set's own splits, or none of them where a patient stands in two."""
    splits = list(rows.splits) or [None] * len(rows.image_ids)
    seen: dict[str, set[str]] = {}
    for patient, split in zip(rows.patients, splits, strict=True):
        if split is not None:
            seen.setdefault(patient, set()).add(split)
    n_shared = sum(len(names) > 1 for names in seen.values())
    if n_shared:
        return [None] * len(splits), [
            f"the set's own split has {n_shared:,} of {count(len(seen), 'patient')} in more than one part, so it was "
            "not taken"
        ]
    if not seen:
        return splits, []
    counts = ", ".join(f"{name} {splits.count(name):,}" for name in dict.fromkeys(filter(None, splits)))
    return splits, [f"the set's own split was taken: {counts}"]
