"""What a model is worth to those who act on it, at every trade between a missed finding and a false alarm.

Source: Vickers and Elkin, "Decision curve analysis", Medical Decision Making 26, 2006.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from hilum.errors import InvalidValueError
from hilum.metrics.calibration import check_probabilities
from hilum.metrics.film_terms import FilmTerms

__all__ = ["NetBenefit", "net_benefit", "net_benefit_terms"]


class NetBenefit(NamedTuple):
    """Net benefit in true positives per film, after false positives are paid for; calling nobody has 0.

    Attributes:
        threshold: Probabilities as they were given.
        model: Of calling from each of them on; NaN if no target is known.
        everyone: Of calling every film.
    """

    threshold: Float[np.ndarray, " threshold"]
    model: Float[np.ndarray, " threshold"]
    everyone: Float[np.ndarray, " threshold"]


def net_benefit(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    thresholds: Real[np.ndarray, " threshold"],
) -> NetBenefit:
    """Measure net benefit: true positives per film less false positives per film, each of these times the odds.

    Who calls from a probability of 0.1 on takes nine false alarms for one finding found: a false alarm costs 1/9.

    Args:
        probabilities: One per film; at least the threshold is a call.
        targets: 1 present, 0 absent, NaN unknown (left out).
        thresholds: In [0, 1).

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN, or a threshold is
            outside [0, 1).

    Example:
        >>> curve = net_benefit(np.array([0.1, 0.6, 0.9]), np.array([0.0, 0.0, 1.0]), np.array([0.25]))
        >>> curve.model.round(4).tolist(), curve.everyone.round(4).tolist()
        ([0.2222], [0.1111])
    """
    model = net_benefit_terms(probabilities, targets, thresholds).ratio()
    everyone = net_benefit_terms(np.ones(np.shape(targets)), targets, thresholds).ratio()
    return NetBenefit(np.asarray(thresholds, dtype=np.float64), model, everyone)


def net_benefit_terms(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    thresholds: Real[np.ndarray, " threshold"],
) -> FilmTerms:
    """Return what each film adds to the model's :func:`net_benefit`, a column per threshold; raises as it does."""
    probabilities, targets = check_probabilities(probabilities, targets)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    outside = ~((thresholds >= 0) & (thresholds < 1))
    if outside.any():
        raise InvalidValueError(
            f"thresholds hold {thresholds[outside][0]:g}: expected from 0 to below 1 (at 1, a "
            "false alarm costs infinitely much)"
        )
    worth = np.where(targets[:, None] == 1, 1.0, -thresholds / (1 - thresholds))
    known = ~np.isnan(targets)
    return FilmTerms(worth * (known[:, None] & (probabilities[:, None] >= thresholds)), known.astype(np.float64))
