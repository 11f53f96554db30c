"""Intervals and means that leave out what is undefined, and say over how much they went."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy.special import betaincinv, ndtr, ndtri, stdtrit

from hilum.errors import InvalidValueError

__all__ = [
    "MacroMean",
    "check_level",
    "exact_interval",
    "macro_mean",
    "mean_over_findings",
    "percentile_interval",
    "share_interval",
    "wilson_interval",
]


class MacroMean(NamedTuple):
    """A mean over the findings that are defined; NaN over none."""

    mean: float
    n_defined: int


def macro_mean(values: Float[np.ndarray, " finding"]) -> MacroMean:
    """Return the mean of the values that are not NaN, and how many they are.

    Example:
        >>> macro_mean(np.array([0.8, float("nan"), 0.6]))
        MacroMean(mean=0.7, n_defined=2)
    """
    values = np.asarray(values, dtype=np.float64)
    return MacroMean(float(mean_over_findings(values)), int((~np.isnan(values)).sum()))


def mean_over_findings(
    values: Float[np.ndarray, "*replicate finding"], *, weights: Real[np.ndarray, " finding"] | None = None
) -> Float[np.ndarray, "*replicate"]:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is.

    Args:
        values: Per finding.
        weights: At least 0, such as each finding's number of positives (scikit-learn's ``weighted``); all 1 by default.

    Raises:
        InvalidValueError: There is not one finite weight of at least 0 per finding.

    Example:
        >>> mean_over_findings(np.array([0.8, float("nan"), 0.6]), weights=np.array([3, 5, 1])).round(3).item()
        0.75
    """
    weights = np.ones(np.shape(values)[-1:]) if weights is None else np.asarray(weights, dtype=np.float64)
    if weights.shape != np.shape(values)[-1:] or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidValueError(
            f"weights are {weights.tolist()}: expected {np.shape(values)[-1]} finite numbers of at least 0"
        )
    defined = ~np.isnan(values)
    weight = np.where(defined, weights, 0.0).sum(axis=-1)
    total = np.where(defined, values * weights, 0.0).sum(axis=-1)
    mean = np.full(np.shape(total), np.nan)
    np.divide(total, weight, out=mean, where=weight > 0)
    return mean


def percentile_interval(
    replicates: Float[np.ndarray, "replicate ..."], *, level: float = 0.95, n_units: int | None = None
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return lower and upper end of the bootstrap percentile interval.

    Args:
        replicates: One row per resample; NaN where a resample lacks a class.
        level: Share of the resamples inside the interval.
        n_units: How many patients stand behind the number, of the rarer kind where there are two. Resamples of few
            spread too little, so ends are then taken further out, as Student's t is further out than the normal;
            with one patient there is no interval. None for the plain percentiles.

    Returns:
        Low and high per finding, over the replicates that are defined; NaN where none is.

    Raises:
        InvalidValueError: ``level`` is not between 0 and 1.

    Source: Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015, section 5.3
        (expanded percentile interval), for ``n_units``.
    """
    tail = (1 - check_level(level)) / 2
    if n_units is not None:
        tail = _expanded(tail, n_units)
    replicates = np.asarray(replicates, dtype=np.float64)
    columns = replicates.reshape(len(replicates), math.prod(replicates.shape[1:])).T
    ends = np.full((2, len(columns)), np.nan)
    for place, column in enumerate(columns):
        defined = column[~np.isnan(column)]
        if len(defined) and not math.isnan(tail):
            ends[:, place] = np.quantile(defined, [tail, 1 - tail])
    return ends[0].reshape(replicates.shape[1:]), ends[1].reshape(replicates.shape[1:])


def _expanded(tail: float, n_units: int) -> float:
    if n_units < 2:
        return math.nan
    return float(ndtr(math.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, tail)))


def wilson_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval for a share; it stays inside [0, 1] and is sane at 0 of n and n of n.

    Args:
        successes: Between 0 and ``n``.
        n: Number of independent trials; NaN ends for 0.
        level: Confidence.

    Raises:
        InvalidValueError: ``successes`` is not between 0 and ``n``, or ``level`` not between 0 and 1.

    Source: Wilson, "Probable Inference", JASA 22, 1927.

    Example:
        >>> low, high = wilson_interval(8, 10)
        >>> round(low, 3), round(high, 3)
        (0.49, 0.943)
    """
    if not 0 <= successes <= n:
        raise InvalidValueError(f"successes must lie between 0 and n, got {successes} of {n}")
    z = float(ndtri(0.5 + check_level(level) / 2))
    if n == 0:
        return math.nan, math.nan
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    shrink = 1 + z * z / n
    low = 0.0 if successes == 0 else max((centre - half) / shrink, 0.0)
    high = 1.0 if successes == n else min((centre + half) / shrink, 1.0)
    return low, high


def exact_interval(successes: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the exact binomial interval for a share: it holds the truth at least as often as it says, whatever it is.

    Wider than :func:`wilson_interval`, which holds it as often on average.

    Args:
        successes: Between 0 and ``n``.
        n: Number of independent trials; NaN ends for 0.
        level: Confidence.

    Raises:
        InvalidValueError: ``successes`` is not between 0 and ``n``, or ``level`` not between 0 and 1.

    Source: Clopper and Pearson, Biometrika 26, 1934.

    Example:
        >>> low, high = exact_interval(8, 10)
        >>> round(low, 3), round(high, 3)
        (0.444, 0.975)
    """
    if not 0 <= successes <= n:
        raise InvalidValueError(f"successes must lie between 0 and n, got {successes} of {n}")
    tail = (1 - check_level(level)) / 2
    if n == 0:
        return math.nan, math.nan
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return low, high


def share_interval(
    value: float, replicates: Real[np.ndarray, " replicate"], *, n_patients: int, level: float = 0.95
) -> tuple[float, float]:
    """Return the bootstrap percentile interval of a share of films, or the exact one where the share is 0 or 1.

    Percentiles are those of :func:`percentile_interval` for so many patients.

    Resamples of films that are all right are all right: their percentiles would promise certainty. The interval is then
    that of :func:`exact_interval` over patients, since the films of one patient resemble each other.

    Args:
        value: The share of the films as they are; NaN if undefined.
        replicates: Of resamples of patients; NaN where one lacks such films.
        n_patients: Patients with such films.
        level: Confidence.

    Returns:
        NaN ends where the share is undefined, or every resample gives the same one between 0 and 1.

    Raises:
        InvalidValueError: ``level`` is not between 0 and 1.

    Example:
        >>> low, high = share_interval(1.0, np.ones(1000), n_patients=20)
        >>> round(low, 3), high
        (0.832, 1.0)
    """
    if value in (0.0, 1.0):
        return exact_interval(round(value) * n_patients, n_patients, level=level)
    low, high = (float(end) for end in percentile_interval(replicates, level=level, n_units=n_patients))
    return (low, high) if low < high and not math.isnan(value) else (math.nan, math.nan)


def check_level(level: float) -> float:
    """Return the level of an interval.

    Raises:
        InvalidValueError: It is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InvalidValueError(f"level must lie between 0 and 1, got {level}")
    return level
