"""ROC and precision-recall curves from probabilities, and fewer points that draw the same picture."""

import heapq
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real

from hilum.errors import InvalidValueError
from hilum.metrics.known import keep_known

__all__ = ["Counts", "PrCurve", "RocCurve", "count_called", "pr_curve", "roc_curve", "thin_curve"]

_STRAIGHT = 1e-12
"""A point nearer to the line than this lies on it."""


class RocCurve(NamedTuple):
    """From (0, 0), nothing called, to (1, 1), all called; one point per distinct score.

    Attributes:
        false_positive_rate: NaN if no film is without the finding.
        true_positive_rate: NaN if no film has it.
        thresholds: Called is what scores at least this; infinite at the first point.
    """

    false_positive_rate: Float[np.ndarray, " point"]
    true_positive_rate: Float[np.ndarray, " point"]
    thresholds: Float[np.ndarray, " point"]


class PrCurve(NamedTuple):
    """From recall 0 (precision 1 by convention) to recall 1; one point per distinct score.

    Attributes:
        recall: Share of the films with the finding that are called; NaN if there are none.
        precision: Share of the called films that have the finding.
        thresholds: Called is what scores at least this; infinite at the first point.
    """

    recall: Float[np.ndarray, " point"]
    precision: Float[np.ndarray, " point"]
    thresholds: Float[np.ndarray, " point"]


class Counts(NamedTuple):
    """How many films with and without the finding score at least each threshold; thresholds fall from infinity."""

    true_positive: Int64[np.ndarray, " point"]
    false_positive: Int64[np.ndarray, " point"]
    thresholds: Float[np.ndarray, " point"]


def count_called(scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> Counts:
    """Count, for every distinct score as threshold, the films called; unknown targets are left out.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.
    """
    known, present = keep_known(scores, targets)
    order = np.argsort(-known, kind="stable")
    falling, present = known[order], present[order]
    last_of_ties = np.flatnonzero(np.append(falling[1:] != falling[:-1], np.ones(min(len(falling), 1), dtype=bool)))
    true_positive = np.cumsum(present)[last_of_ties]
    false_positive = last_of_ties + 1 - true_positive
    return Counts(
        np.concatenate([[0], true_positive]).astype(np.int64),
        np.concatenate([[0], false_positive]).astype(np.int64),
        np.concatenate([[np.inf], falling[last_of_ties]]),
    )


def roc_curve(scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> RocCurve:
    """Return the ROC curve; unknown targets are left out.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.
    """
    counts = count_called(scores, targets)
    return RocCurve(_share_of_last(counts.false_positive), _share_of_last(counts.true_positive), counts.thresholds)


def pr_curve(scores: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> PrCurve:
    """Return the precision-recall curve; unknown targets are left out.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.
    """
    counts = count_called(scores, targets)
    called = counts.true_positive + counts.false_positive
    precision = np.divide(counts.true_positive, called, out=np.ones(len(called)), where=called > 0)
    return PrCurve(_share_of_last(counts.true_positive), precision, counts.thresholds)


def thin_curve(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], *, n_points: int = 200
) -> Int64[np.ndarray, " kept"]:
    """Choose the points that keep a curve's shape: greedily the one furthest from the line drawn so far.

    Args:
        x: Rising from left to right.
        y: Beside it, in like units.
        n_points: At most so many are kept, at least 2.

    Returns:
        Positions of the kept points, rising; first and last are among them, points on a straight line are not.

    Raises:
        InvalidValueError: ``n_points`` is below 2.

    Source: Ramer 1972; Douglas and Peucker 1973, with a budget of points instead of a tolerance.

    Example:
        >>> thin_curve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.5, 1.0]))
        array([0, 2])
    """
    if n_points < 2:
        raise InvalidValueError(f"n_points must be at least 2, got {n_points}")
    if len(x) < 3:
        return np.arange(len(x), dtype=np.int64)
    kept = [0, len(x) - 1]
    waiting = [_furthest(x, y, 0, len(x) - 1)]
    while len(kept) < n_points and waiting[0][0] < -_STRAIGHT:
        _, point, start, end = heapq.heappop(waiting)
        kept.append(point)
        heapq.heappush(waiting, _furthest(x, y, start, point))
        heapq.heappush(waiting, _furthest(x, y, point, end))
    return np.array(sorted(kept), dtype=np.int64)


def _furthest(
    x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"], start: int, end: int
) -> tuple[float, int, int, int]:
    """Return (minus distance, point, start, end) of the point furthest from the line from ``start`` to ``end``."""
    if end - start < 2:
        return 0.0, start, start, end
    run, rise = x[end] - x[start], y[end] - y[start]
    across, up = x[start + 1 : end] - x[start], y[start + 1 : end] - y[start]
    length = float(np.hypot(run, rise))
    distance = np.abs(run * up - rise * across) / length if length else np.hypot(across, up)
    point = int(np.argmax(distance))
    return -float(distance[point]), start + 1 + point, start, end


def _share_of_last(counts: Int64[np.ndarray, " point"]) -> Float[np.ndarray, " point"]:
    return counts / counts[-1] if counts[-1] else np.full(len(counts), np.nan)
