"""Resamples by patient: whole groups are drawn with replacement, since the films of one patient resemble each other.

Source: Efron 1979; resampling of clusters as in Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.
A seed draws the same groups whatever is measured on them, so two models can be compared on the same films.
"""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float64, Int32, Int64, Real, Shaped
from scipy.sparse import csr_array

from hilum.errors import InvalidValueError
from hilum.metrics.film_terms import ratio_of_sums

__all__ = ["Resamples", "patient_folds"]

_BLOCK = 128
"""Resamples drawn at a time: enough for whole vectors, few enough to stay in the processor's cache."""

_NOBODY = np.zeros((1, 0), dtype=np.int64)


class Resamples:
    """How often each group is drawn, resample after resample: drawn anew each time, never kept, always the same.

    Args:
        groups: The patient of each film, as numbers or text.
        n_replicates: How many resamples.
        seed: Of the resamples; the same groups are drawn as in :func:`hilum.metrics.bootstrap_ranks`.

    Attributes:
        member: Number of each film's group, from 0 on.
        n_groups: How many groups there are; a resample draws as many.
        n_replicates: How many resamples.
        seed: Of the resamples.

    Raises:
        InvalidValueError: ``groups`` has more than one axis, or ``n_replicates`` is negative.

    Example:
        >>> resamples = Resamples(np.array(["a", "a", "b"]), 2, seed=3)
        >>> next(resamples.counts())
        array([[1, 1],
               [2, 0]], dtype=int32)
    """

    def __init__(self, groups: Shaped[np.ndarray, " image"], n_replicates: int, seed: int = 0) -> None:
        groups = np.asarray(groups)
        if groups.ndim != 1:
            raise InvalidValueError(f"groups have shape {groups.shape}, expected one axis: one patient per film")
        if n_replicates < 0:
            raise InvalidValueError(f"n_replicates must be at least 0, got {n_replicates}")
        names, member = np.unique(groups, return_inverse=True)
        self.member: Int64[np.ndarray, " image"] = member.astype(np.int64)
        self.n_groups = len(names)
        self.n_replicates = n_replicates
        self.seed = seed

    def n_among(self, chosen: Bool[np.ndarray, " image"]) -> int:
        """Return how many groups have a film among the chosen."""
        return len(np.unique(self.member[chosen]))

    def counts(self) -> Iterator[Int32[np.ndarray, "block group"]]:
        """Yield how often each group is drawn, in blocks of resamples; the blocks together are ``n_replicates``."""
        generator = np.random.default_rng(self.seed)
        for start in range(0, self.n_replicates, _BLOCK):
            n_drawn = min(_BLOCK, self.n_replicates - start)
            drawn = generator.integers(0, self.n_groups, size=(n_drawn, self.n_groups)) if self.n_groups else _NOBODY
            drawn = drawn + np.arange(n_drawn)[:, None] * self.n_groups
            counts = np.bincount(drawn.ravel(), minlength=n_drawn * self.n_groups)
            yield counts.reshape(n_drawn, self.n_groups).astype(np.int32)

    def sum(self, values: Real[np.ndarray, "image ..."]) -> Float64[np.ndarray, "replicate ..."]:
        """Sum what films have over every resample, each film as often as its patient is drawn.

        Args:
            values: One number, or one array, per film; no NaN.

        Raises:
            InvalidValueError: There is not one row per film, or a value is not finite.
        """
        values = self._per_film(values, "values")
        if not np.isfinite(values).all():
            raise InvalidValueError("values hold NaN or infinity: give films that do not count the value 0")
        return self._sum(values.reshape(len(values), math.prod(values.shape[1:]))).reshape(
            self.n_replicates, *values.shape[1:]
        )

    def share(
        self, numerator: Real[np.ndarray, "image ..."], denominator: Real[np.ndarray, "image ..."]
    ) -> Float64[np.ndarray, "replicate ..."]:
        """Divide two sums over films in every resample: a rate, a mean, anything that is a ratio of sums.

        Args:
            numerator: What is summed above, per film.
            denominator: What is summed below: of the same shape, or of one axis for all of ``rest``. A film where
                either is NaN is left out of both.

        Returns:
            One ratio per resample; NaN where the denominator's sum is 0.

        Raises:
            InvalidValueError: There is not one row per film, shapes do not fit, or a value is infinite.

        Example:
            >>> resamples = Resamples(np.array([1, 1, 2]), 2, seed=3)
            >>> resamples.share(np.array([1, 1, 0]), np.array([1, 1, 1]))
            array([0.66666667, 1.        ])
        """
        numerator, denominator = self._per_film(numerator, "numerator"), self._per_film(denominator, "denominator")
        if denominator.ndim == 1 and numerator.ndim > 1 and not np.isnan(numerator).any():
            known = ~np.isnan(denominator)
            below = self.sum(np.where(known, denominator, 0.0)).reshape(-1, *[1] * (numerator.ndim - 1))
            above = self.sum(np.where(known.reshape(-1, *[1] * (numerator.ndim - 1)), numerator, 0.0))
            return ratio_of_sums(above, below)
        if denominator.ndim == 1:
            denominator = denominator.reshape(-1, *[1] * (numerator.ndim - 1))
            denominator = np.broadcast_to(denominator, numerator.shape)
        if denominator.shape != numerator.shape:
            raise InvalidValueError(
                f"numerator has shape {numerator.shape}, denominator {denominator.shape}: expected the same shape, "
                "or a denominator of one number per film"
            )
        known = ~(np.isnan(numerator) | np.isnan(denominator))
        return ratio_of_sums(self.sum(np.where(known, numerator, 0.0)), self.sum(np.where(known, denominator, 0.0)))

    def _per_film(self, values: Real[np.ndarray, "..."], name: str) -> Float64[np.ndarray, "image ..."]:
        values = np.asarray(values, dtype=np.float64)
        if values.shape[:1] != self.member.shape:
            raise InvalidValueError(
                f"{name} have shape {values.shape}, groups ({len(self.member)},): expected one row per film"
            )
        return values

    def _sum(self, values: Float64[np.ndarray, "image value"]) -> Float64[np.ndarray, "replicate value"]:
        # Sums per group once; a block of resamples is then one product of matrices.
        films = np.arange(len(self.member))
        belongs = csr_array((np.ones(len(films)), (self.member, films)), shape=(self.n_groups, len(films)))
        per_group = np.asarray(belongs @ values)
        sums = np.empty((self.n_replicates, values.shape[1]))
        for block, counts in enumerate(self.counts()):
            sums[block * _BLOCK : block * _BLOCK + len(counts)] = counts.astype(np.float64) @ per_group
        return sums


def patient_folds(groups: Shaped[np.ndarray, " image"], n_folds: int, seed: int = 0) -> Int64[np.ndarray, " image"]:
    """Deal patients to folds, as evenly as they go; there are as many folds as patients, at most.

    Args:
        groups: The patient of each film, as numbers or text.
        n_folds: How many folds, at least 2.
        seed: Of the deal.

    Returns:
        The fold of each film, from 0 on, the same for all films of a patient.

    Raises:
        InvalidValueError: Fewer than two folds.
    """
    if n_folds < 2:
        raise InvalidValueError(f"n_folds must be at least 2, got {n_folds}: what is fitted comes from other patients")
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(len(names)) % min(n_folds, max(len(names), 1))
    return np.asarray(dealt[member], dtype=np.int64)
