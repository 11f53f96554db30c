"""Films that are the same film: encoded anew, resized, cropped a little, brighter, darker, inverted or mirrored.

Two steps. A short descriptor per film (coarse structure with local contrast evened out, whitened over the set so that
the anatomy all films share counts little) finds candidates by one matrix product per block of films. Each candidate is
then laid over the other (shift and scale, found by Gauss-Newton) and judged by how well fine structure agrees: films of
the same patient at another time agree much less than two copies of one film.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Bool, Float32, Int8, Int64
from scipy.ndimage import gaussian_filter

from hilum.data.doctor.registration import local_agreement, register, sample
from hilum.data.doctor.thumbnails import Thumbnails

__all__ = ["DuplicatePair", "find_duplicates"]

OnProgress = Callable[[int, int], None]
Stack = Float32[np.ndarray, "film side side"]

_COARSE_PX, _GRID_PX = 32, 16
_DIMENSIONS = 160
_RIDGE = 0.02
"""Share of the mean variance added to every whitened direction, so that noise is not blown up."""
_CROP = 0.035
"""Films are also looked for with so much of each side cut off: that meets copies cropped by up to about 5 %."""
_LEAST_COSINE, _LEAST_COSINE_OF_MANY, _MANY = 0.6, 0.65, 20_000
"""The more films, the more look alike: of many, candidates must be nearer."""
_CANDIDATES = 4
"""Most candidates of a film per variant (as it is, cropped, mirrored, both)."""
_LEAST_COARSE, _LEAST_SIMILARITY = 0.78, 0.9
_LARGEST_MOVE = 0.16
"""Largest shift (share of the half side) and change of scale that is still the same film."""
_BLOCK, _QUERY_BLOCK, _PAIR_BLOCK = 1024, 512, 256
_STEPS = 3
_THREADS = min(4, os.cpu_count() or 1)
_LEVELS = 40.0
"""Steps per unit when features are kept as bytes."""


@dataclass(frozen=True)
class DuplicatePair:
    """Two rows that hold the same film.

    Attributes:
        row_a: The earlier row.
        row_b: The later row.
        similarity: How well fine structure agrees in the parts of the film, up to 1 (see ``local_agreement``).
        mirrored: Whether one is the mirror image of the other.
        inverted: Whether one has black and white exchanged.
    """

    row_a: int
    row_b: int
    similarity: float
    mirrored: bool = False
    inverted: bool = False


def find_duplicates(thumbnails: Thumbnails, *, on_progress: OnProgress | None = None) -> list[DuplicatePair]:
    """Return the pairs of rows that hold the same film, by rows; empty if there are none.

    Of more than a handful of copies of one film, every copy is in some pair with another, but not all pairs are named.

    Args:
        thumbnails: The films; those that could not be read are left out.
        on_progress: Told of films compared and films in all.
    """
    rows = np.flatnonzero(thumbnails.readable)
    if len(rows) < 2:
        return []
    coarse = _coarse_features(thumbnails, rows)

    def tell(share: float) -> None:
        if on_progress:
            on_progress(round(share * len(rows)), len(rows))

    candidates = _candidates(coarse, lambda share: tell(share / 2))
    best: dict[tuple[int, int], DuplicatePair] = {}
    for pair in _verify(thumbnails, rows, coarse, candidates, lambda share: tell((1 + share) / 2)):
        place = pair.row_a, pair.row_b
        best[place] = max(best.get(place, pair), pair, key=lambda one: one.similarity)
    return [best[place] for place in sorted(best)]


def _coarse_features(thumbnails: Thumbnails, rows: Int64[np.ndarray, " film"]) -> Int8[np.ndarray, "film 32 32"]:
    """Return each film as 32 x 32 with local contrast evened out, kept as bytes."""
    features = np.empty((len(rows), _COARSE_PX, _COARSE_PX), np.int8)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        small = thumbnails.films(part).astype(np.float32)
        small = small.reshape(len(part), _COARSE_PX, 2, _COARSE_PX, 2).mean((2, 4))
        features[start : start + _BLOCK] = _as_bytes(_even_contrast(small, sigma=4.0))
    return features


def _even_contrast(films: Stack, *, sigma: float) -> Stack:
    """Return films less their surroundings, over the local contrast: what gamma, brightness and window leave alone."""
    detail = films - _blur(films, sigma)
    even: Stack = detail / (np.sqrt(_blur(detail * detail, sigma)) + 4.0)
    return even


def _blur(films: Stack, sigma: float) -> Stack:
    return gaussian_filter(films, (0, sigma, sigma), mode="nearest", truncate=2.5)


def _as_bytes(features: Stack) -> Int8[np.ndarray, "film side side"]:
    return (features * _LEVELS).round().clip(-127, 127).astype(np.int8)


def _candidates(coarse: Int8[np.ndarray, "film 32 32"], tell: Callable[[float], None]) -> Int64[np.ndarray, "pair 5"]:
    """Return pairs worth a look: film, other, whether mirrored, sign of the cosine, which is cropped (1, 2, none 0)."""
    whitening = _whitening(coarse)
    variants = [(crop, mirror) for mirror in (False, True) for crop in (0.0, _CROP)]
    base = _described(coarse, whitening, 0.0, mirror=False)
    found: list[tuple[Int64[np.ndarray, "pair 5"], Float32[np.ndarray, " pair"]]] = []
    n_blocks = -(-len(coarse) // _QUERY_BLOCK)
    for turn, (crop, mirror) in enumerate(variants):
        for block, start in enumerate(range(0, len(coarse), _QUERY_BLOCK)):
            query = _described(coarse[start : start + _QUERY_BLOCK], whitening, crop, mirror=mirror)
            found.append(_nearest(query, base, start, mirror=mirror, cropped=crop > 0))
            tell((turn * n_blocks + block + 1) / (len(variants) * n_blocks))
    return _nearest_crop(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _nearest_crop(
    pairs: Int64[np.ndarray, "pair 5"], nearness: Float32[np.ndarray, " pair"]
) -> Int64[np.ndarray, "pair 5"]:
    """Return each pair once, with the crop that came nearest: registration makes up for the rest."""
    pairs = pairs[np.argsort(-nearness, kind="stable")]
    _, first = np.unique(pairs[:, :4], axis=0, return_index=True)
    return pairs[first]


def _whitening(coarse: Int8[np.ndarray, "film 32 32"]) -> Float32[np.ndarray, "cell dimension"]:
    """Return the matrix that evens out what films have in common; learnt from up to 20,000 of them.

    Not centred on the mean: the descriptor of an inverted film is then exactly the negative of the film's.
    """
    chosen = np.unique(np.linspace(0, len(coarse) - 1, 20_000).astype(np.int64))
    cells = np.concatenate([_cells(coarse[part], 0.0) for part in np.array_split(chosen, -(-len(chosen) // _BLOCK))])
    values, vectors = np.linalg.eigh((cells.T @ cells / len(cells)).astype(np.float64))
    values, vectors = values[::-1][:_DIMENSIONS].clip(0), vectors[:, ::-1][:, :_DIMENSIONS]
    return np.asarray(vectors / np.sqrt(values + _RIDGE * values.mean() + 1e-9), dtype=np.float32)


def _described(
    coarse: Int8[np.ndarray, "film 32 32"],
    whitening: Float32[np.ndarray, "cell dimension"],
    crop: float,
    *,
    mirror: bool,
) -> Float32[np.ndarray, "film dimension"]:
    described: Float32[np.ndarray, "film dimension"] = np.empty((len(coarse), whitening.shape[1]), np.float32)
    for start in range(0, len(coarse), _BLOCK):
        part = coarse[start : start + _BLOCK]
        described[start : start + _BLOCK] = _cells(part[:, :, ::-1] if mirror else part, crop) @ whitening
    described /= np.linalg.norm(described, axis=1, keepdims=True) + 1e-9
    return described


def _cells(coarse: Int8[np.ndarray, "film 32 32"], crop: float) -> Float32[np.ndarray, "film cell"]:
    """Return 16 x 16 cells of blurred structure, ``crop`` of each side cut off before."""
    films = _blur(coarse.astype(np.float32) / _LEVELS, 1.4)
    if crop:
        move = np.array([1 - 2 * crop, 0, 1 - 2 * crop, 0], np.float32)
        films = sample(films, np.repeat(move[None], len(films), axis=0))
    cells: Float32[np.ndarray, "film cell"] = films.reshape(len(films), _GRID_PX, 2, _GRID_PX, 2).mean((2, 4))
    return cells.reshape(len(films), -1)


def _nearest(
    query: Float32[np.ndarray, "query dimension"],
    base: Float32[np.ndarray, "film dimension"],
    start: int,
    *,
    mirror: bool,
    cropped: bool,
) -> tuple[Int64[np.ndarray, "pair 5"], Float32[np.ndarray, " pair"]]:
    """Return for each film of a block its nearest others, where they are near enough, and how near."""
    cosine = query @ base.T
    own = np.arange(len(query))
    cosine[own, start + own] = 0
    least = _LEAST_COSINE_OF_MANY if len(base) > _MANY else _LEAST_COSINE
    film, other = np.divmod(np.flatnonzero(np.abs(cosine) >= least), len(base))
    nearness = np.abs(cosine[film, other])
    order = np.lexsort((-nearness, film))
    place = np.arange(len(film)) - np.searchsorted(film, film)  # how many of the same film stand before
    order = order[place < _CANDIDATES]
    film, other, nearness = film[order], other[order], nearness[order]
    sign = np.sign(cosine[film, other]).astype(np.int64)
    pairs = np.column_stack(
        [start + film, other, np.full(len(film), int(mirror)), sign, np.full(len(film), int(cropped))]
    )
    swap = pairs[:, 0] > pairs[:, 1]
    pairs[swap, :2] = pairs[swap, 1::-1]
    pairs[swap, 4] *= 2
    return pairs, nearness


def _verify(
    thumbnails: Thumbnails,
    rows: Int64[np.ndarray, " film"],
    coarse: Int8[np.ndarray, "film 32 32"],
    candidates: Int64[np.ndarray, "pair 5"],
    tell: Callable[[float], None],
) -> Iterator[DuplicatePair]:
    """Lay every candidate over the other; keep those whose fine structure agrees."""
    blocks = [candidates[start : start + _PAIR_BLOCK] for start in range(0, len(candidates), _PAIR_BLOCK)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, found in enumerate(pool.map(partial(_same_films, thumbnails, rows, coarse), blocks), start=1):
            yield from found
            tell(done / len(blocks))
    tell(1.0)


def _same_films(
    thumbnails: Thumbnails,
    rows: Int64[np.ndarray, " film"],
    coarse: Int8[np.ndarray, "film 32 32"],
    pairs: Int64[np.ndarray, "pair 5"],
) -> list[DuplicatePair]:
    scale = np.array([1, 1 / (1 - 2 * _CROP), 1 - 2 * _CROP])[pairs[:, 4]]
    moves = np.column_stack([scale, 0 * scale, scale, 0 * scale]).astype(np.float32)
    fixed = coarse[pairs[:, 0]].astype(np.float32) / _LEVELS
    moving = _turned(coarse[pairs[:, 1]].astype(np.float32) / _LEVELS, pairs)
    moves = register(_blur(fixed, 1.0), _blur(moving, 1.0), moves, steps=_STEPS)
    near = (local_agreement(fixed, sample(moving, moves), moves) >= _LEAST_COARSE) & _same_extent(moves)
    pairs, moves = pairs[near], moves[near]
    if not len(pairs):
        return []
    first, second = (thumbnails.films(rows[pairs[:, side]]).astype(np.float32) for side in (0, 1))
    fixed, moving = (_even_contrast(_blur(films, 0.6), sigma=3.0).clip(-3, 3) for films in (first, second))
    moves = register(fixed, _turned(moving, pairs), moves, steps=_STEPS)
    second = sample(_turned(second, pairs), moves)
    fixed, moving = (_even_contrast(films, sigma=2.0).clip(-3, 3) for films in (first, second))
    similarity = local_agreement(fixed, moving, moves)
    found = []
    for at in np.flatnonzero((similarity >= _LEAST_SIMILARITY) & _same_extent(moves)):
        film, other, mirror, sign, _ = pairs[at].tolist()
        rows_of_pair = int(rows[film]), int(rows[other])
        found.append(DuplicatePair(*rows_of_pair, float(similarity[at]), mirrored=bool(mirror), inverted=sign < 0))
    return found


def _turned(films: Stack, pairs: Int64[np.ndarray, "pair 5"]) -> Stack:
    """Mirror and negate the second films of pairs as their candidates say."""
    mirrored = np.where(pairs[:, 2, None, None] == 1, films[:, :, ::-1], films)
    return np.asarray(mirrored * pairs[:, 3, None, None], dtype=np.float32)


def _same_extent(moves: Float32[np.ndarray, "pair 4"]) -> Bool[np.ndarray, " pair"]:
    away = np.abs(moves - np.array([1, 0, 1, 0], np.float32)).max(axis=1)
    return np.asarray(away <= _LARGEST_MOVE)
