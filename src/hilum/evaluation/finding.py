"""Everything that is measured for one finding."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped

from hilum.metrics import (
    Ranking,
    Scores,
    brier_score,
    calibration_error,
    percentile_interval,
    pr_curve,
    reliability_curve,
    roc_curve,
    thin_curve,
    wilson_interval,
)
from hilum.records import (
    CalibrationEvaluation,
    Curve,
    Estimate,
    FindingEvaluation,
    Interval,
    OperatingPoint,
    RankMetric,
    ReliabilityCurve,
    TableRow,
)

__all__ = ["Films", "Replicates", "evaluate_finding", "table_row"]

_DIGITS = 6
"""A curve is drawn from its points; nobody sees the seventh digit."""


@dataclass(frozen=True, eq=False)
class Films:
    """One finding on the films whose target is known.

    Attributes:
        probabilities: In [0, 1].
        present: Whether the finding is there.
        groups: The patient of each film.
    """

    probabilities: Float[np.ndarray, " known"]
    present: Bool[np.ndarray, " known"]
    groups: Shaped[np.ndarray, " known"]


@dataclass(frozen=True, eq=False)
class Replicates:
    """One finding on every resample of patients; NaN where a resample lacks a class."""

    auroc: Float[np.ndarray, " replicate"]
    average_precision: Float[np.ndarray, " replicate"]
    sensitivity: Float[np.ndarray, " replicate"]
    specificity: Float[np.ndarray, " replicate"]


def evaluate_finding(
    films: Films, replicates: Replicates, *, threshold: float, chosen_on: str, table: Scores
) -> FindingEvaluation:
    """Measure one finding.

    Args:
        films: What was said and what was there.
        replicates: The same on resamples, for the intervals.
        threshold: From which probability on a film is called; NaN if none could be chosen.
        chosen_on: Where the threshold comes from.
        table: The finding's row of the classification table.
    """
    targets = films.present.astype(np.float64)
    ranking = Ranking(films.probabilities, targets)
    auroc, precision = ranking.measure(np.ones(len(targets), dtype=np.int64))
    roc, pr = roc_curve(films.probabilities, targets), pr_curve(films.probabilities, targets)
    return FindingEvaluation(
        auroc=_rank_metric(auroc, replicates.auroc, ranking),
        auprc=_rank_metric(precision, replicates.average_precision, ranking),
        prevalence=float(targets.mean()) if len(targets) else float("nan"),
        operating_point=_operating_point(films, replicates, threshold=threshold, chosen_on=chosen_on),
        table=table_row(table),
        calibration=_calibration(films.probabilities, targets),
        roc=_thin(roc.false_positive_rate, roc.true_positive_rate),
        pr=_thin(pr.recall, pr.precision),
    )


def _calibration(
    probabilities: Float[np.ndarray, " known"], targets: Float[np.ndarray, " known"]
) -> CalibrationEvaluation:
    curve = reliability_curve(probabilities, targets)
    none = tuple(np.full(len(curve.n_images), np.nan).tolist())
    reliability = ReliabilityCurve(
        probability=tuple(curve.mean_probability.tolist()),
        observed=tuple(curve.observed_share.tolist()),
        low=none,
        high=none,
        n_images=tuple(curve.n_images.tolist()),
    )
    later = Estimate(reason="not computed")
    return CalibrationEvaluation(
        brier=Estimate(value=brier_score(probabilities, targets)),
        nll=later,
        ece=Estimate(value=calibration_error(probabilities, targets)),
        ece_equal_width=later,
        ece_by_chance=float("nan"),
        slope=later,
        intercept=later,
        reliability=reliability,
    )


def table_row(scores: Scores) -> TableRow:
    """Return a row of the classification table as a record."""
    return TableRow(precision=scores.precision, recall=scores.recall, f1=scores.f1, support=scores.support)


def _rank_metric(value: float, replicates: Float[np.ndarray, " replicate"], ranking: Ranking) -> RankMetric:
    n_positive, n_negative = ranking.n_positive, ranking.n_negative
    low, high = percentile_interval(replicates)
    reason = ""
    if not n_positive + n_negative:
        reason = "undefined: no film has a known label"
    elif not n_positive:
        reason = f"undefined: none of {n_negative:,} films with a known label has the finding"
    elif not n_negative:
        reason = f"undefined: all of {n_positive:,} films with a known label have the finding"
    return RankMetric(
        value=value, low=float(low), high=float(high), n_positive=n_positive, n_negative=n_negative, reason=reason
    )


def _operating_point(films: Films, replicates: Replicates, *, threshold: float, chosen_on: str) -> OperatingPoint:
    """Count calls; without a threshold there are no calls, so all counts are 0 and the rates NaN."""
    judged = not np.isnan(threshold)
    called = films.probabilities >= threshold
    present, absent = films.present & judged, ~films.present & judged
    return OperatingPoint(
        threshold=threshold,
        chosen_on=chosen_on,
        sensitivity=_rate(called[present], films.groups[present], replicates.sensitivity),
        specificity=_rate(~called[absent], films.groups[absent], replicates.specificity),
        true_positive=int((called & present).sum()),
        false_positive=int((called & absent).sum()),
        true_negative=int((~called & absent).sum()),
        false_negative=int((~called & present).sum()),
    )


def _rate(
    right: Bool[np.ndarray, " film"], groups: Shaped[np.ndarray, " film"], replicates: Float[np.ndarray, " replicate"]
) -> Interval:
    """Give a share its interval: from the resamples, or Wilson's over patients where resamples cannot vary."""
    if not len(right):
        return Interval()
    if right.all() or not right.any():
        n_groups = len(np.unique(groups))
        low, high = wilson_interval(n_groups * int(right.all()), n_groups)
    else:
        low, high = (float(end) for end in percentile_interval(replicates))
    return Interval(value=float(right.mean()), low=low, high=high)


def _thin(x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]) -> Curve:
    if np.isnan(x).any() or np.isnan(y).any():
        return Curve(x=(), y=())
    kept = thin_curve(x, y)
    return _curve(x[kept], y[kept])


def _curve(x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]) -> Curve:
    return Curve(x=tuple(x.round(_DIGITS).tolist()), y=tuple(y.round(_DIGITS).tolist()))
