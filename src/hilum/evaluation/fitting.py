"""Calibration, thresholds and refer zones for probabilities of any program, fitted on films that are not judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int64, Shaped

from hilum.calibration import CalibrationSection, calibrate, fit_rules, no_finding_rule
from hilum.errors import DataError, InvalidValueError, LeakError
from hilum.evaluation.column import Columns, make_columns
from hilum.evaluation.match import Matched
from hilum.findings import NO_FINDING
from hilum.metrics import patient_folds
from hilum.records import FindingRule, ReferZone

__all__ = [
    "Rules",
    "apply_rules",
    "cross_fit",
    "fit",
    "fit_elsewhere",
    "keep_order",
    "patients_are_told_apart",
    "to_logits",
]

_SMALLEST = 1e-7
"""A probability of 0 or 1 has no logit; a float32 cannot be nearer to 1."""

PerFilm = Float[np.ndarray, "image finding"]


@dataclass(frozen=True)
class Rules:
    """What was fitted.

    Attributes:
        findings: Per finding.
        no_finding: Of the derived ``No Finding``; None where it is not derived.
    """

    findings: Mapping[str, FindingRule]
    no_finding: FindingRule | None = None

    @property
    def all(self) -> dict[str, FindingRule]:
        """With ``No Finding`` among them, where there is one."""
        return dict(self.findings) | ({} if self.no_finding is None else {NO_FINDING: self.no_finding})

    @property
    def thresholds(self) -> dict[str, float]:
        """From which probability on each is called; NaN where none could be chosen."""
        return {name: rule.threshold for name, rule in self.all.items()}

    @property
    def zones(self) -> dict[str, ReferZone]:
        """The refer zones there are."""
        return {name: rule.refer for name, rule in self.all.items() if rule.refer}


def fit(
    logits: PerFilm,
    targets: PerFilm,
    patients: Shaped[np.ndarray, " image"] | None,
    *,
    findings: Sequence[str],
    section: CalibrationSection | None = None,
) -> Rules:
    """Fit rules for logits, ``No Finding`` included."""
    whose = None if patients is None else patients.tolist()
    rules = fit_rules(logits, targets, whose, findings=findings, section=section)
    return Rules(rules, no_finding_rule(logits, targets, rules, patients=whose, section=section))


def fit_elsewhere(judged: Matched, others: Matched) -> Rules:
    """Fit rules on other films of the same program.

    Raises:
        LeakError: A film or a patient of theirs is judged.
        DataError: A finding that is judged is not answered there.
    """
    missing = [name for name in judged.findings if name not in others.findings]
    if missing:
        raise DataError(f"{others.answers.source} does not answer {', '.join(missing)}, which is to be judged")
    _refuse_shared(judged, others)
    places = [others.findings.index(name) for name in judged.findings]
    return fit(
        to_logits(others.probabilities[:, places]), others.targets[:, places], others.patients, findings=judged.findings
    )


def _refuse_shared(judged: Matched, others: Matched) -> None:
    """Raise LeakError where two files share films or patients."""
    films = judged.keys & others.keys
    shared: set[object] = set()
    if patients_are_told_apart(judged, others) and judged.patients is not None and others.patients is not None:
        shared = set(judged.patients.tolist()) & set(others.patients.tolist())
    if films or shared:
        raise LeakError(
            f"{len(films):,} films and {len(shared):,} patients stand in both {judged.answers.source} and "
            f"{others.answers.source}: thresholds and calibration must come from films of other patients. "
            "Leave them out of one of the two, or let hilum cut the judged films (--cross-fit 5)."
        )


def patients_are_told_apart(judged: Matched, others: Matched) -> bool:
    """Say whether both files name patients, and alike; of other labels a number may be another patient's."""
    return judged.truth.digest == others.truth.digest and judged.patients is not None and others.patients is not None


def apply_rules(
    rules: Rules,
    logits: PerFilm,
    targets: PerFilm,
    *,
    findings: Sequence[str],
    groups: Shaped[np.ndarray, " image"] | None,
) -> Columns:
    """Return what is judged: calibrated, with thresholds and refer zones."""
    return make_columns(
        calibrate(rules.findings, logits),
        targets,
        findings,
        groups=groups,
        thresholds=rules.thresholds,
        refer=rules.zones,
    )


def cross_fit(
    logits: PerFilm,
    targets: PerFilm,
    *,
    findings: Sequence[str],
    groups: Shaped[np.ndarray, " image"] | None,
    folds: int,
    seed: int = 0,
    section: CalibrationSection | None = None,
) -> Columns:
    """Return what is judged, each patient's films by rules fitted on all other folds.

    Films are ordered by what they were before, since every fold has a map of its own.

    Raises:
        InvalidValueError: Fewer than two folds, or fewer patients than folds.
    """
    members = np.arange(len(logits)) if groups is None else groups
    n_patients = len(np.unique(members))
    if folds < 2 or n_patients < folds:
        raise InvalidValueError(f"expected at least 2 folds and as many patients, got {folds} and {n_patients}")
    fold = patient_folds(members, folds, seed)
    parts: list[tuple[Int64[np.ndarray, " part"], Columns]] = []
    for number in range(folds):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        rules = fit(
            logits[outside],
            targets[outside],
            None if groups is None else groups[outside],
            findings=findings,
            section=section,
        )
        parts.append((inside, apply_rules(rules, logits[inside], targets[inside], findings=findings, groups=None)))
    first = parts[0][1]
    zones = {name: zone for name, zone in first.zones.items() if all(name in part.zones for _, part in parts)}
    plain = make_columns(1 / (1 + np.exp(-logits)), targets, findings, groups=groups)
    probabilities, cuts, low, high = (
        _join([(rows, getattr(part, name)) for rows, part in parts], plain.targets.shape)
        for name in ("probabilities", "cuts", "low", "high")
    )
    cuts[:, np.isnan(cuts).any(axis=0)] = np.nan
    return replace(plain, zones=zones, probabilities=probabilities, cuts=cuts, low=low, high=high)


def keep_order(columns: Columns, given: PerFilm) -> Columns:
    """Order films by what was given, where calibration made equal what was not: below 1e-7, or on a step of its map."""
    scores = columns.scores.copy()
    for place, before in enumerate(given.T):
        if (np.diff(scores[np.argsort(before, kind="stable"), place]) >= 0).all():
            scores[:, place] = before
    return replace(columns, scores=scores)


def to_logits(probabilities: PerFilm) -> PerFilm:
    """Return the logits of probabilities, of 0 and 1 finite ones."""
    clipped = np.clip(probabilities, _SMALLEST, 1 - _SMALLEST)
    logits: PerFilm = np.log(clipped) - np.log1p(-clipped)
    return logits


def _join(parts: Sequence[tuple[Int64[np.ndarray, " part"], PerFilm]], shape: tuple[int, ...]) -> PerFilm:
    whole = np.full(shape, np.nan)
    for rows, part in parts:
        whole[rows] = part
    return whole
