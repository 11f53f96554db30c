"""Intervals and means that leave out what is undefined, and say over how much they went."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy.special import betaincinv, betaln, expit, gammaln, ndtr, ndtri, stdtrit

from hilum.errors import InvalidValueError

__all__ = [
    "MacroMean",
    "beta_binomial_tail",
    "check_level",
    "difference_interval",
    "effective_units",
    "exact_interval",
    "logit_interval",
    "macro_mean",
    "mean_over_findings",
    "percentile_interval",
    "share_interval",
    "wilson_interval",
]

_FEWEST = 2
"""Patients, or resamples, that vary."""
_NO_SPREAD = 1e-12
"""Resamples that differ by less, differ by rounding alone."""


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
    replicates: Float[np.ndarray, "replicate ..."], *, level: float = 0.95, n_units: float | None = None
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Return lower and upper end of the bootstrap percentile interval.

    Args:
        replicates: One row per resample; NaN where a resample lacks a class.
        level: Share of the resamples inside the interval.
        n_units: How many patients stand behind the number, of the rarer kind where there are two. Resamples of few
            spread too little, so ends are then taken further out, as Student's t is further out than the normal;
            with one patient there is no interval. None for the plain percentiles. Of a mean or a difference of several
            numbers it is :func:`effective_units`.

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


def _expanded(tail: float, n_units: float) -> float:
    if not n_units >= _FEWEST:
        return math.nan
    return float(ndtr(math.sqrt(n_units / (n_units - 1)) * stdtrit(n_units - 1, tail)))


def effective_units(
    replicates: Float[np.ndarray, "replicate part"], n_units: Real[np.ndarray, " part"] | Sequence[float]
) -> float:
    """Return how many patients a sum of parts rests on, where each part has patients of its own.

    What varies most counts most: a mean over findings is no better known than its rarest finding where that one moves
    it. A part with fewer than two patients counts as one with two.

    Args:
        replicates: Each part's share in the sum on every resample (weighted, if parts are), NaN where undefined.
        n_units: Patients behind each part, of the rarer kind.

    Returns:
        At least 2; NaN where nothing varies, or there is no resample.

    Source: Welch, Biometrika 34, 1947, and Satterthwaite, Biometrics Bulletin 2, 1946: degrees of freedom of a sum of
        variances, here plus 1.

    Example:
        >>> alike, lone = np.array([[0.0], [1.0]]), np.array([[0.0], [0.0]])
        >>> effective_units(np.hstack([alike, alike]), [11, 11]), effective_units(np.hstack([alike, lone]), [11, 2])
        (21.0, 11.0)
    """
    spread = np.array(
        [np.var(column[~np.isnan(column)]) if (~np.isnan(column)).any() else 0 for column in replicates.T]
    )
    if not spread.sum() > 0:
        return math.nan
    freedom = np.maximum(np.asarray(n_units, dtype=np.float64), 2) - 1
    return float(1 + spread.sum() ** 2 / (spread**2 / freedom).sum())


def difference_interval(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float]:
    """Return the interval of a difference of two numbers, each with its own: for where resamples of one do not vary.

    Args:
        first: Value, low, high.
        second: Of what is taken away.

    Returns:
        NaN ends where an end is.

    Source: Newcombe, Statistics in Medicine 17, 1998, method 10; Zou and Donner, Statistics in Medicine 27, 2008, for
        numbers other than shares.

    Example:
        >>> low, high = difference_interval((1.0, 0.7, 1.0), (0.6, 0.5, 0.7))
        >>> round(low, 3), round(high, 3)
        (0.084, 0.5)
    """
    gap = first[0] - second[0]
    down = math.hypot(first[0] - first[1], second[2] - second[0])
    return gap - down, gap + math.hypot(first[2] - first[0], second[0] - second[1])


def logit_interval(
    value: float, replicates: Real[np.ndarray, " replicate"], *, n_units: float, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of an AUROC, or a mean of some, from its spread over resamples, on the scale of its logit.

    Args:
        value: Of the films as they are.
        replicates: Of resamples; NaN where undefined.
        n_units: Patients behind it, of the rarer kind; of a mean :func:`effective_units`.
        level: Confidence.

    Returns:
        NaN ends where the value is not between 0 and 1, fewer than two patients or resamples stand behind it, or every
        resample gives the same, which is no certainty.

    Raises:
        InvalidValueError: ``level`` is not between 0 and 1.

    Source: As for :func:`hilum.metrics.auroc_interval`.

    Example:
        >>> low, high = logit_interval(0.8, np.array([0.75, 0.85]), n_units=50)
        >>> round(low, 3), round(high, 3)
        (0.68, 0.883)
    """
    tail = 0.5 + check_level(level) / 2
    defined = replicates[~np.isnan(replicates)]
    if not (0 < value < 1 and n_units >= _FEWEST and len(defined) >= _FEWEST):
        return math.nan, math.nan
    if np.ptp(defined) < _NO_SPREAD:
        return math.nan, math.nan
    error = float(np.std(defined)) * math.sqrt(n_units / (n_units - 1))
    half = float(stdtrit(n_units - 1, tail)) * error / (value * (1 - value))
    centre = math.log(value / (1 - value))
    return float(expit(centre - half)), float(expit(centre + half))


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


def beta_binomial_tail(least: int, n: int, a: float, b: float) -> float:
    """Return how likely ``least`` or more of ``n`` are, each as likely as a number that is beta (a, b) distributed.

    Args:
        least: At most ``n``; from 0 down it is certain.
        n: How many there are.
        a: Above 0.
        b: Above 0.

    Example:
        >>> round(beta_binomial_tail(1, 1, 2.0, 18.0), 6)
        0.1
    """
    k = np.arange(max(least, 0), n + 1)
    ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return float(np.exp(ways + betaln(k + a, n - k + b) - betaln(a, b)).sum())


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
