"""Films that two files have in common: what one of them answered, and what the other knows."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from hilum.data import SPLITS
from hilum.errors import DataError
from hilum.evaluation.composite import add_composites
from hilum.evaluation.label_file import Truth, read_truth
from hilum.evaluation.prediction_file import PredictionTable, read_predictions
from hilum.findings import NIH_FINDINGS, NO_FINDING, title_of
from hilum.metrics import no_finding_target
from hilum.wording import count

__all__ = ["Matched", "match_files"]

_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm")
_FOLDER = re.compile(r".*[/\\]")
_NAMED_IN_A_MESSAGE = 5


@dataclass(frozen=True, eq=False)
class Matched:
    """Films of both files, row by row.

    Attributes:
        answers: The file of predictions.
        truth: The file of labels.
        image_ids: Films, as the predictions name them; without folders where the labels name none.
        findings: What was answered, and what could be derived from it.
        probabilities: In [0, 1].
        targets: 1 present, 0 absent, NaN unknown.
        patients: The patient of each film; None if unknown.
        splits: The split of each film; empty where it has none.
        attributes: What divides the films.
        warnings: What was left out or derived, one sentence each.
        counts: The same in numbers.
    """

    answers: PredictionTable
    truth: Truth
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    probabilities: Float64[np.ndarray, "image finding"]
    targets: Float64[np.ndarray, "image finding"]
    patients: Shaped[np.ndarray, " image"] | None
    splits: tuple[str, ...]
    attributes: Mapping[str, Shaped[np.ndarray, " image"]]
    warnings: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def keys(self) -> frozenset[str]:
        """The films' names without an image's ending."""
        return frozenset(map(film_key, self.image_ids))


def match_files(predictions: Path, labels: Path | None) -> Matched:
    """Read both files and match films by name, whatever its ending (.png, .jpg, .dcm ...).

    Args:
        predictions: CSV file; see :func:`read_predictions`.
        labels: Any file that :func:`read_truth` reads; None to take the labels in ``predictions`` itself.

    Raises:
        DataError: A file that cannot be used, a film that stands twice, not one film in both files, or no labels.
    """
    answers = read_predictions(predictions)
    truth = read_truth(labels) if labels else _own_truth(answers)
    answered, labelled = _without_folders(answers.image_ids, truth.image_ids)
    rows_by_key = _rows_by_key(labelled, truth.source)
    pairs = [
        (row, rows_by_key[key]) for key, row in _rows_by_key(answered, answers.source).items() if key in rows_by_key
    ]
    if not pairs:
        raise DataError(
            f"no film of {answers.source} stands in {truth.source} (for instance {answers.image_ids[0]!r} against "
            f"{truth.image_ids[0]!r}): both must name the same films"
        )
    rows, there = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    probabilities, findings, derived = add_composites(
        answers.probabilities[rows], answers.findings, labelled=truth.findings
    )
    counts = {
        "films evaluated": len(there),
        "predictions without a label": len(answers.image_ids) - len(there),
        "labels without a prediction": len(truth.image_ids) - len(there),
        "films not answered": answers.n_refused,
        "columns ignored": len(answers.ignored),
    }
    splits = tuple(truth.splits[row] for row in there)
    return Matched(
        answers=answers,
        truth=truth,
        image_ids=tuple(answered[row] for row in rows),
        findings=findings,
        probabilities=probabilities,
        targets=_targets(truth, there, findings),
        patients=None if truth.patients is None else np.array(truth.patients)[there],
        splits=splits,
        attributes={name: levels[there] for name, levels in truth.attributes.items()},
        warnings=(*_unmatched(answers, truth, counts, findings), *derived, *_not_test(splits)),
        counts=counts,
    )


def _without_folders(answered: Sequence[str], labelled: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Leave folders out where one file names them, the other does not, and every film still has a name of its own."""
    plain = [[_FOLDER.sub("", name) for name in names] for names in (answered, labelled)]
    with_folders = [names != list(whole) for names, whole in zip(plain, (answered, labelled), strict=True)]
    if all(with_folders) or any(len(set(names)) < len(names) for names in plain):
        return answered, labelled
    return plain[0], plain[1]


def film_key(image_id: str) -> str:
    """Return a film's name without an image's ending."""
    stem, dot, ending = image_id.rpartition(".")
    return stem if f"{dot}{ending}".lower() in _ENDINGS else image_id


def _own_truth(answers: PredictionTable) -> Truth:
    if answers.targets is None:
        raise DataError(
            f"{answers.source} has no labels of its own (columns target_<Finding>): name a label file (--labels)"
        )
    return Truth(
        source=answers.source,
        image_ids=answers.image_ids,
        patients=answers.groups,
        splits=("",) * len(answers.image_ids),
        findings=answers.findings,
        targets=answers.targets,
        digest=answers.digest,
        split_digest="",
        phantom=False,
        nih=False,
    )


def _rows_by_key(image_ids: Sequence[str], source: str) -> dict[str, int]:
    """Return film to row; refuse films that stand twice."""
    rows = {film_key(name): row for row, name in enumerate(image_ids)}
    if len(rows) < len(image_ids):
        twice = [name for row, name in enumerate(image_ids) if rows[film_key(name)] != row]
        raise DataError(
            f"{source}: {count(len(twice), 'film')} twice in it ({', '.join(twice[:_NAMED_IN_A_MESSAGE])}). "
            "Every film may stand once: keep the row that counts."
        )
    return rows


def _targets(
    truth: Truth, rows: Int64[np.ndarray, " image"], findings: Sequence[str]
) -> Float64[np.ndarray, "image finding"]:
    """Return a column per finding; ``No Finding`` follows from the fourteen where all of them have labels."""
    targets = np.full((len(rows), len(findings)), np.nan)
    for column, name in enumerate(findings):
        if name in truth.findings:
            targets[:, column] = truth.targets[rows, truth.findings.index(name)]
        elif name == NO_FINDING and set(NIH_FINDINGS) <= set(truth.findings):
            fourteen = [truth.findings.index(one) for one in NIH_FINDINGS]
            targets[:, column] = no_finding_target(truth.targets[rows][:, fourteen])
    return targets


def _unmatched(
    answers: PredictionTable, truth: Truth, counts: Mapping[str, int], findings: Sequence[str]
) -> Iterable[str]:
    without_label, without_answer = counts["predictions without a label"], counts["labels without a prediction"]
    if without_label:
        yield f"Left out: {count(without_label, 'film')} of {answers.source} without a label in {truth.source}."
    if without_answer:
        yield f"Left out: {count(without_answer, 'film')} of {truth.source} without a prediction in {answers.source}."
    if answers.n_refused:
        yield f"In no figure: {count(answers.n_refused, 'film')} that the model did not answer."
    if answers.ignored:
        named = ", ".join(answers.ignored[:_NAMED_IN_A_MESSAGE])
        yield f"Ignored columns of {answers.source}, {len(answers.ignored)} in all, such as {named}."
    derived = NO_FINDING if set(NIH_FINDINGS) <= set(truth.findings) else ""
    missing = [title_of(name) for name in findings if name not in (*truth.findings, derived)]
    if missing:
        yield f"{truth.source} has no labels for {', '.join(missing)}."


def _not_test(splits: Sequence[str]) -> Iterable[str]:
    n_other = {name: splits.count(name) for name in SPLITS if name != "test" and name in splits}
    for name, n in n_other.items():
        yield f"Among the films: {n:,} of the split {name}. On films a model has seen, figures flatter."
