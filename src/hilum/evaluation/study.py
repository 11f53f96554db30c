"""The study: probabilities and targets in, the whole Evaluation out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real, Shaped

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.evaluation.caution import cautions
from hilum.evaluation.finding import Films, Replicates, evaluate_finding, table_row
from hilum.evaluation.origin import Origin, make_pedigree
from hilum.findings import ANCESTOR_FINDINGS, NIH_FINDINGS, NO_FINDING
from hilum.metrics import (
    RankReplicates,
    bootstrap_ranks,
    bootstrap_rates,
    classification_table,
    derive_no_finding,
    macro_mean,
    mean_over_findings,
    percentile_interval,
)
from hilum.records import MEASURABLE_POSITIVES, Averages, Evaluation, FindingEvaluation, MacroMetric

__all__ = ["FIXED_THRESHOLD", "evaluate_arrays"]

FIXED_THRESHOLD = 0.5
_FIXED = f"fixed {FIXED_THRESHOLD}"


def evaluate_arrays(
    probabilities: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    groups: Shaped[np.ndarray, " image"] | None = None,
    thresholds: Mapping[str, float] | None = None,
    thresholds_from: str = "validation",
    origin: Origin | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate probabilities against targets.

    Args:
        probabilities: In [0, 1]; NaN is refused.
        targets: 1 present, 0 absent, NaN unknown (left out, finding by finding).
        findings: Names of the columns. If all fourteen of ChestX-ray14 are among them, ``No Finding`` is derived,
            unless it is a column of its own.
        groups: The patient of each film; None if unknown: intervals are then by film, and a warning says so.
        thresholds: From which probability on a finding is called, chosen elsewhere, never on these films; NaN where
            none could be chosen. A finding (or ``No Finding``) without an entry is called from 0.5 on.
        thresholds_from: Where the thresholds were chosen.
        origin: Where everything comes from.
        bootstrap: Resamples for the intervals; 0 for none.
        seed: Of the resamples.

    Raises:
        InvalidValueError: No film, shapes that do not fit, a probability that is NaN or outside [0, 1], a target that
            is none of 0, 1, NaN, or a threshold outside [0, 1].
        UnknownNameError: A threshold for a finding that is not evaluated.
    """
    given, origin = thresholds or {}, origin or Origin()
    columns = _make_columns(probabilities, targets, findings, groups=groups, thresholds=given)
    chosen_on = {name: thresholds_from if name in given else _FIXED for name in columns.names}
    measured = _measure(columns, chosen_on, bootstrap=bootstrap, seed=seed)
    trained = {name: measured.findings[name] for name in findings if name != NO_FINDING}
    measurable = [name for name, finding in trained.items() if finding.auroc.n_positive >= MEASURABLE_POSITIVES]
    pedigree = make_pedigree(
        origin,
        n_images=len(columns.targets),
        n_patients=0 if groups is None else len(np.unique(columns.members)),
        bootstrap=bootstrap,
        seed=seed,
        thresholds_from=thresholds_from if given else _FIXED,
    )
    return Evaluation(
        title=origin.title,
        pedigree=pedigree,
        findings=trained,
        macro=_means(measured, list(trained)),
        measurable=_means(measured, measurable),
        averages=_averages(columns),
        no_finding=measured.findings.get(NO_FINDING),
        ancestor=_ancestor(measured),
        warnings=cautions(trained, origin, pedigree, thresholds_given=bool(given)),
        counts=dict(origin.counts),
        phantom=origin.phantom,
        leaked=origin.leaked,
    )


@dataclass(frozen=True, eq=False)
class _Columns:
    """What is judged, column by column; the derived ``No Finding`` is the last."""

    names: tuple[str, ...]
    probabilities: Float[np.ndarray, "image finding"]
    targets: Float[np.ndarray, "image finding"]
    calls: Float[np.ndarray, "image finding"]
    cuts: Float[np.ndarray, " finding"]
    members: Shaped[np.ndarray, " image"]


