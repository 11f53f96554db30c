"""One film of a report's gallery: what it shows, what is true, what was said."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from hilum.findings import NO_FINDING
from hilum.reporting.page import film_uri
from hilum.reporting.wording import DASH, percent, title_of

__all__ = ["FilmCard", "FilmLine", "GalleryFilm", "film_card"]

_SIDE_PX = 300


@dataclass(frozen=True, eq=False)
class GalleryFilm:
    """A film with truth and answer.

    Attributes:
        image_id: File name without its folder.
        pixels: The film, dense tissue bright.
        overlay: The film with a heat map over it; None where there is none.
        truth: Findings known to be present; empty for none.
        probabilities: Per finding; NaN where there is no answer.
        called: Findings called present.
    """

    image_id: str
    pixels: UInt8[np.ndarray, "height width"]
    overlay: UInt8[np.ndarray, "height width 3"] | None
    truth: tuple[str, ...]
    probabilities: Mapping[str, float]
    called: tuple[str, ...]


@dataclass(frozen=True)
class FilmLine:
    """A finding on a film: its probability and whether it was ``found``, ``missed`` or ``extra``, in words."""

    name: str
    probability: str
    kind: str
    words: str


@dataclass(frozen=True)
class FilmCard:
    """A film as it stands in a page; ``overlay`` is empty where there is none."""

    image_id: str
    picture: str
    overlay: str
    lines: tuple[FilmLine, ...]


def film_card(film: GalleryFilm) -> FilmCard:
    """Return a film with a line per finding that is true or was called, the likeliest first."""
    overlay = "" if film.overlay is None else film_uri(film.overlay, _SIDE_PX)
    return FilmCard(film.image_id, film_uri(film.pixels, _SIDE_PX), overlay, tuple(_lines(film)))


def _lines(film: GalleryFilm) -> list[FilmLine]:
    def unlikely(name: str) -> float:
        probability = film.probabilities.get(name, math.nan)
        return -probability if math.isfinite(probability) else math.inf

    named = sorted({*film.truth, *film.called}, key=lambda name: (unlikely(name), name))
    lines = [_line(film, name) for name in named]
    if lines:
        return lines
    return [FilmLine(NO_FINDING, "", "found", "nothing called")]


def _line(film: GalleryFilm, name: str) -> FilmLine:
    probability = film.probabilities.get(name, math.nan)
    said = percent(probability) if math.isfinite(probability) else DASH
    if name in film.truth and name in film.called:
        kind, words = "found", "present, called"
    elif name in film.truth:
        kind, words = "missed", "present, missed"
    else:
        kind, words = "extra", "called, not labelled"
    return FilmLine(title_of(name), said, kind, words)
