"""Precision, recall and F1 of calls: the table per finding and its four averages, in scikit-learn's definitions."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Real

from hilum.errors import InvalidValueError

__all__ = ["ClassificationTable", "Scores", "check_calls", "classification_table"]


class Scores(NamedTuple):
    """One row of the table.

    Attributes:
        precision: Share of the called films that have the finding; NaN if none was called.
        recall: Share of the films with the finding that were called; NaN if none has it.
        f1: 2 TP / (2 TP + FP + FN); NaN if none was called and none has it.
        support: Films with the finding.
    """

    precision: float
    recall: float
    f1: float
    support: int


class ClassificationTable(NamedTuple):
    """The rows, one per finding, and the averages over them.

    Attributes:
        rows: Per finding, in the order of the columns.
        micro: Over all pairs of film and finding.
        macro: Mean over findings, of what is defined.
        weighted: Mean over findings weighted by support, of what is defined.
        samples: Mean over films of each film's own precision, recall and F1, of what is defined.
    """

    rows: tuple[Scores, ...]
    micro: Scores
    macro: Scores
    weighted: Scores
    samples: Scores


def classification_table(
    calls: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]
) -> ClassificationTable:
    """Make the classification table.

    Equals scikit-learn's ``classification_report(..., zero_division=numpy.nan)`` on complete data: what is undefined
    is NaN and left out of the averages, where scikit-learn's default writes 0 and averages it in. (Where no row that
    is defined has support, the weighted average is NaN; scikit-learn's is 0.)

    Args:
        calls: 1 called present, 0 called absent, NaN where no call was made.
        targets: 1 present, 0 absent, NaN unknown. A pair with a NaN on either side is left out; support counts all
            known films with the finding.

    Raises:
        InvalidValueError: The shapes differ, or a value is none of 0, 1, NaN.
    """
    calls, targets = check_calls(calls, targets)
    judged = ~(np.isnan(calls) | np.isnan(targets))
    called, present = judged & (calls == 1), judged & (targets == 1)
    support = (targets == 1).sum(axis=0)
    per_finding = _measure(called, present, axis=0)
    micro = _measure(called.reshape(-1, 1), present.reshape(-1, 1), axis=0)[:, 0]
    per_film = _measure(called, present, axis=1)
    total = int(support.sum())
    return ClassificationTable(
        rows=tuple(_scores(column, int(n)) for column, n in zip(per_finding.T, support, strict=True)),
        micro=_scores(micro, total),
        macro=_scores(_average(per_finding, np.ones(len(support))), total),
        weighted=_scores(_average(per_finding, support), total),
        samples=_scores(_average(per_film, np.ones(len(calls))), total),
    )


def check_calls(
    calls: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]
) -> tuple[Float[np.ndarray, "image finding"], Float[np.ndarray, "image finding"]]:
    """Return both as float64 arrays of one shape.

    Raises:
        InvalidValueError: The shapes differ, or a value is none of 0, 1, NaN.
    """
    calls, targets = _check("calls", calls), _check("targets", targets)
    if calls.shape != targets.shape or calls.ndim != 2:
        raise InvalidValueError(f"calls have shape {calls.shape}, targets {targets.shape}: expected (image, finding)")
    return calls, targets


def _check(name: str, values: Real[np.ndarray, "image finding"]) -> Float[np.ndarray, "image finding"]:
    values = np.asarray(values, dtype=np.float64)
    strange = ~(np.isnan(values) | (values == 0) | (values == 1))
    if strange.any():
        raise InvalidValueError(f"{name} hold {values[strange][0]:g}: expected 0, 1 or NaN, not probabilities")
    return values


def _measure(
    called: Bool[np.ndarray, "image finding"], present: Bool[np.ndarray, "image finding"], *, axis: int
) -> Float[np.ndarray, "3 group"]:
    """Return precision, recall and F1 along an axis; NaN where undefined."""
    n_found = (called & present).sum(axis=axis)
    n_called, n_present = called.sum(axis=axis), present.sum(axis=axis)
    measured = np.full((3, len(n_found)), np.nan)
    np.divide(n_found, n_called, out=measured[0], where=n_called > 0)
    np.divide(n_found, n_present, out=measured[1], where=n_present > 0)
    np.divide(2 * n_found, n_called + n_present, out=measured[2], where=n_called + n_present > 0)
    return measured


def _average(measured: Float[np.ndarray, "3 group"], weights: Real[np.ndarray, " group"]) -> Float[np.ndarray, " 3"]:
    weights = np.where(np.isnan(measured), 0.0, weights)
    total = weights.sum(axis=1)
    summed = (weights * np.nan_to_num(measured)).sum(axis=1)
    average = np.full(3, np.nan)
    np.divide(summed, total, out=average, where=total > 0)
    return average


def _scores(measured: Float[np.ndarray, " 3"], support: int) -> Scores:
    precision, recall, f1 = (float(value) for value in measured)
    return Scores(precision, recall, f1, support)
