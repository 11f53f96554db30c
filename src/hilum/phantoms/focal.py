"""Round densities: Nodule below 3 cm, Mass of 3 cm or more."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from hilum.phantoms.chest import Chest, Mask
from hilum.phantoms.grid import Field, Tubes
from hilum.phantoms.shape import unit_radius
from hilum.phantoms.sign import Sign, draw_side

__all__ = ["Mass", "Nodule"]

Ball = tuple[int, float, float, float]
"""Side, across, down, radius in cm."""


@dataclass(frozen=True)
class _Round(Sign):
    """Balls of tissue in the lung.

    Attributes:
        balls: Side, place (see ``Chest.spot``) and radius of each.
        lobes: Depth of the outline's waves relative to the radius.
        spicules: Strands that run out into the lung from each.
        chalk: Chalk in the middle, in cm of bone.
    """

    balls: tuple[Ball, ...]
    lobes: float
    spicules: int
    chalk: float

    def place(self, chest: Chest) -> Mask:
        """Put solid tissue in the place of lung."""
        rng = np.random.default_rng(self.seed)
        mask: Mask = np.zeros(chest.cage.shape, dtype=bool)
        for side, across, down, radius in self.balls:
            at = chest.spot(side, across, down)
            squared = unit_radius(chest.grid, at, (radius, radius * rng.uniform(0.88, 1.0)), rng.uniform(0, 3))
            wave = 1 + np.float32(self.lobes) * chest.grid.texture(rng, 0.7 * radius)
            thickness = _ball(squared * wave, radius)
            chest.filled = np.minimum(chest.filled + thickness, np.maximum(chest.lung, chest.filled))
            chest.bone += np.float32(self.chalk) * np.maximum(1 - 1.6 * squared, 0)
            if self.spicules:
                chest.lines = chest.lines + chest.grid.tubes(self._strands(chest, at, radius, rng))
            mask |= squared <= 1.0
        return mask

    def _strands(self, chest: Chest, at: tuple[float, float], radius: float, rng: np.random.Generator) -> Tubes:
        count = self.spicules
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)[:, None] + rng.normal(0, 0.15, (count, 1))
        share = np.linspace(0, 1, chest.grid.points(radius))[None, :]
        t = radius * (0.85 + rng.uniform(0.15, 0.7, (count, 1)) * share)
        angle = angle + rng.normal(0, 0.25, (count, 1)) * share
        x, y = at[0] + np.cos(angle) * t, at[1] + np.sin(angle) * t
        taper = 1.05 - share + 0 * x
        return Tubes(x, y, 0.13 * taper, 0.8 * taper)


def _ball(squared: Field, radius: float) -> Field:
    """Chord through a ball with a slightly soft outline."""
    return np.float32(2 * radius) * np.sqrt(np.clip(1.08 - squared, 0, 1))


class Nodule(_Round):
    """One to three round densities of 1.8 to 2.7 cm, at times with chalk."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw number, places and sizes."""
        count = int(rng.choice([1, 2, 3], p=[0.3, 0.4, 0.3]))
        balls = tuple(
            (draw_side(rng), rng.uniform(0.4, 0.75), rng.uniform(0.25, 0.85), rng.uniform(0.8, 1.3))
            for _ in range(count)
        )
        chalk = rng.uniform(0.15, 0.6) if rng.random() < 0.6 else 0.0
        return cls(int(rng.integers(2**31)), balls, 0.07, 0, chalk)


class Mass(_Round):
    """One density of 4 to 7 cm with a wavy outline and strands."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw place and size."""
        ball = (draw_side(rng), rng.uniform(0.38, 0.6), rng.uniform(0.28, 0.78), rng.uniform(2.0, 3.4))
        return cls(int(rng.integers(2**31)), (ball,), 0.22, int(rng.integers(0, 2)) * 24, 0.0)
