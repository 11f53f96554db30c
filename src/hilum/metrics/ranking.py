"""AUROC and average precision, exact with ties and weights; films are sorted once, whatever is asked afterwards.

Source: Mann and Whitney 1947 for AUROC as the share of pairs in the right order, half a point for a tie;
average precision as the sum over thresholds of (gain in recall) x precision, without interpolation.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64, Real

from hilum.errors import InvalidValueError
from hilum.metrics.known import check_pair
from hilum.metrics.rank_table import RankCounts, RankTable, check_rate

__all__ = [
    "Ranking",
    "auroc",
    "average_precision",
    "partial_auroc",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
]


class Ranking:
    """The films of one finding in order of their score.

    Sorting is what costs; with it done, each set of weights (a bootstrap resample) costs one pass.

    Args:
        scores: Any increasing function of the probability; NaN is refused.
        targets: 1 present, 0 absent, NaN unknown (left out).
    """

    def __init__(self, scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> None:
        falling, targets = check_pair(scores, targets)
        falling = -falling
        self._positive = _sorted_rows(falling, targets == 1)
        self._negative = _sorted_rows(falling, targets == 0)
        present, absent = falling[self._positive], falling[self._negative]
        # Per film with the finding: how many films stand above it, and how many above or level with it.
        self._negatives_above = np.searchsorted(absent, present, side="left")
        self._negatives_to_here = np.searchsorted(absent, present, side="right")
        self._positives_to_here = np.searchsorted(present, present, side="right")

    @property
    def n_positive(self) -> int:
        """Films with the finding."""
        return len(self._positive)

    @property
    def n_negative(self) -> int:
        """Films without the finding."""
        return len(self._negative)

    def measure(self, weights: Real[np.ndarray, " image"]) -> tuple[float, float]:
        """Return AUROC and average precision with a weight per film; both NaN if a class has no weight."""
        weight = weights[self._positive]
        positives = _running_sum(weight)
        negatives = _running_sum(weights[self._negative])
        n_positive, n_negative = float(positives[-1]), float(negatives[-1])
        if n_positive <= 0 or n_negative <= 0:
            return float("nan"), float("nan")
        false_above = negatives[self._negatives_to_here]
        beaten = 2 * negatives[-1] - negatives[self._negatives_above] - false_above
        true_above = positives[self._positives_to_here]
        called = true_above + false_above
        precision = np.divide(true_above, called, out=np.zeros(len(called)), where=called > 0)
        return float(weight @ beaten) / (2 * n_positive * n_negative), float(weight @ precision) / n_positive


def auroc(
    scores: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    weights: Real[np.ndarray, " image"] | None = None,
) -> float:
    """Area under the ROC curve: how often a film with the finding scores above one without it; a tie counts half.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        weights: At least 0, one per film; all 1 by default.

    Returns:
        Between 0 and 1; NaN if no known film has the finding, or none is without it.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, a weight negative, or the shapes differ.

    Example:
        >>> auroc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.875
    """
    return Ranking(scores, targets).measure(_weights(weights, len(scores)))[0]


def average_precision(
    scores: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    weights: Real[np.ndarray, " image"] | None = None,
) -> float:
    """Average precision, the area under the precision-recall curve without interpolation; chance is the prevalence.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        weights: At least 0, one per film; all 1 by default.

    Returns:
        Between 0 and 1; NaN if a class is absent (scikit-learn: 1 without negatives, 0 without positives).

    Raises:
        InvalidValueError: As for :func:`auroc`.

    Example:
        >>> average_precision(np.array([0.9, 0.8, 0.1]), np.array([1.0, 0.0, 1.0])).__round__(4)
        0.8333
    """
    return Ranking(scores, targets).measure(_weights(weights, len(scores)))[1]


def partial_auroc(
    scores: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    max_false_positive_rate: float = 0.1,
) -> float:
    """Area under the ROC curve up to a false positive rate, scaled so that chance is 0.5 and perfect 1.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        max_false_positive_rate: In (0, 1]; with 1 it is :func:`auroc`.

    Returns:
        NaN if a class is absent; below 0.5 where the films are ordered worse than by chance.

    Raises:
        InvalidValueError: As for :func:`auroc`, or the rate is not in (0, 1].

    Source: McClish, "Analyzing a Portion of the ROC Curve", Medical Decision Making 9, 1989.

    Example:
        >>> scores, targets = np.array([0.9, 0.8, 0.7, 0.4, 0.2]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
        >>> round(partial_auroc(scores, targets, max_false_positive_rate=0.5), 4)
        0.7778
    """
    up_to = check_rate(max_false_positive_rate, "max_false_positive_rate")
    return float(_count(scores, targets).partial_auroc(up_to)[0])


def sensitivity_at_specificity(
    scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], *, specificity: float = 0.9
) -> float:
    """Largest sensitivity of a threshold whose specificity on these films is at least what is held.

    The threshold is read off the same films: it says what their order allows, not what a threshold chosen elsewhere
    gives. A point between two thresholds is not interpolated.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        specificity: In (0, 1].

    Returns:
        NaN if a class is absent; 0 where only calling nobody is specific enough.

    Raises:
        InvalidValueError: As for :func:`auroc`, or ``specificity`` is not in (0, 1].

    Example:
        >>> scores, targets = np.array([0.9, 0.8, 0.7, 0.4, 0.2]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
        >>> sensitivity_at_specificity(scores, targets, specificity=0.9)
        0.5
    """
    held = check_rate(specificity, "specificity")
    return float(_count(scores, targets).sensitivity_at(held)[0])


def specificity_at_sensitivity(
    scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], *, sensitivity: float = 0.9
) -> float:
    """Largest specificity of a threshold whose sensitivity on these films is at least what is held.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        sensitivity: In (0, 1].

    Returns:
        NaN if a class is absent.

    Raises:
        InvalidValueError: As for :func:`auroc`, or ``sensitivity`` is not in (0, 1].

    Example:
        >>> scores, targets = np.array([0.9, 0.8, 0.7, 0.4, 0.2]), np.array([1.0, 0.0, 1.0, 0.0, 0.0])
        >>> round(specificity_at_sensitivity(scores, targets, sensitivity=0.9), 4)
        0.6667
    """
    held = check_rate(sensitivity, "sensitivity")
    return float(_count(scores, targets).specificity_at(held)[0])


def _count(scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> RankCounts:
    return RankTable(scores, targets, np.zeros(len(scores), dtype=np.int64), 1).count_once()


def _weights(weights: Real[np.ndarray, " image"] | None, n_images: int) -> Real[np.ndarray, " image"]:
    if weights is None:
        return np.ones(n_images, dtype=np.int64)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_images,):
        raise InvalidValueError(f"weights have shape {weights.shape}, expected ({n_images},): one per film")
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidValueError("weights must be finite and at least 0")
    return weights


def _sorted_rows(falling: Float[np.ndarray, " image"], chosen: Bool[np.ndarray, " image"]) -> Int64[np.ndarray, " row"]:
    rows = np.flatnonzero(chosen)
    return rows[np.argsort(falling[rows], kind="stable")].astype(np.int64)


def _running_sum(values: Real[np.ndarray, " film"]) -> Real[np.ndarray, " films_to_here"]:
    total = np.zeros(len(values) + 1, dtype=values.dtype)
    np.cumsum(values, out=total[1:])
    return total
