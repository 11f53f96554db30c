"""How well films are ordered, with each kind of interval there is."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from hilum.evaluation.column import Columns
from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import estimate, with_ends
from hilum.metrics import (
    AurocVariance,
    HeldRates,
    Ranking,
    Resamples,
    auroc_interval,
    bootstrap_ranks,
    clustered_delong,
    count_patients,
    delong,
    delong_interval,
    partial_auroc,
    sensitivity_at_specificity,
    specificity_at_sensitivity,
    undefined_reason,
)
from hilum.records import Estimate, FixedRate, RankDetail, RankMetric

__all__ = ["HELD", "Ranks", "measure_area", "measure_ranks", "rank_all"]

HELD = HeldRates(partial_up_to=0.1, specificities=(0.8, 0.9, 0.95), sensitivities=(0.8, 0.9, 0.95))

Replicates = Float[np.ndarray, " replicate"]


class Ranks(NamedTuple):
    """One finding on every resample; NaN where a resample lacks a class."""

    auroc: Replicates
    average_precision: Replicates
    partial_auroc: Replicates
    sensitivity_at_specificity: Float[np.ndarray, "replicate held"]
    specificity_at_sensitivity: Float[np.ndarray, "replicate held"]
    by_image: Replicates


def rank_all(columns: Columns, resamples: Resamples) -> list[Ranks]:
    """Rank every column on the same resamples of patients, and on as many of films."""
    scores, targets, n, seed = columns.scores, columns.targets, resamples.n_replicates, resamples.seed
    ranks = bootstrap_ranks(scores, targets, columns.members, n_replicates=n, seed=seed, held=HELD)
    by_image = bootstrap_ranks(scores, targets, np.arange(len(scores)), n_replicates=n, seed=seed).auroc
    return [Ranks(*(part[:, place] for part in (*ranks, by_image))) for place in range(len(columns.names))]


def measure_area(films: Films, ranks: Ranks) -> tuple[RankMetric, RankMetric]:
    """Return AUROC and AUPRC, with the reason where they are undefined."""
    scores, targets = films.scores[films.known], films.targets[films.known]
    ranking = Ranking(scores, targets)
    area, precision = ranking.measure(np.ones(len(targets), dtype=np.int64))
    n_with, n_without = count_patients(targets, films.member[films.known])
    facts: dict[str, Any] = {"n_positive": ranking.n_positive, "n_negative": ranking.n_negative}
    reason = undefined_reason(**facts)
    ends = auroc_interval(area, ranks.auroc, n_positive=n_with, n_negative=n_without)
    first = with_ends(_draws(area, ranks.auroc), ends, reason)
    second = estimate(_draws(precision, ranks.average_precision), reason, n_units=min(n_with, n_without))
    return RankMetric(**dict(first), **facts), RankMetric(**dict(second), **facts)


def measure_ranks(films: Films, ranks: Ranks) -> RankDetail:
    """Return what is known of the order beyond AUROC and AUPRC."""
    known = films.known
    scores, targets = films.scores[known], films.targets[known]
    n_positive = int(films.present.sum())
    undefined = undefined_reason(n_positive, len(targets) - n_positive)
    ranking = Ranking(scores, targets)
    area = ranking.measure(np.ones(len(targets), dtype=np.int64))[0]
    rarer = min(count_patients(targets, films.member[known]))
    partial = partial_auroc(scores, targets, max_false_positive_rate=HELD.partial_up_to)
    return RankDetail(
        partial_auroc=estimate(_draws(partial, ranks.partial_auroc), undefined, n_units=rarer),
        partial_up_to=HELD.partial_up_to,
        delong=_by_variance(delong(scores, targets), undefined),
        clustered_delong=_by_variance(clustered_delong(scores, targets, films.member[known]), undefined),
        by_image=_by_image(area, ranks.by_image, targets, undefined),
        sensitivity_at_specificity=tuple(
            FixedRate(
                held=held,
                reached=_with(sensitivity_at_specificity(scores, targets, specificity=held), column, undefined, rarer),
            )
            for held, column in zip(HELD.specificities, ranks.sensitivity_at_specificity.T, strict=True)
        ),
        specificity_at_sensitivity=tuple(
            FixedRate(
                held=held,
                reached=_with(specificity_at_sensitivity(scores, targets, sensitivity=held), column, undefined, rarer),
            )
            for held, column in zip(HELD.sensitivities, ranks.specificity_at_sensitivity.T, strict=True)
        ),
    )


def _draws(value: float, replicates: Replicates) -> Replicates:
    return np.concatenate([[value], replicates])


def _with(value: float, replicates: Replicates, undefined: str, rarer: int) -> Estimate:
    return estimate(_draws(value, replicates), undefined, n_patients=rarer)


def _by_image(area: float, replicates: Replicates, targets: Float[np.ndarray, " known"], undefined: str) -> Estimate:
    n_positive = int((targets == 1).sum())
    ends = auroc_interval(area, replicates, n_positive=n_positive, n_negative=len(targets) - n_positive)
    return with_ends(_draws(area, replicates), ends, undefined)


def _by_variance(measured: AurocVariance, undefined: str) -> Estimate:
    low, high = delong_interval(measured)
    lacking = "" if low == low else "too few patients of a kind for a variance"
    return Estimate(value=measured.value, low=low, high=high, reason=undefined or lacking)
