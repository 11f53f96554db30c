"""What every sign of disease has in common.

A sign is drawn once per patient and finding, so that it stands at the same place on all his films. It may reshape the
anatomy before the chest is built, and works itself into the layers of the chest afterwards.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.chest import Chest, Mask

__all__ = ["Sign", "draw_side"]


@dataclass(frozen=True)
class Sign:
    """One finding of one patient.

    Attributes:
        seed: Seed of the sign's own irregularities.
        stage: Order of placing: 0 within the lung, 1 pleural air, 2 pleural fluid and what hides the rest.
    """

    seed: int
    stage: ClassVar[int] = 0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw side, place and extent."""
        raise NotImplementedError

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Change sizes before the chest is built; by default nothing."""
        return anatomy

    def place(self, chest: Chest) -> Mask:
        """Change the layers of ``chest`` in place; returns where the finding is seen, never empty."""
        raise NotImplementedError


def draw_side(rng: np.random.Generator) -> int:
    """-1 for the patient's right (left in the image), 1 for his left."""
    return -1 if rng.random() < 0.5 else 1
