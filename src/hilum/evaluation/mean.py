"""One number for all findings: means over them, over all pairs of film and finding, and over whole films."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hilum.evaluation.column import Columns
from hilum.evaluation.finding import table_row
from hilum.evaluation.tally import Tally, estimate
from hilum.findings import ANCESTOR_FINDINGS, NO_FINDING
from hilum.metrics import (
    Resamples,
    auroc,
    average_precision,
    bootstrap_ranks,
    classification_table,
    label_ranking_terms,
    mean_over_findings,
    percentile_interval,
    pool_findings,
    subset_accuracy_terms,
)
from hilum.records import Averages, FilmScores, FindingEvaluation, MacroMetric

__all__ = ["Measured", "averages", "film_scores", "micro_means"]


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out of each column, ``No Finding`` included, and both rank metrics on every resample."""

    findings: dict[str, FindingEvaluation]
    auroc: Float[np.ndarray, "replicate finding"]
    average_precision: Float[np.ndarray, "replicate finding"]

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
        spread = replicates[:, [list(self.findings).index(name) for name in defined]]
        numbers = np.array([values[name] for name in defined], dtype=np.float64)
        weights = np.array([self.findings[name].auroc.n_positive for name in defined]) if weighted else None
        mean, means = mean_over_findings(numbers, weights=weights), mean_over_findings(spread, weights=weights)
        low, high = percentile_interval(means)
        return MacroMetric(value=float(mean), low=float(low), high=float(high), findings=defined)


def micro_means(columns: Columns, resamples: Resamples) -> dict[str, MacroMetric]:
    """Return AUROC and AUPRC over all pairs of film and finding, without ``No Finding``."""
    places = _trained(columns)
    scores, targets = columns.scores[:, places], columns.targets[:, places]
    pooled = pool_findings(scores, targets, columns.members)
    ranks = bootstrap_ranks(*pooled, n_replicates=resamples.n_replicates, seed=resamples.seed)
    names = tuple(columns.names[place] for place in places if not np.isnan(columns.targets[:, place]).all())
    values = auroc(scores.ravel(), targets.ravel()), average_precision(scores.ravel(), targets.ravel())
    found = {}
    for metric, value, replicates in zip(
        ("auroc", "auprc"), values, (ranks.auroc, ranks.average_precision), strict=True
    ):
        low, high = percentile_interval(replicates[:, 0])
        found[metric] = MacroMetric(value=value, low=float(low), high=float(high), findings=names)
    return found


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
            tally.share("loss", "ranked"), "no film with every label known has both a finding and none of another"
        ),
        subset_accuracy=estimate(
            tally.share("right", "called"), "no film has every label known and every finding called"
        ),
        n_images=int((~np.isnan(targets).any(axis=1)).sum()) if places else 0,
    )


def _trained(columns: Columns) -> list[int]:
    return [place for place, name in enumerate(columns.names) if name != NO_FINDING]
