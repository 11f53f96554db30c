"""The exposed field of a film: what lies within its even border, black or white, if it has one."""

import numpy as np
from jaxtyping import Bool, Float32

__all__ = ["Box", "border_share", "find_content_box"]

Box = tuple[int, int, int, int]

_SAMPLES = 256
_TOLERANCE = 0.03
_EVEN_SHARE = 0.985  # markers may stand in the border
_ROUNDS = 3
_WORTH_SAYING = 0.01


def find_content_box(pixels: Float32[np.ndarray, "height width"]) -> Box | None:
    """Return ``(top, left, height, width)`` of the field within rows and columns that are black or white throughout.

    Args:
        pixels: Grey values in [0, 1].

    Returns:
        None if the border is less than 1 % of the film, or the whole film is border.
    """
    top, left = 0, 0
    bottom, right = pixels.shape
    for _ in range(_ROUNDS):  # a white frame may stand around a black one
        before = top, bottom, left, right
        for even in (0.0, 1.0):
            first, last = _field(pixels[top:bottom, left:right], even)
            top, bottom = top + first, top + last
            first, last = _field(pixels[top:bottom, left:right].T, even)
            left, right = left + first, left + last
        if before == (top, bottom, left, right):
            break
    box = (top, left, bottom - top, right - left)
    return box if _WORTH_SAYING <= border_share(pixels.shape, box) < 1 else None


def border_share(shape: tuple[int, ...], box: Box | None) -> float:
    """Return which part of a film of ``shape`` is border around ``box``."""
    return 0.0 if box is None else 1 - box[2] * box[3] / (shape[0] * shape[1])


def _field(pixels: Float32[np.ndarray, "line place"], even: float) -> tuple[int, int]:
    """Return the first line that is not all ``even``, and the one behind the last."""
    if pixels.size == 0:
        return 0, 0
    sampled = pixels[:, :: -(-pixels.shape[1] // _SAMPLES)]
    if _is_field(sampled[[0, -1]], even).all():  # most films have no border
        return 0, len(sampled)
    is_field = _is_field(sampled, even)
    if not is_field.any():
        return 0, len(is_field)
    return int(is_field.argmax()), len(is_field) - int(is_field[::-1].argmax())


def _is_field(lines: Float32[np.ndarray, "line place"], even: float) -> Bool[np.ndarray, " line"]:
    return np.asarray((np.abs(lines - np.float32(even)) < _TOLERANCE).mean(axis=1) < _EVEN_SHARE)
