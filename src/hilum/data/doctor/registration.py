"""Lay one film over another: shift and scale per axis, found by Gauss-Newton for many pairs at once.

Source: Lucas & Kanade, IJCAI 1981; Baker & Matthews, IJCV 2004, section 3.
Departure: no rotation, an own scale per axis.
"""

import numpy as np
from jaxtyping import Float32, Float64

__all__ = ["local_agreement", "register", "sample"]

Stack = Float32[np.ndarray, "film side side"]
Moves = Float32[np.ndarray, "film 4"]

_LARGEST_STEP = 0.05
_MARGIN = 0.9
"""Only the inner part of a film is compared: borders are where crops and marks are."""
_LEAST_ENERGY = 0.0025
"""Least product of the two variances (of features that vary by about 1) of a part that says something."""
_LEAST_PARTS = 12


def _axis(side: int) -> Float32[np.ndarray, " side"]:
    return (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1


def sample(films: Stack, moves: Moves) -> Stack:
    """Return each film as seen through its move, bilinear; outside, its border goes on.

    Args:
        films: Square films.
        moves: Per film: scale and shift down, scale and shift right; centre 0, half a side is 1.
    """
    axis, side = _axis(films.shape[1]), films.shape[1]
    down = _interpolated(films, moves[:, :1] * axis + moves[:, 1:2], side)
    return _interpolated(down.swapaxes(1, 2), moves[:, 2:3] * axis + moves[:, 3:], side).swapaxes(1, 2)


def _interpolated(films: Stack, places: Float32[np.ndarray, "film side"], side: int) -> Stack:
    at = ((places + 1) * (side / 2) - 0.5).clip(0, side - 1)
    low = np.minimum(at.astype(np.int64), side - 2)
    share = (at - low)[:, :, None].astype(np.float32)
    film = np.arange(len(films))[:, None]
    first = films[film, low]
    between: Stack = first + share * (films[film, low + 1] - first)
    return between


def register(fixed: Stack, moving: Stack, moves: Moves, *, steps: int) -> Moves:
    """Return the moves after ``steps`` steps of Gauss-Newton that make ``moving`` look like ``fixed``."""
    moves = moves.copy()
    side = fixed.shape[1]
    axis = _axis(side)
    for _ in range(steps):
        seen = sample(moving, moves)
        weight = _inside(moves, side)
        slopes = np.gradient(seen, 2 / side, axis=(1, 2))
        down, right = slopes[0] / moves[:, :1, None], slopes[1] / moves[:, 2:3, None]
        pulls = np.stack([down * axis[:, None], down, right * axis, right], axis=1).reshape(len(fixed), 4, -1)
        weighted = pulls * weight.reshape(len(fixed), 1, -1)
        normal = weighted @ pulls.swapaxes(1, 2)
        normal += (1e-3 * np.trace(normal, axis1=1, axis2=2) + 1e-6)[:, None, None] * np.eye(4, dtype=np.float32)
        wish = weighted @ (fixed - seen).reshape(len(fixed), -1, 1)
        moves += np.linalg.solve(normal, wish)[:, :, 0].clip(-_LARGEST_STEP, _LARGEST_STEP)
        moves[:, ::2] = moves[:, ::2].clip(0.5, 2)
    return moves


def local_agreement(fixed: Stack, seen: Stack, moves: Moves) -> Float64[np.ndarray, " film"]:
    """Return the lower quartile of the correlations in 7 x 7 parts of square films; ``seen`` has been moved.

    Two copies agree everywhere; two films of one patient do so in some parts, and hardly in the heart, the diaphragm or
    the marks. Parts without structure (black borders, burnt-out corners) say nothing and are left out; 0 if all are.
    """
    common = _parts(_inside(moves, fixed.shape[1])).all(axis=2)
    first, second = (part - part.mean(axis=2, keepdims=True) for part in (_parts(fixed), _parts(seen)))
    energy = (first * first).mean(axis=2) * (second * second).mean(axis=2)
    agreements = (first * second).mean(axis=2) / np.sqrt(energy + 1e-9)
    says = common & (energy > _LEAST_ENERGY)
    agreements[~says] = np.inf
    agreements.sort(axis=1)
    n = says.sum(axis=1)
    quartile = np.take_along_axis(agreements, ((n - 1).clip(0) // 4)[:, None], axis=1)[:, 0]
    return np.where(n >= _LEAST_PARTS, quartile, 0).astype(np.float64)


def _parts(films: Stack) -> Float32[np.ndarray, "film part pixel"]:
    part = films.shape[1] // 8
    edge = (films.shape[1] - 7 * part) // 2
    inner = films[:, edge : edge + 7 * part, edge : edge + 7 * part].reshape(len(films), 7, part, 7, part)
    return inner.swapaxes(2, 3).reshape(len(films), 49, part * part)


def _inside(moves: Moves, side: int) -> Stack:
    """Return 1 where both films have pixels, 0 elsewhere."""
    axis = _axis(side)
    margin = np.abs(axis) < _MARGIN
    down = (np.abs(moves[:, :1] * axis + moves[:, 1:2]) < 1) & margin
    right = (np.abs(moves[:, 2:3] * axis + moves[:, 3:]) < 1) & margin
    inside: Stack = (down[:, :, None] & right[:, None, :]).astype(np.float32)
    return inside
