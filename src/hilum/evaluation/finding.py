"""Everything that is measured for one finding."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from hilum.evaluation.calibration import calibration_values, decision_values, measure_calibration, measure_decision
from hilum.evaluation.column import Columns
from hilum.evaluation.finding_films import films_of
from hilum.evaluation.operating_point import call_values, measure_calls, middle
from hilum.evaluation.rank import Ranks, measure_area, measure_ranks
from hilum.evaluation.refer import measure_refer, refer_values
from hilum.evaluation.tally import Tally
from hilum.metrics import Resamples, Scores, pr_curve, roc_curve, thin_curve
from hilum.records import Curve, FindingEvaluation, TableRow

__all__ = ["evaluate_finding", "table_row"]

_DIGITS = 6
"""A curve is drawn from its points; nobody sees the seventh digit."""


def evaluate_finding(
    columns: Columns,
    name: str,
    resamples: Resamples,
    *,
    ranks: Ranks,
    chosen_on: str,
    table: Scores,
    prevalences: Mapping[str, float],
) -> FindingEvaluation:
    """Measure one finding.

    Args:
        columns: What was said and what was there.
        name: Of the finding.
        resamples: Of the films, for the intervals.
        ranks: What ranking gave on the same resamples.
        chosen_on: Where the threshold comes from.
        table: The finding's row of the classification table.
        prevalences: How common findings are where the user is.
    """
    place = columns.place(name)
    films = films_of(columns, place, resamples)
    low, high, zone = columns.low[:, place], columns.high[:, place], columns.zones.get(name)
    values = {
        **call_values(films),
        **calibration_values(films),
        **decision_values(films),
        **(refer_values(films, low, high) if zone else {}),
    }
    tally = Tally(values, resamples)
    known, targets = films.known, columns.targets[films.known, place]
    auroc, auprc = measure_area(films, ranks)
    roc, pr = roc_curve(films.scores[known], targets), pr_curve(films.scores[known], targets)
    return FindingEvaluation(
        auroc=auroc,
        auprc=auprc,
        prevalence=float(targets.mean()) if len(targets) else float("nan"),
        operating_point=measure_calls(films, tally, chosen_on=chosen_on, prevalence=prevalences.get(name)),
        table=table_row(table),
        calibration=measure_calibration(films, tally),
        roc=_thin(roc.false_positive_rate, roc.true_positive_rate),
        pr=_thin(pr.recall, pr.precision),
        rank=measure_ranks(films, ranks),
        decision=measure_decision(films, tally),
        refer=measure_refer(films, tally, zone, middle(low), middle(high)) if zone else None,
    )


def table_row(scores: Scores) -> TableRow:
    """Return a row of the classification table as a record."""
    return TableRow(precision=scores.precision, recall=scores.recall, f1=scores.f1, support=scores.support)


def _thin(x: Float[np.ndarray, " point"], y: Float[np.ndarray, " point"]) -> Curve:
    if np.isnan(x).any() or np.isnan(y).any():
        return Curve(x=(), y=())
    kept = thin_curve(x, y)
    return Curve(x=tuple(x[kept].round(_DIGITS).tolist()), y=tuple(y[kept].round(_DIGITS).tolist()))
