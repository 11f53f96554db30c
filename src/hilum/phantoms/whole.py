"""Signs that change a whole organ: Cardiomegaly, Emphysema, Fibrosis, Hernia."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.chest import Chest, Mask
from hilum.phantoms.grid import Tubes
from hilum.phantoms.shape import ellipsoid, smooth_step, unit_radius
from hilum.phantoms.sign import Sign

__all__ = ["Cardiomegaly", "Emphysema", "Fibrosis", "Hernia"]


@dataclass(frozen=True)
class Cardiomegaly(Sign):
    """A heart wider than half of the chest.

    Attributes:
        ratio: Cardiothoracic ratio.
    """

    ratio: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw the ratio."""
        return cls(int(rng.integers(2**31)), rng.uniform(0.58, 0.68))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Enlarge the heart, mostly towards the left and down."""
        return replace(anatomy, heart=replace(anatomy.heart, ratio=self.ratio, axis=anatomy.heart.axis * 0.8))

    def place(self, chest: Chest) -> Mask:
        """The heart is already enlarged; its outline is the mask."""
        mask: Mask = (chest.heart > 0.5) & (chest.dome < 1.0)
        return mask


@dataclass(frozen=True)
class Emphysema(Sign):
    """Over-inflated dark lungs with few vessels, low flat domes, a small hanging heart, and bullae.

    Attributes:
        severity: From 0 to 1.
        bullae: Side, place and radius in cm of each bulla.
    """

    severity: float
    bullae: tuple[tuple[int, float, float, float], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw how far the lungs are destroyed."""
        bullae = tuple(
            (side, rng.uniform(0.35, 0.75), rng.uniform(0.12, 0.4), rng.uniform(1.2, 2.2))
            for side in (-1, 1)
            for _ in range(int(rng.integers(1, 3)))
        )
        return cls(int(rng.integers(2**31)), rng.uniform(0.6, 1.0), bullae)

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Barrel chest, low flat domes, fewer vessels."""
        cage, heart, lungs = anatomy.cage, anatomy.heart, anatomy.lungs
        s = self.severity
        low = max(cage.domes_y) + 1.0 + 1.2 * s
        cage = replace(
            cage,
            half_depth=cage.half_depth * (1 + 0.14 * s),
            domes_y=(low, low + 0.4),
            dome_rise=cage.dome_rise * (1 - 0.75 * s),
        )
        heart = replace(heart, ratio=min(heart.ratio, 0.40 - 0.03 * s), axis=1.15)
        lungs = replace(
            lungs,
            density=lungs.density * (1 - 0.45 * s),
            vessels=1 - 0.6 * s,
            calibre=lungs.calibre * 0.9,
            interstitium=lungs.interstitium * 0.5,
        )
        return replace(anatomy, cage=cage, heart=heart, lungs=lungs)

    def place(self, chest: Chest) -> Mask:
        """Blow up the bullae; the mask is all of both lungs."""
        rng = np.random.default_rng(self.seed)
        for side, across, down, radius in self.bullae:
            at = chest.spot(side, across, down)
            squared = unit_radius(chest.grid, at, (radius, radius)) * (1 + 0.2 * chest.grid.texture(rng, radius))
            hole = np.sqrt(np.maximum(1 - squared, 0))
            chest.free = np.maximum(chest.free, 0.6 * hole)
            wall = np.sqrt(np.maximum(squared, 0)) - 1
            chest.lines = chest.lines + 0.15 * np.exp(-((wall * radius / 0.12) ** 2))
        return chest.inside()


@dataclass(frozen=True)
class Fibrosis(Sign):
    """Small stiff lungs with a net of coarse lines, densest at the bases and the periphery.

    Attributes:
        lines: Strands on each side.
        honeycomb: Rings on each side.
    """

    lines: int
    honeycomb: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw how dense the net is."""
        return cls(int(rng.integers(2**31)), int(rng.integers(260, 340)), int(rng.integers(60, 100)))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """The lungs shrink: both domes rise."""
        right, left = anatomy.cage.domes_y
        return replace(anatomy, cage=replace(anatomy.cage, domes_y=(right - 1.8, left - 1.8)))

    def place(self, chest: Chest) -> Mask:
        """Lay the net and the honeycomb into the lower two thirds."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        cage = chest.anatomy.cage
        for side in (-1, 1):
            across, down = rng.beta(2.2, 1.0, self.lines), 0.28 + 0.78 * rng.beta(2.2, 1.0, self.lines)
            at = np.array([chest.spot(side, u, v) for u, v in zip(across, down, strict=True)])
            chest.lines = chest.lines + grid.tubes(self._strands(at, rng, grid.points(2.0)))
            rings = at[: self.honeycomb]
            chest.lines = chest.lines + grid.tubes(self._rings(rings, rng, grid.points(2.4)))
        depth = (grid.y - cage.apex_y) / (max(cage.domes_y) - cage.apex_y)
        low = smooth_step(depth - 0.55, 0.5)
        chest.fill(low * (0.14 + 0.05 * grid.texture(rng, 0.5) + 0.05 * grid.texture(rng, 0.25)))
        mask: Mask = (low > 0.3) & chest.inside()
        return mask

    def _strands(self, at: np.ndarray, rng: np.random.Generator, points: int) -> Tubes:
        count = len(at)
        t = np.linspace(-0.5, 0.5, points)[None, :]
        angle = rng.uniform(0, np.pi, (count, 1)) + rng.normal(0, 0.4, (count, 1)) * t
        length = rng.uniform(0.8, 2.2, (count, 1))
        x, y = at[:, :1] + length * t * np.cos(angle), at[:, 1:] + length * t * np.sin(angle)
        return Tubes(x, y, np.full_like(x, 0.07), np.full_like(x, 0.42))

    def _rings(self, at: np.ndarray, rng: np.random.Generator, points: int) -> Tubes:
        angle = np.linspace(0, 2 * np.pi, points)[None, :]
        radius = rng.uniform(0.18, 0.36, (len(at), 1))
        x, y = at[:, :1] + radius * np.cos(angle), at[:, 1:] + radius * np.sin(angle)
        return Tubes(x, y, np.full_like(x, 0.08), np.full_like(x, 0.50))


@dataclass(frozen=True)
class Hernia(Sign):
    """Stomach above the diaphragm: a round shadow behind the heart with air over a level of fluid.

    Attributes:
        across: Middle of the sac, in cm left of the midline.
        radius: In cm.
        level: Height of the fluid: -1 top, 1 bottom of the sac.
    """

    across: float
    radius: float
    level: float
    stage: ClassVar[int] = 2

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw place, size and level."""
        return cls(int(rng.integers(2**31)), rng.uniform(-0.5, 2.5), rng.uniform(3.4, 4.8), rng.uniform(0.0, 0.35))

    def place(self, chest: Chest) -> Mask:
        """Put the sac before the spine: wall, fluid, air."""
        grid, cage = chest.grid, chest.anatomy.cage
        at = (self.across + chest.anatomy.heart.shift, cage.domes_y[1] - 0.55 * self.radius)
        outer = ellipsoid(grid, at, (self.radius, self.radius * 0.88, self.radius))
        inner_radius = self.radius - 0.45
        inner = ellipsoid(grid, at, (inner_radius, inner_radius * 0.86, inner_radius))
        above = smooth_step(at[1] + self.level * self.radius - grid.y, 0.25)
        chest.filled = np.minimum(np.maximum(chest.filled, outer), chest.lung)
        chest.gas += np.minimum(0.6 * inner * above, 0.6 * chest.body)
        mask: Mask = outer > 0.2 * self.radius
        return mask
