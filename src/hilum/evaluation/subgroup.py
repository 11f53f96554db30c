"""The same model on parts of the films: by sex, age, view, source, image quality, and crossings of two.

Source: Seyyed-Kalantari et al., "Underdiagnosis bias of artificial intelligence algorithms applied to chest radiographs
in under-served patient populations", Nature Medicine 2021, for what is asked; each part is held against all other
films of a known level, on the same resamples of patients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real, Shaped

from hilum.errors import InvalidValueError
from hilum.evaluation.column import check_films
from hilum.evaluation.tally import estimate, estimate_error, with_ends
from hilum.findings import NO_FINDING
from hilum.metrics import (
    LevelMeasures,
    auroc_interval,
    difference_interval,
    draw_patients,
    effective_units,
    logit_interval,
    mean_over_findings,
    measure_levels,
    percentile_interval,
    share_interval,
)
from hilum.records import Estimate, Subgroup, SubgroupFinding, SubgroupStudy

__all__ = ["CROSSINGS", "SMALLEST", "evaluate_subgroups"]

SMALLEST = 10
"""With fewer films of a kind a number is not given."""

CROSSINGS = (("sex", "age"), ("sex", "view"), ("view", "source"))
"""Attributes that are crossed where both are known."""

_ECE_SMALLEST = 100
_MOST_LEVELS = 40
_MOST_RESAMPLES = 1000
_NOTE = (
    "Each interval is a 95 % interval of its own: of a hundred gaps that are not there, about five look as if they "
    "were. A gap has no cause in it: films of a part may be harder, or labelled otherwise."
)
_NO_THRESHOLD = "there is no threshold to call it from"


def evaluate_subgroups(
    probabilities: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    groups: Shaped[np.ndarray, " image"] | None,
    thresholds: Mapping[str, float | Float[np.ndarray, " image"]],
    attributes: Mapping[str, Sequence[str] | Shaped[np.ndarray, " image"]],
    scores: Real[np.ndarray, "image finding"] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> SubgroupStudy:
    """Measure every finding on every level of every attribute, and hold it against all films of its other levels.

    Args:
        probabilities: In [0, 1].
        targets: 1 present, 0 absent, NaN unknown (left out, finding by finding).
        findings: Names of the columns. ``No Finding`` may be one of them, answered or derived: its false positives are
            the under-diagnosed films. It is in no mean.
        groups: The patient of each film; None if unknown.
        thresholds: From which probability on a finding is called, one for all films or one per film; no rates for a
            finding without one, or with NaN.
        attributes: Name to the level of each film, empty where it is unknown. Levels stand in the order of their text.
            ``CROSSINGS`` of two are added where both are there.
        scores: What films are ordered by, where that is not the probabilities.
        bootstrap: Resamples for the intervals; 0 for none. More than 1,000 are not drawn: they would take minutes.
        seed: Of the resamples: the same patients are drawn for every attribute, level, finding and side.

    Returns:
        Subgroups by attribute; an attribute with one level alone, or with more than 40, is left out, and ``note`` says
        so.

    Raises:
        InvalidValueError: Shapes that do not fit, a probability that is NaN, or a target that is none of 0, 1, NaN.
    """
    probabilities, targets = np.asarray(probabilities, np.float64), np.asarray(targets, np.float64)
    known = check_films(probabilities, targets, findings, groups)
    members = np.arange(len(targets)) if known is None else known
    draws = draw_patients(members, n_replicates=min(bootstrap, _MOST_RESAMPLES), seed=seed)
    scores = probabilities if scores is None else np.asarray(scores, np.float64)
    subgroups: list[Subgroup] = []
    notes, divisions = _divide(attributes, len(members))
    for division in divisions:
        measured = {
            name: measure_levels(
                probabilities[:, place],
                targets[:, place],
                division.codes,
                draws,
                n_levels=len(division.levels),
                threshold=thresholds.get(name, np.nan),
                scores=scores[:, place],
            )
            for place, name in enumerate(findings)
        }
        subgroups += [_subgroup(division, level, members, measured) for level in range(len(division.levels))]
    if subgroups:
        notes.append(_NOTE)
    if subgroups and bootstrap > _MOST_RESAMPLES:
        notes.append(f"Intervals of subgroups are from {_MOST_RESAMPLES:,} resamples.")
    unknown = {name: sum(not level for level in levels) for name, levels in attributes.items()}
    return SubgroupStudy(subgroups=tuple(subgroups), unknown=unknown, smallest=SMALLEST, note=" ".join(notes))


@dataclass(frozen=True, eq=False)
class _Division:
    """Films by level of an attribute, or of two crossed; code -1 where a level is unknown."""

    attribute: str
    levels: tuple[str, ...]
    codes: Int64[np.ndarray, " image"]


def _divide(
    attributes: Mapping[str, Sequence[str] | Shaped[np.ndarray, " image"]], n_images: int
) -> tuple[list[str], list[_Division]]:
    """Return what is left out, in words, and how the films are divided."""
    notes: list[str] = []
    divisions: dict[str, _Division] = {}
    for name, given in attributes.items():
        texts = np.asarray(given, dtype=np.str_)
        if texts.shape != (n_images,):
            raise InvalidValueError(
                f"the attribute {name} has shape {texts.shape}, expected ({n_images},): one level per film, empty "
                "where it is unknown"
            )
        levels = sorted(set(texts.tolist()) - {""})
        if len(levels) < 2:
            known = f"every film with a known value is {levels[0]}" if levels else "no film has a known value"
            notes.append(f"{name.capitalize()} was not looked at: {known}.")
        elif len(levels) > _MOST_LEVELS:
            notes.append(
                f"{name.capitalize()} was not looked at: it has {len(levels)} levels, and {_MOST_LEVELS} is "
                "the most: put them into fewer."
            )
        else:
            place = {level: code for code, level in enumerate(["", *levels], start=-1)}
            codes = np.array([place[level] for level in texts.tolist()], dtype=np.int64)
            divisions[name] = _Division(name, tuple(levels), codes)
    crossed = [_cross(divisions[a], divisions[b]) for a, b in CROSSINGS if a in divisions and b in divisions]
    return notes, [*divisions.values(), *crossed]


def _cross(first: _Division, second: _Division) -> _Division:
    """Return the crossing; pairs of levels that no film has are left out."""
    n = len(second.levels)
    codes = np.where((first.codes >= 0) & (second.codes >= 0), first.codes * n + second.codes, -1)
    there = np.unique(codes[codes >= 0])
    levels = tuple(f"{first.levels[code // n]}, {second.levels[code % n]}" for code in there)
    renumbered = np.where(codes >= 0, np.searchsorted(there, codes), -1).astype(np.int64)
    return _Division(f"{first.attribute} x {second.attribute}", levels, renumbered)


def _subgroup(
    division: _Division,
    level: int,
    members: Shaped[np.ndarray, " image"],
    measured: Mapping[str, LevelMeasures],
) -> Subgroup:
    chosen = division.codes == level
    findings = {name: _finding(measures, level) for name, measures in measured.items()}
    over = [name for name, one in findings.items() if name != NO_FINDING and np.isfinite(one.auroc_gap.value)]
    mean_auroc, mean_gap = _means([_sides(measured[name], level) for name in over])
    if NO_FINDING in findings:
        missed, missed_gap = findings[NO_FINDING].false_positive_rate, findings[NO_FINDING].false_positive_gap
    else:
        missed = missed_gap = Estimate(reason="No Finding is neither answered nor can it be derived")
    return Subgroup(
        attribute=division.attribute,
        level=division.levels[level],
        n_images=int(chosen.sum()),
        n_patients=len(np.unique(members[chosen])),
        mean_auroc=mean_auroc,
        mean_gap=mean_gap,
        mean_over=tuple(over),
        under_diagnosis=missed,
        under_diagnosis_gap=missed_gap,
        findings=findings,
    )


def _finding(measures: LevelMeasures, level: int) -> SubgroupFinding:
    positive, negative = measures.n_positive[:, level].tolist(), measures.n_negative[:, level].tolist()
    present = _lacks(positive, "with")
    absent = _lacks(negative, "without")
    either = [first or second for first, second in zip(present, absent, strict=True)]
    auroc, auroc_gap = _area_and_gap(_sides(measures, level), either)
    true_rate, true_gap = _rate_and_gap(
        measures.true_positive_rate[:, :, level], measures.patients_positive[:, level], present
    )
    false_rate, false_gap = _rate_and_gap(
        measures.false_positive_rate[:, :, level], measures.patients_negative[:, level], absent
    )
    return SubgroupFinding(
        auroc=auroc,
        auroc_gap=auroc_gap,
        true_positive_rate=true_rate,
        true_positive_gap=true_gap,
        false_positive_rate=false_rate,
        false_positive_gap=false_gap,
        ece=_calibration_error(measures, level),
        n_positive=positive[0],
        n_negative=negative[0],
    )


def _lacks(counts: Sequence[int], kind: str) -> list[str]:
    """Say why a number is not given here, and elsewhere; empty where it is."""
    return [
        f"{count} films {kind} the finding {where}, {SMALLEST} are needed" if count < SMALLEST else ""
        for count, where in zip(counts, ("here", "elsewhere"), strict=True)
    ]


class _Sides(NamedTuple):
    """AUROC here and elsewhere, and how many patients have the finding, and not, on each side."""

    draws: Float[np.ndarray, "2 draw"]
    n_with: Int64[np.ndarray, " 2"]
    n_without: Int64[np.ndarray, " 2"]

    @property
    def rarer(self) -> Int64[np.ndarray, " 2"]:
        """Patients of the rarer kind, on each side."""
        rarer: Int64[np.ndarray, " 2"] = np.minimum(self.n_with, self.n_without)
        return rarer


def _sides(measures: LevelMeasures, level: int) -> _Sides:
    return _Sides(
        measures.auroc[:, :, level], measures.patients_positive[:, level], measures.patients_negative[:, level]
    )


def _area_and_gap(sides: _Sides, lacking: Sequence[str]) -> tuple[Estimate, Estimate]:
    ends = [
        auroc_interval(float(draws[0]), draws[1:], n_positive=int(n_with), n_negative=int(n_without))
        for draws, n_with, n_without in zip(sides.draws, sides.n_with, sides.n_without, strict=True)
    ]
    return _value_and_gap(sides.draws, ends, sides.rarer, lacking)


def _rate_and_gap(
    draws: Float[np.ndarray, "2 draw"], n_patients: Int64[np.ndarray, " 2"], lacking: Sequence[str]
) -> tuple[Estimate, Estimate]:
    ends = [
        share_interval(float(side[0]), side[1:], n_patients=int(n)) for side, n in zip(draws, n_patients, strict=True)
    ]
    return _value_and_gap(draws, ends, n_patients, lacking)


def _value_and_gap(
    draws: Float[np.ndarray, "2 draw"],
    ends: Sequence[tuple[float, float]],
    n_units: Int64[np.ndarray, " 2"],
    lacking: Sequence[str],
) -> tuple[Estimate, Estimate]:
    """Return the value here, and its difference from elsewhere; where one is exactly 0 or 1, resamples know less."""
    here, elsewhere = draws
    value = Estimate(reason=lacking[0]) if lacking[0] else with_ends(here, ends[0], _NO_THRESHOLD)
    if lacking[0] or lacking[1]:
        return value, Estimate(reason=lacking[0] or lacking[1])
    if {float(here[0]), float(elsewhere[0])} & {0.0, 1.0}:
        gap = difference_interval((float(here[0]), *ends[0]), (float(elsewhere[0]), *ends[1]))
    else:
        low, high = percentile_interval(here[1:] - elsewhere[1:], n_units=effective_units(draws[:, 1:].T, n_units))
        gap = float(low), float(high)
    return value, with_ends(here - elsewhere, gap, _NO_THRESHOLD)


def _means(over: Sequence[_Sides]) -> tuple[Estimate, Estimate]:
    """Return the mean over findings here, and its difference from elsewhere, over the same findings."""
    if not over:
        lacking = f"no finding has {SMALLEST} films with and {SMALLEST} without it, here and elsewhere"
        return Estimate(reason=lacking), Estimate(reason=lacking)
    stacked = np.stack([sides.draws for sides in over], axis=-1)
    gaps = stacked[0] - stacked[1]
    n_here = effective_units(stacked[0, 1:], [sides.rarer[0] for sides in over])
    n_gap = effective_units(gaps[1:], [effective_units(sides.draws[:, 1:].T, sides.rarer) for sides in over])
    here, gap = mean_over_findings(stacked[0]), mean_over_findings(gaps)
    ends = logit_interval(float(here[0]), here[1:], n_units=n_here)
    return with_ends(here, ends, ""), estimate(gap, "", n_units=n_gap)


def _calibration_error(measures: LevelMeasures, level: int) -> Estimate:
    n_images = int(measures.n_positive[0, level] + measures.n_negative[0, level])
    if n_images < _ECE_SMALLEST:
        return Estimate(reason=f"{n_images} films with a known label here, {_ECE_SMALLEST} are needed")
    return estimate_error(measures.ece[:, level], measures.ece_by_resampling[:, level], "")
