"""Do probabilities mean what they say."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real

from hilum.errors import InvalidValueError
from hilum.metrics.known import keep_known

__all__ = [
    "Reliability",
    "brier_score",
    "calibration_error",
    "reliability_curve",
]

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
