"""The variance of an AUROC without resampling, film by film or with the films of a patient taken together.

Source: DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988; Obuchowski, "Nonparametric Analysis of Clustered ROC
Curve Data", Biometrics 53, 1997. Of two models on the same films: :func:`hilum.metrics.paired_delong`.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Real, Shaped
from scipy.special import expit, ndtri

from hilum.errors import InvalidValueError
from hilum.metrics.interval import check_level, logit_interval
from hilum.metrics.known import check_pair

__all__ = [
    "AurocVariance",
    "auroc_interval",
    "clustered_delong",
    "clustered_variance",
    "count_patients",
    "delong",
    "delong_interval",
    "placements",
    "rarer_patients",
]

_STEPS = 100
_NOTHING = 1e-9


class AurocVariance(NamedTuple):
    """An AUROC and its variance.

    Attributes:
        value: NaN if a class is absent.
        variance: NaN where fewer than two films, or patients, have the finding, or fewer than two do not, and where
            Obuchowski's estimate is not above 0 though the scores vary, as of three patients it may be.
        n_positive: Units with the finding: films, or patients with such a film.
        n_negative: Units without it: films, or patients with a film without it.
    """

    value: float
    variance: float
    n_positive: int
    n_negative: int


def delong(scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> AurocVariance:
    """Return AUROC and variance as if every film came from another patient; too small where they do not.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.

    Example:
        >>> value, variance, *_ = delong(np.array([1, 2, 3, 4, 5]), np.array([0.0, 1.0, 0.0, 1.0, 1.0]))
        >>> round(value, 4), round(variance, 4)
        (0.8333, 0.0556)
    """
    return clustered_delong(scores, targets, np.arange(len(scores)))


def clustered_delong(
    scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], groups: Shaped[np.ndarray, " image"]
) -> AurocVariance:
    """Return AUROC and variance with the films of a patient taken together; one film each gives :func:`delong`.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film, as numbers or text; one may have films with the finding and without.

    Raises:
        InvalidValueError: As for :func:`delong`, or there is not one patient per film.
    """
    scores, targets = check_pair(scores, targets)
    known, member = _known_members(targets, groups)
    score, positive = scores[known], targets[known] == 1
    n_positive, n_negative = _count_patients(member, positive)
    if not n_positive or not n_negative:
        return AurocVariance(math.nan, math.nan, n_positive, n_negative)
    place = placements(score, positive)
    value = float(place[positive].mean())
    return AurocVariance(value, clustered_variance(place, positive, member), n_positive, n_negative)


def delong_interval(measured: AurocVariance, *, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for an AUROC from its variance, on the scale of its logit, so that it stays inside (0, 1).

    An AUROC of exactly 0 or 1 has variance 0 and says nothing of its own spread: the interval is then the one of a
    score test with the variance that an AUROC has by its size and by the number of units alone.

    Args:
        measured: Of :func:`delong` or :func:`clustered_delong`.
        level: Confidence.

    Returns:
        NaN ends where the value or its variance is undefined.

    Raises:
        InvalidValueError: ``level`` is not between 0 and 1.

    Source: Pepe 2003, section 5.2.4 (logit); Newcombe, Statistics in Medicine 25, 2006, part 2, method 5 (0 and 1).

    Example:
        >>> low, high = delong_interval(AurocVariance(0.9, 0.0009, 50, 50))
        >>> round(low, 3), round(high, 3)
        (0.824, 0.945)
        >>> low, high = delong_interval(AurocVariance(1.0, 0.0, 20, 30))
        >>> round(low, 3), high
        (0.916, 1.0)
    """
    z = float(ndtri(0.5 + check_level(level) / 2))
    value, variance = measured.value, measured.variance
    if value in (0.0, 1.0):
        return _score_interval(value, measured.n_positive, measured.n_negative, z)
    if math.isnan(value) or math.isnan(variance):
        return math.nan, math.nan
    centre, half = math.log(value / (1 - value)), z * math.sqrt(variance) / (value * (1 - value))
    return float(expit(centre - half)), float(expit(centre + half))


