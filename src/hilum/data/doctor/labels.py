"""Checks of labels: conflicts, unknown labels, ages that cannot be, versions of NIH's label file, another manifest."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hilum.data.doctor.examination import MOST_NAMED, Examination, found
from hilum.data.doctor.subject import Subject
from hilum.data.label_table import OLDEST_YEARS
from hilum.findings import NIH_FINDINGS
from hilum.records import DoctorCheck, SuspectFilm
from hilum.wording import count

__all__ = [
    "FIRST_RELEASE",
    "children",
    "impossible_ages",
    "label_version",
    "no_known_label",
    "other_labels",
    "read_faults",
]

_NIH_FILMS = 112_120
_YOUNGEST = 18

FIRST_RELEASE = {
    "Atelectasis": (11_535, 11_559),
    "Cardiomegaly": (2_772, 2_776),
    "Effusion": (13_307, 13_317),
    "Infiltration": (19_871, 19_894),
    "Mass": (5_746, 5_782),
    "Nodule": (6_323, 6_331),
    "Pneumonia": (1_353, 1_431),
    "Pneumothorax": (5_298, 5_302),
}
"""Positives in the first release of ChestX-ray14's labels (2017) and in those given out since; others are equal."""

_TELLTALES = {
    "00000150_002": "Pneumonia",
    "00000193_019": "Pneumonia",
}
"""Films that the first release gives without the finding, and every later one with it.

Source: jrzech/reproduce-chexnet, issue 2 (labels of November 2017 beside those of July 2018)."""


def read_faults(examination: Examination) -> Iterator[DoctorCheck]:
    """Lines of a label file that an import refuses: a finding beside No Finding, unknown findings, repeated films."""
    yield from examination.subject.found


def no_known_label(examination: Examination) -> Iterator[DoctorCheck]:
    """Films of which not one finding is known: they teach nothing and measure nothing."""
    rows = np.flatnonzero(np.isnan(examination.subject.manifest.targets()).all(axis=1))
    yield from found(
        examination,
        rows,
        severity="warning",
        words=(
            "no_known_label",
            "no label",
            "{n} without any known label; they count in no loss and no metric.",
            "Leave them out, or label them.",
        ),
        # Where no film has a label, leaving them out would leave nothing.
        excludes=len(rows) < len(examination.subject.manifest),
    )


def impossible_ages(examination: Examination) -> Iterator[DoctorCheck]:
    """Ages below 0 or above 110 years, such as NIH's 414."""
    ages = examination.subject.ages
    yield from found(
        examination,
        np.flatnonzero((ages > OLDEST_YEARS) | (ages < 0)),
        severity="warning",
        words=(
            "impossible_age",
            "ages that cannot be",
            f"{{n}} of patients younger than 0 or older than {OLDEST_YEARS} years.",
            "The import takes such ages as unknown; for NIH, the label file Data_Entry_2017_v2020 has none.",
        ),
        details=lambda row: f"{ages[row]:g} years",
    )


def children(examination: Examination) -> Iterator[DoctorCheck]:
    """Films of patients under 18, whose chests look otherwise."""
    ages = examination.subject.ages
    yield from found(
        examination,
        np.flatnonzero((ages >= 0) & (ages < _YOUNGEST)),
        severity="note",
        words=(
            "children",
            "children",
            f"{{n}} of patients younger than {_YOUNGEST}.",
            "Report them apart: a mean over adults and children says little about either.",
        ),
        details=lambda row: f"{ages[row]:g} years",
    )


def label_version(examination: Examination) -> Iterator[DoctorCheck]:
    """Labels of ChestX-ray14's first release, which differ from all later ones in 1 to 78 films per finding."""
    manifest = examination.subject.manifest
    if not set(NIH_FINDINGS) <= set(manifest.findings):
        return
    old, new = _told_by_count(manifest.table) if len(manifest) == _NIH_FILMS else _told_by_film(manifest.table)
    if not old:
        return
    kind = "tell-tale count" if len(manifest) == _NIH_FILMS else "tell-tale film"
    differences = ", ".join(f"{name} {first:,} / {later:,}" for name, (first, later) in FIRST_RELEASE.items())
    mixed = f", but {new} like the later ones: two label files may be mixed" if new else ""
    yield DoctorCheck(
        code="label_version",
        title="labels of NIH's first release",
        severity="warning",
        sentence=(
            f"{count(old, kind, 'are', of=old + new)} as in the first "
            f"release of 2017{mixed}. It differs from later ones in films per finding: {differences}."
        ),
        fix="Take Data_Entry_2017_v2020, and compare with no number measured on other labels (--against).",
        n_films=old,
    )


