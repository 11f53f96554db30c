"""The films of a report: some right, some wrong, each the clearest of its kind; then the errors of every finding."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from hilum.findings import NO_FINDING

if TYPE_CHECKING:
    from hilum.data import Manifest
    from hilum.imaging import FilmReader
    from hilum.inference import Predictor
    from hilum.records import Image
    from hilum.reporting import GalleryFilm

__all__ = ["Mistake", "choose_errors", "choose_films", "make_gallery"]

_FILM_PX = 320


class Mistake(NamedTuple):
    """A film (``row``) that was got wrong on a finding (``column``), by its label."""

    column: int
    kind: Literal["missed", "false alarm"]
    row: int


def make_gallery(
    predictor: "Predictor",
    manifest: "Manifest",
    image_ids: Sequence[str],
    probabilities: Float[np.ndarray, "image finding"],
    *,
    n_films: int = 12,
    n_errors: int = 2,
) -> "list[GalleryFilm]":
    """Read the chosen films from disk and explain the most probable call of each, or what was got wrong.

    Args:
        predictor: The bundle that answered.
        manifest: Says where the films lie and what is true.
        image_ids: The films that were answered.
        probabilities: A row per film, in the order of the predictor's findings.
        n_films: Films in the gallery, at most.
        n_errors: Films per finding that were missed, and as many false alarms, at most.

    Returns:
        The films, those that are shown for an error last, with ``error``; one that cannot be read any more is left out.
    """
    from hilum.imaging import FilmReader

    table = manifest.table.set_index("image_id").loc[list(image_ids)]
    targets = _targets(manifest, image_ids, predictor.findings)
    thresholds = np.array([rule.threshold for rule in predictor.bundle.spec.findings.values()])
    patients = table["patient_id"].to_numpy()
    mistakes = choose_errors(probabilities, targets, thresholds, patients=patients, n_each=n_errors)
    chosen: list[tuple[int, Mistake | None]] = [
        *((row, None) for row in choose_films(probabilities, targets, thresholds, n_films=n_films)),
        *((mistake.row, mistake) for mistake in mistakes),
    ]
    films = []
    with FilmReader(workers=1) as reader:
        for row, mistake in chosen:
            image = _read(reader, Path(table["path"].iloc[row]))
            if image is not None:
                truth = targets[row] == 1
                films.append(_film(predictor, image, image_ids[row], truth, probabilities[row], mistake))
    return films


def _targets(
    manifest: "Manifest", image_ids: Sequence[str], findings: Sequence[str]
) -> Float[np.ndarray, "image finding"]:
    """Return the targets of what the bundle answers; ``No Finding`` follows from the labels of all findings."""
    from hilum.metrics import no_finding_target

    table = manifest.table.set_index("image_id").loc[list(image_ids)]
    targets = np.asarray(table.reindex(columns=list(findings)), dtype=float)
    if NO_FINDING in findings:
        of_all = np.asarray(table[list(manifest.findings)], dtype=float)
        targets[:, list(findings).index(NO_FINDING)] = no_finding_target(of_all)
    return targets


def choose_errors(
    probabilities: Float[np.ndarray, "image finding"],
    targets: Float[np.ndarray, "image finding"],
    thresholds: Float[np.ndarray, " finding"],
    *,
    patients: Shaped[np.ndarray, " image"],
    n_each: int,
) -> list[Mistake]:
    """Choose per finding the misses of the lowest and the false alarms of the highest probability.

    A patient comes once per finding and kind: films of one patient tend to be got wrong alike.

    Args:
        probabilities: In [0, 1].
        targets: 1 present, 0 absent, NaN unknown.
        thresholds: NaN where nothing is called: nothing is wrong then.
        patients: The patient of each film.
        n_each: Misses, and false alarms, per finding, at most.

    Example:
        >>> choose_errors(np.array([[0.9], [0.1], [0.8]]), np.array([[0.0], [1.0], [0.0]]), np.array([0.5]),
        ...               patients=np.array(["a", "b", "a"]), n_each=2)
        [Mistake(column=0, kind='missed', row=1), Mistake(column=0, kind='false alarm', row=0)]
    """
    mistakes = []
    for column, threshold in enumerate(thresholds.tolist()):
        said, target = probabilities[:, column], targets[:, column]
        missed = (target == 1) & (said < threshold)
        alarms = (target == 0) & (said >= threshold)
        mistakes += [Mistake(column, "missed", row) for row in _first(missed, said, patients, n_each)]
        mistakes += [Mistake(column, "false alarm", row) for row in _first(alarms, -said, patients, n_each)]
    return mistakes


def _first(
    chosen: Bool[np.ndarray, " image"],
    height: Float[np.ndarray, " image"],
    patients: Shaped[np.ndarray, " image"],
    n_films: int,
) -> list[int]:
    """Return the chosen rows of least ``height``, one per patient."""
    rows = np.flatnonzero(chosen)
    rows = rows[np.argsort(height[rows], kind="stable")]
    _, first = np.unique(patients[rows], return_index=True)
    return [int(row) for row in rows[np.sort(first)[:n_films]]]


def choose_films(
    probabilities: Float[np.ndarray, "image finding"],
    targets: Float[np.ndarray, "image finding"],
    thresholds: Float[np.ndarray, " finding"],
    *,
    n_films: int,
) -> list[int]:
    """Choose rows: in equal parts the clearest hits, misses and false alarms, of many findings; then whatever is left.

    Args:
        probabilities: In [0, 1].
        targets: 1 present, 0 absent, NaN unknown.
        thresholds: NaN where nothing is called.
        n_films: Rows wanted; fewer come back if there are fewer.

    Example:
        >>> choose_films(np.array([[0.9], [0.1], [0.8], [0.2]]), np.array([[1.0], [1.0], [0.0], [0.0]]),
        ...              np.array([0.5]), n_films=3)
        [0, 1, 2]
    """
    called = probabilities >= thresholds
    with np.errstate(divide="ignore", invalid="ignore"):
        margin = np.where(
            called, (probabilities - thresholds) / (1 - thresholds), (thresholds - probabilities) / thresholds
        )
    margin = np.nan_to_num(margin, nan=0.0, posinf=1.0)
    passed_over = ~called & ~np.isnan(thresholds)
    kinds = (called & (targets == 1), passed_over & (targets == 1), called & (targets == 0))
    chosen: list[int] = []
    for kind in kinds:
        chosen += _clearest(margin, kind, n_films // len(kinds), taken=chosen)
    rest = [row for row in range(len(probabilities)) if row not in chosen]
    return chosen + rest[: n_films - len(chosen)]


def _clearest(
    margin: Float[np.ndarray, "image finding"],
    kind: Bool[np.ndarray, "image finding"],
    n_films: int,
    *,
    taken: Sequence[int],
) -> list[int]:
    """Films of a kind by margin; every finding gets its turn before one comes a second time."""
    cells = np.argwhere(kind)
    order = cells[np.argsort(-margin[kind], kind="stable")].tolist()
    chosen: list[int] = []
    while len(chosen) < n_films:
        seen: set[int] = set()
        before = len(chosen)
        for film, finding in order:
            if film not in taken and film not in chosen and finding not in seen and len(chosen) < n_films:
                chosen.append(film)
                seen.add(finding)
        if len(chosen) == before:
            break
    return chosen


def _read(reader: "FilmReader", path: Path) -> "Image | None":
    from hilum.errors import ImageRefusedError

    try:
        return reader.read(path)
    except ImageRefusedError:
        return None


def _film(
    predictor: "Predictor",
    image: "Image",
    image_id: str,
    truth: Bool[np.ndarray, " finding"],
    probabilities: Float[np.ndarray, " finding"],
    mistake: Mistake | None,
) -> "GalleryFilm":
    from hilum.reporting import FilmError, GalleryFilm

    rules = predictor.bundle.spec.findings
    answers = dict(zip(predictor.findings, probabilities.tolist(), strict=True))
    called = [name for name, answer in answers.items() if answer >= rules[name].threshold]
    small, error, explained = _shrink(image), None, max(called, key=lambda name: answers[name], default="")
    if mistake is not None:
        explained = predictor.findings[mistake.column]
        error = FilmError(explained, mistake.kind, rules[explained].threshold)
    return GalleryFilm(
        image_id=image_id,
        pixels=_grey(small.pixels),
        overlay=_overlay(predictor, image, small, explained) if explained else None,
        truth=tuple(name for name, place in zip(predictor.findings, truth, strict=True) if place),
        probabilities=answers,
        called=tuple(called),
        error=error,
        explained=explained,
    )


def _overlay(
    predictor: "Predictor", image: "Image", small: "Image", finding: str
) -> UInt8[np.ndarray, "height width 3"]:
    """Explain the film at its own size, and draw the map over the small one."""
    from hilum.explain import explain_image, overlay

    explanation = explain_image(predictor, image, finding)
    heat = _resize(explanation.heat, small.pixels.shape[0])
    return overlay(small, replace(explanation, heat=heat))


def _shrink(image: "Image") -> "Image":
    return replace(image, pixels=_resize(image.pixels, min(_FILM_PX, max(image.pixels.shape))))


def _resize(pixels: Float[np.ndarray, "height width"], size_px: int) -> Float[np.ndarray, "size size"]:
    from hilum.imaging import resize_square

    return np.asarray(resize_square(pixels, size_px) / np.float32(255), dtype=np.float32)


def _grey(pixels: Float[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    return np.asarray(np.rint(pixels * 255), dtype=np.uint8)
