"""A calibration map at work: logit → probability, and how well that probability is known."""

import numpy as np
from jaxtyping import Float, Real
from scipy.special import expit, log_expit

from hilum.records import BetaMap, CalibrationMap, IsotonicMap, PlattMap, TemperatureMap

__all__ = ["apply_map", "probability_interval", "terms_of"]

_NORMAL_975 = 1.959963984540054

Terms = Float[np.ndarray, "image term"]


def terms_of(method: str, logits: Float[np.ndarray, " image"]) -> Terms:
    """Return what a parametric map multiplies its numbers with: platt, temperature or beta."""
    one = np.ones_like(logits)
    if method == "beta":
        return np.column_stack([log_expit(logits), -log_expit(-logits), one])
    return np.column_stack([logits, one]) if method == "platt" else logits[:, None]


def apply_map(calibration: CalibrationMap, logits: Real[np.ndarray, " image"]) -> Float[np.ndarray, " image"]:
    """Return probabilities in float64.

    Example:
        >>> apply_map(PlattMap(slope=2.0), np.array([0.0]))
        array([0.5])
    """
    logits = np.asarray(logits, dtype=np.float64)
    if isinstance(calibration, IsotonicMap):
        return np.asarray(np.interp(logits, calibration.logit, calibration.probability))
    return np.asarray(expit(terms_of(calibration.method, logits) @ _numbers(calibration)), dtype=np.float64)


def probability_interval(
    calibration: CalibrationMap, logits: Real[np.ndarray, " image"]
) -> tuple[Float[np.ndarray, " image"], Float[np.ndarray, " image"]]:
    """Return the ends of the probabilities' 95 % intervals: what calibration leaves open, by few films to learn from.

    For a parametric map by the delta method on the logit, from the covariance that the map holds (films of a patient
    together); for isotonic, the binomial interval of the films that share the level.

    Returns:
        Lower and upper ends; NaN where the map was not fitted, or on fewer than two patients.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if isinstance(calibration, IsotonicMap):
        low, high = (np.interp(logits, calibration.logit, ends) for ends in (calibration.low, calibration.high))
        return low, high
    if not calibration.covariance:
        unknown = np.full(logits.shape, np.nan)
        return unknown, unknown.copy()
    terms = terms_of(calibration.method, logits)
    middle = terms @ _numbers(calibration)
    variance = np.sum(terms @ np.array(calibration.covariance) * terms, axis=1)
    reach = _NORMAL_975 * np.sqrt(np.maximum(variance, 0))
    return np.asarray(expit(middle - reach)), np.asarray(expit(middle + reach))


def _numbers(calibration: PlattMap | TemperatureMap | BetaMap) -> Float[np.ndarray, " term"]:
    if isinstance(calibration, PlattMap):
        return np.array([calibration.slope, calibration.intercept])
    if isinstance(calibration, TemperatureMap):
        return np.array([1 / calibration.temperature])
    return np.array([calibration.a, calibration.b, calibration.c])
