"""One film of a report's gallery: what it shows, what is true, what was said."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

__all__ = ["GalleryFilm"]


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
