"""Which of several models orders the same films better, finding by finding."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Shaped

from hilum.evaluation.caution import MADE_UP
from hilum.evaluation.compared import Compared, Side, read_sides
from hilum.evaluation.compared_measures import (
    MeasureSpread,
    compared_measure,
    estimate_gap,
    mean_of,
    measure_differences,
    measure_side,
)
from hilum.evaluation.origin import Origin, make_pedigree
from hilum.evaluation.tally import with_ends
from hilum.findings import title_of
from hilum.metrics import (
    Resamples,
    auroc_interval,
    bootstrap_ranks,
    count_patients,
    holm,
    paired_delong,
    rarer_patients,
)
from hilum.metrics import auroc as measure_auroc
from hilum.records import (
    MEASURABLE_POSITIVES,
    ComparedModel,
    Comparison,
    FindingDifference,
    ModelPair,
    RankMetric,
)
from hilum.wording import count

__all__ = ["compare_models"]

_EACH_ITS_OWN = "each run's own, as it was judged; a file of predictions has none"
_NO_THRESHOLDS = "none: no model brings any"


class _Measured(NamedTuple):
    """AUROC of one model, and its other measures."""

    auroc: MeasureSpread
    others: Mapping[str, MeasureSpread]


def compare_models(
    models: Sequence[Path], *, labels: Path | None = None, bootstrap: int = 1000, seed: int = 0, command: str = ""
) -> Comparison:
    """Compare models on the films and findings that all of them answered.

    Args:
        models: Two or more: folders of runs or evaluations, or CSV files of probabilities.
        labels: NIH's label file, a manifest or another set's labels, for all models; None where each brings its own
            (columns ``target_<Finding>``, which ``hilum evaluate`` writes).
        bootstrap: Resamples of patients for the intervals, the same ones for every model; 0 for none.
        seed: Of the resamples.
        command: The command line, for the pedigree.

    Raises:
        DataError: Fewer than two models, a file that cannot be used, different splits or labels, or no film or finding
            in common.
    """
    compared = read_sides(models, labels)
    groups = np.arange(compared.n_images) if compared.groups is None else compared.groups
    resamples = Resamples(groups, bootstrap, seed)
    measured = [_measure(compared, place, groups, resamples) for place in range(len(compared.sides))]
    return Comparison(
        title=" against ".join(side.name for side in compared.sides),
        pedigree=make_pedigree(
            _origin(compared, command),
            n_images=compared.n_images,
            n_patients=0 if compared.groups is None else len(np.unique(groups)),
            bootstrap=bootstrap,
            seed=seed,
            thresholds_from=_EACH_ITS_OWN if any(side.evaluation for side in compared.sides) else _NO_THRESHOLDS,
        ),
        models=tuple(_model(compared, side, own, groups) for side, own in zip(compared.sides, measured, strict=True)),
        pairs=_pairs(compared, measured, groups),
        warnings=(*_cautions(compared, bootstrap), *compared.warnings),
        counts=dict(compared.counts),
        phantom=_is_phantom(compared),
    )


def _measure(compared: Compared, place: int, groups: Shaped[np.ndarray, " image"], resamples: Resamples) -> _Measured:
    scores, targets = compared.scores[place], compared.targets
    value = np.array([measure_auroc(*column) for column in zip(scores.T, targets.T, strict=True)])
    ranks = bootstrap_ranks(scores, targets, groups, n_replicates=resamples.n_replicates, seed=resamples.seed)
    others = measure_side(compared, place, ranks.average_precision, resamples)
    return _Measured(MeasureSpread(value, ranks.auroc, rarer_patients(targets, resamples.member)), others)


def _origin(compared: Compared, command: str) -> Origin:
    """Return what all models have in common; a run knows more than a file of predictions."""
    truth, runs = compared.sides[0].matched.truth, [side.evaluation for side in compared.sides if side.evaluation]
    origin = Origin(command=command, data_digest=truth.digest, split_digest=truth.split_digest, split=truth.source)
    if not runs:
        return origin
    pedigree = runs[0].pedigree
    return replace(origin, data_digest=pedigree.data_digest, split_digest=pedigree.split_digest, split=pedigree.split)


def _is_phantom(compared: Compared) -> bool:
    return any(side.matched.truth.phantom or (side.evaluation and side.evaluation.phantom) for side in compared.sides)


def _model(compared: Compared, side: Side, own: _Measured, groups: Shaped[np.ndarray, " image"]) -> ComparedModel:
    aurocs = {}
    for column, name in enumerate(compared.findings):
        targets, value = compared.targets[:, column], float(own.auroc.value[column])
        n_positive, n_negative = int((targets == 1).sum()), int((targets == 0).sum())
        with_it, without = count_patients(targets, groups)
        spread = own.auroc.spread[:, column]
        ends = auroc_interval(value, spread, n_positive=with_it, n_negative=without)
        found = with_ends(np.concatenate([[value], spread]), ends, _one_class(n_positive, n_negative))
        aurocs[name] = RankMetric(**dict(found), n_positive=n_positive, n_negative=n_negative)
    return ComparedModel(
        name=side.name,
        auroc=aurocs,
        mean=mean_of(own.auroc, compared.findings, of_areas=True),
        n_images=len(side.matched.image_ids),
        bundle_digest=side.evaluation.pedigree.bundle_digest if side.evaluation else "",
        predictions_digest=side.matched.answers.digest,
        measures={name: compared_measure(name, other, compared.findings) for name, other in own.others.items()},
    )


def _one_class(n_positive: int, n_negative: int) -> str:
    if n_positive and n_negative:
        return ""
    if not n_positive and not n_negative:
        return "no film has a known label"
    return "every film has it" if n_positive else "no film has it"


def _pairs(
    compared: Compared, measured: Sequence[_Measured], groups: Shaped[np.ndarray, " image"]
) -> tuple[ModelPair, ...]:
    """Return every pair; Holm's correction counts every test that is made, over findings and pairs."""
    places = list(combinations(range(len(measured)), 2))
    p_values = np.array(
        [
            [
                paired_delong(
                    compared.scores[one][:, column], compared.scores[other][:, column], targets, groups
                ).p_value
                for column, targets in enumerate(compared.targets.T)
            ]
            for one, other in places
        ]
    )
    corrected = holm(p_values.ravel()).reshape(p_values.shape)
    others = measure_differences(
        [(measured[one].others, measured[other].others) for one, other in places], compared.findings
    )
    return tuple(
        _pair(compared, pair, [measured[side] for side in pair], (own, held)).model_copy(update={"measures": beside})
        for pair, own, held, beside in zip(places, p_values, corrected, others, strict=True)
    )


