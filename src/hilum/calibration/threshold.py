"""From which probability on a finding counts as present; chosen on validation, never on the films that are judged."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics import count_called

__all__ = ["THRESHOLD_RULES", "choose_threshold", "get_threshold_rule"]

Counts = Float[np.ndarray, " point"]
"""Films called at each threshold, with the finding or without; the last threshold calls all."""

Merit = Callable[[Counts, Counts, float], Counts]


def _youden(found: Counts, spurious: Counts, _weight: float) -> Counts:
    """Most sensitivity + specificity."""
    return np.asarray(found / found[-1] - spurious / spurious[-1])


def _f_beta(found: Counts, spurious: Counts, beta: float) -> Counts:
    """Highest F-beta; F1 with `calibration.beta` 1."""
    return np.asarray((1 + beta**2) * found / (found + spurious + beta**2 * found[-1]))


def _sensitivity(found: Counts, _spurious: Counts, wanted: float) -> Counts:
    """The highest that finds the share `calibration.sensitivity`."""
    return np.asarray(found >= wanted * found[-1] - 1e-9, dtype=np.float64)


def _cost(found: Counts, spurious: Counts, ratio: float) -> Counts:
    """Least cost, a missed film being worth `calibration.cost_ratio` false alarms."""
    return np.asarray(-(ratio * (found[-1] - found) + spurious) / (found[-1] + spurious[-1]))


THRESHOLD_RULES: dict[str, Merit] = {
    "youden": _youden,
    "f_beta": _f_beta,
    "sensitivity": _sensitivity,
    "cost": _cost,
}


def get_threshold_rule(name: str) -> Merit:
    """Return what a threshold rule maximises; raises UnknownNameError with the nearest name."""
    try:
        return THRESHOLD_RULES[name]
    except KeyError:
        raise UnknownNameError("threshold rule", name, THRESHOLD_RULES) from None


def choose_threshold(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    rule: str = "youden",
    beta: float = 1.0,
    sensitivity: float = 0.9,
    cost_ratio: float = 10.0,
) -> float:
    """Return the threshold that serves a rule best; a finding counts as present from that probability on.

    The threshold lies half-way between two films' probabilities, so that rounding moves no film across it.
    Of several that serve equally well, the highest is taken: the fewest films are called. One film is always called.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        rule: ``youden``: most sensitivity + specificity; ``f_beta``: highest F-beta; ``sensitivity``: the highest
            threshold that still finds the share ``sensitivity`` of the films with the finding; ``cost``: least cost on
            these films.
        beta: For ``f_beta``, above 0: recall is worth so many times as much as precision.
        sensitivity: For the rule of that name, above 0 and at most 1.
        cost_ratio: For ``cost``, above 0: a missed film costs as much as so many false alarms.

    Returns:
        The threshold; NaN if a class is absent.

    Raises:
        InvalidValueError: A probability is NaN, a target none of 0, 1, NaN, or a setting out of range.
        UnknownNameError: There is no such rule.

    Source: Youden, "Index for Rating Diagnostic Tests", Cancer 3, 1950; van Rijsbergen, "Information Retrieval", 1979,
        for F-beta; Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001, for cost.

    Example:
        >>> choose_threshold(np.array([0.1, 0.3, 0.7, 0.9]), np.array([0.0, 0.0, 1.0, 1.0]))
        0.5
    """
    merit_of = get_threshold_rule(rule)
    if not 0 < sensitivity <= 1:
        raise InvalidValueError(f"sensitivity must be above 0 and at most 1, got {sensitivity}")
    for name, value in (("beta", beta), ("cost_ratio", cost_ratio)):
        if not 0 < value < float("inf"):
            raise InvalidValueError(f"{name} must be above 0 and finite, got {value}")
    counts = count_called(probabilities, targets)
    if not (counts.true_positive[-1] and counts.false_positive[-1]):
        return float("nan")
    weight = {"f_beta": beta, "sensitivity": sensitivity, "cost": cost_ratio}.get(rule, 0.0)
    merit = merit_of(counts.true_positive.astype(np.float64), counts.false_positive.astype(np.float64), weight)[1:]
    best = 1 + int(np.argmax(merit > merit.max() - 1e-12))
    return _midpoint(counts.thresholds, best)


def _midpoint(thresholds: Float[np.ndarray, " point"], place: int) -> float:
    here = float(thresholds[place])
    if place + 1 == len(thresholds):
        return here
    below = float(thresholds[place + 1])
    middle = below + (here - below) / 2
    return middle if middle > below else here