def _told_by_count(table: pd.DataFrame) -> tuple[int, int]:
    counts = {name: int((table[name] == 1).sum()) for name in FIRST_RELEASE}
    old = sum(counts[name] == first for name, (first, _) in FIRST_RELEASE.items())
    return old, sum(counts[name] == later for name, (_, later) in FIRST_RELEASE.items())


def _told_by_film(table: pd.DataFrame) -> tuple[int, int]:
    stems = table["image_id"].astype(str).str.rpartition(".")[0]
    rows = table[stems.isin(_TELLTALES)]
    says = [float(row[_TELLTALES[str(row["image_id"]).rpartition(".")[0]]]) for _, row in rows.iterrows()]
    return says.count(0.0), says.count(1.0)


def other_labels(examination: Examination) -> Iterator[DoctorCheck]:
    """Films whose labels differ from those of another manifest of the same films."""
    other = examination.other
    if other is None:
        return
    ours, theirs, common, shared = _compared(examination.subject, other)
    one, two = (table.loc[common, shared].to_numpy(dtype=np.float32) for table in (ours, theirs))
    differs = ~((one == two) | (np.isnan(one) & np.isnan(two)))
    rows = np.flatnonzero(differs.any(axis=1))
    if not len(common) or not shared:
        yield _stranger(other.manifest.source, "finding" if len(common) else "film")
        return
    if len(rows):
        counts = {name: int(n) for name, n in zip(shared, differs.sum(axis=0), strict=True) if n}
        named = ours.loc[common, "image_id"].to_numpy(dtype=object)
        yield DoctorCheck(
            code="other_labels",
            title="labels that differ from the other manifest",
            severity="warning",
            sentence=(
                f"{len(rows):,} of {count(len(common), 'film')} in both with other labels in {other.manifest.source}: "
                f"{', '.join(f'{name} {n:,}' for name, n in sorted(counts.items(), key=lambda item: -item[1]))}."
            ),
            fix="Find out which label file is newer; numbers measured on the two cannot be compared.",
            n_films=len(rows),
            films=tuple(
                SuspectFilm(image_id=named[row], detail=_difference(shared, one[row], two[row], differs[row]))
                for row in rows[:MOST_NAMED]
            ),
        )


def same_labels(examination: Examination) -> str:
    """Say how much was compared where no label differs."""
    if examination.other is None:
        return ""
    _, _, common, shared = _compared(examination.subject, examination.other)
    return f"0 labels differ in {count(len(common), 'film')} and {count(len(shared), 'finding')} that both have"


def _compared(one: Subject, two: Subject) -> tuple[pd.DataFrame, pd.DataFrame, "pd.Index[str]", list[str]]:
    """Return the films of both by stem, the stems that both have, and the findings that both label."""
    ours, theirs = (_by_stem(subject.manifest.table) for subject in (one, two))
    shared = [name for name in one.manifest.findings if name in two.manifest.findings]
    return ours, theirs, ours.index.intersection(theirs.index), shared


def _by_stem(table: pd.DataFrame) -> pd.DataFrame:
    """Return the films by their name without its ending; where it stands twice, the first."""
    stems = table["image_id"].astype(str).str.replace(r"\.[A-Za-z]+$", "", regex=True)
    return table.assign(stem=stems).drop_duplicates("stem").set_index("stem")


def _stranger(source: str, what: str) -> DoctorCheck:
    return DoctorCheck(
        code="other_labels",
        title="labels that differ from the other manifest",
        severity="warning",
        sentence=f"No {what} of {source} is among these: nothing was compared.",
        fix="Give --against a manifest or label file of the same films.",
        n_films=0,
    )


def _difference(names: list[str], one: np.ndarray, two: np.ndarray, differs: np.ndarray) -> str:
    words = {0.0: "absent", 1.0: "present"}
    parts = [
        f"{name} {words.get(float(one[place]), 'unknown')} here, {words.get(float(two[place]), 'unknown')} there"
        for place, name in enumerate(names)
        if differs[place]
    ]
    return ", ".join(parts)
