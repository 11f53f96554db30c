"""Rank metrics and rates on resamples of patients, :class:`hilum.metrics.Resamples`; a resample lacks what it lacks."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real, Shaped

from hilum.errors import InvalidValueError
from hilum.metrics.known import check_pair
from hilum.metrics.rank_table import RankCounts, RankTable, check_rate
from hilum.metrics.resample import Resamples

__all__ = [
    "HeldRates",
    "RankReplicates",
    "RateReplicates",
    "bootstrap_ranks",
    "bootstrap_rates",
    "pool_findings",
]


class HeldRates(NamedTuple):
    """What is read off the ROC curve beside its area.

    Attributes:
        partial_up_to: Largest false positive rate that counts in the partial AUROC.
        specificities: At which sensitivity is read.
        sensitivities: At which specificity is read.
    """

    partial_up_to: float = 0.1
    specificities: tuple[float, ...] = (0.9,)
    sensitivities: tuple[float, ...] = (0.9,)


class RankReplicates(NamedTuple):
    """Rank metrics of every resample; NaN where a resample lacks a class.

    Attributes:
        auroc: Area under the ROC curve.
        average_precision: Average precision.
        partial_auroc: Of :func:`hilum.metrics.partial_auroc`; NaN unless rates were asked for.
        sensitivity_at_specificity: In the order of the specificities asked for; empty unless asked for.
        specificity_at_sensitivity: In the order of the sensitivities asked for; empty unless asked for.
    """

    auroc: Float[np.ndarray, "replicate finding"]
    average_precision: Float[np.ndarray, "replicate finding"]
    partial_auroc: Float[np.ndarray, "replicate finding"]
    sensitivity_at_specificity: Float[np.ndarray, "replicate finding held"]
    specificity_at_sensitivity: Float[np.ndarray, "replicate finding held"]


class RateReplicates(NamedTuple):
    """Sensitivity and specificity of every resample; NaN where a resample lacks the class."""

    sensitivity: Float[np.ndarray, "replicate finding"]
    specificity: Float[np.ndarray, "replicate finding"]


def bootstrap_ranks(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    n_replicates: int = 1000,
    seed: int = 0,
    held: HeldRates | None = None,
) -> RankReplicates:
    """Measure AUROC and average precision of every finding on resampled groups.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film, as numbers or text.
        n_replicates: How many resamples.
        seed: Of the resamples.
        held: Asks for the partial AUROC and rates at held rates as well.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, shapes differ, ``n_replicates`` is negative, or
            a rate is not in (0, 1].
    """
    scores, targets = check_pair(scores, targets)
    resamples = _resamples(groups, len(scores), n_replicates, seed)
    tables = [
        RankTable(*column, resamples.member, resamples.n_groups) for column in zip(scores.T, targets.T, strict=True)
    ]
    if held is not None:
        _check_held(held)
    n_held = 3 + (len(held.specificities) + len(held.sensitivities) if held else 0)
    measured = np.full((n_replicates, len(tables), n_held), np.nan)
    start = 0
    for counts in resamples.counts():
        by_group = np.ascontiguousarray(counts.T)
        for finding, table in enumerate(tables):
            measured[start : start + len(counts), finding] = _measure(table.count(by_group), held)
        start += len(counts)
    middle = 3 + (len(held.specificities) if held else 0)
    return RankReplicates(
        measured[..., 0], measured[..., 1], measured[..., 2], measured[..., 3:middle], measured[..., middle:]
    )


def bootstrap_rates(
    calls: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    n_replicates: int = 1000,
    seed: int = 0,
) -> RateReplicates:
    """Measure sensitivity and specificity of 0 / 1 calls on resampled groups.

    Args:
        calls: 1 called present, 0 called absent.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film, as numbers or text.
        n_replicates: How many resamples.
        seed: Of the resamples; the same groups are drawn as in :func:`bootstrap_ranks`.

    Raises:
        InvalidValueError: As for :func:`bootstrap_ranks`.
    """
    calls, targets = check_pair(calls, targets, name="calls")
    resamples = _resamples(groups, len(calls), n_replicates, seed)
    present, absent = targets == 1, targets == 0
    return RateReplicates(
        resamples.share(present & (calls == 1), present), resamples.share(absent & (calls == 0), absent)
    )


def pool_findings(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
) -> tuple[Float[np.ndarray, "pair 1"], Float[np.ndarray, "pair 1"], Shaped[np.ndarray, " pair"]]:
    """Put all pairs of film and finding into one column: what is measured on it is the ``micro`` average.

    Returns:
        Scores, targets and patients for :func:`bootstrap_ranks`, which draws the same patients as for the findings.

    Raises:
        InvalidValueError: As for :func:`bootstrap_ranks`.

    Example:
        >>> scores, targets = np.array([[0.9, 0.2], [0.3, 0.4]]), np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> pooled, truth, patients = pool_findings(scores, targets, np.array([7, 8]))
        >>> pooled.shape, patients.tolist(), bootstrap_ranks(pooled, truth, patients, n_replicates=1).auroc.tolist()
        ((4, 1), [7, 7, 8, 8], [[1.0]])
    """
    scores, targets = check_pair(scores, targets)
    if np.shape(groups) != (len(scores),):
        raise InvalidValueError(
            f"groups have shape {np.shape(groups)}, expected ({len(scores)},): one patient per film"
        )
    return scores.reshape(-1, 1), targets.reshape(-1, 1), np.repeat(np.asarray(groups), scores.shape[1])


def _resamples(groups: Shaped[np.ndarray, " image"], n_images: int, n_replicates: int, seed: int) -> Resamples:
    if np.shape(groups) != (n_images,):
        raise InvalidValueError(f"groups have shape {np.shape(groups)}, expected ({n_images},): one patient per film")
    return Resamples(groups, n_replicates, seed)


def _check_held(held: HeldRates) -> None:
    check_rate(held.partial_up_to, "partial_up_to")
    for specificity in held.specificities:
        check_rate(specificity, "a held specificity")
    for sensitivity in held.sensitivities:
        check_rate(sensitivity, "a held sensitivity")


def _measure(counts: RankCounts, held: HeldRates | None) -> Float[np.ndarray, "block metric"]:
    columns = [counts.auroc(), counts.average_precision()]
    if held is None:
        return np.stack([*columns, np.full_like(columns[0], np.nan)], axis=1)
    columns.append(counts.partial_auroc(held.partial_up_to))
    columns += [counts.sensitivity_at(specificity) for specificity in held.specificities]
    columns += [counts.specificity_at(sensitivity) for sensitivity in held.sensitivities]
    return np.stack(columns, axis=1)
