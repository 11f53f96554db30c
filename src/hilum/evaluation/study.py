"""The study: probabilities and targets in, the whole Evaluation out."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Real, Shaped

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.evaluation.caution import cautions
from hilum.evaluation.column import FIXED_THRESHOLD, Columns, make_columns
from hilum.evaluation.finding import evaluate_finding
from hilum.evaluation.honesty import flag_calls, shared_patients
from hilum.evaluation.mean import Measured, averages, film_scores, micro_means
from hilum.evaluation.origin import Origin, make_pedigree
from hilum.evaluation.rank import rank_all
from hilum.evaluation.subgroup import evaluate_subgroups
from hilum.findings import NO_FINDING
from hilum.metrics import Resamples, classification_table, rarer_patients
from hilum.records import MEASURABLE_POSITIVES, Evaluation, ReferZone, SubgroupStudy

__all__ = ["FIXED_THRESHOLD", "evaluate_arrays", "evaluate_columns"]

_FIXED = f"fixed {FIXED_THRESHOLD}"


def evaluate_arrays(
    probabilities: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    groups: Shaped[np.ndarray, " image"] | None = None,
    thresholds: Mapping[str, float] | None = None,
    thresholds_from: str = "validation",
    refer: Mapping[str, ReferZone] | None = None,
    prevalences: Mapping[str, float] | None = None,
    attributes: Mapping[str, Sequence[str] | Shaped[np.ndarray, " image"]] | None = None,
    origin: Origin | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Evaluate probabilities against targets.

    Args:
        probabilities: In [0, 1]; NaN is refused.
        targets: 1 present, 0 absent, NaN unknown (left out, finding by finding).
        findings: Names of the columns. If all fourteen of ChestX-ray14 are among them, ``No Finding`` is derived,
            unless it is a column of its own; either way it stands apart and is in no mean.
        groups: The patient of each film; None if unknown: intervals are then by film, and a warning says so.
        thresholds: From which probability on a finding is called, chosen elsewhere, never on these films; NaN where
            none could be chosen. A finding (or ``No Finding``) without an entry is called from 0.5 on.
        thresholds_from: Where the thresholds were chosen.
        refer: Between which probabilities a person should look, and what was promised of it.
        prevalences: How common findings are where the user is, for predictive values; in (0, 1).
        attributes: What divides the films into subgroups; see :func:`evaluate_subgroups`.
        origin: Where everything comes from.
        bootstrap: Resamples for the intervals; 0 for none.
        seed: Of the resamples.

    Raises:
        InvalidValueError: No film, shapes that do not fit, a probability that is NaN or outside [0, 1], a target that
            is none of 0, 1, NaN, or a threshold outside [0, 1].
        UnknownNameError: A threshold, a zone or a prevalence for a finding that is not evaluated.
    """
    columns = make_columns(probabilities, targets, findings, groups=groups, thresholds=thresholds, refer=refer)
    return evaluate_columns(
        columns,
        Resamples(columns.members, bootstrap, seed),
        thresholds_from={name: thresholds_from for name in thresholds or {}},
        prevalences=prevalences or {},
        attributes=attributes or {},
        origin=origin or Origin(),
    )


def evaluate_columns(
    columns: Columns,
    resamples: Resamples,
    *,
    thresholds_from: Mapping[str, str],
    prevalences: Mapping[str, float],
    attributes: Mapping[str, Sequence[str] | Shaped[np.ndarray, " image"]],
    origin: Origin,
) -> Evaluation:
    """Evaluate what is judged.

    Args:
        columns: Films by finding.
        resamples: Of their patients, for all intervals.
        thresholds_from: Per finding, where its threshold was chosen; ``fixed 0.5`` for those it does not name.
        prevalences: Per finding, where the user is.
        attributes: What divides the films.
        origin: Where everything comes from.

    Raises:
        UnknownNameError: A prevalence for a finding that is not evaluated.
        InvalidValueError: A prevalence that is not between 0 and 1.
    """
    _check_prevalences(prevalences, columns.names)
    chosen_on = {name: thresholds_from.get(name, _FIXED) for name in columns.names}
    measured = _measure(columns, resamples, chosen_on, prevalences)
    trained = {name: finding for name, finding in measured.findings.items() if name != NO_FINDING}
    measurable = [name for name, finding in trained.items() if finding.auroc.n_positive >= MEASURABLE_POSITIVES]
    pedigree = make_pedigree(
        origin,
        n_images=len(columns.targets),
        n_patients=0 if columns.groups is None else resamples.n_groups,
        bootstrap=resamples.n_replicates,
        seed=resamples.seed,
        thresholds_from=next(iter(thresholds_from.values()), _FIXED),
    )
    flags = (shared_patients(),) if origin.leaked else ()
    return Evaluation(
        title=origin.title,
        pedigree=pedigree,
        findings=trained,
        macro=measured.means(list(trained)),
        measurable=measured.means(measurable),
        averages=averages(columns),
        micro=micro_means(columns, resamples),
        weighted=measured.weighted(list(trained)),
        film=film_scores(columns, resamples),
        no_finding=measured.findings.get(NO_FINDING),
        no_finding_derived=columns.derived,
        ancestor=measured.ancestor(),
        warnings=cautions(trained, origin, pedigree, thresholds_given=bool(thresholds_from)),
        counts=dict(origin.counts),
        phantom=origin.phantom,
        leaked=origin.leaked,
        subgroups=_subgroups(columns, resamples, attributes),
        red_flags=(*flags, *origin.red_flags, *flag_calls(columns.scores, columns.names)),
        comparable=origin.comparable,
        comparable_note=origin.comparable_note,
    )


def _check_prevalences(prevalences: Mapping[str, float], names: Sequence[str]) -> None:
    for name, share in prevalences.items():
        if name not in names:
            raise UnknownNameError("finding", name, names)
        if not 0 < share < 1:
            raise InvalidValueError(f"the prevalence of {name} is {share:g}: expected a share between 0 and 1")


def _measure(
    columns: Columns, resamples: Resamples, chosen_on: Mapping[str, str], prevalences: Mapping[str, float]
) -> Measured:
    ranks = rank_all(columns, resamples)
    rows = classification_table(columns.calls, columns.targets).rows
    findings = {
        name: evaluate_finding(
            columns,
            name,
            resamples,
            ranks=ranks[place],
            chosen_on=chosen_on[name],
            table=rows[place],
            prevalences=prevalences,
        )
        for place, name in enumerate(columns.names)
    }
    areas, precisions = (
        np.column_stack([getattr(one, part) for one in ranks]) for part in ("auroc", "average_precision")
    )
    return Measured(findings, areas, precisions, rarer_patients(columns.targets, columns.members))


def _subgroups(
    columns: Columns,
    resamples: Resamples,
    attributes: Mapping[str, Sequence[str] | Shaped[np.ndarray, " image"]],
) -> SubgroupStudy | None:
    if not attributes:
        return None
    return evaluate_subgroups(
        columns.probabilities,
        columns.targets,
        findings=columns.names,
        groups=columns.groups,
        thresholds=dict(zip(columns.names, columns.cuts.T, strict=True)),
        attributes=attributes,
        scores=columns.scores,
        bootstrap=resamples.n_replicates,
        seed=resamples.seed,
    )