def auroc_interval(
    value: float,
    replicates: Real[np.ndarray, " replicate"],
    *,
    n_positive: int,
    n_negative: int,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return an interval for an AUROC from its standard deviation over resamples, on the scale of its logit.

    Percentiles of resamples are too narrow where few patients have the finding: with seven of them a 95 % interval
    holds the truth in 87 of 100 studies. So the standard deviation is taken, made larger by what resampling makes it
    too small, times Student's t for the rarer kind of patient (95 of 100; the two agree where there are hundreds).

    Where the AUROC is exactly 0 or 1 all resamples are, and one patient of a kind is drawn or not: resamples then say
    nothing, and the interval is the one of a score test with the variance that an AUROC has by its size and by the
    number of patients alone, as in :func:`delong_interval`.

    Args:
        value: The AUROC of the films as they are.
        replicates: Of the resamples; NaN where one lacks a class.
        n_positive: Patients with a film that has the finding, see :func:`count_patients`.
        n_negative: Patients with a film that does not.
        level: Confidence.

    Returns:
        NaN ends where the AUROC is undefined, nobody resampled, or fewer than two resamples have one.

    Raises:
        InvalidValueError: ``level`` is not between 0 and 1.

    Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 3.2
        (narrowness and t); Pepe 2003, section 5.2.4 (logit). Coverage: ``benchmarks/interval_coverage.py``.
    """
    tail = 0.5 + check_level(level) / 2
    rarer = min(n_positive, n_negative)
    if math.isnan(value) or not rarer or not len(replicates):
        return math.nan, math.nan
    if value in (0.0, 1.0) or rarer == 1:
        return _score_interval(value, n_positive, n_negative, float(ndtri(tail)))
    return logit_interval(value, replicates, n_units=rarer, level=level)


def count_patients(targets: Real[np.ndarray, " image"], groups: Shaped[np.ndarray, " image"]) -> tuple[int, int]:
    """Count patients with a film that has the finding, and patients with a film that does not; some are both.

    Raises:
        InvalidValueError: There is not one patient per film.

    Example:
        >>> count_patients(np.array([1.0, 1.0, 0.0, float("nan")]), np.array(["a", "a", "a", "b"]))
        (1, 1)
    """
    targets = np.asarray(targets, dtype=np.float64)
    known, member = _known_members(targets, groups)
    return _count_patients(member, targets[known] == 1)


def rarer_patients(
    targets: Real[np.ndarray, "image finding"], groups: Shaped[np.ndarray, " image"]
) -> Int64[np.ndarray, " finding"]:
    """Return per finding how many patients have a film of the rarer kind: with the finding, or without.

    Raises:
        InvalidValueError: As for :func:`count_patients`.
    """
    rarer: Int64[np.ndarray, " finding"] = np.array(
        [min(count_patients(column, groups)) for column in targets.T], dtype=np.int64
    )
    return rarer


def placements(
    score: Float64[np.ndarray, " known"], positive: Bool[np.ndarray, " known"]
) -> Float64[np.ndarray, " known"]:
    """Return, per film, the share of films of the other class that it stands on the right side of; a tie is half."""
    present, absent = np.sort(score[positive]), np.sort(score[~positive])
    below = np.searchsorted(absent, score, "left") + np.searchsorted(absent, score, "right")
    up_to = np.searchsorted(present, score, "left") + np.searchsorted(present, score, "right")
    return np.where(positive, below / (2 * len(absent)), 1 - up_to / (2 * len(present)))


def clustered_variance(
    place: Float64[np.ndarray, " known"], positive: Bool[np.ndarray, " known"], member: Int64[np.ndarray, " known"]
) -> float:
    """Return Obuchowski's variance of the mean of :func:`placements`, or of the differences of two models' placements.

    Args:
        place: Their mean over films with the finding is their mean over films without it.
        positive: Which films have the finding; of both kinds there are some.
        member: Number of each film's patient, from 0 on.

    Returns:
        NaN where fewer than two patients have films of a kind, and where the estimate is not above 0 though they vary.
    """
    n_patients, (n_positive, n_negative) = int(member.max()) + 1, _count_patients(member, positive)
    if min(n_positive, n_negative) < 2:
        return math.nan
    offset = (place - place[positive].mean()) / np.where(positive, positive.sum(), (~positive).sum())
    with_it, without = (np.bincount(member, np.where(side, offset, 0.0), n_patients) for side in (positive, ~positive))
    own = n_positive / (n_positive - 1) * float(with_it @ with_it)
    own += n_negative / (n_negative - 1) * float(without @ without)
    variance = own + 2 * n_patients / (n_patients - 1) * float(with_it @ without)
    # Where hardly any patient stands behind it, the cross term can outweigh the others by chance: that is no certainty.
    return math.nan if own > 0 and variance <= _NOTHING * own else variance


def _known_members(
    targets: Float64[np.ndarray, " image"], groups: Shaped[np.ndarray, " image"]
) -> tuple[Bool[np.ndarray, " image"], Int64[np.ndarray, " known"]]:
    groups = np.asarray(groups)
    if groups.shape != targets.shape:
        raise InvalidValueError(f"groups have shape {groups.shape}, expected {targets.shape}: one patient per film")
    known = ~np.isnan(targets)
    return known, np.unique(groups[known], return_inverse=True)[1].astype(np.int64)


def _count_patients(member: Int64[np.ndarray, " known"], positive: Bool[np.ndarray, " known"]) -> tuple[int, int]:
    return len(np.unique(member[positive])), len(np.unique(member[~positive]))


def _score_interval(value: float, n_positive: int, n_negative: int, z: float) -> tuple[float, float]:
    """Return the AUROCs from which the value is no more than ``z`` standard errors away."""

    def reach(value: float) -> float:
        """Return the highest of them."""
        inside, outside = value, 1.0
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            near = (middle - value) ** 2 <= z * z * _variance_by_size(middle, n_positive, n_negative)
            inside, outside = (middle, outside) if near else (inside, middle)
        return inside

    return 1 - reach(1 - value), reach(value)


def _variance_by_size(value: float, n_positive: int, n_negative: int) -> float:
    others = (n_positive + n_negative) / 2 - 1
    spread = 1 + others * ((1 - value) / (2 - value) + value / (1 + value))
    return value * (1 - value) * spread / (n_positive * n_negative)
