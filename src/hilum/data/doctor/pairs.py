"""Checks of films that look the same: within a patient, across patients, across splits, with labels in conflict."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hilum.data.doctor.examination import MOST_NAMED, Examination
from hilum.records import DoctorCheck, Severity, SuspectFilm
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data.doctor.duplicates import DuplicatePair

__all__ = ["duplicate_films", "duplicates_in_conflict"]

_RANK = {"train": 0, "validation": 1, "test": 2}
"""Of two films in different splits, the one further to the left is proposed to be left out."""


def duplicate_films(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that stand twice under other names: re-encoded, resized or cropped a little."""
    subject = examination.subject
    leaks, strangers, siblings = [], [], []
    for pair in _with_best_copy(examination):
        splits = {subject.splits[pair.row_a], subject.splits[pair.row_b]} - {None}
        if len(splits) == 2:
            leaks.append(pair)
        elif subject.patients[pair.row_a] != subject.patients[pair.row_b]:
            strangers.append(pair)
        else:
            siblings.append(pair)
    yield from _pairs(
        examination,
        leaks,
        severity="error",
        words=(
            "duplicate_across_splits",
            "the same film in two splits",
            "{n} of films that look the same in different splits: what is tested on was trained on.",
            "Leave out the copy outside the test split (it stands in excluded.csv), and find out whose film it is.",
        ),
        excludes=True,
    )
    yield from _pairs(
        examination,
        strangers,
        severity="warning",
        words=(
            "duplicate_across_patients",
            "the same film under two patients",
            "{n} of films that look the same under different patients: one label or one patient id is wrong.",
            "Find out whose film it is. A split by patient may part the two.",
        ),
    )
    yield from _pairs(
        examination,
        siblings,
        severity="note",
        words=(
            "duplicate_within_patient",
            "the same film twice",
            "{n} of films of one patient that look the same.",
            "Nothing leaks, as they share a split; leave one out where films are counted.",
        ),
    )


def duplicates_in_conflict(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that look the same and carry different labels."""
    targets = examination.subject.manifest.targets()
    names = examination.subject.manifest.findings
    conflicting, details = [], []
    for pair in _with_best_copy(examination):
        differs = (targets[pair.row_a] + targets[pair.row_b]) == 1
        if differs.any():
            conflicting.append(pair)
            details.append(", ".join(np.array(names)[differs]))
    yield from _pairs(
        examination,
        conflicting,
        severity="warning",
        words=(
            "duplicate_label_conflict",
            "the same film with other labels",
            "{n} of films that look the same with different labels.",
            "One of the two labels is wrong: read the report again, or leave both out.",
        ),
        details=details,
    )


def _with_best_copy(examination: Examination) -> "list[DuplicatePair]":
    """Return the pairs, and each film of three copies or more beside the copy that is kept: no copy escapes a check.

    Of many copies of one film not all pairs are looked for.
    """
    pairs = examination.duplicates
    if not pairs:
        return []
    ends = np.array([(pair.row_a, pair.row_b) for pair in pairs])
    n_images = len(examination.subject.splits)
    links = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n_images, n_images))
    group = connected_components(links, directed=False)[1]
    rank = np.array([_RANK.get(str(split), -1) for split in examination.subject.splits])
    films = np.unique(ends)
    best = dict(zip(*(part[np.lexsort((-films, rank[films]))] for part in (group[films], films)), strict=True))
    least: dict[int, DuplicatePair] = {}
    for pair in pairs:
        known = least.setdefault(group[pair.row_a], pair)
        least[group[pair.row_a]] = min(known, pair, key=lambda one: one.similarity)
    named = {(pair.row_a, pair.row_b) for pair in pairs}
    rest = []
    for film in films.tolist():
        one, two = sorted((film, int(best[group[film]])))
        if one != two and (one, two) not in named:
            rest.append(replace(least[group[film]], row_a=one, row_b=two))
    return [*pairs, *rest]


def _pairs(
    examination: Examination,
    pairs: "Sequence[DuplicatePair]",
    *,
    severity: Severity,
    words: tuple[str, str, str, str],
    details: Sequence[str] = (),
    excludes: bool = False,
) -> Iterator[DoctorCheck]:
    if not pairs:
        return
    code, title, sentence, fix = words
    films = (
        _film(examination, pair, details[place] if details else "")
        for place, pair in enumerate(pairs if excludes else pairs[:MOST_NAMED])
    )
    yield DoctorCheck(
        code=code,
        title=title,
        severity=severity,
        sentence=sentence.format(n=count(len(pairs), "pair")),
        fix=fix,
        n_films=len(pairs),
        films=tuple(films),
        excludes=excludes,
    )


def _film(examination: Examination, pair: "DuplicatePair", detail: str) -> SuspectFilm:
    """Name the film that would be left out first."""
    subject = examination.subject
    one, two = sorted((pair.row_a, pair.row_b), key=lambda row: _RANK.get(str(subject.splits[row]), 3))
    places = [f"{subject.splits[row] or 'no split'}" for row in (one, two)]
    where = f"{places[0]} and {places[1]}, " if places[0] != places[1] else ""
    said = f"{where}similarity {pair.similarity:.3f}{f', {detail}' if detail else ''}"
    return SuspectFilm(image_id=subject.image_ids[one], other=subject.image_ids[two], detail=said)
