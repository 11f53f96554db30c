"""Why a finding was called: a heat map in the film's own coordinates."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

__all__ = ["Explanation"]


@dataclass(frozen=True)
class Explanation:
    """A heat map for one finding on one film.

    Attributes:
        image_id: File name without its folder.
        finding: The finding explained.
        method: Name of the explainer, such as ``grad_cam``.
        heat: Relevance in [0, 1] at the film's own size; all 0 where nothing speaks for the finding.
        probability: The calibrated probability the map belongs to.
    """

    image_id: str
    finding: str
    method: str
    heat: Float32[np.ndarray, "height width"]
    probability: float
