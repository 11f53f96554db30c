"""Films inverted, upside down, on their side, mirrored, or unlike all others: the set teaches itself.

Most films of a set are stored right. Copies of them, inverted and turned, show a small classifier what wrong films
would look like; every film is judged by a classifier that has seen no film of its patient. Sets of fewer than 100 films
are judged by one that has seen phantoms; so is a set that phantoms call wrong as a whole.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression

from hilum.data.doctor.thumbnails import Thumbnails, shrink
from hilum.data.film_table import is_lateral

__all__ = ["PoseKind", "PoseSuspect", "judge_poses"]

PoseKind = Literal["inverted", "upside_down", "sideways", "mirrored", "unlike_the_others"]

Films = UInt8[np.ndarray, "film 64 64"]
Features = Float32[np.ndarray, "film feature"]
Rows = Int64[np.ndarray, " film"]

_TURNS: tuple[tuple[bool, int], ...] = tuple((inverted, turns) for inverted in (False, True) for turns in range(4))
"""What can be wrong: inverted or not, quarter turns; the first is a film as stored."""
_FEWEST_FILMS = 100
_N_PHANTOMS = 150
_N_TAUGHT = 1500
_FOLDS = 3
_SURE = 0.9
_EVEN = 8.0
"""Lines at the border whose grey values spread less are no part of the exposed field."""
_WIDE_BORDER, _WIDEST_BORDER = 3, 20
_N_COMPARED, _NEIGHBOURS = 4000, 5
_UNLIKE, _UNLIKE_TURNED = 8.0, 4.5
"""Few films are turned, so one that seems so and is odd even when turned back is rather no chest film at all."""
_UNLIKE_LOPSIDED = 10.0
"""Of strangeness and lopsidedness together: lateral films are some of both, a chest with one white lung of one."""
_MOST_SHIFT = 3
_FEWEST_FOR_MIRROR = 1000
"""Fewer films teach too little about mirror images: they are not judged for it."""
_MIRRORED = -4.0


@dataclass(frozen=True)
class PoseSuspect:
    """A film that looks wrong.

    Attributes:
        row: Of the manifest.
        kind: What is wrong with it.
        confidence: Between 0 and 1; of ``unlike_the_others`` how far out it is.
    """

    row: int
    kind: PoseKind
    confidence: float


def judge_poses(thumbnails: Thumbnails) -> list[PoseSuspect]:
    """Return the films that look inverted, turned, mirrored or unlike the others, by rows; empty if all look right.

    Films that cannot be read, and lateral ones by their view, are left out. ``unlike_the_others`` needs a set of at
    least 100 films, ``mirrored`` one of at least 1,000.
    """
    frontal = np.array([not is_lateral(view) for view in thumbnails.views], dtype=bool)
    rows = np.flatnonzero(thumbnails.readable & frontal)
    if not len(rows):
        return []
    films = _exposed(thumbnails.films(rows))
    features = np.concatenate([_features(part) for part in np.array_split(films, -(-len(films) // 1024))])
    chances = _chances(films, features, thumbnails.groups[rows])
    turned = chances.argmax(axis=1)
    sure = (turned > 0) & (1 - chances[:, 0] >= _SURE)
    far = _strangeness(films, features, turned, ~sure)
    lopsided = far + np.where(sure, 0.0, _lopsidedness(features, ~sure).clip(0))
    odd = (far > np.where(sure, _UNLIKE_TURNED, _UNLIKE)) | (lopsided > _UNLIKE_LOPSIDED)
    suspects = [
        PoseSuspect(int(rows[place]), _kind(*_TURNS[turned[place]]), float(1 - chances[place, 0]))
        for place in np.flatnonzero(sure & ~odd)
    ]
    suspects += [
        PoseSuspect(int(rows[place]), "unlike_the_others", float(1 - _UNLIKE_TURNED / (2 * lopsided[place])))
        for place in np.flatnonzero(odd)
    ]
    suspects += _mirrored(films, thumbnails.groups, rows, np.flatnonzero(~sure & ~odd))
    return sorted(suspects, key=lambda suspect: suspect.row)


def _mirrored(films: Films, groups: Rows, rows: Rows, places: Rows) -> list[PoseSuspect]:
    if len(places) < _FEWEST_FOR_MIRROR:
        return []
    from hilum.data.doctor.mirror import mirror_scores  # torch, for large sets alone

    scores = mirror_scores(films[places], groups[rows[places]])
    return [
        PoseSuspect(int(rows[places[at]]), "mirrored", float(1 / (1 + np.exp(scores[at]))))
        for at in np.flatnonzero(scores < _MIRRORED)
    ]


def _kind(inverted: bool, turns: int) -> PoseKind:  # noqa: FBT001 - a pair of the table above
    if inverted:
        return "inverted"
    return "upside_down" if turns == 2 else "sideways"


class _Judge(Protocol):
    def __call__(self, features: Features) -> Float64[np.ndarray, "film turn"]: ...


def _chances(films: Films, features: Features, groups: Rows) -> Float64[np.ndarray, "film turn"]:
    """Return for each film how probable each turn is, by a classifier that does not know it."""
    by_phantoms = _judge_of_phantoms()(features)
    commonest = np.bincount(by_phantoms.argmax(axis=1), minlength=len(_TURNS)).argmax()
    if len(films) < _FEWEST_FILMS or commonest != 0:
        return by_phantoms
    generator = np.random.default_rng(0)
    _, groups = np.unique(groups, return_inverse=True)
    fold = (generator.permutation(groups.max() + 1) % _FOLDS)[groups]
    chances = by_phantoms.copy()
    for part in range(_FOLDS):
        others = np.flatnonzero(fold != part)
        if (fold == part).any() and len(others) >= _FEWEST_FILMS // 2:
            taught = generator.choice(others, min(_N_TAUGHT, len(others)), replace=False)
            chances[fold == part] = _teach(films[taught])(features[fold == part])
    return chances


@lru_cache(maxsize=1)
def _judge_of_phantoms() -> _Judge:
    from hilum.phantoms import render_film

    return _teach(_exposed(np.stack([render_film(0, index, size_px=64).pixels for index in range(_N_PHANTOMS)])))


def _teach(films: Films) -> _Judge:
    """Return a classifier of turns, taught by right films, their mirror images, and both turned and inverted."""
    both = np.concatenate([films, films[:, :, ::-1]])
    features = np.concatenate([_features(_turn(both, inverted, turns)) for inverted, turns in _TURNS])
    labels = np.repeat(np.arange(len(_TURNS)), len(both))
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-3
    model = LogisticRegression(C=0.01, max_iter=300).fit((features - mean) / spread, labels)
    return lambda features: np.asarray(model.predict_proba((features - mean) / spread), dtype=np.float64)


def _turn(films: Films, inverted: bool, turns: int) -> Films:  # noqa: FBT001 - a pair of the table above
    turned = np.rot90(films, turns, axes=(1, 2))
    return 255 - turned if inverted else turned


def _exposed(films: Films) -> Films:
    """Return the exposed fields stretched to the whole square: even lines at the borders are cut off."""
    films = films.copy()
    ends = [_even_borders(films.std(axis=axis)) for axis in (2, 1)]
    for place in np.flatnonzero(np.concatenate(ends, axis=1).max(axis=1) >= _WIDE_BORDER):
        (top, bottom), (left, right) = ends[0][place], ends[1][place]
        films[place] = shrink(films[place, top : 64 - bottom, left : 64 - right])
    return films


def _even_borders(spread: Float64[np.ndarray, "film line"]) -> Int64[np.ndarray, "film 2"]:
    """Return how many lines in a row are nearly of one grey at both ends; at most 20 at each."""
    lively = spread > _EVEN
    lively[:, _WIDEST_BORDER : 64 - _WIDEST_BORDER] = True
    return np.column_stack([lively.argmax(axis=1), lively[:, ::-1].argmax(axis=1)])


def _features(films: Films) -> Features:
    """Return 16 x 16 of grey and 16 x 16 of structure, each film by its own mean and spread."""
    small = films.reshape(len(films), 32, 2, 32, 2).mean((2, 4), dtype=np.float32)
    detail = small - _blur(small)
    structure = detail / (np.sqrt(_blur(detail * detail)) + 4)
    grey = _halved(small)
    grey = (grey - grey.mean(axis=1, keepdims=True)) / (grey.std(axis=1, keepdims=True) + 4)
    return np.hstack([grey, _halved(structure)])


def _blur(films: Float32[np.ndarray, "film side side"]) -> Float32[np.ndarray, "film side side"]:
    return gaussian_filter(films, (0, 4, 4), mode="nearest", truncate=2.5)


def _halved(films: Float32[np.ndarray, "film 32 32"]) -> Float32[np.ndarray, "film 256"]:
    cells: Float32[np.ndarray, "film 16 16"] = films.reshape(len(films), 16, 2, 16, 2).mean((2, 4))
    return cells.reshape(len(films), 256)


def _strangeness(
    films: Films, features: Features, turned: Rows, right: Bool[np.ndarray, " film"]
) -> Float64[np.ndarray, " film"]:
    """Return how far each film, turned back, is from the right films most like it, in robust standard deviations.

    Only structure counts, not grey: an exposure that is unusual makes no other film. 0 in small sets.
    """
    far = np.zeros(len(films))
    known = np.flatnonzero(right)
    if len(known) < _FEWEST_FILMS:
        return far
    known = known[np.unique(np.linspace(0, len(known) - 1, _N_COMPARED).astype(np.int64))]
    reference = _structure(features[known])
    own = np.full(len(films), -1)
    own[known] = np.arange(len(known))
    for part in np.array_split(np.arange(len(films)), -(-len(films) // 1024)):
        far[part] = _distance(_structure(features[part]), reference, own[part])
    for place in np.flatnonzero(turned):
        inverted, turns = _TURNS[turned[place]]
        back = _turn(films[place : place + 1], inverted, -turns)
        both = _structure(_features(np.concatenate([back, back[:, :, ::-1]])))
        far[place] = _distance(both, reference, np.full(2, -1)).min()
    return _in_deviations(far, right)


def _lopsidedness(features: Features, right: Bool[np.ndarray, " film"]) -> Float64[np.ndarray, " film"]:
    """Return how little each film is its own mirror image, in robust standard deviations; 0 in small sets.

    The axis may lie aside of the middle: the best of a few shifts counts.
    """
    if right.sum() < _FEWEST_FILMS:
        return np.zeros(len(features))
    likeness = np.full(len(features), -1.0)
    structure: Features = features[:, 256:].reshape(len(features), 16, 16)
    for shift in range(-_MOST_SHIFT, _MOST_SHIFT + 1):
        part = structure[:, :, max(shift, 0) : 16 + min(shift, 0)]
        likeness = np.maximum(likeness, _correlation(part, part[:, :, ::-1]))
    return _in_deviations(-likeness, right)


def _correlation(
    ones: Float32[np.ndarray, "film 16 side"], others: Float32[np.ndarray, "film 16 side"]
) -> Float64[np.ndarray, " film"]:
    ones, others = (part - part.mean(axis=(1, 2), keepdims=True) for part in (ones, others))
    lengths = np.sqrt((ones**2).sum(axis=(1, 2)) * (others**2).sum(axis=(1, 2)))
    return np.asarray((ones * others).sum(axis=(1, 2)) / (lengths + 1e-9), dtype=np.float64)


def _in_deviations(
    values: Float64[np.ndarray, " film"], right: Bool[np.ndarray, " film"]
) -> Float64[np.ndarray, " film"]:
    """Return values by median and median deviation of the right films."""
    middle = np.median(values[right])
    return np.asarray((values - middle) / (1.4826 * np.median(np.abs(values[right] - middle)) + 1e-9))


def _structure(features: Features) -> Features:
    structure: Features = features[:, 256:]
    length: Features = np.linalg.norm(structure, axis=1, keepdims=True) + 1e-9
    return np.asarray(structure / length)


def _distance(films: Features, reference: Features, own: Int64[np.ndarray, " film"]) -> Float64[np.ndarray, " film"]:
    """Return 1 less the cosine to the fifth nearest of the reference; ``own`` is a film's place in it, or -1."""
    cosine = films @ reference.T
    inside = np.flatnonzero(own >= 0)
    cosine[inside, own[inside]] = -1
    return np.asarray(1 - np.partition(cosine, -_NEIGHBOURS, axis=1)[:, -_NEIGHBOURS], dtype=np.float64)
