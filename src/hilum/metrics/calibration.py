"""Do probabilities mean what they say: Brier score, likelihood, and what was there beside what was said, bin by bin."""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Real
from scipy.special import gammaln, xlog1py, xlogy

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics.film_terms import FilmTerms
from hilum.metrics.interval import wilson_interval
from hilum.metrics.known import check_pair

__all__ = [
    "Bins",
    "Reliability",
    "brier_score",
    "brier_terms",
    "calibration_error",
    "calibration_error_interval",
    "calibration_error_terms",
    "check_probabilities",
    "ece_by_chance",
    "log_likelihood_terms",
    "negative_log_likelihood",
    "reliability_curve",
    "reliability_terms",
]

Bins = Literal["mass", "width"]
"""``mass``: bins of equally many films. ``width``: bins of equal width on [0, 1]."""


class Reliability(NamedTuple):
    """What probabilities said and what was there, bin by bin from low to high; empty bins are left out.

    Attributes:
        mean_probability: Mean probability of the bin's films.
        observed_share: Share of them with the finding.
        n_images: How many they are.
        low: Lower end of the share's 95 % interval (Wilson), which takes every film for another patient.
        high: Upper end.
    """

    mean_probability: Float[np.ndarray, " bin"]
    observed_share: Float[np.ndarray, " bin"]
    n_images: Int64[np.ndarray, " bin"]
    low: Float[np.ndarray, " bin"]
    high: Float[np.ndarray, " bin"]