def _pair(
    compared: Compared,
    places: tuple[int, int],
    measured: Sequence[_Measured],
    p_values: tuple[Float64[np.ndarray, " finding"], Float64[np.ndarray, " finding"]],
) -> ModelPair:
    gap = measured[0].auroc.minus(measured[1].auroc)
    findings = {}
    for column, name in enumerate(compared.findings):
        targets = compared.targets[:, column]
        findings[name] = FindingDifference(
            difference=estimate_gap(
                float(gap.value[column]),
                gap.spread[:, column],
                int(gap.n_patients[column]),
                _one_class(int((targets == 1).sum()), int((targets == 0).sum())),
            ),
            p_value=float(p_values[0][column]),
            p_holm=float(p_values[1][column]),
        )
    first, second = (compared.sides[place].name for place in places)
    pair = ModelPair(first=first, second=second, findings=findings, mean=mean_of(gap, compared.findings), sentence="")
    return pair.model_copy(update={"sentence": _sentence(pair)})


def _sentence(pair: ModelPair) -> str:
    """Say which is better: the one whose mean is higher, where the interval leaves 0 out."""
    mean, n_tested = pair.mean, sum(math.isfinite(finding.p_value) for finding in pair.findings.values())
    if not math.isfinite(mean.value):
        return f"{pair.first} and {pair.second} cannot be compared: no finding has films with it and films without it."
    first, second, sign = (pair.first, pair.second, 1) if mean.value >= 0 else (pair.second, pair.first, -1)
    low, high = sorted((sign * mean.low, sign * mean.high)) if math.isfinite(mean.low) else (math.nan, math.nan)
    figure = f"mean AUROC {abs(mean.value):+.3f}"
    if not math.isfinite(low):
        said = f"{first} has the higher figure, {second} the lower, and no interval says whether by chance: {figure}"
    elif low > 0:
        said = f"{first} orders films better than {second}: {figure} ({low:.3f} to {high:.3f})"
    else:
        said = f"No difference is shown between {first} and {second}: {figure} ({low:.3f} to {high:.3f}) for {first}"
    if not n_tested:
        return f"{said}; no finding has patients enough for a test."
    said += f"; for {pair.n_lasting} of {n_tested} findings the difference outlasts Holm's correction"
    opposed = sum(finding.lasts and sign * finding.difference.value < 0 for finding in pair.findings.values())
    return f"{said}, for {opposed} of them in favour of {second}." if opposed else f"{said}."


def _cautions(compared: Compared, bootstrap: int) -> Iterable[str]:
    if _is_phantom(compared):
        yield MADE_UP
    for side in compared.sides:
        if side.evaluation and side.evaluation.leaked:
            yield f"Patients of {side.name}'s training set are among these films: its figures flatter."
        for flag in side.evaluation.red_flags if side.evaluation else ():
            yield f"{side.name}: {flag.sentence}"
    few = [
        name
        for name, targets in zip(compared.findings, compared.targets.T, strict=True)
        if 0 < (targets == 1).sum() < MEASURABLE_POSITIVES
    ]
    if few:
        yield f"Fewer than {MEASURABLE_POSITIVES} films with the finding, so its difference says little: {_list(few)}."
    if compared.groups is None:
        yield (
            "Which films belong to one patient is unknown: every film counts as another patient, and intervals and "
            "p values are too sure where that is wrong."
        )
    if any(side.evaluation is None for side in compared.sides):
        yield "Whether a model that comes as a file of predictions was trained on these patients is unknown."
    if not bootstrap:
        yield f"No intervals were computed over these {count(compared.n_images, 'film')}."


def _list(names: Iterable[str]) -> str:
    return ", ".join(title_of(name) for name in names)
