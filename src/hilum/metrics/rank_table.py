"""One finding's films by place in the order of scores and by patient: whole blocks of resamples are counted at once.

Only scores of films with the finding matter: films without it are counted between them. What a block of resamples does
to these counts is one product of a sparse matrix, and every rank metric is a sum over the counts; nothing is rounded.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Real
from scipy.sparse import csr_array

from hilum.errors import InvalidValueError
from hilum.metrics.known import keep_known

__all__ = ["RankCounts", "RankTable", "check_rate"]

_NEARLY = 1e-9
"""A rate that misses the one that is held by less than this reaches it: 1 - 0.9 is not quite 0.1."""


class RankTable:
    """The films of one finding in order of their score, each with its patient.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        member: Number of each film's patient, from 0 on.
        n_groups: How many patients there are.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.
    """

    def __init__(
        self,
        scores: Real[np.ndarray, " image"],
        targets: Real[np.ndarray, " image"],
        member: Int64[np.ndarray, " image"],
        n_groups: int,
    ) -> None:
        known, positive = keep_known(scores, targets)
        member = member[~np.isnan(np.asarray(targets, dtype=np.float64))]
        falling = -known
        levels, place = np.unique(falling[positive], return_inverse=True)
        absent = np.sort(falling[~positive])
        # A level is a score of films with the finding; a bin begins where the films above it, or level with it, end.
        above, to_here = (np.searchsorted(absent, levels, side=side) for side in ("left", "right"))
        cuts = np.unique(np.concatenate([above, to_here]))
        self._above, self._to_here = np.searchsorted(cuts, above), np.searchsorted(cuts, to_here)
        order = np.argsort(falling[~positive], kind="stable")
        bins = np.searchsorted(cuts, np.arange(len(absent)), side="right")
        self._negative = _table(bins, member[~positive][order], len(cuts) + 1, n_groups)
        self._positive = _table(place, member[positive], len(levels), n_groups)
        self._untied = bool((self._above == self._to_here).all())

    def count(self, counts: Int32[np.ndarray, "group block"]) -> "RankCounts":
        """Count the films of each level in a block of resamples.

        Args:
            counts: How often each patient is drawn, one column per resample.
        """
        positive = np.asarray(self._positive @ counts)
        negatives = np.cumsum(self._negative @ counts, axis=0, dtype=np.int32)
        above = negatives[self._above]
        to_here = above if self._untied else negatives[self._to_here]
        return RankCounts(positive, above, to_here, negatives[-1])

    def count_once(self) -> "RankCounts":
        """Count the films as they are: one column."""
        return self.count(np.ones((self._positive.shape[1], 1), dtype=np.int32))


class RankCounts(NamedTuple):
    """Films of one finding in a block of resamples; levels are the scores of films with the finding, falling.

    Attributes:
        positive: Films with the finding on each level.
        above: Films without it that score higher.
        to_here: Films without it that score higher or the same.
        n_negative: All films without it.
    """

    positive: Int32[np.ndarray, "level block"]
    above: Int32[np.ndarray, "level block"]
    to_here: Int32[np.ndarray, "level block"]
    n_negative: Int32[np.ndarray, " block"]

    def auroc(self) -> Float64[np.ndarray, " block"]:
        """Return the share of pairs in the right order, a tie as half; NaN without one of the classes."""
        beaten = 2 * self.n_negative - self.above - self.to_here.astype(np.float64)
        won = np.einsum("lb,lb->b", self.positive.astype(np.float64), beaten)
        return self._or_nan(won, 2.0 * self._n_positive() * self.n_negative)

    def average_precision(self) -> Float64[np.ndarray, " block"]:
        """Return the sum of (gain in recall) x precision; NaN without one of the classes."""
        true_above = np.cumsum(self.positive, axis=0, dtype=np.int32)
        precision = true_above / np.maximum(true_above + self.to_here, 1)
        total = np.einsum("lb,lb->b", self.positive.astype(np.float64), precision)
        return self._or_nan(total, self._n_positive())

    def partial_auroc(self, up_to: float) -> Float64[np.ndarray, " block"]:
        """Return the area up to a false positive rate, scaled so that chance is 0.5 and perfect 1 (McClish)."""
        if up_to == 1:
            return self.auroc()
        # A film at false positive rate x adds what lies right of it; films level with others lie on a slope from x on.
        bound = up_to * self.n_negative
        left = np.maximum(bound - self.above, 0.0)
        reach = left
        if self.to_here is not self.above:
            right, width = np.maximum(bound - self.to_here, 0.0), self.to_here - self.above
            reach = np.where(width > 0, (left - right) * (left + right) / np.maximum(2.0 * width, 1), left)
        area = np.einsum("lb,lb->b", self.positive.astype(np.float64), reach)
        area = self._or_nan(area, self._n_positive() * self.n_negative)
        chance = up_to**2 / 2
        return 0.5 * (1 + (area - chance) / (up_to - chance))

    def sensitivity_at(self, specificity: float) -> Float64[np.ndarray, " block"]:
        """Return the largest sensitivity of a threshold with at least this specificity."""
        allowed = (1 - specificity + _NEARLY) * self.n_negative
        found = np.where(self.to_here <= allowed, self.positive, 0).sum(axis=0, dtype=np.float64)
        return self._or_nan(found, self._n_positive())

    def specificity_at(self, sensitivity: float) -> Float64[np.ndarray, " block"]:
        """Return the largest specificity of a threshold with at least this sensitivity."""
        if not len(self.positive):
            return np.full(self.n_negative.shape, np.nan)
        n_positive = self._n_positive()
        enough = np.cumsum(self.positive, axis=0, dtype=np.int32) >= (sensitivity - _NEARLY) * n_positive
        first = enough.argmax(axis=0)
        called = self.to_here[first, np.arange(len(first))]
        return self._or_nan(self.n_negative - called.astype(np.float64), self.n_negative.astype(np.float64))

    def _n_positive(self) -> Float64[np.ndarray, " block"]:
        return np.asarray(self.positive.sum(axis=0, dtype=np.float64))

    def _or_nan(
        self, part: Float64[np.ndarray, " block"], whole: Float64[np.ndarray, " block"]
    ) -> Float64[np.ndarray, " block"]:
        both: Bool[np.ndarray, " block"] = (self._n_positive() > 0) & (self.n_negative > 0)
        ratio: Float64[np.ndarray, " block"] = np.full(part.shape, np.nan)
        np.divide(part, whole, out=ratio, where=both)
        return ratio


def check_rate(rate: float, name: str) -> float:
    """Return a rate that can be held.

    Raises:
        InvalidValueError: It is not above 0 and at most 1.
    """
    if not 0 < rate <= 1:
        raise InvalidValueError(f"{name} must lie above 0 and be at most 1, got {rate}")
    return float(rate)


def _table(
    row: Int64[np.ndarray, " film"], member: Int64[np.ndarray, " film"], n_rows: int, n_groups: int
) -> csr_array:
    return csr_array((np.ones(len(row), dtype=np.int32), (row, member)), shape=(n_rows, n_groups))
