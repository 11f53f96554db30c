"""A heat map laid over its film."""

import numpy as np
from jaxtyping import Float, UInt8

from hilum.errors import InvalidValueError
from hilum.records import Explanation, Image

__all__ = ["overlay"]

_HEAT_COLOURS = (
    (0x57, 0x10, 0x6E),
    (0x8A, 0x22, 0x6A),
    (0xBC, 0x37, 0x54),
    (0xE4, 0x5A, 0x31),
    (0xF9, 0x8E, 0x09),
    (0xF9, 0xCB, 0x35),
    (0xFC, 0xFF, 0xA4),
)
"""Seven equal steps from a quarter of "inferno" (van der Walt and Smith 2015) to its end: lightness grows evenly with
the value, and the black quarter, which would look like darker lung, is left out."""

_LARGEST_ALPHA = 0.65


def overlay(image: Image, explanation: Explanation) -> UInt8[np.ndarray, "height width 3"]:
    """Return the film in grey with its heat map over it; where the heat is 0, the film is as it was.

    Args:
        image: The film.
        explanation: Its heat map, of the same size.

    Raises:
        InvalidValueError: The heat map is of a film of another size.
    """
    pixels, heat = image.pixels, explanation.heat
    if pixels.shape != heat.shape:
        raise InvalidValueError(
            f"expected heat of the film's own size {pixels.shape}, got {heat.shape}: explain this very film"
        )
    alpha = np.float32(_LARGEST_ALPHA) * heat
    picture = np.empty((*pixels.shape, 3), dtype=np.uint8)
    for channel, levels in enumerate(_colour_table().T):
        colour = levels[np.rint(heat * 255).astype(np.uint8)]
        picture[..., channel] = np.rint(255 * (pixels + alpha * (colour - pixels)))
    return picture


def _colour_table() -> Float[np.ndarray, "256 3"]:
    """Return 256 colours in [0, 1], from cold to hot."""
    steps = np.asarray(_HEAT_COLOURS, dtype=np.float32).T / 255
    levels = np.linspace(0, 1, 256)
    return np.stack([np.interp(levels, np.linspace(0, 1, len(channel)), channel) for channel in steps], axis=1).astype(
        np.float32
    )
