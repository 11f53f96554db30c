"""Do probabilities mean what they say, and how are they made to."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real
from scipy.optimize import minimize
from scipy.special import expit

from hilum.errors import InvalidValueError
from hilum.metrics.known import keep_known

__all__ = [
    "PlattFit",
    "Reliability",
    "apply_platt",
    "brier_score",
    "calibration_error",
    "fit_platt",
    "reliability_curve",
]

_LOWEST_SLOPE = 0.01


class PlattFit(NamedTuple):
    """Probability = sigmoid(``slope`` * logit + ``intercept``).

    Attributes:
        slope: Above 0, so that the order of the films stays; 1 where nothing was fitted.
        intercept: 0 where nothing was fitted.
        reason: Why nothing, or only the intercept, was fitted; empty otherwise.
    """

    slope: float
    intercept: float
    reason: str = ""


class Reliability(NamedTuple):
    """What probabilities said and what was there, bin by bin from low to high.

    Attributes:
        mean_probability: Mean probability of the bin's films.
        observed_share: Share of them with the finding.
        n_images: How many they are.
    """

    mean_probability: Float[np.ndarray, " bin"]
    observed_share: Float[np.ndarray, " bin"]
    n_images: Int64[np.ndarray, " bin"]


def fit_platt(
    logits: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], *, ridge: float = 1.0
) -> PlattFit:
    """Fit Platt's two numbers on validation films.

    Departures from the paper: the slope carries a ridge towards 1, worth as much as a normal prior of variance
    1 / ``ridge``, which keeps it sane where few films have the finding and is nothing where many have; and it stays
    above 0, so that a finding ranked worse than chance gets flat probabilities instead of reversed ones.

    Args:
        logits: Raw outputs, finite.
        targets: 1 present, 0 absent, NaN unknown (left out).
        ridge: Strength of the pull towards slope 1; at least 0.

    Returns:
        The fit; slope 1, intercept 0 and a reason if a class is absent.

    Raises:
        InvalidValueError: A logit is NaN or infinite, a target none of 0, 1, NaN, or ``ridge`` is negative.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999, with its smoothed targets.
    """
    if ridge < 0:
        raise InvalidValueError(f"ridge must be at least 0, got {ridge}")
    x, present = keep_known(logits, targets, name="logits")
    if not np.isfinite(x).all():
        raise InvalidValueError("logits are infinite: expected finite raw outputs")
    n_positive, n_negative = int(present.sum()), int((~present).sum())
    if not (n_positive and n_negative):
        return PlattFit(1.0, 0.0, f"not calibrated: {n_positive} films with the finding, {n_negative} without it")
    smoothed = np.where(present, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    slope, intercept = _minimise(x, smoothed, ridge)
    if slope <= _LOWEST_SLOPE:
        return PlattFit(
            slope, intercept, "ranked no better than chance: probabilities are nearly the same for all films"
        )
    return PlattFit(slope, intercept)


def apply_platt(logits: Real[np.ndarray, "*shape"], slope: float, intercept: float) -> Float[np.ndarray, "*shape"]:
    """Return sigmoid(``slope`` * logit + ``intercept``) in float64.

    Example:
        >>> apply_platt(np.array([0.0]), 2.0, 0.0)
        array([0.5])
    """
    return np.asarray(expit(slope * np.asarray(logits, dtype=np.float64) + intercept))


def brier_score(probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> float:
    """Mean squared difference of probability and target; NaN if no target is known.

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN.
    """
    known, present = _known_probabilities(probabilities, targets)
    return float(np.mean((known - present) ** 2)) if len(known) else float("nan")


def reliability_curve(
    probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], *, n_bins: int = 15
) -> Reliability:
    """Compare probabilities with what was there, in bins of equally many films.

    Films of the same probability share a bin, so the answer does not depend on the order of the films; bins are
    then not quite equal, and there may be fewer of them.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        n_bins: At most so many.

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN, ``n_bins`` below 1.
    """
    if n_bins < 1:
        raise InvalidValueError(f"n_bins must be at least 1, got {n_bins}")
    known, present = _known_probabilities(probabilities, targets)
    rising = np.sort(known)
    rank = np.searchsorted(rising, known, side="left")
    member = rank * n_bins // max(len(known), 1)
    count = np.bincount(member, minlength=n_bins)
    filled = count > 0
    probability_sum = np.bincount(member, weights=known, minlength=n_bins)[filled]
    present_sum = np.bincount(member, weights=present, minlength=n_bins)[filled]
    count = count[filled].astype(np.int64)
    return Reliability(probability_sum / count, present_sum / count, count)


def calibration_error(
    probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"], *, n_bins: int = 15
) -> float:
    """Expected calibration error: mean distance of probability and observed share over bins of equally many films.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        n_bins: Bins of :func:`reliability_curve`.

    Returns:
        0 for perfect probabilities; NaN if no target is known.

    Raises:
        InvalidValueError: As for :func:`reliability_curve`.

    Source: Naeini et al., AAAI 2015, with the equal-mass bins of Nguyen and O'Connor, EMNLP 2015.
    """
    curve = reliability_curve(probabilities, targets, n_bins=n_bins)
    if not len(curve.n_images):
        return float("nan")
    distance = np.abs(curve.mean_probability - curve.observed_share)
    return float(np.average(distance, weights=curve.n_images))


def _known_probabilities(
    probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, " known"]]:
    known, present = keep_known(probabilities, targets, name="probabilities")
    outside = (known < 0) | (known > 1)
    if outside.any():
        raise InvalidValueError(f"probabilities hold {known[outside][0]:g}: expected between 0 and 1")
    return known, present.astype(np.float64)


def _minimise(
    x: Float[np.ndarray, " known"], smoothed: Float[np.ndarray, " known"], ridge: float
) -> tuple[float, float]:
    """Return slope and intercept of least cross-entropy; convex, so there is one minimum."""

    def loss_and_gradient(parameters: Float[np.ndarray, " 2"]) -> tuple[float, Float[np.ndarray, " 2"]]:
        slope, intercept = parameters
        logit = slope * x + intercept
        loss = np.sum(np.logaddexp(0, logit) - smoothed * logit) + ridge / 2 * (slope - 1) ** 2
        miss = expit(logit) - smoothed
        return float(loss), np.array([miss @ x + ridge * (slope - 1), miss.sum()])

    found = minimize(
        loss_and_gradient,
        np.array([1.0, 0.0]),
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST_SLOPE, None), (None, None)],
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 500},
    )
    return float(found.x[0]), float(found.x[1])
