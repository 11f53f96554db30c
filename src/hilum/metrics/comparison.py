"""Is one model better than another on the same films?"""

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Real, Shaped
from scipy.special import ndtr, stdtr

from hilum.errors import InvalidValueError
from hilum.metrics.bootstrap import bootstrap_ranks
from hilum.metrics.delong import rarer_patients
from hilum.metrics.interval import effective_units, macro_mean, mean_over_findings, percentile_interval
from hilum.metrics.ranking import auroc, average_precision

__all__ = ["Difference", "gap_interval", "holm", "paired_difference", "resampled_p_value"]

_METRICS = {"auroc": auroc, "average_precision": average_precision}
_NO_SPREAD = 1e-12


class Difference(NamedTuple):
    """First model minus second.

    Attributes:
        value: Per finding; NaN where it is undefined.
        low: Lower end of its 95 % interval.
        high: Upper end.
        mean: Mean over the findings that are defined.
        mean_low: Lower end of the mean's 95 % interval.
        mean_high: Upper end.
    """

    value: Float[np.ndarray, " finding"]
    low: Float[np.ndarray, " finding"]
    high: Float[np.ndarray, " finding"]
    mean: float
    mean_low: float
    mean_high: float


def paired_difference(
    first: Real[np.ndarray, "image finding"],
    second: Real[np.ndarray, "image finding"],
    *,
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    metric: Literal["auroc", "average_precision"] = "auroc",
    n_replicates: int = 1000,
    seed: int = 0,
) -> Difference:
    """Compare two models on the same films: both are measured on the same resamples, so shared luck cancels.

    Args:
        first: Scores of the one model.
        second: Scores of the other, the same films in the same order.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film.
        metric: What is compared.
        n_replicates: How many resamples.
        seed: Of the resamples.

    Raises:
        InvalidValueError: As for :func:`hilum.metrics.bootstrap_ranks`.
    """
    (value, spread), (other_value, other_spread) = (
        _measure(scores, targets, groups, metric=metric, n_replicates=n_replicates, seed=seed)
        for scores in (first, second)
    )
    value, spread = value - other_value, spread - other_spread
    n_units = rarer_patients(targets, groups)
    low, high = np.array(
        [percentile_interval(column, n_units=units) for column, units in zip(spread.T, n_units.tolist(), strict=True)]
    ).T
    mean_low, mean_high = gap_interval(mean_over_findings(spread), n_units=effective_units(spread, n_units))
    return Difference(value, low, high, macro_mean(value).mean, mean_low, mean_high)


def gap_interval(replicates: Real[np.ndarray, " replicate"], *, n_units: float) -> tuple[float, float]:
    """Return the percentile interval of a paired difference; the point 0 where no resample shows any.

    Unlike a number of one model, a difference of two that order films alike is known without doubt: 0.

    Args:
        replicates: Of resamples; NaN where undefined.
        n_units: Patients behind it, as for :func:`hilum.metrics.percentile_interval`; NaN where nothing varies.

    Returns:
        NaN ends where a single patient stands behind it, every resample gives the same other than 0 (which is no
        certainty), or there is no resample.

    Example:
        >>> gap_interval(np.zeros(9), n_units=float("nan"))
        (0.0, 0.0)
    """
    defined = replicates[~np.isnan(replicates)]
    if len(defined) and np.ptp(defined) < _NO_SPREAD:
        return (0.0, 0.0) if abs(defined[0]) < _NO_SPREAD else (math.nan, math.nan)
    low, high = percentile_interval(replicates, n_units=n_units)
    return float(low), float(high)


def holm(p_values: Real[np.ndarray, " finding"]) -> Float[np.ndarray, " finding"]:
    """Correct p-values for having asked about many findings: one below 0.05 is then false in at most 5 % of studies.

    Args:
        p_values: In [0, 1]; NaN where there was no test, which then counts for none.

    Returns:
        Corrected p-values in the same order, at most 1; NaN where there was no test.

    Raises:
        InvalidValueError: A p-value is not in [0, 1].

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03, float("nan")]))
        array([0.03, 0.06, 0.06,  nan])
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p_values))
    if ((p_values[tested] < 0) | (p_values[tested] > 1)).any():
        raise InvalidValueError(f"p-values are {p_values.tolist()}: expected numbers in [0, 1], or NaN")
    order = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[order] * np.arange(len(order), 0, -1)
    corrected: Float[np.ndarray, " finding"] = np.full(p_values.shape, np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return corrected


def resampled_p_value(value: float, spread: Real[np.ndarray, " replicate"], *, n_units: float = math.inf) -> float:
    """Return the p-value of no difference, two-sided, from the standard error that resamples of patients show.

    Like the interval: with Student's t, and the standard error made larger by what resampling makes it too small.

    Args:
        value: The difference on the films as they are; NaN if undefined.
        spread: The difference in every resample; NaN where a resample lacks what is needed.
        n_units: Patients behind it, of the rarer kind.

    Returns:
        1 where nothing differs in any resample; NaN where the difference is undefined, or there are fewer than two
        resamples or patients, or they do not vary.

    Example:
        >>> round(resampled_p_value(0.2, np.array([0.1, 0.3])), 3)
        0.157
    """
    spread = np.asarray(spread, dtype=np.float64)
    spread = spread[~np.isnan(spread)]
    if math.isnan(value) or len(spread) < 2:
        return math.nan
    error = float(spread.std(ddof=1))
    if error < _NO_SPREAD:
        return 1.0 if abs(value) < _NO_SPREAD else math.nan
    if n_units < 2:
        return math.nan
    if math.isinf(n_units):
        return float(2 * ndtr(-abs(value) / error))
    return float(2 * stdtr(n_units - 1, -abs(value) / (error * math.sqrt(n_units / (n_units - 1)))))


def _measure(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    metric: str,
    n_replicates: int,
    seed: int,
) -> tuple[Float[np.ndarray, " finding"], Float[np.ndarray, "replicate finding"]]:
    value = np.array([_METRICS[metric](*column) for column in zip(scores.T, targets.T, strict=True)])
    ranks = bootstrap_ranks(scores, targets, groups, n_replicates=n_replicates, seed=seed)
    return value, getattr(ranks, metric)
