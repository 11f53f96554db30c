"""Checks of patients: in two splits, known to a bundle, of two sexes, of ages that do not fit together."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hilum.data.doctor.examination import Examination, found
from hilum.data.manifest import patient_hash
from hilum.records import DoctorCheck
from hilum.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["age_jumps", "known_to_bundle", "patients_alike", "several_sexes", "strange_splits", "torn_patients"]

_LONGEST_YEARS = 20
_BACK_YEARS = 1


def torn_patients(examination: Examination) -> Iterator[DoctorCheck]:
    """Patients that stand in two splits: a score on such a test says nothing."""
    subject = examination.subject
    table = pd.DataFrame({"patient": subject.patients, "split": subject.splits})
    n_splits = table.dropna().groupby("patient")["split"].nunique()
    torn = n_splits.index[n_splits > 1]
    yield from found(
        examination,
        np.flatnonzero(table["patient"].isin(torn)),
        severity="error",
        words=(
            "patient_in_two_splits",
            "patients in two splits",
            f"{count(len(torn), 'patient', 'stand', of=len(n_splits))} in more than one split, with {{n}}.",
            "Split anew by patient: `hilum data split`. A score on such a test says nothing.",
        ),
        details=lambda row: f"{subject.splits[row] or 'no split'}",
    )


def known_to_bundle(examination: Examination) -> Iterator[DoctorCheck]:
    """Patients of a bundle's training; of films that stand under another patient, hashes can say nothing."""
    if not examination.bundle_patients:
        yield DoctorCheck(
            code="bundle_without_patients",
            title="a bundle that does not say whom it was trained on",
            severity="warning",
            sentence="The bundle does not say which patients it was trained on, so whether some are here is unknown.",
            fix="Ask who trained it for the list of patients; bundles that hilum trains on real films hold it.",
            n_films=0,
        )
        return
    codes, known = _known(examination)
    inside = known[codes]
    splits = examination.subject.splits
    tested = inside & (splits == "test") if (splits == "test").any() else inside
    yield from found(
        examination,
        np.flatnonzero(tested),
        severity="error",
        words=(
            "patient_of_training",
            "patients the bundle was trained on",
            f"{count(int(known.sum()), 'patient', 'were', of=len(known))} in the bundle's training; "
            "{n} would be tested on. The same film under another patient's id cannot be found by these hashes.",
            "Test on other patients. `hilum evaluate` refuses these, too.",
        ),
        excludes=True,
    )


def bundle_apart(examination: Examination) -> str:
    """Say how many patients a bundle knows where none of them would be tested on."""
    _, known = _known(examination)
    n = int(known.sum())
    elsewhere = ", none of them in the test split" if n else ""
    return f"{count(n, 'patient', 'were', of=len(known))} in its training{elsewhere}"


def _known(
    examination: Examination,
) -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
    """Return the patient of every film, as a number, and whether the bundle knows each patient."""
    patients = examination.bundle_patients or frozenset()
    codes, names = pd.factorize(examination.subject.patients)
    return codes, np.array([patient_hash(str(name)) in patients for name in names], dtype=bool)


def several_sexes(examination: Examination) -> Iterator[DoctorCheck]:
    """Patients with more than one sex: two people may share an id."""
    table = pd.DataFrame({"patient": examination.subject.patients, "sex": examination.subject.manifest.table["sex"]})
    known = table[table["sex"].fillna("") != ""]
    n_sexes = known.groupby("patient")["sex"].nunique()
    several = n_sexes.index[n_sexes > 1]
    yield from found(
        examination,
        np.flatnonzero(table["patient"].isin(several)),
        severity="warning",
        words=(
            "several_sexes",
            "patients of two sexes",
            f"{count(len(several), 'patient')} with more than one sex, on {{n}}: two people may share an id, or one "
            "cell is wrong.",
            "Look them up; a split by patient is only as good as its ids.",
        ),
        details=lambda row: str(table["sex"].iloc[row]),
    )


def patients_alike(examination: Examination) -> Iterator[DoctorCheck]:
    """Patient ids that differ by capitals, blanks or leading zeros alone: one person may count as two."""
    ids = pd.Series(np.asarray(examination.subject.patients, dtype=object)).astype(str)
    bare = ids.str.casefold().str.replace(r"\s+", "", regex=True).str.lstrip("0")
    alike = ids.groupby(bare).transform("nunique") > 1
    yield from found(
        examination,
        np.flatnonzero(alike),
        severity="warning",
        words=(
            "patients_alike",
            "patient ids that are nearly the same",
            f"{count(int(ids[alike].nunique()), 'patient id', 'differ')} from another by capitals, blanks or leading "
            "zeros alone, with {n}: if they are one person, a split may part the films.",
            "Write each patient's id in one way, and import anew.",
        ),
    )


def age_jumps(examination: Examination) -> Iterator[DoctorCheck]:
    """Patients who grow younger from visit to visit, or whose films span more than 20 years."""
    ages = examination.subject.ages.astype(float)
    table = pd.DataFrame({"patient": examination.subject.patients, "visit": _visits(examination), "age": ages})
    table = table[(table["age"] >= 0) & (table["age"] <= 110)]
    per_patient = table.groupby("patient")["age"]
    span = per_patient.max() - per_patient.min()
    ordered = table.dropna().sort_values(["patient", "visit"], kind="stable")
    steps = ordered.groupby("patient")["age"].diff()
    younger = set(ordered.loc[steps < -_BACK_YEARS, "patient"])
    strange = younger | set(span.index[span > _LONGEST_YEARS])
    yield from found(
        examination,
        np.flatnonzero(np.isin(examination.subject.patients, [*strange])),
        severity="warning",
        words=(
            "age_jump",
            "ages that do not fit together",
            f"{count(len(strange), 'patient')}, with {{n}}, younger from one visit to the next or of a span of "
            f"more than {_LONGEST_YEARS} years: two people may share an id, or one age is wrong.",
            "Look them up; a split by patient is only as good as its ids.",
        ),
        details=lambda row: f"{ages[row]:g} years",
    )


def _visits(examination: Examination) -> "NDArray[np.float64]":
    """Return the number of the visit that NIH's study ids end in; NaN for other ids."""
    table = examination.subject.manifest.table
    number = table["study_id"].astype(str).str.extract(r"^(.+)_(\d{1,4})$")
    return number[1].where(number[0] == table["patient_id"].astype(str)).to_numpy(dtype=np.float64)


def strange_splits(examination: Examination) -> Iterator[DoctorCheck]:
    """Films in no split beside films that are in one."""
    splits = examination.subject.splits
    without = np.array([split is None for split in splits], dtype=bool)
    if without.all():
        return
    yield from found(
        examination,
        np.flatnonzero(without),
        severity="note",
        words=(
            "no_split",
            "films in no split",
            "{n} {are} in no split, though others are: nothing is trained or measured on what is in none.",
            "`hilum data split` divides all films; --from leaves out those its file does not name.",
        ),
    )
