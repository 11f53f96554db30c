"""What makes a number unbelievable, and beside which published ones it may stand: known by digests, not by names."""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Real, Shaped

from hilum.config import Section, load, setting
from hilum.data import NIH_FILM
from hilum.findings import NIH_FINDINGS
from hilum.records import PublishedResult, RedFlag

__all__ = [
    "Standing",
    "cross_fitted",
    "flag_calls",
    "judge_standing",
    "official_part",
    "recalibrated_here",
    "shared_patients",
    "split_anew",
    "thresholds_from_test",
]

OFFICIAL, OTHERS = "official test", "official train_val"
_VERSION_REACH = 80
_FEWEST_FOR_CALLS = 20


class Result(Section):
    """One published result, as ``resources/published.yaml`` has it."""

    name: str
    source: str
    labels: str
    mean_auroc: float
    aurocs: dict[str, float] = setting(default_factory=dict)
    note: str = ""


class Published(Section):
    """``resources/published.yaml``: results on the official test list, and how the list is known."""

    n_films: int
    film_digest: str
    label_digests: dict[str, str]
    positives: dict[str, int]
    patients: str
    results: tuple[Result, ...]


class Standing(NamedTuple):
    """Beside what a study may stand.

    Attributes:
        comparable: Published results of the same films, label version and findings.
        note: Why there is none, or how it is known.
        red_flags: What must not be put beside an official figure.
    """

    comparable: tuple[PublishedResult, ...] = ()
    note: str = ""
    red_flags: tuple[RedFlag, ...] = ()


