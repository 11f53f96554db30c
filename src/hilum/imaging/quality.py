"""How good a film is as a picture: four numbers, whatever it shows.

They describe the square that a network sees, not the film as it was taken: a film that was blurred by making it small
is blurred here. None says whether a film is good enough to read; they put films in an order, so that a model can be
judged on the poor ones.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8
from scipy.ndimage import uniform_filter1d

from hilum.errors import InvalidValueError

__all__ = ["FilmQuality", "film_quality"]

_BLUR_PX = 9


class FilmQuality(NamedTuple):
    """Four numbers; NaN where a film has too few pixels, or is of one grey.

    Attributes:
        contrast: Distance of the 5th and the 95th percentile of the grey values, black 0 and white 1.
        sharpness: 1 - blur of Crete et al. 2007: what part of the differences between neighbouring pixels goes when the
            film is averaged over 9 pixels, along the axis where that is less. 0 has nothing to lose; contrast does not
            count, but noise does: a grainy film is sharp.
        noise: Standard deviation of the grain, black 0 and white 1 (Immerkaer 1996): from what is left after two second
            differences, across and along, which smooth shades and straight edges do not survive.
        brightness: Mean grey value, black 0 and white 1.
    """

    contrast: float
    sharpness: float
    noise: float
    brightness: float


def film_quality(pixels: UInt8[np.ndarray, "height width"]) -> FilmQuality:
    """Measure a film, without black lines at its border (those that fill a square, or a collimator's).

    Args:
        pixels: Grey values 0 .. 255, as a pixel store holds them.

    Raises:
        InvalidValueError: No film, or pixels of another kind.

    Source: Crete, Dolmiere, Ladret and Nicolas, "The blur effect", SPIE 6492, 2007; Immerkaer, "Fast noise variance
    estimation", Computer Vision and Image Understanding 64, 1996.

    Example:
        >>> film_quality(np.full((32, 32), 51, dtype=np.uint8)).brightness
        0.2
    """
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype != np.uint8:
        raise InvalidValueError(f"expected a film (height, width) of uint8, got {pixels.shape} of {pixels.dtype}")
    film = _without_border(pixels)
    share = np.cumsum(np.bincount(film.ravel(), minlength=256)) / film.size
    dark, bright = (int(np.searchsorted(share, part)) for part in (0.05, 0.95))
    grey = film.astype(np.float32)
    return FilmQuality(
        contrast=(bright - dark) / 255,
        sharpness=min(_sharpness(grey), _sharpness(grey.T), key=lambda one: math.inf if math.isnan(one) else one),
        noise=_noise(grey),
        brightness=float(film.mean()) / 255,
    )


def _without_border(pixels: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "rows columns"]:
    """Cut lines off that are black throughout; a film that is all black stays as it is."""
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return pixels
    return pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _sharpness(grey: Float32[np.ndarray, "height width"]) -> float:
    """Return the share of the differences down the columns that averaging takes away."""
    steps = np.abs(np.diff(grey, axis=0))
    total = float(steps.sum(dtype=np.float64))
    if not total:
        return math.nan
    left = np.abs(np.diff(uniform_filter1d(grey, _BLUR_PX, axis=0), axis=0))
    return float(np.maximum(steps - left, 0).sum(dtype=np.float64)) / total


def _noise(grey: Float32[np.ndarray, "height width"]) -> float:
    rest = np.diff(np.diff(grey, n=2, axis=0), n=2, axis=1)
    if not rest.size:
        return math.nan
    return float(np.abs(rest).mean(dtype=np.float64)) * math.sqrt(math.pi / 2) / 6 / 255
