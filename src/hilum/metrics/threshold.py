"""From which probability on a film is called; chosen on validation, never on the films that are judged."""

from typing import Literal

import numpy as np
from jaxtyping import Float, Real

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics.curve import Counts, count_called

__all__ = ["THRESHOLD_RULES", "ThresholdRule", "choose_threshold"]

ThresholdRule = Literal["youden", "f1", "sensitivity"]
THRESHOLD_RULES: tuple[ThresholdRule, ...] = ("youden", "f1", "sensitivity")


def choose_threshold(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    rule: ThresholdRule = "youden",
    sensitivity: float = 0.9,
) -> float:
    """Return the threshold that serves a rule best; a film is called where its probability is at least that.

    The threshold lies half-way between two films' probabilities, so that rounding moves no film across it.
    Of several that serve equally well, the highest is taken: the fewest films are called.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        rule: ``youden``: most sensitivity + specificity; ``f1``: highest F1; ``sensitivity``: the highest threshold
            that still finds the share ``sensitivity`` of the films with the finding.
        sensitivity: For the rule of that name, above 0 and at most 1.

    Returns:
        The threshold; NaN if a class is absent.

    Raises:
        InvalidValueError: A probability is NaN, a target none of 0, 1, NaN, or ``sensitivity`` out of range.
        UnknownNameError: There is no such rule.

    Source: Youden, "Index for Rating Diagnostic Tests", Cancer 3, 1950.

    Example:
        >>> choose_threshold(np.array([0.1, 0.3, 0.7, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.5
    """
    if rule not in THRESHOLD_RULES:
        raise UnknownNameError("threshold rule", rule, THRESHOLD_RULES)
    if not 0 < sensitivity <= 1:
        raise InvalidValueError(f"sensitivity must be above 0 and at most 1, got {sensitivity}")
    counts = count_called(probabilities, targets)
    if not (counts.true_positive[-1] and counts.false_positive[-1]):
        return float("nan")
    merit = _merit(counts, rule, sensitivity)[1:]
    best = 1 + int(np.argmax(merit > merit.max() - 1e-12))
    return _midpoint(counts.thresholds, best)


def _merit(counts: Counts, rule: ThresholdRule, sensitivity: float) -> Float[np.ndarray, " point"]:
    found, spurious = counts.true_positive.astype(np.float64), counts.false_positive.astype(np.float64)
    merit: Float[np.ndarray, " point"] = found >= sensitivity * found[-1] - 1e-9
    if rule == "youden":
        merit = found / found[-1] - spurious / spurious[-1]
    if rule == "f1":
        merit = 2 * found / (found + spurious + found[-1])
    return merit.astype(np.float64)


def _midpoint(thresholds: Float[np.ndarray, " point"], place: int) -> float:
    here = float(thresholds[place])
    if place + 1 == len(thresholds):
        return here
    below = float(thresholds[place + 1])
    middle = below + (here - below) / 2
    return middle if middle > below else here
