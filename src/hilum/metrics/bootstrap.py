"""Bootstrap by patient: whole groups are drawn with replacement, since the films of one patient resemble each other.

Source: Efron 1979; resampling of clusters as in Field and Welsh, "Bootstrapping clustered data", JRSS B 2007.
A seed draws the same groups whatever is measured on them, so two models can be compared on the same films.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64, Real, Shaped

from hilum.errors import InvalidValueError
from hilum.metrics.known import check_pair
from hilum.metrics.ranking import Ranking

__all__ = [
    "RankReplicates",
    "RateReplicates",
    "bootstrap_auroc",
    "bootstrap_average_precision",
    "bootstrap_ranks",
    "bootstrap_rates",
]


class RankReplicates(NamedTuple):
    """Both rank metrics of every resample; NaN where a resample lacks a class.

    Attributes:
        auroc: Area under the ROC curve.
        average_precision: Average precision.
    """

    auroc: Float[np.ndarray, "replicate finding"]
    average_precision: Float[np.ndarray, "replicate finding"]


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
) -> RankReplicates:
    """Measure AUROC and average precision of every finding on resampled groups.

    Args:
        scores: Any increasing function of the probability.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film, as numbers or text.
        n_replicates: How many resamples.
        seed: Of the resamples.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, shapes differ, or ``n_replicates`` is negative.
    """
    scores, targets = check_pair(scores, targets)
    member, n_groups = _members(groups, len(scores))
    rankings = [Ranking(*column) for column in zip(scores.T, targets.T, strict=True)]
    measured = np.full((2, _check_replicates(n_replicates), len(rankings)), np.nan)
    for replicate, counts in enumerate(_resamples(n_groups, n_replicates, seed)):
        weights = counts[member]
        for finding, ranking in enumerate(rankings):
            measured[:, replicate, finding] = ranking.measure(weights)
    return RankReplicates(*measured)


def bootstrap_auroc(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    n_replicates: int = 1000,
    seed: int = 0,
) -> Float[np.ndarray, "replicate finding"]:
    """Return the AUROCs of :func:`bootstrap_ranks` alone."""
    return bootstrap_ranks(scores, targets, groups, n_replicates=n_replicates, seed=seed).auroc


def bootstrap_average_precision(
    scores: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    n_replicates: int = 1000,
    seed: int = 0,
) -> Float[np.ndarray, "replicate finding"]:
    """Return the average precisions of :func:`bootstrap_ranks` alone."""
    return bootstrap_ranks(scores, targets, groups, n_replicates=n_replicates, seed=seed).average_precision


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
    member, n_groups = _members(groups, len(calls))
    parts = (targets == 1, (targets == 1) & (calls == 1), targets == 0, (targets == 0) & (calls == 0))
    # Sums per group once; a resample is then one product of matrices.
    per_group = np.zeros((n_groups, 4, calls.shape[1]))
    np.add.at(per_group, member, np.stack(parts, axis=1))
    measured = np.full((2, _check_replicates(n_replicates), calls.shape[1]), np.nan)
    for replicate, counts in enumerate(_resamples(n_groups, n_replicates, seed)):
        present, found, absent, spared = np.tensordot(counts.astype(np.float64), per_group, axes=1)
        np.divide(found, present, out=measured[0, replicate], where=present > 0)
        np.divide(spared, absent, out=measured[1, replicate], where=absent > 0)
    return RateReplicates(*measured)


def _members(groups: Shaped[np.ndarray, " image"], n_images: int) -> tuple[Int64[np.ndarray, " image"], int]:
    groups = np.asarray(groups)
    if groups.shape != (n_images,):
        raise InvalidValueError(f"groups have shape {groups.shape}, expected ({n_images},): one patient per film")
    names, member = np.unique(groups, return_inverse=True)
    return member.astype(np.int64), len(names)


def _check_replicates(n_replicates: int) -> int:
    if n_replicates < 0:
        raise InvalidValueError(f"n_replicates must be at least 0, got {n_replicates}")
    return n_replicates


def _resamples(n_groups: int, n_replicates: int, seed: int) -> Iterator[Int64[np.ndarray, " group"]]:
    """Yield how often each group is drawn, replicate after replicate."""
    generator = np.random.default_rng(seed)
    for _ in range(n_replicates):
        drawn = generator.integers(0, n_groups, size=n_groups)
        yield np.bincount(drawn, minlength=n_groups).astype(np.int64)
