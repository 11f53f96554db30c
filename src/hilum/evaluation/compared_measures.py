"""Beside AUROC: how several models differ in AUPRC, Brier score and, where thresholds are known, in their calls."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from hilum.evaluation.compared import Compared, Side
from hilum.evaluation.tally import estimate, with_ends
from hilum.metrics import (
    FilmTerms,
    Resamples,
    average_precision,
    brier_terms,
    effective_units,
    gap_interval,
    holm,
    logit_interval,
    macro_mean,
    mean_over_findings,
    percentile_interval,
    rarer_patients,
    resampled_p_value,
)
from hilum.records import (
    ComparedMeasure,
    Estimate,
    FindingDifference,
    MacroMetric,
    MeasureDifference,
)

__all__ = [
    "MeasureSpread",
    "compared_measure",
    "estimate_gap",
    "mean_of",
    "measure_differences",
    "measure_side",
]

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
    """One measure of one model, or of one minus another: on the films as they are, and on every resample.

    Attributes:
        value: Per finding.
        spread: Of every resample.
        n_patients: Behind each, of the rarer kind where both are needed.
        is_gap: Whether it is a difference.
    """

    value: Float64[np.ndarray, " finding"]
    spread: Float64[np.ndarray, "replicate finding"]
    n_patients: Int64[np.ndarray, " finding"]
    is_gap: bool = False

    def minus(self, other: "MeasureSpread") -> "MeasureSpread":
        """Return the difference; of the same resamples, so that luck they share cancels."""
        n_patients = np.minimum(self.n_patients, other.n_patients)
        return MeasureSpread(self.value - other.value, self.spread - other.spread, n_patients, is_gap=True)


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
        "auprc": MeasureSpread(
            np.array([average_precision(*column) for column in columns]),
            precision,
            rarer_patients(targets, resamples.member),
        ),
        "brier": _spread([brier_terms(*column) for column in columns], resamples),
    }
    thresholds = _thresholds(compared.sides[place], compared.findings)
    if np.isfinite(thresholds).any():
        right = np.where(targets == 1, scores >= thresholds, scores < thresholds) & np.isfinite(thresholds)
        measured["sensitivity"] = _rate(right, (targets == 1) & np.isfinite(thresholds), resamples)
        measured["specificity"] = _rate(right, (targets == 0) & np.isfinite(thresholds), resamples)
    return measured


def mean_of(own: MeasureSpread, findings: Sequence[str], *, of_areas: bool = False) -> MacroMetric:
    """Return the mean over the findings that are defined on the films as they are.

    Args:
        own: What was measured.
        findings: Names of its columns.
        of_areas: Of AUROCs of one model, whose interval is that of an evaluation.
    """
    defined = np.isfinite(own.value)
    mean, spread = macro_mean(own.value).mean, own.spread[:, defined]
    means, n_units = mean_over_findings(spread), effective_units(spread, own.n_patients[defined])
    if of_areas:
        low, high = logit_interval(mean, means, n_units=n_units)
    elif own.is_gap:
        low, high = gap_interval(means, n_units=n_units)
    else:
        low, high = (float(end) for end in percentile_interval(means, n_units=n_units))
    names = tuple(name for name, known in zip(findings, defined, strict=True) if known)
    return MacroMetric(value=mean, low=low, high=high, findings=names)


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
                    resampled_p_value(value, column, n_units=units)
                    for value, column, units in zip(
                        gaps[at][name].value, gaps[at][name].spread.T, gaps[at][name].n_patients, strict=True
                    )
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
    n_patients = np.array([resamples.n_among(counted > 0) for counted in below.T], dtype=np.int64)
    return MeasureSpread(np.array([float(term.ratio()) for term in terms]), resamples.share(above, below), n_patients)


def _estimates(name: str, own: MeasureSpread, findings: Sequence[str]) -> dict[str, Estimate]:
    each = zip(findings, own.value.tolist(), own.spread.T, own.n_patients.tolist(), strict=True)
    return {
        finding: estimate_gap(value, spread, n_patients, _NO_FILM[name])
        if own.is_gap
        else _estimate(name, np.concatenate([[value], spread]), n_patients)
        for finding, value, spread, n_patients in each
    }


def _estimate(name: str, draws: Float64[np.ndarray, " draw"], n_patients: int) -> Estimate:
    if name == "auprc":
        return estimate(draws, _NO_FILM[name], n_units=n_patients)
    return estimate(draws, _NO_FILM[name], n_patients=n_patients)


def estimate_gap(value: float, spread: Float64[np.ndarray, " replicate"], n_patients: int, undefined: str) -> Estimate:
    """Return a paired difference; an interval without width only where nothing differs."""
    if math.isnan(value):
        return Estimate(reason=undefined)
    low, high = gap_interval(spread, n_units=n_patients)
    if low == high == value:
        return Estimate(value=value, low=low, high=high)
    return with_ends(np.concatenate([[value], spread]), (low, high), undefined)
