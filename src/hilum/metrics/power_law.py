"""How a figure grows with the number of training films: a power law with a ceiling.

Source: Hestness et al., "Deep Learning Scaling is Predictable, Empirically", 2017; Figueroa et al., "Predicting sample
size required for classification performance", BMC Medical Informatics and Decision Making 12:8, 2012 (inverse power
law, by least squares). Departure: n is counted in units of the largest, so that the three parameters are of one size.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy.optimize import least_squares

from hilum.errors import InvalidValueError

__all__ = ["PowerLaw", "fit_power_law"]

_FEWEST_SIZES = 3
_EXPONENTS = (0.05, 3.0)
_LARGEST_GAP = 2.0
_STARTS = (0.2, 0.6, 1.5)
_FLAT = 1e-6
_WELL_BELOW = 1e-10


class PowerLaw(NamedTuple):
    """The law ``ceiling - gap * (n / largest) ** -exponent``; all NaN, with a reason, where none can be fitted.

    Attributes:
        ceiling: Value for ever larger n; at most 1.
        gap: What is missing to it at ``largest``; above 0.
        exponent: How fast the gap closes; between 0.05 and 3.
        largest: The largest n of the fit.
        reason: Why there is no law; empty where there is one.
    """

    ceiling: float
    gap: float
    exponent: float
    largest: float
    reason: str = ""

    def at(self, sizes: Real[np.ndarray, " size"]) -> Float[np.ndarray, " size"]:
        """Return the law's value for each number of films, above 0."""
        return np.asarray(self.ceiling - self.gap * (np.asarray(sizes, float) / self.largest) ** -self.exponent)

    def gain(self, factor: float = 2.0) -> float:
        """Return what ``factor`` times the largest n would add."""
        return float(self.gap * (1 - factor**-self.exponent))


def fit_power_law(sizes: Real[np.ndarray, " size"], values: Real[np.ndarray, " size"]) -> PowerLaw:
    """Fit the law to a figure that is at most 1, such as an AUROC, by least squares within bounds.

    Args:
        sizes: Numbers of films, above 0.
        values: The figure at each of them; NaN is left out.

    Returns:
        The law; NaN with a reason where fewer than three sizes have a value, or values do not rise with the size.

    Raises:
        InvalidValueError: A size is not above 0, a value above 1, or the shapes differ.

    Example:
        >>> law = fit_power_law(np.array([100, 200, 400, 800]), 0.9 - 0.1 * np.array([8.0, 4.0, 2.0, 1.0]) ** 0.5)
        >>> round(law.ceiling, 4), round(law.exponent, 4), round(law.gain(), 4)
        (0.9, 0.5, 0.0293)
    """
    n, figure = _checked(sizes, values)
    n_sizes = len(np.unique(n))
    if n_sizes < _FEWEST_SIZES:
        return _no_law(f"a law needs at least {_FEWEST_SIZES} sizes with a value, got {n_sizes}")
    share = n / n.max()
    ceiling, gap, exponent = _best_fit(share, figure)
    if gap * (share.min() ** -exponent - 1) < _FLAT or _correlation(share, figure) <= 0:
        return _no_law("it does not rise with the number of films")
    return PowerLaw(ceiling, gap, exponent, float(n.max()))


def _checked(
    sizes: Real[np.ndarray, " size"], values: Real[np.ndarray, " size"]
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, " known"]]:
    n, figure = np.asarray(sizes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    if n.shape != figure.shape or n.ndim != 1:
        raise InvalidValueError(f"sizes have shape {n.shape}, values {figure.shape}: expected one value per size")
    if not (np.isfinite(n) & (n > 0)).all():
        raise InvalidValueError("sizes must be finite and above 0")
    known = ~np.isnan(figure)
    if (figure[known] > 1).any():
        raise InvalidValueError(f"values must be at most 1, got {np.nanmax(figure):g}")
    return n[known], figure[known]


def _best_fit(share: Float[np.ndarray, " size"], figure: Float[np.ndarray, " size"]) -> tuple[float, float, float]:
    """Return ceiling, gap and exponent of the best fit from a few starts; a later start has to be better by far."""

    def residuals(law: Float[np.ndarray, " parameter"]) -> Float[np.ndarray, " size"]:
        return np.asarray(law[0] - law[1] * share ** -law[2] - figure)

    def slopes(law: Float[np.ndarray, " parameter"]) -> Float[np.ndarray, "size parameter"]:
        power = share ** -law[2]
        return np.stack([np.ones(len(share)), -power, law[1] * power * np.log(share)], axis=1)

    top = float(figure.max())
    bounds = ([min(top, 0.0) - 1.0, 0.0, _EXPONENTS[0]], [1.0, _LARGEST_GAP, _EXPONENTS[1]])
    start_gap = min(max(top - float(figure.min()), 0.01), _LARGEST_GAP) / 2
    best, cost = (math.nan, math.nan, math.nan), math.inf
    for exponent in _STARTS:
        start = [min(top + start_gap, 1.0 - 1e-9), start_gap, exponent]
        fit = least_squares(residuals, start, jac=slopes, bounds=bounds, xtol=1e-10, ftol=1e-12, gtol=1e-12)
        if fit.cost < cost - _WELL_BELOW:
            best, cost = (float(fit.x[0]), float(fit.x[1]), float(fit.x[2])), float(fit.cost)
    return best


def _correlation(share: Float[np.ndarray, " size"], figure: Float[np.ndarray, " size"]) -> float:
    """Return the covariance of figure and log size: its sign says whether the figure rises."""
    return float((np.log(share) - np.log(share).mean()) @ (figure - figure.mean()))


def _no_law(reason: str) -> PowerLaw:
    return PowerLaw(math.nan, math.nan, math.nan, math.nan, reason)
