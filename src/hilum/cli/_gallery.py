"""The films of a report's gallery: some right, some wrong, each the clearest of its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

if TYPE_CHECKING:
    from hilum.data import Manifest
    from hilum.inference import Predictor
    from hilum.records import Image
    from hilum.reporting import GalleryFilm

__all__ = ["choose_films", "make_gallery"]

_FILM_PX = 320


def make_gallery(
    predictor: "Predictor",
    manifest: "Manifest",
    image_ids: Sequence[str],
    probabilities: Float[np.ndarray, "image finding"],
    *,
    n_films: int = 12,
) -> "list[GalleryFilm]":
    """Read the chosen films from disk and explain the most probable call of each.

    Args:
        predictor: The bundle that answered.
        manifest: Says where the films lie and what is true.
        image_ids: The films that were answered.
        probabilities: A row per film, in the order of the predictor's findings.
        n_films: Films in the gallery, at most.

    Returns:
        The films; one that cannot be read any more is left out.
    """
    from hilum.errors import ImageRefusedError
    from hilum.imaging import FilmReader

    table = manifest.table.set_index("image_id").loc[list(image_ids)]
    known = [name for name in predictor.findings if name in manifest.findings]
    targets = table.reindex(columns=list(predictor.findings)).to_numpy(dtype=float)
    thresholds = np.array([rule.threshold for rule in predictor.bundle.spec.findings.values()])
    films = []
    with FilmReader(workers=1) as reader:
        for row in choose_films(probabilities, targets, thresholds, n_films=n_films):
            answers = dict(zip(predictor.findings, probabilities[row].tolist(), strict=True))
            called = [name for name, place in zip(answers, probabilities[row] >= thresholds, strict=True) if place]
            truth = tuple(name for name in known if table[name].iloc[row] == 1)
            try:
                image = reader.read(Path(table["path"].iloc[row]))
            except ImageRefusedError:
                continue
            films.append(_film(predictor, image, image_ids[row], truth, answers, called))
    return films


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
    margin: Float[np.ndarray, "image finding"], kind: np.ndarray, n_films: int, *, taken: Sequence[int]
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


def _film(
    predictor: "Predictor",
    image: "Image",
    image_id: str,
    truth: tuple[str, ...],
    answers: Mapping[str, float],
    called: Sequence[str],
) -> "GalleryFilm":
    from hilum.reporting import GalleryFilm

    small = _shrink(image)
    return GalleryFilm(
        image_id=image_id,
        pixels=_grey(small.pixels),
        overlay=_overlay(predictor, image, small, max(called, key=lambda name: answers[name])) if called else None,
        truth=truth,
        probabilities=answers,
        called=tuple(called),
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
