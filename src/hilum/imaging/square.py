"""The one way from a film to a network's input, for the store and for answers alike."""

from typing import Literal

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image as Pillow

from hilum.errors import InvalidValueError

__all__ = ["ResizeRule", "place_in_square", "resize_square"]

ResizeRule = Literal["pad", "stretch"]


def resize_square(
    pixels: Float32[np.ndarray, "height width"], size_px: int, *, rule: ResizeRule = "pad"
) -> UInt8[np.ndarray, "size_px size_px"]:
    """Resize a film to a square, antialiased (triangle filter over the source pixels that a target pixel covers).

    Args:
        pixels: Grey values in [0, 1].
        size_px: Side of the square.
        rule: ``pad`` keeps the aspect ratio and puts black on both sides of the shorter axis (the odd line below or
            right); ``stretch`` fills the square.

    Returns:
        Grey values 0 .. 255, rounded to the nearest.

    Raises:
        InvalidValueError: ``size_px`` below 1, an unknown rule, or no film.
    """
    if size_px < 1 or pixels.ndim != 2 or pixels.size == 0:
        raise InvalidValueError(f"expected a film (height, width) and size_px >= 1, got {pixels.shape} and {size_px}")
    top, left, height, width = place_in_square(pixels.shape, size_px, rule=rule)
    film = Pillow.fromarray(np.ascontiguousarray(pixels, dtype=np.float32))
    resized = np.asarray(film.resize((width, height), Pillow.Resampling.BILINEAR))
    square = np.zeros((size_px, size_px), dtype=np.uint8)
    square[top : top + height, left : left + width] = np.rint(resized.clip(0, 1) * 255)
    return square


def place_in_square(shape: tuple[int, ...], size_px: int, *, rule: ResizeRule = "pad") -> tuple[int, int, int, int]:
    """Return ``(top, left, height, width)`` of a film of ``shape`` within its square.

    Raises:
        InvalidValueError: An unknown rule.
    """
    if rule not in {"pad", "stretch"}:
        raise InvalidValueError(f"rule must be pad or stretch, got {rule!r}")
    if rule == "stretch":
        return 0, 0, size_px, size_px
    longest = max(shape)
    height, width = (max(1, round(side * size_px / longest)) for side in shape)
    return (size_px - height) // 2, (size_px - width) // 2, height, width
