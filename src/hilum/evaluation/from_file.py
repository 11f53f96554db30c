"""Evaluate probabilities that lie in a file against labels that lie in another."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from hilum.errors import InvalidValueError
from hilum.evaluation.column import Columns, make_columns
from hilum.evaluation.fitting import (
    apply_rules,
    cross_fit,
    fit_elsewhere,
    keep_order,
    patients_are_told_apart,
    to_logits,
)
from hilum.evaluation.honesty import cross_fitted, judge_standing, official_part, thresholds_from_test
from hilum.evaluation.match import Matched, match_files
from hilum.evaluation.origin import Origin
from hilum.evaluation.prediction_file import write_predictions
from hilum.evaluation.study import evaluate_columns
from hilum.findings import title_of
from hilum.metrics import Resamples
from hilum.records import Evaluation, RedFlag

__all__ = ["evaluate_predictions"]

_JUDGED = ("these films", "the judged films")
_UNTOLD = (
    "Whether patients of {} are among the judged ones is unknown, since nothing names them alike in both: if they are, "
    "thresholds and calibration flatter. Give the labels of both with their patients (--labels)."
)


def evaluate_predictions(
    predictions: Path,
    labels: Path | None,
    *,
    thresholds: Mapping[str, float] | None = None,
    thresholds_from: str = "given",
    fit_on: Path | None = None,
    folds: int = 0,
    prevalences: Mapping[str, float] | None = None,
    predictions_path: Path | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    command: str = "",
    title: str = "",
) -> Evaluation:
    """Evaluate a file of predictions; films are matched by name, whatever its ending (.png, .jpg, .dcm ...).

    Args:
        predictions: CSV file; see :func:`read_predictions`.
        labels: NIH's label file, a manifest, or another public set's labels, Google's adjudicated ones among them; None
            where ``predictions`` has columns ``target_<Finding>``.
        thresholds: Per finding, chosen elsewhere; without them every finding is called from 0.5 on, and a warning
            says so. They are never chosen on the films that are judged.
        thresholds_from: Where the thresholds were chosen; a red flag where that is the split that is judged.
        fit_on: Predictions of the same program for other films: calibration, thresholds and refer zones are fitted on
            them, against the same ``labels``.
        folds: Instead: fit on the judged films, each patient by the other folds; flagged. 0 for no.
        prevalences: How common findings are where the user is.
        predictions_path: Where to write the judged films' probabilities, labels and patients' running numbers.
        bootstrap: Resamples of patients for the intervals; 0 for none.
        seed: Of the resamples and of the folds.
        command: The command line, for the pedigree.
        title: What is evaluated; the two files' names by default.

    Raises:
        DataError: A file that cannot be used, a film that stands twice, or not one film in both files.
        LeakError: ``fit_on`` shares films or patients with ``predictions``.
        UnknownNameError: A threshold or a prevalence for a finding that is not evaluated.
        InvalidValueError: More than one of ``thresholds``, ``fit_on``, ``folds``; or fewer patients than folds.
    """
    if sum(map(bool, (thresholds, fit_on, folds))) > 1:
        raise InvalidValueError("thresholds are given, or fitted on other films, or cross-fitted: choose one")
    matched = match_files(predictions, labels)
    if fit_on:
        judged = _fitted_elsewhere(matched, match_files(fit_on, labels))
    elif folds:
        judged = _cross_fitted(matched, folds, seed)
    else:
        judged = _as_given(matched, thresholds or {}, thresholds_from)
    origin = _origin(matched, judged, command=command, title=title)
    if predictions_path:
        origin = replace(origin, answers_digest=_write(predictions_path, matched, judged.columns, as_given=bool(folds)))
    return evaluate_columns(
        judged.columns,
        Resamples(judged.columns.members, bootstrap, seed),
        thresholds_from=judged.chosen_on,
        prevalences=prevalences or {},
        attributes=_attributes(matched),
        origin=origin,
    )


class _Judged(NamedTuple):
    """What is judged; per finding, where its threshold was chosen; and what is wrong with that."""

    columns: Columns
    chosen_on: dict[str, str]
    red_flags: tuple[RedFlag, ...] = ()
    warnings: tuple[str, ...] = ()


def _fitted_elsewhere(matched: Matched, others: Matched) -> _Judged:
    rules = fit_elsewhere(matched, others)
    columns = apply_rules(
        rules, to_logits(matched.probabilities), matched.targets, findings=matched.findings, groups=matched.patients
    )
    warnings = (
        *(() if patients_are_told_apart(matched, others) else (_UNTOLD.format(others.answers.source),)),
        *_without_threshold(columns, others.answers.source),
    )
    chosen_on = dict.fromkeys(rules.all, others.answers.source)
    return _Judged(keep_order(columns, matched.probabilities), chosen_on, warnings=warnings)


def _cross_fitted(matched: Matched, folds: int, seed: int) -> _Judged:
    columns = cross_fit(
        to_logits(matched.probabilities),
        matched.targets,
        findings=matched.findings,
        groups=matched.patients,
        folds=folds,
        seed=seed,
    )
    chosen_on = dict.fromkeys(columns.names, f"the judged films, {folds} folds by patient")
    warnings = tuple(_without_threshold(columns, "one of the folds"))
    return _Judged(keep_order(columns, matched.probabilities), chosen_on, (cross_fitted(folds),), warnings)


def _without_threshold(columns: Columns, where: str) -> Iterable[str]:
    """Say which findings of those called had no threshold to be called from."""
    none = [title_of(name) for name, cut in zip(columns.names, columns.cuts.T, strict=True) if np.isnan(cut).all()]
    if none:
        yield (
            f"No threshold could be chosen for {', '.join(none)}: too few films with or without it in {where}. "
            "Nothing is called there."
        )


def _as_given(matched: Matched, thresholds: Mapping[str, float], thresholds_from: str) -> _Judged:
    columns = make_columns(
        matched.probabilities, matched.targets, matched.findings, groups=matched.patients, thresholds=thresholds
    )
    on_judged = bool(thresholds) and thresholds_from in (*_JUDGED, _split(matched))
    flags = (thresholds_from_test(thresholds_from),) if on_judged else ()
    return _Judged(columns, dict.fromkeys(thresholds, thresholds_from), flags)


def _split(matched: Matched) -> str:
    """Return the split that all films are of; else, whose films they are."""
    splits = sorted(set(matched.splits))
    return splits[0] if len(splits) == 1 and splits[0] else f"films of {matched.answers.source}"


def _origin(matched: Matched, judged: _Judged, *, command: str, title: str) -> Origin:
    answers, truth = matched.answers, matched.truth
    standing = judge_standing(matched.image_ids, matched.targets, findings=matched.findings, nih=truth.nih)
    return Origin(
        title=title or f"{answers.source} against {truth.source}",
        command=command,
        data_digest=truth.digest,
        predictions_digest=answers.digest,
        split=_split(matched),
        split_digest=truth.split_digest,
        phantom=truth.phantom,
        nih=truth.nih,
        counts=matched.counts,
        warnings=(*judged.warnings, *matched.warnings),
        red_flags=(*standing.red_flags, *judged.red_flags),
        comparable=standing.comparable,
        comparable_note=standing.note,
    )


def _attributes(matched: Matched) -> dict[str, Shaped[np.ndarray, " image"]]:
    """Return what divides the films; of ChestX-ray14's, whether they are of the official test list, too."""
    part = official_part(matched.image_ids) if matched.truth.nih else np.array([""])
    return dict(matched.attributes) | ({"official list": part} if len(set(part.tolist()) - {""}) > 1 else {})


def _write(path: Path, matched: Matched, columns: Columns, *, as_given: bool) -> str:
    """Write the judged probabilities; those given where folds have maps of their own, and so no common order."""
    n = len(matched.findings)  # the derived No Finding, if there is one, stands behind these
    return write_predictions(
        path,
        matched.image_ids,
        matched.probabilities if as_given else columns.probabilities[:, :n],
        findings=matched.findings,
        targets=matched.targets,
        groups=matched.patients,
    )
