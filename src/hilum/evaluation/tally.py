"""Sums over films, and the same over every resample of patients: whatever is a ratio of sums, with its interval."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Real

from hilum.metrics import Resamples, percentile_interval
from hilum.records import Estimate

__all__ = ["Tally", "estimate", "ratio"]

NO_RESAMPLES = "no resamples were asked for"
NOTHING_VARIES = "every resample gives the same, so they give no interval"

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
        return ratio(upper, lower if lower.ndim == upper.ndim else lower[:, None])


def ratio(above: Float[np.ndarray, "*shape"], below: Float[np.ndarray, "*lower"]) -> Float[np.ndarray, "*shape"]:
    """Divide; NaN where ``below`` is 0."""
    quotient = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient


def estimate(draws: Float[np.ndarray, " draw"], undefined: str, *, centred: bool = False) -> Estimate:
    """Return draw 0 with the percentile interval over the others.

    Args:
        draws: What was measured: on the films as they are, then on each resample.
        undefined: Why draw 0 is NaN, if it is.
        centred: Move the resamples so that their middle is the value, and none below 0: for what repeated films alone
            make larger, such as a calibration error.
    """
    value = float(draws[0])
    if np.isnan(value):
        return Estimate(reason=undefined)
    others = draws[1:][~np.isnan(draws[1:])]
    if not len(others):
        return Estimate(value=value, reason=NO_RESAMPLES)
    if centred:
        others = np.maximum(others - np.median(others) + value, 0)
    low, high = (float(end) for end in percentile_interval(others))
    if low == high:
        return Estimate(value=value, reason=NOTHING_VARIES)
    return Estimate(value=value, low=low, high=high)
