"""Slope and intercept of logistic recalibration, with errors that hold where patients have several films.

Source: Cox, Biometrika 45, 1958; Van Calster et al., J Clin Epidemiol 74, 2016 (weak calibration); sandwich errors of
Liang and Zeger, Biometrika 73, 1986, with the factor for few clusters that statsmodels and Stata use.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Real, Shaped
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from hilum.errors import InvalidValueError
from hilum.metrics.calibration import check_probabilities
from hilum.metrics.known import undefined_reason

__all__ = ["CalibrationSlope", "Coefficient", "calibration_slope"]

_SMALLEST = 1e-7
"""Probabilities nearer to 0 or 1 than a float32 can be to 1 count as this near: the logit of 0 is infinite."""

_MOST_STEPS = 100
_WORST_CONDITION = 1e12
_DIVIDED = "undefined: the films with and without the finding are almost divided by one probability"


class Coefficient(NamedTuple):
    """A coefficient with its 95 % interval (normal).

    Attributes:
        value: NaN where undefined.
        standard_error: Cluster-robust; NaN where undefined.
        low: Lower end.
        high: Upper end.
        reason: Why the value or its error is NaN; empty otherwise.
    """

    value: float = math.nan
    standard_error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    reason: str = ""


class CalibrationSlope(NamedTuple):
    """Logistic recalibration of probabilities.

    Attributes:
        slope: Of the label on the probability's logit; 1 is perfect, below 1 the probabilities are too extreme.
        intercept: With the slope held at 1; 0 is perfect, below 0 the probabilities are too high.
    """

    slope: Coefficient
    intercept: Coefficient


def calibration_slope(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    groups: Shaped[np.ndarray, " image"],
) -> CalibrationSlope:
    """Fit slope and intercept of the label's log odds on the probability's.

    Args:
        probabilities: One per film; those within 1e-7 of 0 or 1 are moved there.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film, as numbers or text.

    Returns:
        NaN with a reason: both where a class is missing; the slope where all probabilities are the same, or where one
        probability divides all films with the finding from all films without; errors where there is one patient only.

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN, or shapes differ.

    Example:
        >>> films = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0.0, 1.0, 0.0, 1.0]), np.arange(4)
        >>> round(calibration_slope(*films).slope.value, 4)
        1.1018
    """
    probabilities, targets = check_probabilities(probabilities, targets)
    groups = np.asarray(groups)
    if groups.shape != targets.shape or targets.ndim != 1:
        raise InvalidValueError(
            f"groups have shape {groups.shape}, probabilities {targets.shape}: expected one patient per film"
        )
    known = ~np.isnan(targets)
    given = np.clip(probabilities[known], _SMALLEST, 1 - _SMALLEST)
    logits, present = np.log(given) - np.log1p(-given), targets[known] == 1
    reason = undefined_reason(int(present.sum()), int((~present).sum()))
    if reason:
        return CalibrationSlope(Coefficient(reason=reason), Coefficient(reason=reason))
    member = np.unique(groups[known], return_inverse=True)[1].astype(np.int64)
    ones = np.ones((len(logits), 1))
    intercept = _with_errors(ones, np.array([_shift(logits, float(present.mean()))]), logits, present, member)
    reason = _no_slope(logits, present)
    if reason:
        return CalibrationSlope(Coefficient(reason=reason), intercept)
    # A unit of the logits' own size keeps the equations well conditioned.
    unit = float(logits.std())
    slope = _fit(np.column_stack([(logits - logits.mean()) / unit, ones]), np.zeros(len(logits)), present, member)
    value, error, low, high = (number / unit for number in slope[:4])
    return CalibrationSlope(Coefficient(value, error, low, high, slope.reason), intercept)


def _no_slope(logits: Float[np.ndarray, " known"], present: Bool[np.ndarray, " known"]) -> str:
    there, not_there = logits[present], logits[~present]
    if logits.min() == logits.max():
        return "undefined: all probabilities are the same"
    if not_there.max() <= there.min() or there.max() <= not_there.min():
        return "undefined: one probability divides all films with the finding from all films without it"
    return ""


def _shift(logits: Float[np.ndarray, " known"], share: float) -> float:
    """Return what, added to all logits, makes the mean probability ``share``: the most likely intercept.

    Newton's method loses its way where all probabilities are at 0 or 1; a root between two bounds is always found.
    """
    wanted = math.log(share) - math.log1p(-share)
    low, high = wanted - float(logits.max()), wanted - float(logits.min())
    if low == high:
        return low
    return float(brentq(lambda shift: expit(logits + shift).mean() - share, low - 1, high + 1, xtol=1e-13))


def _fit(
    design: Float[np.ndarray, "known term"],
    offset: Float[np.ndarray, " known"],
    present: Bool[np.ndarray, " known"],
    member: Int64[np.ndarray, " known"],
) -> Coefficient:
    """Fit logistic regression by Newton's method and return its first coefficient."""
    weights = np.zeros(design.shape[1])
    likelihood = _log_likelihood(offset, present)
    for _ in range(_MOST_STEPS):
        predicted = expit(design @ weights + offset)
        information = design.T @ (design * (predicted * (1 - predicted))[:, None])
        step = np.linalg.lstsq(information, design.T @ (present - predicted), rcond=None)[0]
        # Newton's step may overshoot far from the maximum; it is halved until it climbs.
        while _log_likelihood(design @ (weights + step) + offset, present) < likelihood - 1e-9 * abs(likelihood):
            step = step / 2
        weights = weights + step
        likelihood = _log_likelihood(design @ weights + offset, present)
        if np.abs(step).max() <= 1e-12 * (1 + np.abs(weights).max()):
            return _with_errors(design, weights, offset, present, member)
    return Coefficient(reason=_DIVIDED)


def _with_errors(
    design: Float[np.ndarray, "known term"],
    weights: Float[np.ndarray, " term"],
    offset: Float[np.ndarray, " known"],
    present: Bool[np.ndarray, " known"],
    member: Int64[np.ndarray, " known"],
) -> Coefficient:
    value, n_groups, (n_images, n_terms) = float(weights[0]), int(member.max()) + 1, design.shape
    if n_groups < 2:
        return Coefficient(value, reason="no interval: all films are of one patient")
    predicted = expit(design @ weights + offset)
    information = design.T @ (design * (predicted * (1 - predicted))[:, None])
    if not np.linalg.cond(information) < _WORST_CONDITION:
        return Coefficient(reason=_DIVIDED)
    inverse = np.linalg.inv(information)
    scores = np.zeros((n_groups, n_terms))
    np.add.at(scores, member, design * (present - predicted)[:, None])
    correction = n_groups / (n_groups - 1) * (n_images - 1) / (n_images - n_terms)
    covariance = correction * inverse @ (scores.T @ scores) @ inverse
    error = math.sqrt(covariance[0, 0])
    half = float(ndtri(0.975)) * error
    return Coefficient(value, error, value - half, value + half)


def _log_likelihood(logits: Float[np.ndarray, " known"], present: Bool[np.ndarray, " known"]) -> float:
    return float((logits[present]).sum() - np.logaddexp(0, logits).sum())
