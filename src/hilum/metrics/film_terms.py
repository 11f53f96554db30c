"""Measures that are ratios of sums over films, kept film by film, so that they can be measured on resamples."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

__all__ = ["FilmTerms"]


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
        above, below = np.asarray(self.numerator.sum(axis=0)), np.asarray(self.denominator.sum(axis=0))
        ratio: Float64[np.ndarray, ...] = np.full(above.shape, np.nan)
        np.divide(above, below, out=ratio, where=below != 0)
        return ratio
