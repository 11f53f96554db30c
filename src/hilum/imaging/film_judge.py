"""A judge of one film by its pixels alone: inverted, on its side or head, or no frontal chest film at all.

Looks at the field within the border, 64 x 64, its grey levels replaced by their ranks, so that window and gamma do not
matter. A small network over a histogram of gradients says how the film lies; how far the film is from all that the
made-up films look like, in any of eight poses, says whether it is one. Weights come from phantoms alone
(tools/train_film_judge.py); figures on real films stand in docs/results/0002-film-judge.md.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from jaxtyping import Float32, Float64
from PIL import Image as Pillow

__all__ = ["LOOK_PX", "POSES", "Judgement", "describe_look", "judge_film", "look_of", "pose_look"]

LOOK_PX, POSES = 64, 8
_CELLS, _BINS, _GRID = 8, 8, 16
_RESOURCE = "film_judge.npz"
_PLENTY = 256
Look = Float64[np.ndarray, "64 64"]


@dataclass(frozen=True)
class Judgement:
    """How a film looks, as log odds: above 0 the worse is likelier; far above, it is sure.

    Attributes:
        polarity: Inverted against upright grey levels.
        turned: Rotated by 90, 180 or 270 degrees against upright.
        unlike: No frontal chest film in any pose against one.
    """

    polarity: float
    turned: float
    unlike: float

    @property
    def flags(self) -> list[str]:
        """The flags that the judge is sure of; a film unlike any chest has no pose."""
        limits = _weights()["limits"]
        if self.unlike > limits[2]:
            return ["unlike_chest"]
        return [
            code
            for code, value, limit in (("polarity", self.polarity, limits[0]), ("turned", self.turned, limits[1]))
            if value > limit
        ]


def judge_film(pixels: Float32[np.ndarray, "height width"]) -> Judgement:
    """Judge a film, best without its border."""
    return _judgement(*describe_look(look_of(pixels)))


def look_of(pixels: Float32[np.ndarray, "height width"]) -> Look:
    """Return the film as 64 x 64 ranks of grey from 0 to 1."""
    step = max(1, min(pixels.shape) // _PLENTY)
    film = Pillow.fromarray(np.ascontiguousarray(pixels[::step, ::step], dtype=np.float32))
    small = np.asarray(film.resize((LOOK_PX, LOOK_PX), Pillow.Resampling.BOX), dtype=np.float64)
    return _ranks(small)


def pose_look(look: Look, pose: int) -> Look:
    """Return the look turned by ``pose % 4`` quarters, inverted from pose 4 on."""
    return np.ascontiguousarray(np.rot90(look if pose < POSES // 2 else 1 - look, pose % 4))


def describe_look(look: Look) -> tuple[Float64[np.ndarray, " gradient"], Float64[np.ndarray, "pose cell"]]:
    """Return the histogram of gradients, and the coarse grey levels in each of the eight poses."""
    coarse = look.reshape(_GRID, LOOK_PX // _GRID, _GRID, LOOK_PX // _GRID).mean(axis=(1, 3))
    coarse = (coarse - coarse.mean()) / (coarse.std() + 1e-6)
    poses = [np.rot90(sign * coarse, turn).ravel() for sign in (1, -1) for turn in range(4)]
    return _gradients(look), np.asarray(poses)


def _ranks(small: Look) -> Look:
    """Return each value's rank; equal values share their middle rank."""
    _, inverse, counts = np.unique(small, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(middle[inverse].reshape(small.shape) / max(1, small.size - 1))


def _gradients(look: Look) -> Float64[np.ndarray, " gradient"]:
    """Return a histogram of gradients by cell and signed direction, of length 10."""
    rows, columns = np.zeros_like(look), np.zeros_like(look)
    rows[1:-1], columns[:, 1:-1] = look[2:] - look[:-2], look[:, 2:] - look[:, :-2]
    strength = np.hypot(columns, rows)
    direction = (np.arctan2(rows, columns) / (2 * np.pi) * _BINS) % _BINS
    lower = direction.astype(np.int64)
    share = direction - lower
    row, column = np.indices(look.shape) // (LOOK_PX // _CELLS)
    first = (row * _CELLS + column) * _BINS
    n_places = _CELLS * _CELLS * _BINS
    histogram = np.bincount((first + lower % _BINS).ravel(), (strength * (1 - share)).ravel(), n_places)
    histogram += np.bincount((first + (lower + 1) % _BINS).ravel(), (strength * share).ravel(), n_places)
    histogram = np.sqrt(histogram)
    return np.asarray(10 * histogram / (np.linalg.norm(histogram) + 1e-6))


def _judgement(gradients: Float64[np.ndarray, " gradient"], poses: Float64[np.ndarray, "pose cell"]) -> Judgement:
    weights = _weights()
    hidden = np.maximum(
        weights["hidden"] @ ((gradients - weights["mean"]) / weights["spread"]) + weights["hidden_bias"], 0
    )
    logits = weights["pose"] @ hidden + weights["pose_bias"]
    apart = poses - weights["centre"]
    missing = (apart**2).sum(axis=1) - ((apart @ weights["basis"].T) ** 2).sum(axis=1)
    distance = float(missing.min() / weights["usual"])
    upright, inverted, other = logits[:4], logits[4:8], logits[8]
    lies = np.r_[logits[1:4], logits[5:8]]
    return Judgement(
        polarity=_log_sum(inverted) - _log_sum(upright),
        turned=_log_sum(lies) - _log_sum(logits[[0, 4]]),
        unlike=float(other) - _log_sum(logits[:8]) + float(weights["distance_weight"]) * (distance - 1),
    )


def _log_sum(logits: Float64[np.ndarray, " logit"]) -> float:
    top = logits.max()
    return float(top + np.log(np.exp(logits - top).sum()))


@cache
def _weights() -> dict[str, np.ndarray]:
    with files("hilum").joinpath("resources", _RESOURCE).open("rb") as stream:
        return {name: np.asarray(values, dtype=np.float64) for name, values in np.load(stream).items()}
