"""Signs between lung and chest wall: Effusion, Pneumothorax, Pleural_Thickening."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from hilum.phantoms.airspace import blend_anatomy
from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.chest import Chest, Mask
from hilum.phantoms.shape import smooth_step
from hilum.phantoms.sign import Sign, draw_side

__all__ = ["Effusion", "PleuralThickening", "Pneumothorax"]


@dataclass(frozen=True)
class Effusion(Sign):
    """Fluid that hides dome and angle, its upper edge concave and rising towards the wall.

    Attributes:
        sides: One side or both.
        height: How far the fluid stands above the dome's top, in cm.
        rise: How much higher it climbs along the wall, in cm.
    """

    sides: tuple[int, ...]
    height: float
    rise: float
    stage: ClassVar[int] = 2

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one side, or both in a third of patients."""
        sides = (-1, 1) if rng.random() < 0.3 else (draw_side(rng),)
        return cls(int(rng.integers(2**31)), sides, rng.uniform(0.6, 4.2), rng.uniform(2.2, 3.6))

    def place(self, chest: Chest) -> Mask:
        """Let the fluid take the place of lung below the meniscus."""
        cage = chest.anatomy.cage
        mask: Mask = np.zeros(chest.cage.shape, dtype=bool)
        for side in self.sides:
            level = cage.domes_y[(side + 1) // 2] - self.height
            wall = np.clip(1 - chest.rim / 7.5, 0, 1)
            middle = 0.25 * np.clip(1 - np.abs(chest.grid.x) / 5.0, 0, 1)
            depth = chest.grid.y - level + np.float32(self.rise) * (wall**3 + middle)
            share = (0.45 + 0.55 * smooth_step(depth - 1.2, 3.0)) * smooth_step(depth, 0.9) * chest.half(side)
            chest.fill(share)
            chest.free *= 1 - share
            mask |= (share > 0.4) & (chest.rim > 0) & ((chest.lung > 0.3) | (chest.dome < 2.5)) & (chest.heart < 6)
        return mask


@dataclass(frozen=True)
class Pneumothorax(Sign):
    """Air beside the lung: a fine white edge, nothing but black between it and the wall.

    Attributes:
        side: -1 right, 1 left.
        gap: Width of the air at the apex, in cm.
    """

    side: int
    gap: float
    stage: ClassVar[int] = 1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw side and width."""
        return cls(int(rng.integers(2**31)), draw_side(rng), rng.uniform(2.2, 4.0))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """The air pushes the mediastinum away and the dome down a little."""
        return blend_anatomy(anatomy, self.side, dome=-0.5, shift=-0.4)

    def place(self, chest: Chest) -> Mask:
        """Take the lung out of the rim and draw its edge."""
        cage, grid = chest.anatomy.cage, chest.grid
        down = np.clip((grid.y - cage.apex_y) / (cage.domes_y[1] - cage.apex_y), 0, 1.1)
        beyond = np.float32(self.gap) * (1.1 - 0.55 * down) + 0.08 * np.sin(grid.y) - chest.rim
        half = chest.half(self.side)
        gone = smooth_step(beyond, 0.25) * half
        chest.free = np.maximum(chest.free, gone)
        chest.filled *= 1 - gone
        edge = np.exp(-((beyond / max(0.09, 0.5 * grid.spacing_cm)) ** 2)) * half
        chest.lines = chest.lines * (1 - gone) + 0.55 * edge
        shrunk = half * (1 - gone)
        chest.filled = np.maximum(chest.filled, 0.07 * shrunk * chest.lung)
        mask: Mask = (gone > 0.5) & (chest.rim > 0) & (chest.lung > 0.3)
        return mask


@dataclass(frozen=True)
class PleuralThickening(Sign):
    """A dense rind on the inside of the wall: a cap on the apex and a band down the side, at times with chalk.

    Attributes:
        sides: One side or both.
        cap: Thickness at the apex, in cm.
        band: Thickness along the side, in cm.
        chalk: Chalk in the rind, in cm of bone.
    """

    sides: tuple[int, ...]
    cap: float
    band: float
    chalk: float
    stage: ClassVar[int] = 1

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one side, or both in half of the patients."""
        sides = (-1, 1) if rng.random() < 0.5 else (draw_side(rng),)
        chalk = rng.uniform(0.3, 0.6) if rng.random() < 0.4 else 0.0
        return cls(int(rng.integers(2**31)), sides, rng.uniform(1.6, 2.6), rng.uniform(0.9, 1.5), chalk)

    def place(self, chest: Chest) -> Mask:
        """Put the rind in the place of lung."""
        grid, cage, rng = chest.grid, chest.anatomy.cage, np.random.default_rng(self.seed)
        down = np.clip((grid.y - cage.apex_y) / (cage.domes_y[1] - cage.apex_y), 0, 1.2)
        thick = (
            self.band
            + (self.cap - self.band) * np.exp(-((down / 0.16) ** 2))
            + 0.28 * grid.texture(rng, 2.8)
            + 0.12 * grid.texture(rng, 1.1)
        )
        mask: Mask = np.zeros(chest.cage.shape, dtype=bool)
        for side in self.sides:
            rind = smooth_step(thick - chest.rim, 0.35) * chest.half(side)
            chest.fill(rind)
            chest.free *= 1 - rind
            spots = smooth_step(grid.texture(rng, 0.7) - 0.7, 0.8) * rind * (chest.lung > 0.3) * (chest.rim > 0)
            chest.bone += np.float32(self.chalk) * spots
            mask |= (rind > 0.5) & (chest.rim > 0) & (chest.lung > 0.15)
        return mask
