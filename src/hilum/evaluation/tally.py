"""Sums over films, and the same over every resample of patients: whatever is a ratio of sums, with its interval."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Real
from numpy.typing import ArrayLike

from hilum.metrics import (
    Resamples,
    calibration_error_interval,
    percentile_interval,
    ratio_of_sums,
    share_interval,
)
from hilum.records import Estimate

__all__ = [
    "NEVER_DEFINED",
    "NOTHING_VARIES",
    "NO_RESAMPLES",
    "TOO_FEW",
    "Tally",
    "estimate",
    "estimate_error",
    "with_ends",
]

NO_RESAMPLES = "no resamples were asked for"
TOO_FEW = "no interval: one patient alone stands behind it, or behind what it is made of"
NEVER_DEFINED = "no interval: it is defined in no resample of these patients"
NOTHING_VARIES = "no interval: every resample of these patients gives the same number, which is no certainty"

Draws = Float[np.ndarray, "draw *rest"]


class Tally:
    """Sums of named numbers per film; draw 0 is the films as they are, the others are resamples of patients.

    All of them are summed in one go: a resample is a product of matrices, so the more at a time the better.

    Args:
        values: Name to one number, or one row of numbers, per film.
        resamples: Of the same films.
    """

    def __init__(self, values: Mapping[str, Real[np.ndarray, "image ..."]], resamples: Resamples) -> None:
        blocks = {name: np.asarray(block, np.float64).reshape(len(block), -1) for name, block in values.items()}
        table = np.concatenate(list(blocks.values()), axis=1)
        self._sums = np.concatenate([table.sum(axis=0, keepdims=True), resamples.sum(table)])
        ends = np.cumsum([block.shape[1] for block in blocks.values()])
        self._ends = dict(zip(blocks, ends.tolist(), strict=True))
        self._flat = {name for name, block in values.items() if np.ndim(block) == 1}
        self._widths = {name: block.shape[1] for name, block in blocks.items()}

    def __getitem__(self, name: str) -> Draws:
        end = self._ends[name]
        part = self._sums[:, end - self._widths[name] : end]
        return part[:, 0] if name in self._flat else part

    def share(self, above: str, below: str) -> Draws:
        """Return a ratio of two sums; NaN where the lower one is 0."""
        upper, lower = self[above], self[below]
        return ratio_of_sums(upper, lower if lower.ndim == upper.ndim else lower[:, None])


def estimate(draws: Draws, undefined: str, *, n_patients: int | None = None, n_units: float | None = None) -> Estimate:
    """Return draw 0 with the percentile interval over the others.

    Args:
        draws: What was measured: on the films as they are, then on each resample.
        undefined: Why draw 0 is NaN, if it is.
        n_patients: For a share, or a mean of numbers from 0 to 1: how many patients stand behind it. Of one that is
            exactly 0 or 1 every resample gives the same, so the interval is then the exact binomial one over them.
        n_units: For any other number: how many patients stand behind it, of the rarer kind.
    """
    if n_patients is None:
        return with_ends(draws, percentile_interval(draws[1:], n_units=n_units), undefined)
    return with_ends(draws, share_interval(float(draws[0]), draws[1:], n_patients=n_patients), undefined)


def with_ends(draws: Draws, ends: tuple[ArrayLike, ArrayLike], undefined: str) -> Estimate:
    """Return draw 0 with the ends of its interval, or why it has none; an interval is never a point."""
    value, low, high = float(draws[0]), float(np.asarray(ends[0])), float(np.asarray(ends[1]))
    if np.isnan(value):
        return Estimate(reason=undefined)
    if low < high:
        return Estimate(value=value, low=low, high=high)
    return Estimate(value=value, reason=_no_interval(draws))


def _no_interval(draws: Draws) -> str:
    if len(draws) == 1:
        return NO_RESAMPLES
    others = draws[1:][~np.isnan(draws[1:])]
    if len(others) and others.min() < others.max():
        return TOO_FEW
    return NEVER_DEFINED if np.isnan(draws[1:]).all() else NOTHING_VARIES


def estimate_error(draws: Draws, chance: Draws, undefined: str) -> Estimate:
    """Return a calibration error with the interval of :func:`hilum.metrics.calibration_error_interval`.

    Args:
        draws: On the films as they are, then on each resample.
        chance: Beside them, what resampling alone does to the bins; 0 in draw 0.
        undefined: Why draw 0 is NaN, if it is.
    """
    return with_ends(draws, calibration_error_interval(float(draws[0]), draws[1:], chance[1:]), undefined)
