"""Evaluate probabilities that lie in a file against labels that lie in another."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from hilum.data import SPLITS
from hilum.errors import DataError
from hilum.evaluation.caution import count_films
from hilum.evaluation.label_file import Truth, read_truth
from hilum.evaluation.origin import Origin
from hilum.evaluation.prediction_file import PredictionTable, read_predictions
from hilum.evaluation.study import evaluate_arrays
from hilum.findings import get_finding
from hilum.records import Evaluation

__all__ = ["evaluate_predictions"]

_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm")
_NAMED_IN_A_MESSAGE = 5


def evaluate_predictions(
    predictions: Path,
    labels: Path,
    *,
    thresholds: Mapping[str, float] | None = None,
    thresholds_from: str = "given",
    bootstrap: int = 1000,
    seed: int = 0,
    command: str = "",
    title: str = "",
) -> Evaluation:
    """Evaluate a file of predictions; films are matched by name, whatever its ending (.png, .jpg, .dcm ...).

    Args:
        predictions: CSV file; see :func:`read_predictions`.
        labels: NIH's label file or a manifest.
        thresholds: Per finding, chosen elsewhere; without them every finding is called from 0.5 on, and a warning
            says so. They are never chosen on the films that are judged.
        thresholds_from: Where the thresholds were chosen.
        bootstrap: Resamples of patients for the intervals; 0 for none.
        seed: Of the resamples.
        command: The command line, for the pedigree.
        title: What is evaluated; the two files' names by default.

    Raises:
        DataError: A file that cannot be used, a film that stands twice, or not one film in both files.
        UnknownNameError: A threshold for a finding that is not evaluated.
    """
    answers, truth = read_predictions(predictions), read_truth(labels)
    rows_by_key = _rows_by_key(truth.image_ids, truth.source)
    pairs = [
        (row, rows_by_key[key])
        for key, row in _rows_by_key(answers.image_ids, answers.source).items()
        if key in rows_by_key
    ]
    if not pairs:
        raise DataError(
            f"no film of {answers.source} stands in {truth.source} (for instance {answers.image_ids[0]!r} against "
            f"{truth.image_ids[0]!r}): both must name the same films"
        )
    rows, there = (list(side) for side in zip(*pairs, strict=True))
    targets = np.full((len(rows), len(answers.findings)), np.nan)
    for column, name in enumerate(answers.findings):
        if name in truth.findings:
            targets[:, column] = truth.targets[there, truth.findings.index(name)]
    return evaluate_arrays(
        answers.probabilities[rows],
        targets,
        findings=answers.findings,
        groups=None if truth.patients is None else np.array(truth.patients)[there],
        thresholds=thresholds,
        thresholds_from=thresholds_from,
        origin=_origin(answers, truth, there, command=command, title=title),
        bootstrap=bootstrap,
        seed=seed,
    )


def _rows_by_key(image_ids: Sequence[str], source: str) -> dict[str, int]:
    """Return film to row, by the film's name without an image's ending; refuse films that stand twice."""
    rows = {_key(name): row for row, name in enumerate(image_ids)}
    if len(rows) < len(image_ids):
        twice = [name for row, name in enumerate(image_ids) if rows[_key(name)] != row]
        raise DataError(
            f"{source}: {count_films(len(twice))} twice in it ({', '.join(twice[:_NAMED_IN_A_MESSAGE])}). "
            "Every film may stand once: keep the row that counts."
        )
    return rows


def _key(image_id: str) -> str:
    stem, dot, ending = image_id.rpartition(".")
    return stem if f"{dot}{ending}".lower() in _ENDINGS else image_id


def _origin(answers: PredictionTable, truth: Truth, there: Sequence[int], *, command: str, title: str) -> Origin:
    splits = sorted({truth.splits[row] for row in there})
    counts = {
        "films evaluated": len(there),
        "predictions without a label": len(answers.image_ids) - len(there),
        "labels without a prediction": len(truth.image_ids) - len(there),
        "films not answered": answers.n_refused,
        "columns ignored": len(answers.ignored),
    }
    return Origin(
        title=title or f"{answers.source} against {truth.source}",
        command=command,
        data_digest=truth.digest,
        predictions_digest=answers.digest,
        split=splits[0] if len(splits) == 1 and splits[0] else f"films of {answers.source}",
        split_digest=truth.split_digest,
        phantom=truth.phantom,
        nih=truth.nih,
        counts=counts,
        warnings=(*_unmatched(answers, truth, counts), *_not_test([truth.splits[row] for row in there])),
    )


def _unmatched(answers: PredictionTable, truth: Truth, counts: Mapping[str, int]) -> Iterable[str]:
    without_label, without_answer = counts["predictions without a label"], counts["labels without a prediction"]
    if without_label:
        yield f"Left out: {count_films(without_label)} of {answers.source} without a label in {truth.source}."
    if without_answer:
        yield f"Left out: {count_films(without_answer)} of {truth.source} without a prediction in {answers.source}."
    if answers.n_refused:
        yield f"In no figure: {count_films(answers.n_refused)} that the model did not answer."
    if answers.ignored:
        named = ", ".join(answers.ignored[:_NAMED_IN_A_MESSAGE])
        yield f"Ignored columns of {answers.source}, {len(answers.ignored)} in all, such as {named}."
    missing = [get_finding(name).title for name in answers.findings if name not in truth.findings]
    if missing:
        yield f"{truth.source} has no labels for {', '.join(missing)}."


def _not_test(splits: Sequence[str]) -> Iterable[str]:
    n_other = {name: splits.count(name) for name in SPLITS if name != "test" and name in splits}
    for name, n in n_other.items():
        yield f"Among the films: {n:,} of the split {name}. On films a model has seen, figures flatter."