@dataclass(frozen=True, eq=False)
class _Measured:
    """What came out, ``No Finding`` included."""

    findings: dict[str, FindingEvaluation]
    ranks: RankReplicates

    def mean(self, metric: str, chosen: Iterable[str]) -> MacroMetric:
        """Return the mean of ``auroc`` or ``auprc`` over those of ``chosen`` that are defined."""
        values = {name: getattr(self.findings[name], metric).value for name in chosen}
        defined = tuple(name for name, value in values.items() if not np.isnan(value))
        replicates = self.ranks.auroc if metric == "auroc" else self.ranks.average_precision
        places = [list(self.findings).index(name) for name in defined]
        low, high = percentile_interval(mean_over_findings(replicates[:, places]))
        mean = macro_mean(np.array([values[name] for name in defined])).mean
        return MacroMetric(value=mean, low=float(low), high=float(high), findings=defined)


def _make_columns(
    probabilities: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    findings: Sequence[str],
    *,
    groups: Shaped[np.ndarray, " image"] | None,
    thresholds: Mapping[str, float],
) -> _Columns:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    if probabilities.ndim != 2 or probabilities.shape[1] != len(findings) or targets.shape != probabilities.shape:
        raise InvalidValueError(
            f"probabilities have shape {probabilities.shape}, targets {targets.shape}: expected one row per film and "
            f"{len(findings)} columns, one per finding"
        )
    if not len(probabilities):
        raise InvalidValueError("there is no film to evaluate")
    names = tuple(findings)
    if set(NIH_FINDINGS) <= set(names) and NO_FINDING not in names:
        fourteen = [names.index(name) for name in NIH_FINDINGS]
        derived = derive_no_finding(probabilities[:, fourteen], targets[:, fourteen])
        names = (*names, NO_FINDING)
        probabilities, targets = (np.column_stack(pair) for pair in zip((probabilities, targets), derived, strict=True))
    cuts = _cuts(thresholds, names)
    calls = np.where(np.isnan(cuts), np.nan, probabilities >= cuts)
    members = np.arange(len(targets)) if groups is None else np.asarray(groups)
    return _Columns(names, probabilities, targets, calls, cuts, members)


def _cuts(thresholds: Mapping[str, float], names: Sequence[str]) -> Float[np.ndarray, " finding"]:
    for name, threshold in thresholds.items():
        if name not in names:
            raise UnknownNameError("finding", name, names)
        if threshold < 0 or threshold > 1:
            raise InvalidValueError(f"the threshold of {name} is {threshold:g}: expected a probability in [0, 1]")
    return np.array([thresholds.get(name, FIXED_THRESHOLD) for name in names], dtype=np.float64)


def _measure(columns: _Columns, chosen_on: Mapping[str, str], *, bootstrap: int, seed: int) -> _Measured:
    targets, members = columns.targets, columns.members
    ranks = bootstrap_ranks(columns.probabilities, targets, members, n_replicates=bootstrap, seed=seed)
    called = np.nan_to_num(columns.calls)
    rates = bootstrap_rates(called, targets, members, n_replicates=bootstrap, seed=seed)
    rows = classification_table(columns.calls, targets).rows
    measured = {}
    for i, name in enumerate(columns.names):
        known = ~np.isnan(targets[:, i])
        measured[name] = evaluate_finding(
            Films(columns.probabilities[known, i], targets[known, i] == 1, members[known]),
            Replicates(*(part[:, i] for part in (ranks.auroc, ranks.average_precision, *rates))),
            threshold=float(columns.cuts[i]),
            chosen_on=chosen_on[name],
            table=rows[i],
        )
    return _Measured(measured, ranks)


def _means(measured: _Measured, chosen: Sequence[str]) -> dict[str, MacroMetric]:
    return {metric: measured.mean(metric, chosen) for metric in ("auroc", "auprc")}


def _ancestor(measured: _Measured) -> MacroMetric | None:
    """Return the mean AUROC over the ancestor's four findings; None unless all four are defined."""
    four = [name for name in ANCESTOR_FINDINGS if name != NO_FINDING]
    if not set(four) <= set(measured.findings):
        return None
    mean = measured.mean("auroc", four)
    return mean if mean.n_findings == len(four) else None


def _averages(columns: _Columns) -> Averages:
    """Return the averages over the findings, without ``No Finding``."""
    chosen = [place for place, name in enumerate(columns.names) if name != NO_FINDING]
    table = classification_table(columns.calls[:, chosen], columns.targets[:, chosen])
    return Averages(
        micro=table_row(table.micro),
        macro=table_row(table.macro),
        weighted=table_row(table.weighted),
        samples=table_row(table.samples),
    )
