"""Is one model better than another on the same films?"""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Real, Shaped

from hilum.metrics.bootstrap import bootstrap_auroc, bootstrap_average_precision
from hilum.metrics.interval import macro_mean, mean_over_findings, percentile_interval
from hilum.metrics.ranking import auroc, average_precision

__all__ = ["Difference", "paired_difference"]

_METRICS = {
    "auroc": (auroc, bootstrap_auroc),
    "average_precision": (average_precision, bootstrap_average_precision),
}


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
    low, high = percentile_interval(spread)
    mean_low, mean_high = percentile_interval(mean_over_findings(spread))
    return Difference(value, low, high, macro_mean(value).mean, float(mean_low), float(mean_high))


def _measure(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    metric: str,
    n_replicates: int,
    seed: int,
) -> tuple[Float[np.ndarray, " finding"], Float[np.ndarray, "replicate finding"]]:
    measure, resample = _METRICS[metric]
    value = np.array([measure(*column) for column in zip(scores.T, targets.T, strict=True)])
    return value, resample(scores, targets, groups, n_replicates=n_replicates, seed=seed)
