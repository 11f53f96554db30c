"""What is judged, column by column: checked, with the derived ``No Finding``, called at thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real, Shaped

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.metrics import derive_no_finding
from hilum.records import ReferZone

__all__ = ["FIXED_THRESHOLD", "Columns", "check_films", "make_columns"]

FIXED_THRESHOLD = 0.5

PerFilm = Float[np.ndarray, "image finding"]


@dataclass(frozen=True, eq=False)
class Columns:
    """Films by finding; a derived ``No Finding`` is the last column.

    Attributes:
        names: Of the columns.
        probabilities: In [0, 1].
        scores: What films are ordered by: the probabilities, or what they were before calibration was cross-fitted,
            since folds with maps of their own have no common order.
        targets: 1 present, 0 absent, NaN unknown.
        cuts: From which probability on a film is called; NaN where no threshold could be chosen.
        low: Below which it is called absent where there is a refer zone; NaN without one.
        high: From which on it is called present.
        zones: What each zone promises.
        groups: The patient of each film; None if unknown.
        derived: Whether the last column is a derived ``No Finding``.
    """

    names: tuple[str, ...]
    probabilities: PerFilm
    scores: PerFilm
    targets: PerFilm
    cuts: PerFilm
    low: PerFilm
    high: PerFilm
    zones: Mapping[str, ReferZone]
    groups: Shaped[np.ndarray, " image"] | None
    derived: bool = False

    @property
    def calls(self) -> PerFilm:
        """1 called, 0 not called, NaN without a threshold."""
        return np.where(np.isnan(self.cuts), np.nan, self.probabilities >= self.cuts)

    @property
    def members(self) -> Shaped[np.ndarray, " image"]:
        """The patient of each film; each film another's if patients are unknown."""
        return np.arange(len(self.targets)) if self.groups is None else self.groups

    def place(self, name: str) -> int:
        """Return the number of a column."""
        return self.names.index(name)


def make_columns(
    probabilities: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    findings: Sequence[str],
    *,
    groups: Shaped[np.ndarray, " image"] | None = None,
    thresholds: Mapping[str, float] | None = None,
    refer: Mapping[str, ReferZone] | None = None,
) -> Columns:
    """Check what is judged, derive ``No Finding`` where all fourteen are there, and spread rules over films.

    Raises:
        InvalidValueError: No film, shapes that do not fit, a probability that is NaN or outside [0, 1], a target that
            is none of 0, 1, NaN, or a threshold outside [0, 1].
        UnknownNameError: A threshold or a zone for a finding that is not evaluated.
    """
    probabilities, targets = np.asarray(probabilities, np.float64), np.asarray(targets, np.float64)
    members = check_films(probabilities, targets, findings, groups)
    _check(probabilities, targets, findings)
    names, zones = tuple(findings), refer or {}
    derived = set(NIH_FINDINGS) <= set(names) and NO_FINDING not in names
    if derived:
        fourteen = [names.index(name) for name in NIH_FINDINGS]
        nothing = derive_no_finding(probabilities[:, fourteen], targets[:, fourteen])
        names = (*names, NO_FINDING)
        probabilities, targets = (np.column_stack(pair) for pair in zip((probabilities, targets), nothing, strict=True))
    for name in zones:
        if name not in names:
            raise UnknownNameError("finding", name, names)
    cuts = _cuts(thresholds or {}, names)
    low = np.array([zones[name].low if name in zones else np.nan for name in names])
    high = np.array([zones[name].high if name in zones else np.nan for name in names])
    cuts, low, high = (np.broadcast_to(row, targets.shape) for row in (cuts, low, high))
    return Columns(names, probabilities, probabilities, targets, cuts, low, high, zones, members, derived)


def check_films(
    probabilities: Float[np.ndarray, "..."],
    targets: Float[np.ndarray, "..."],
    findings: Sequence[str],
    groups: Shaped[np.ndarray, "..."] | None,
) -> Shaped[np.ndarray, " image"] | None:
    """Return the patient of each film; None if unknown.

    Raises:
        InvalidValueError: Shapes that do not fit.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(findings) or targets.shape != probabilities.shape:
        raise InvalidValueError(
            f"probabilities have shape {probabilities.shape}, targets {targets.shape}: expected one row per film and "
            f"{len(findings)} columns, one per finding"
        )
    members = None if groups is None else np.asarray(groups)
    if members is not None and members.shape != (len(targets),):
        raise InvalidValueError(f"groups have shape {members.shape}, expected ({len(targets)},): one patient per film")
    return members


def _check(probabilities: PerFilm, targets: PerFilm, findings: Sequence[str]) -> None:
    if not len(probabilities):
        raise InvalidValueError("there is no film to evaluate")
    twice = [name for name in dict.fromkeys(findings) if list(findings).count(name) > 1]
    if twice:
        raise InvalidValueError(f"{twice[0]} has more than one column: keep one")
    for place, name in enumerate(findings):
        column, truth = probabilities[:, place], targets[:, place]
        if not ((column >= 0) & (column <= 1)).all():
            wrong = column[~((column >= 0) & (column <= 1))]
            raise InvalidValueError(
                f"{len(wrong)} of {len(column)} probabilities of {name} are NaN or outside [0, 1], such as {wrong[0]:g}"
                ": give a probability of every film, or leave out films that were not answered"
            )
        strange = truth[~(np.isnan(truth) | (truth == 0) | (truth == 1))]
        if len(strange):
            raise InvalidValueError(
                f"a target of {name} is {strange[0]:g}: expected 1 (present), 0 (absent) or NaN (unknown)"
            )


def _cuts(thresholds: Mapping[str, float], names: Sequence[str]) -> Float[np.ndarray, " finding"]:
    for name, threshold in thresholds.items():
        if name not in names:
            raise UnknownNameError("finding", name, names)
        if threshold < 0 or threshold > 1:
            raise InvalidValueError(f"the threshold of {name} is {threshold:g}: expected a probability in [0, 1]")
    return np.array([thresholds.get(name, FIXED_THRESHOLD) for name in names], dtype=np.float64)