def brier_score(probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> float:
    """Mean squared difference of probability and target; NaN if no target is known.

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN.
    """
    return float(brier_terms(probabilities, targets).ratio())


def brier_terms(probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> FilmTerms:
    """Return what each film adds to :func:`brier_score`; raises as it does."""
    films = _Films(probabilities, targets)
    return FilmTerms(np.where(films.known, (films.probabilities - films.present) ** 2, 0.0), films.known.astype(float))


def negative_log_likelihood(probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> float:
    """Mean negative logarithm of the probability that was given to what was there, in nats; NaN if no target is known.

    Equals scikit-learn's ``log_loss``: a certainty (0 or 1) that is wrong costs 36.04 nats, not infinitely many.

    Raises:
        InvalidValueError: As for :func:`brier_score`.

    Example:
        >>> round(negative_log_likelihood(np.array([0.5, 0.25]), np.array([1.0, 0.0])), 4)
        0.4904
    """
    return float(log_likelihood_terms(probabilities, targets).ratio())


def log_likelihood_terms(probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> FilmTerms:
    """Return what each film adds to :func:`negative_log_likelihood`; raises as it does."""
    films = _Films(probabilities, targets)
    smallest = np.finfo(np.float64).eps
    given = np.clip(films.probabilities, smallest, 1 - smallest)
    cost = -np.where(films.present, np.log(given), np.log1p(-given))
    return FilmTerms(np.where(films.known, cost, 0.0), films.known.astype(float))


def reliability_curve(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    n_bins: int = 15,
    bins: Bins = "mass",
) -> Reliability:
    """Compare probabilities with what was there, in bins of equally many films or of equal width.

    Films of the same probability share a bin, so the answer does not depend on the order of the films; bins of
    equally many films are then not quite equal, and there may be fewer of them.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        n_bins: At most so many.
        bins: ``mass`` or ``width``. A bin of equal width holds its upper edge, as in scikit-learn's
            ``calibration_curve``.

    Raises:
        InvalidValueError: A probability is NaN or outside [0, 1], a target none of 0, 1, NaN, ``n_bins`` below 1.
        UnknownNameError: There are no such ``bins``.
    """
    films = _Films(probabilities, targets)
    member, n_filled = films.bins(n_bins, bins)
    known, present = films.probabilities[films.known], films.present[films.known]
    count = np.bincount(member, minlength=n_filled).astype(np.int64)
    n_present = np.bincount(member[present], minlength=n_filled)
    ends = [wilson_interval(int(successes), int(n)) for successes, n in zip(n_present, count, strict=True)]
    low, high = np.array(ends, dtype=np.float64).reshape(-1, 2).T
    return Reliability(
        np.bincount(member, weights=known, minlength=n_filled) / count, n_present / count, count, low, high
    )


def reliability_terms(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    n_bins: int = 15,
    bins: Bins = "mass",
) -> FilmTerms:
    """Return what each film adds to the observed share of each bin of :func:`reliability_curve`; raises as it does.

    The bins stay the same on every resample. A column per bin that is not empty.
    """
    films = _Films(probabilities, targets)
    inside = films.inside(n_bins, bins)
    return FilmTerms(inside * films.present[:, None], inside)


def calibration_error(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    n_bins: int = 15,
    bins: Bins = "mass",
) -> float:
    """Expected calibration error: mean distance of probability and observed share over bins, each with its films.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        n_bins: Bins of :func:`reliability_curve`.
        bins: ``mass`` or ``width``.

    Returns:
        0 for perfect probabilities; NaN if no target is known. Chance alone makes it more than 0: read it beside
        :func:`ece_by_chance`.

    Raises:
        InvalidValueError: As for :func:`reliability_curve`.
        UnknownNameError: There are no such ``bins``.

    Source: Naeini et al., AAAI 2015 (equal width); equal-mass bins of Nguyen and O'Connor, EMNLP 2015.
    """
    terms = calibration_error_terms(probabilities, targets, n_bins=n_bins, bins=bins)
    return float(np.abs(terms.ratio()).sum()) if terms.numerator.size else float("nan")


def calibration_error_terms(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    n_bins: int = 15,
    bins: Bins = "mass",
) -> FilmTerms:
    """Return what each film adds to each bin's part of :func:`calibration_error`; raises as it does.

    A column per bin that is not empty. The error is the sum over columns of the absolute ratios:
    ``np.abs(terms.ratio()).sum()``, and ``np.abs(resamples.share(*terms)).sum(axis=1)`` on resamples, where the bins
    stay the same. A resample adds chance to chance: its errors are larger than that of the films as they are.
    """
    films = _Films(probabilities, targets)
    inside = films.inside(n_bins, bins)
    return FilmTerms(inside * (films.probabilities - films.present)[:, None], films.known.astype(np.float64))


def calibration_error_interval(
    value: float, replicates: Real[np.ndarray, " replicate"], chance: Real[np.ndarray, " replicate"]
) -> tuple[float, float]:
    """Return a 95 % interval for a calibration error, which chance makes larger: in the films, and again in resamples.

    The upper end is that of the resamples, moved so that their middle is the value. The lower end is twice the value
    less the resamples' upper end, which takes off what chance puts on; it is 0 where chance alone would show as much
    of perfect probabilities in one study of forty. (Moved resamples at both ends would never hold an error of 0.)

    Args:
        value: Of the films as they are.
        replicates: Of the resamples; NaN where one has no film.
        chance: Per resample, the sum over bins of how far it moved each bin's part of the error: the error that
            resampling makes by itself.

    Returns:
        The ends, with the value between them; NaN without resamples.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3 and chapter 16 (basic interval,
        test under the null); the bias is that of Roelofs et al., AISTATS 2022. Coverage: ``tests``.
    """
    defined = ~(np.isnan(replicates) | np.isnan(chance))
    if math.isnan(value) or not defined.any():
        return math.nan, math.nan
    middle, top = (float(end) for end in np.quantile(replicates[defined], [0.5, 0.975]))
    perfect = value <= float(np.quantile(chance[defined], 0.975))
    return 0.0 if perfect else min(max(2 * value - top, 0.0), value), value + top - middle


def ece_by_chance(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    *,
    n_bins: int = 15,
    bins: Bins = "mass",
) -> float:
    """Expected calibration error that is expected of these probabilities if they are perfect, by chance alone.

    In each bin the number of films with the finding then spreads about the sum of the probabilities as a binomial
    does, narrowed to the variance of films that differ. Every film is taken for another patient's: where films of a
    patient share their findings, chance does somewhat more than this says.

    Args:
        probabilities: One per film.
        targets: Only says which films count: those where it is not NaN.
        n_bins: As in :func:`calibration_error`.
        bins: As in :func:`calibration_error`.

    Returns:
        Falls with the square root of the number of films per bin; NaN if no target is known.

    Raises:
        InvalidValueError: As for :func:`reliability_curve`.
        UnknownNameError: There are no such ``bins``.

    Source: de Moivre's mean absolute deviation of the binomial; Roelofs et al., AISTATS 2022, on ECE's bias.
    """
    films = _Films(probabilities, targets)
    member, n_filled = films.bins(n_bins, bins)
    if not n_filled:
        return float("nan")
    known = films.probabilities[films.known]
    count = np.bincount(member, minlength=n_filled).astype(np.float64)
    share = np.minimum(np.bincount(member, weights=known, minlength=n_filled) / count, 1.0)
    variance = np.bincount(member, weights=known * (1 - known), minlength=n_filled)
    widest = count * share * (1 - share)
    narrowed = np.sqrt(np.divide(variance, widest, out=np.zeros(n_filled), where=widest > 0))
    return float((_binomial_deviation(count, share) * narrowed).sum() / count.sum())


def _binomial_deviation(n: Float[np.ndarray, " bin"], share: Float[np.ndarray, " bin"]) -> Float[np.ndarray, " bin"]:
    """Return the mean absolute deviation of the binomial from its mean."""
    above = np.minimum(np.floor(n * share) + 1, n)
    chance = xlogy(above, share) + xlog1py(n - above, -share)
    chance += gammaln(n + 1) - gammaln(above + 1) - gammaln(n - above + 1)
    deviation: Float[np.ndarray, " bin"] = 2 * above * (1 - share) * np.exp(chance)
    return deviation


class _Films:
    """Probabilities and targets, looked over; all films, with which of them are known."""

    probabilities: Float[np.ndarray, " image"]
    present: Bool[np.ndarray, " image"]
    known: Bool[np.ndarray, " image"]

    def __init__(self, probabilities: Real[np.ndarray, " image"], targets: Real[np.ndarray, " image"]) -> None:
        self.probabilities, targets = check_probabilities(probabilities, targets)
        self.known, self.present = ~np.isnan(targets), targets == 1

    def bins(self, n_bins: int, bins: str) -> tuple[Int64[np.ndarray, " known"], int]:
        """Return the bin of each known film, and how many bins there are; none is empty."""
        if n_bins < 1:
            raise InvalidValueError(f"n_bins must be at least 1, got {n_bins}")
        if bins not in _BINS:
            raise UnknownNameError("bins", bins, _BINS)
        known = self.probabilities[self.known]
        filled, member = np.unique(_BINS[bins](known, n_bins), return_inverse=True)
        return member.astype(np.int64), len(filled)

    def inside(self, n_bins: int, bins: str) -> Float[np.ndarray, "image bin"]:
        """Return 1 where a film lies in a bin, else 0."""
        member, n_filled = self.bins(n_bins, bins)
        inside = np.zeros((len(self.known), n_filled))
        inside[np.flatnonzero(self.known), member] = 1
        return inside


def check_probabilities(
    probabilities: Real[np.ndarray, "*shape"], targets: Real[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Return both as float64 arrays of one shape.

    Raises:
        InvalidValueError: The shapes differ, a probability is NaN or outside [0, 1], a target none of 0, 1, NaN.
    """
    probabilities, targets = check_pair(probabilities, targets, name="probabilities")
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise InvalidValueError(f"probabilities hold {probabilities[outside][0]:g}: expected between 0 and 1")
    return probabilities, targets


def _equal_mass(known: Float[np.ndarray, " known"], n_bins: int) -> Int64[np.ndarray, " known"]:
    rank = np.searchsorted(np.sort(known), known, side="left")
    return (rank * n_bins // max(len(known), 1)).astype(np.int64)


def _equal_width(known: Float[np.ndarray, " known"], n_bins: int) -> Int64[np.ndarray, " known"]:
    return np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], known, side="left").astype(np.int64)


_BINS: dict[str, Callable[[Float[np.ndarray, " known"], int], Int64[np.ndarray, " known"]]] = {
    "mass": _equal_mass,
    "width": _equal_width,
}
