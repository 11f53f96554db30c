"""Films of a report: what they show, what is true, what was said; and the errors a model was surest of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from hilum.findings import NO_FINDING, title_of
from hilum.reporting.page import film_uri
from hilum.wording import DASH, percent

__all__ = [
    "ErrorCard",
    "ErrorPart",
    "FilmCard",
    "FilmError",
    "FilmLine",
    "GalleryFilm",
    "error_parts",
    "film_card",
]

_SIDE_PX = 300
_ERROR_PX = 220


@dataclass(frozen=True)
class FilmError:
    """Why a film stands among the errors.

    Attributes:
        finding: The finding that was got wrong, by the label.
        kind: ``missed`` (labelled, not called) or ``false alarm`` (called, not labelled).
        threshold: Probability from which on it is called.
    """

    finding: str
    kind: Literal["missed", "false alarm"]
    threshold: float


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
        error: What is wrong with the answer, for a film that is shown for that; its ``overlay`` is of this finding.
        explained: The finding that ``overlay`` explains; empty where nobody says.
    """

    image_id: str
    pixels: UInt8[np.ndarray, "height width"]
    overlay: UInt8[np.ndarray, "height width 3"] | None
    truth: tuple[str, ...]
    probabilities: Mapping[str, float]
    called: tuple[str, ...]
    error: FilmError | None = None
    explained: str = ""


@dataclass(frozen=True)
class FilmLine:
    """A finding on a film: its probability and whether it was ``found``, ``missed`` or ``extra``, in words."""

    name: str
    probability: str
    kind: str
    words: str


@dataclass(frozen=True)
class FilmCard:
    """A film as it stands in a page; ``overlay`` is empty where there is none, ``of`` says what it explains."""

    image_id: str
    picture: str
    overlay: str
    of: str
    lines: tuple[FilmLine, ...]


@dataclass(frozen=True)
class ErrorCard:
    """A film that was got wrong, as it stands in a page; ``words`` say how sure the model was, and the labels."""

    image_id: str
    picture: str
    overlay: str
    kind: str
    words: str


@dataclass(frozen=True)
class ErrorPart:
    """The errors of one finding."""

    title: str
    films: tuple[ErrorCard, ...]


def error_parts(films: Sequence[GalleryFilm]) -> list[ErrorPart]:
    """Return the films that have an ``error``, by finding, in the order in which they come."""
    parts: dict[str, list[ErrorCard]] = {}
    for film in films:
        if film.error is not None:
            parts.setdefault(film.error.finding, []).append(_error_card(film, film.error))
    return [ErrorPart(title_of(finding), tuple(cards)) for finding, cards in parts.items()]


def _error_card(film: GalleryFilm, error: FilmError) -> ErrorCard:
    said = percent(film.probabilities[error.finding])
    if error.finding == NO_FINDING and error.kind == "false alarm":
        said += ": under-diagnosed"
    labels = ", ".join(map(title_of, film.truth)) or "with none of the model’s findings"
    overlay = "" if film.overlay is None else film_uri(film.overlay, _ERROR_PX)
    return ErrorCard(
        film.image_id,
        film_uri(film.pixels, _ERROR_PX),
        overlay,
        error.kind,
        f"at {said}, called from {percent(error.threshold)} on; labelled {labels}",
    )


def film_card(film: GalleryFilm) -> FilmCard:
    """Return a film with a line per finding that is true or was called, the likeliest first."""
    overlay = "" if film.overlay is None else film_uri(film.overlay, _SIDE_PX)
    of = title_of(film.explained) if overlay and film.explained else ""
    return FilmCard(film.image_id, film_uri(film.pixels, _SIDE_PX), overlay, of, tuple(_lines(film)))


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
