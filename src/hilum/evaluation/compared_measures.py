"""Beside AUROC: how several models differ in AUPRC, Brier score and, where thresholds are known, in their calls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from hilum.evaluation.compared import Compared, Side
from hilum.metrics import (
    FilmTerms,
    Resamples,
    average_precision,
    brier_terms,
    holm,
    macro_mean,
    mean_over_findings,
    percentile_interval,
    resampled_p_value,
)
from hilum.records import (
    ComparedMeasure,
    Estimate,
    FindingDifference,
    MacroMetric,
    MeasureDifference,
)

__all__ = ["MeasureSpread", "compared_measure", "mean_of", "measure_differences", "measure_side"]

_FIXED = "fixed"
"""How the origin of a threshold begins that nobody chose."""
_NO_FILM = {
    "auprc": "no film has it, or no label is known",
    "brier": "no film has a known label",
    "sensitivity": "no film has it, or the model has no threshold",
    "specificity": "every film has it, or the model has no threshold",
}


@dataclass(frozen=True, eq=False)
class MeasureSpread:
    """One measure of one model, or of one minus another: on the films as they are, and on every resample."""

    value: Float64[np.ndarray, " finding"]
    spread: Float64[np.ndarray, "replicate finding"]

    def minus(self, other: "MeasureSpread") -> "MeasureSpread":
        """Return the difference; of the same resamples, so that luck they share cancels."""
        return MeasureSpread(self.value - other.value, self.spread - other.spread)


def measure_side(
    compared: Compared, place: int, precision: Float64[np.ndarray, "replicate finding"], resamples: Resamples
) -> dict[str, MeasureSpread]:
    """Measure one model: AUPRC, Brier score and, at the thresholds that its run has, sensitivity and specificity.

    Args:
        compared: The models on their common films.
        place: Which of them.
        precision: Its average precision in every resample.
        resamples: The same for every model.
    """
    scores, targets = compared.scores[place], compared.targets
    columns = list(zip(scores.T, targets.T, strict=True))
    measured = {
        "auprc": MeasureSpread(np.array([average_precision(*column) for column in columns]), precision),
        "brier": _spread([brier_terms(*column) for column in columns], resamples),
    }
    thresholds = _thresholds(compared.sides[place], compared.findings)
    if np.isfinite(thresholds).any():
        right = np.where(targets == 1, scores >= thresholds, scores < thresholds) & np.isfinite(thresholds)
        measured["sensitivity"] = _rate(right, (targets == 1) & np.isfinite(thresholds), resamples)
        measured["specificity"] = _rate(right, (targets == 0) & np.isfinite(thresholds), resamples)
    return measured


def mean_of(own: MeasureSpread, findings: Sequence[str]) -> MacroMetric:
    """Return the mean over the findings that are defined on the films as they are."""
    defined = np.isfinite(own.value)
    low, high = percentile_interval(mean_over_findings(own.spread[:, defined]))
    names = tuple(name for name, known in zip(findings, defined, strict=True) if known)
    return MacroMetric(value=macro_mean(own.value).mean, low=float(low), high=float(high), findings=names)


def compared_measure(name: str, own: MeasureSpread, findings: Sequence[str]) -> ComparedMeasure:
    """Return a measure of one model as a record."""
    return ComparedMeasure(findings=_estimates(name, own, findings), mean=mean_of(own, findings))


def measure_differences(
    pairs: Sequence[tuple[Mapping[str, MeasureSpread], Mapping[str, MeasureSpread]]], findings: Sequence[str]
) -> list[dict[str, MeasureDifference]]:
    """Return, per pair of models, the first minus the second in every measure that both have.

    Holm's correction counts, within one measure, every finding of every pair.
    """
    gaps = [{name: first[name].minus(second[name]) for name in first if name in second} for first, second in pairs]
    answer: list[dict[str, MeasureDifference]] = [{} for _ in pairs]
    for name in dict.fromkeys(name for gap in gaps for name in gap):
        places = [place for place, gap in enumerate(gaps) if name in gap]
        tests = np.array(
            [
                [
                    resampled_p_value(*column)
                    for column in zip(gaps[at][name].value, gaps[at][name].spread.T, strict=True)
                ]
                for at in places
            ]
        )
        corrected = holm(tests.ravel()).reshape(tests.shape)
        for at, p_values, p_holm in zip(places, tests.tolist(), corrected.tolist(), strict=True):
            estimates = _estimates(name, gaps[at][name], findings)
            each = zip(estimates.items(), p_values, p_holm, strict=True)
            answer[at][name] = MeasureDifference(
                findings={
                    finding: FindingDifference(difference=difference, p_value=p, p_holm=after)
                    for (finding, difference), p, after in each
                },
                mean=mean_of(gaps[at][name], findings),
            )
    return answer


def _thresholds(side: Side, findings: Sequence[str]) -> Float64[np.ndarray, " finding"]:
    """Return the thresholds that a run was judged at; NaN where none was chosen, as for a file of predictions."""
    known = side.evaluation.findings if side.evaluation else {}
    points = [known[name].operating_point if name in known else None for name in findings]
    chosen = [point is not None and not point.chosen_on.startswith(_FIXED) for point in points]
    return np.array([point.threshold if own and point else math.nan for point, own in zip(points, chosen, strict=True)])


def _rate(
    right: Bool[np.ndarray, "image finding"], counts: Bool[np.ndarray, "image finding"], resamples: Resamples
) -> MeasureSpread:
    return _spread(
        [FilmTerms((hit & of) * 1.0, of * 1.0) for hit, of in zip(right.T, counts.T, strict=True)], resamples
    )


def _spread(terms: Sequence[FilmTerms], resamples: Resamples) -> MeasureSpread:
    above, below = (np.stack(part, axis=1) for part in zip(*terms, strict=True))
    return MeasureSpread(np.array([float(term.ratio()) for term in terms]), resamples.share(above, below))


def _estimates(name: str, own: MeasureSpread, findings: Sequence[str]) -> dict[str, Estimate]:
    lows, highs = percentile_interval(own.spread)
    each = zip(findings, own.value.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return {
        finding: Estimate(value=value, low=low, high=high) if math.isfinite(value) else Estimate(reason=_NO_FILM[name])
        for finding, value, low, high in each
    }
