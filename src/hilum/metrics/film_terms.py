"""Measures that are ratios of sums over films, kept film by film, so that they can be measured on resamples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Real

__all__ = ["FilmTerms", "ratio_of_sums"]


class FilmTerms(NamedTuple):
    """What each film adds to a ratio of two sums; ``Resamples.share(*terms)`` measures it on resampled patients.

    A film that does not count (an unknown target) adds 0 to both.

    Attributes:
        numerator: What the film adds above the line; one number, or one per measure.
        denominator: What it adds below, 1 for a mean; of the same shape, or one number for all measures.
    """

    numerator: Float64[np.ndarray, "image ..."]
    denominator: Float64[np.ndarray, "image ..."]

    def ratio(self) -> Float64[np.ndarray, "..."]:
        """Return the measure on the films as they are; NaN where no film counts."""
        return ratio_of_sums(np.asarray(self.numerator.sum(axis=0)), np.asarray(self.denominator.sum(axis=0)))


def ratio_of_sums(above: Real[np.ndarray, "..."], below: Real[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Divide what may be broadcast together; NaN where ``below`` is 0: of no film there is no share.

    Example:
        >>> ratio_of_sums(np.array([3, 0]), np.array([4, 0]))
        array([0.75,  nan])
    """
    ratio: Float64[np.ndarray, ...] = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=ratio, where=below != 0)
    return ratio
