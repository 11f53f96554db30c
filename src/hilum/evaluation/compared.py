"""What is compared: runs and files of predictions, read and held against each other before anything is measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Shaped

from hilum.errors import DataError
from hilum.evaluation.match import Matched, film_key, match_files
from hilum.findings import title_of
from hilum.records import Evaluation
from hilum.runs import file_digest
from hilum.wording import count

__all__ = ["Compared", "Side", "read_sides"]

_FEWEST = 2
_OUT = (
    "judge both bundles on one manifest (`hilum evaluate --bundle B --manifest M --store S --out DIR`), compare those"
)


@dataclass(frozen=True, eq=False)
class Side:
    """One model: what it answered, and what is known of how it was judged.

    Attributes:
        name: What it is called.
        matched: Its answers with labels.
        evaluation: Of its run; None where only a file of predictions is known.
    """

    name: str
    matched: Matched
    evaluation: Evaluation | None


@dataclass(frozen=True, eq=False)
class Compared:
    """Models on the films that all of them answered.

    Attributes:
        sides: The models.
        findings: What all of them answered.
        scores: Per model.
        targets: 1 present, 0 absent, NaN unknown.
        groups: The patient of each film; None if unknown.
        warnings: What was left out, one sentence each.
        counts: The same in numbers.
    """

    sides: tuple[Side, ...]
    findings: tuple[str, ...]
    scores: tuple[Float64[np.ndarray, "image finding"], ...]
    targets: Float64[np.ndarray, "image finding"]
    groups: Shaped[np.ndarray, " image"] | None
    warnings: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def n_images(self) -> int:
        """Films that all models answered."""
        return len(self.targets)


def read_sides(models: Sequence[Path], labels: Path | None) -> Compared:
    """Read models, refuse what may not stand side by side, and keep the films and findings that all have.

    Args:
        models: Folders of runs or evaluations, or files of predictions.
        labels: For all of them; None where each brings its own.

    Raises:
        DataError: Fewer than two models, a file that cannot be used, other splits or labels, or nothing in common.
    """
    if len(models) < _FEWEST:
        raise DataError(f"a comparison needs at least {_FEWEST} models, got {len(models)}")
    names = _names(models)
    sides = tuple(_read(path, name, labels) for path, name in zip(models, names, strict=True))
    for first, second in combinations(sides, 2):
        _refuse_other_split(first, second)
        _refuse_other_labels(first, second)
    return _shared(sides)


def _names(models: Sequence[Path]) -> list[str]:
    short = [path.name.removesuffix(".gz").removesuffix(".csv") or str(path) for path in models]
    if len(set(short)) == len(short):
        return short
    if len({path.resolve() for path in models}) < len(models):
        raise DataError(f"{models[0]} is named twice: a model is compared with another one")
    return [str(path) for path in models]


def _read(path: Path, name: str, labels: Path | None) -> Side:
    if not path.is_dir():
        return Side(name, match_files(path, labels), None)
    folder = next((place for place in (path / "evaluation", path) if (place / "evaluation.json").is_file()), None)
    if folder is None or not (folder / "predictions.csv").is_file():
        raise DataError(
            f"{path} holds no evaluation with its predictions: judge it first "
            f"(`hilum evaluate --run {path} --manifest M --store S`), or name a CSV file of predictions"
        )
    judged = folder / "evaluation.json"
    evaluation = Evaluation.from_json(judged.read_bytes(), source=str(judged))
    written = evaluation.pedigree.answers_digest
    if written and file_digest(folder / "predictions.csv") != written:
        raise DataError(
            f"{folder / 'predictions.csv'} is not what evaluation.json beside it was made of: it was changed since, or "
            "another study wrote into the same folder. Judge again (`hilum evaluate`), each model into its own folder"
        )
    return Side(name, match_files(folder / "predictions.csv", labels), evaluation)


def _refuse_other_split(first: Side, second: Side) -> None:
    """Refuse two models that were judged on other splits: the one's test films are the other's training films."""
    splits = [_split_of(side) for side in (first, second)]
    known = [split for split in splits if split]
    if len(known) == len(splits) and splits[0] != splits[1]:
        said = " and ".join(
            f"{side.name} on {split[0] or 'films'} of the split {split[1][:12] or 'without a digest'}"
            for side, split in zip((first, second), known, strict=True)
        )
        raise DataError(
            f"these were judged on different splits ({said}): a figure of a random split beside one of the official "
            f"split compares films, not models. Expected one split: {_OUT}"
        )


def _split_of(side: Side) -> tuple[str, str] | None:
    if side.evaluation and side.evaluation.pedigree.split_digest:
        return side.evaluation.pedigree.split, side.evaluation.pedigree.split_digest
    return None


def _refuse_other_labels(first: Side, second: Side) -> None:
    digests = [side.evaluation.pedigree.data_digest for side in (first, second) if side.evaluation]
    if len(digests) == _FEWEST and digests[0] != digests[1]:
        raise DataError(
            f"{first.name} and {second.name} were judged against different labels (digests {digests[0][:12]} and "
            f"{digests[1][:12]}): the better figure may be that of the better labels. Expected the same labels: {_OUT}"
        )


def _shared(sides: tuple[Side, ...]) -> Compared:
    rows = [{film_key(name): row for row, name in enumerate(side.matched.image_ids)} for side in sides]
    films = [name for name in rows[0] if all(name in other for other in rows)]
    if not films:
        raise DataError(
            f"no film stands in all of {', '.join(side.name for side in sides)}: only the same films can be compared"
        )
    findings = tuple(name for name in sides[0].matched.findings if all(name in side.matched.findings for side in sides))
    if not findings:
        raise DataError(f"no finding was answered by all of {', '.join(side.name for side in sides)}")
    chosen = [np.array([row[name] for name in films]) for row in rows]
    columns = [np.array([side.matched.findings.index(name) for name in findings]) for side in sides]
    picked = list(zip(sides, chosen, columns, strict=True))
    targets = [side.matched.targets[np.ix_(row, column)] for side, row, column in picked]
    _refuse_other_targets(sides, targets)
    groups = (side.matched.patients[row] for side, row, _ in picked if side.matched.patients is not None)
    return Compared(
        sides=sides,
        findings=findings,
        scores=tuple(side.matched.probabilities[np.ix_(row, column)] for side, row, column in picked),
        targets=targets[0],
        groups=next(groups, None),
        warnings=tuple(_left_out(sides, len(films), findings)),
        counts={
            "films compared": len(films),
            **{f"films of {side.name} that others lack": len(side.matched.image_ids) - len(films) for side in sides},
        },
    )


def _refuse_other_targets(sides: Sequence[Side], targets: Sequence[Float64[np.ndarray, "image finding"]]) -> None:
    for side, own in zip(sides[1:], targets[1:], strict=True):
        differs = (targets[0] != own) & ~(np.isnan(targets[0]) & np.isnan(own))
        if differs.any():
            raise DataError(
                f"{sides[0].name} and {side.name} have different labels for {count(int(differs.any(1).sum()), 'film')} "
                "that both answered. Expected the same labels: name one file of them for all (--labels)"
            )


def _left_out(sides: Sequence[Side], n_shared: int, findings: Sequence[str]) -> Iterable[str]:
    for first, second in combinations(sides, 2):
        if first.matched.answers.digest == second.matched.answers.digest:
            yield f"{first.name} and {second.name} are the same predictions, to the last byte: is one of them mistaken?"
    for side in sides:
        n_other = len(side.matched.image_ids) - n_shared
        if n_other:
            yield f"Left out: {count(n_other, 'film')} of {side.name} that another model did not answer."
        other = [title_of(name) for name in side.matched.findings if name not in findings]
        if other:
            yield f"Only {side.name} answers, or not all others do: {', '.join(other)}."