def judge_standing(
    image_ids: Sequence[str],
    targets: Real[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    nih: bool,
    leaked: bool = False,
) -> Standing:
    """Say whether films are exactly the official test list of ChestX-ray14, with labels of a known version.

    Args:
        image_ids: Films that are judged; endings of names do not count.
        targets: Their labels.
        findings: Names of the columns.
        nih: Whether films and labels are ChestX-ray14's.
        leaked: Whether training patients are among them.
    """
    if not nih:
        return Standing(note="No published figure beside it: the films or the labels are not ChestX-ray14's.")
    official = official_part(image_ids) == OFFICIAL
    n_official, n_films = int(official.sum()), len(official)
    if 0 < n_official < n_films:
        return Standing(note=_not_whole(n_official, n_films), red_flags=(_random_split(n_official, n_films),))
    published = _published()
    keys, order = np.unique([_key(name) for name in image_ids], return_index=True)
    if _digest(keys.tolist()) != published.film_digest:
        return Standing(note=_not_whole(n_official, n_films))
    missing = [name for name in NIH_FINDINGS if name not in findings]
    if missing or leaked:
        why = "training patients are among the films" if leaked else f"{', '.join(missing)} is not answered"
        return Standing(note=f"No published figure beside it: {why}.")
    fourteen = np.asarray(targets)[order][:, [list(findings).index(name) for name in NIH_FINDINGS]]
    version = _label_version(keys.tolist(), fourteen == 1)
    if not version:
        return Standing(note="No published figure beside it: the labels are of neither version of NIH's label file.")
    return _beside(published, version)


def official_part(image_ids: Sequence[str]) -> Shaped[np.ndarray, " image"]:
    """Return for films named as NIH's are whether they are of the official test list; empty for other names."""
    test = _test_patients()
    parts = []
    for name in image_ids:
        patient = int(name.split("_")[0]) if NIH_FILM.match(f"{name}.") else -1
        parts.append("" if not 0 < patient < len(test) else OFFICIAL if test[patient] else OTHERS)
    return np.array(parts, dtype=np.str_)


def shared_patients() -> RedFlag:
    """Return the flag of a study on patients of the training."""
    return RedFlag(
        code="shared_patients",
        sentence="Patients of the training set are among these films: the figures flatter, and say nothing about new "
        "patients. Split anew by patient (`hilum data split`).",
    )


def thresholds_from_test(split: str) -> RedFlag:
    """Return the flag of a study whose checkpoint, calibration or thresholds were chosen on the judged films."""
    return RedFlag(
        code="thresholds_from_test",
        sentence=f"Checkpoint, calibration and thresholds were chosen on the split {split}: the figures flatter. Judge "
        "on films that chose nothing.",
    )


def split_anew(selected_on: str) -> RedFlag:
    """Return the flag of films that were split otherwise when the bundle was trained on them."""
    return RedFlag(
        code="split_anew",
        sentence=f"The bundle was trained on these very films under another split: films of its {selected_on} split, "
        "which chose checkpoint and thresholds, may be among those judged. Judge on the split it was trained with.",
    )


def recalibrated_here() -> RedFlag:
    """Return the flag of a bundle that is judged on the films it was recalibrated on."""
    return RedFlag(
        code="recalibrated_here",
        sentence="The bundle's calibration and thresholds were fitted on these very films: calibration and rates "
        "flatter. AUROC is not touched by it. Judge on other films.",
    )


def cross_fitted(folds: int) -> RedFlag:
    """Return the flag of a study whose calibration and thresholds were fitted on the judged films, fold by fold."""
    return RedFlag(
        code="cross_fitted",
        sentence=f"Calibration, thresholds and refer zones were fitted on the judged films themselves, each of {folds} "
        "folds of patients by the others: no film judged itself, but the figures are of these films' own hospital and "
        "mix, and belong beside cross-fitted ones alone.",
    )


def flag_calls(probabilities: Real[np.ndarray, "image finding"], findings: Sequence[str]) -> tuple[RedFlag, ...]:
    """Flag columns of one value, or of two, on twenty films or more: no answers, or calls, not probabilities."""
    if len(probabilities) < _FEWEST_FOR_CALLS:
        return ()
    n_values = {
        name: len(np.unique(column)) for name, column in zip(findings, np.asarray(probabilities).T, strict=True)
    }
    flags = {
        "calls_instead_of_scores": (
            "Two values alone stand for every film in {}: these are calls, not probabilities, "
            "and their AUROC, AUPRC and calibration mean nothing. Give the probability of every film.",
            [name for name, n in n_values.items() if n == 2],
        ),
        "one_value": (
            "One value alone stands for every film in {}: nothing was answered there, or it was rounded away, and an "
            "AUROC of 0.5 is the file's. Leave the column out, or give the probability of every film.",
            [name for name, n in n_values.items() if n == 1],
        ),
    }
    return tuple(
        RedFlag(code=code, sentence=sentence.format(", ".join(names)))
        for code, (sentence, names) in flags.items()
        if names
    )


def _beside(published: Published, version: str) -> Standing:
    results = [result for result in published.results if result.labels in ("", version)]
    comparable = tuple(
        PublishedResult(
            name=result.name,
            source=result.source,
            mean_auroc=result.mean_auroc,
            aurocs=result.aurocs,
            note="; ".join(filter(None, (result.note, "" if result.labels else "label version not said"))),
        )
        for result in results
    )
    note = (
        f"The films are exactly the {published.n_films:,} of the official test list (by digest), the labels NIH's of "
        f"{version}, the findings all fourteen. Works that used the other version of the labels are left out."
    )
    return Standing(comparable, note)


def _not_whole(n_official: int, n_films: int) -> str:
    return (
        f"No published figure beside it: {n_official:,} of these {n_films:,} films are of the official test list, "
        f"which has {_published().n_films:,}, and a figure is comparable on exactly these alone."
    )


def _random_split(n_official: int, n_films: int) -> RedFlag:
    return RedFlag(
        code="random_split",
        sentence=f"A split other than the official one: {n_official:,} of these {n_films:,} films are of the official "
        "test list, the others of the official train_val list, which are easier. Never put these figures beside "
        "figures of the official split.",
    )


def _label_version(keys: Sequence[str], present: Bool[np.ndarray, "image finding"]) -> str:
    """Return the version of NIH's labels: by digest, or 2017 where the counts are as near as that version's are."""
    digits = present.astype(int).astype(str)
    digest = _digest([f"{key} {''.join(row)}" for key, row in zip(keys, digits.tolist(), strict=True)])
    published = _published()
    for version, known in published.label_digests.items():
        if digest == known:
            return version
    expected = [published.positives[name] for name in NIH_FINDINGS]
    return "2017" if (np.abs(present.sum(axis=0) - expected) <= _VERSION_REACH).all() else ""


def _key(image_id: str) -> str:
    return image_id.split(".")[0]


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def _published() -> Published:
    text = (files("hilum") / "resources" / "published.yaml").read_text(encoding="utf-8")
    return load(Published, text, source="published.yaml")


@cache
def _test_patients() -> Bool[np.ndarray, " patient"]:
    packed = zlib.decompress(base64.b64decode("".join(_published().patients.split())))
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).astype(bool)
