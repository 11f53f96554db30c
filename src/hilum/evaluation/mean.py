"""One number for all findings: means over them, over all pairs of film and finding, and over whole films."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

from hilum.evaluation.column import Columns
from hilum.evaluation.finding import table_row
from hilum.evaluation.tally import Tally, estimate
from hilum.findings import ANCESTOR_FINDINGS, NO_FINDING
from hilum.metrics import (
    Resamples,
    auroc,
    auroc_interval,
    average_precision,
    bootstrap_ranks,
    classification_table,
    count_patients,
    effective_units,
    label_ranking_terms,
    logit_interval,
    mean_over_findings,
    percentile_interval,
    pool_findings,
    subset_accuracy_terms,
)
from hilum.records import Averages, FilmScores, FindingEvaluation, MacroMetric

__all__ = ["Measured", "averages", "film_scores", "micro_means"]


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out of each column, ``No Finding`` included: both rank metrics on every resample, patients behind them.

    Attributes:
        findings: Everything measured.
        auroc: On every resample.
        average_precision: On every resample.
        rarer: Patients of the rarer kind: with the finding, or without.
    """

    findings: dict[str, FindingEvaluation]
    auroc: Float[np.ndarray, "replicate finding"]
    average_precision: Float[np.ndarray, "replicate finding"]
    rarer: Int64[np.ndarray, " finding"]

    def means(self, chosen: Sequence[str]) -> dict[str, MacroMetric]:
        """Return the means of ``auroc`` and ``auprc`` over those of ``chosen`` that are defined."""
        return {metric: self._mean(metric, chosen) for metric in ("auroc", "auprc")}

    def weighted(self, chosen: Sequence[str]) -> dict[str, MacroMetric]:
        """Return the same, each finding with its number of positives as they are, not as they are drawn."""
        return {metric: self._mean(metric, chosen, weighted=True) for metric in ("auroc", "auprc")}

    def ancestor(self) -> MacroMetric | None:
        """Return the mean AUROC over the ancestor's four findings; None unless all four are defined."""
        four = [name for name in ANCESTOR_FINDINGS if name != NO_FINDING]
        if not set(four) <= set(self.findings):
            return None
        mean = self._mean("auroc", four)
        return mean if mean.n_findings == len(four) else None

    def _mean(self, metric: str, chosen: Sequence[str], *, weighted: bool = False) -> MacroMetric:
        values = {name: getattr(self.findings[name], metric).value for name in chosen}
        defined = tuple(name for name, value in values.items() if not np.isnan(value))
        replicates = self.auroc if metric == "auroc" else self.average_precision
        places = [list(self.findings).index(name) for name in defined]
        spread = replicates[:, places]
        numbers = np.array([values[name] for name in defined], dtype=np.float64)
        weights = np.array([self.findings[name].auroc.n_positive for name in defined]) if weighted else None
        mean, means = mean_over_findings(numbers, weights=weights), mean_over_findings(spread, weights=weights)
        n_units = effective_units(spread if weights is None else spread * weights, self.rarer[places])
        ends = logit_interval(float(mean), means, n_units=n_units) if metric == "auroc" else _ends(means, n_units)
        return MacroMetric(value=float(mean), low=ends[0], high=ends[1], findings=defined)


def micro_means(columns: Columns, resamples: Resamples) -> dict[str, MacroMetric]:
    """Return AUROC and AUPRC over all pairs of film and finding, without ``No Finding``."""
    places = _trained(columns)
    scores, targets = columns.scores[:, places], columns.targets[:, places]
    pooled = pool_findings(scores, targets, columns.members)
    ranks = bootstrap_ranks(*pooled, n_replicates=resamples.n_replicates, seed=resamples.seed)
    names = tuple(columns.names[place] for place in places if not np.isnan(columns.targets[:, place]).all())
    area, precision = (
        auroc(*(part[:, 0] for part in pooled[:2])),
        average_precision(*(part[:, 0] for part in pooled[:2])),
    )
    n_with, n_without = count_patients(pooled[1][:, 0], pooled[2])
    ends = auroc_interval(area, ranks.auroc[:, 0], n_positive=n_with, n_negative=n_without)
    precision_ends = _ends(ranks.average_precision[:, 0], min(n_with, n_without))
    return {
        "auroc": MacroMetric(value=area, low=ends[0], high=ends[1], findings=names),
        "auprc": MacroMetric(value=precision, low=precision_ends[0], high=precision_ends[1], findings=names),
    }


def _ends(replicates: Float[np.ndarray, " replicate"], n_units: float) -> tuple[float, float]:
    """Return the percentiles for so many patients; none where every resample gives the same."""
    low, high = percentile_interval(replicates, n_units=n_units)
    return (float(low), float(high)) if low < high else (np.nan, np.nan)


def averages(columns: Columns) -> Averages:
    """Return the averages of the classification table over the findings, without ``No Finding``."""
    places = _trained(columns)
    table = classification_table(columns.calls[:, places], columns.targets[:, places])
    return Averages(
        micro=table_row(table.micro),
        macro=table_row(table.macro),
        weighted=table_row(table.weighted),
        samples=table_row(table.samples),
    )


def film_scores(columns: Columns, resamples: Resamples) -> FilmScores:
    """Return how whole films fare, without ``No Finding``; of findings without any label nothing is asked."""
    places = [place for place in _trained(columns) if not np.isnan(columns.targets[:, place]).all()]
    targets = columns.targets[:, places]
    ranked = label_ranking_terms(columns.probabilities[:, places], targets)
    right = subset_accuracy_terms(columns.calls[:, places], targets)
    tally = Tally(
        {
            "loss": ranked.numerator,
            "ranked": ranked.denominator,
            "right": right.numerator,
            "called": right.denominator,
        },
        resamples,
    )
    return FilmScores(
        ranking_loss=estimate(
            tally.share("loss", "ranked"),
            "no film with every label known has both a finding and none of another",
            n_patients=resamples.n_among(ranked.denominator > 0),
        ),
        subset_accuracy=estimate(
            tally.share("right", "called"),
            "no film has every label known and every finding called",
            n_patients=resamples.n_among(right.denominator > 0),
        ),
        n_images=int((~np.isnan(targets).any(axis=1)).sum()) if places else 0,
    )


def _trained(columns: Columns) -> list[int]:
    return [place for place, name in enumerate(columns.names) if name != NO_FINDING]
