"""Signs of airspaces that are filled or empty of air: Consolidation, Pneumonia, Infiltration, Edema, Atelectasis."""

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.chest import Chest, Mask
from hilum.phantoms.grid import Field, Grid, Tubes
from hilum.phantoms.shape import smooth_step, unit_radius
from hilum.phantoms.sign import Sign, draw_side
from hilum.phantoms.vessel import branch_tubes, lung_branches

__all__ = ["Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia", "blend_anatomy"]

Lobe = Literal["upper", "lower"]


def _draw_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def blend_anatomy(anatomy: Anatomy, side: int, *, dome: float = 0.0, shift: float = 0.0) -> Anatomy:
    """Raise one dome by ``dome`` cm and pull the mediastinum ``shift`` cm to that side."""
    domes = list(anatomy.cage.domes_y)
    domes[(side + 1) // 2] -= dome
    cage = replace(anatomy.cage, domes_y=(domes[0], domes[1]))
    return replace(anatomy, cage=cage, heart=replace(anatomy.heart, shift=anatomy.heart.shift + side * shift))


@dataclass(frozen=True)
class Consolidation(Sign):
    """A lobe whose airspaces are full: even density that ends at the fissure, with open bronchi as dark branches.

    Attributes:
        side: -1 right, 1 left.
        lobe: Above or below the fissure.
        share: Part of the path that is filled.
        reach: How far it goes from the fissure, in cm.
    """

    side: int
    lobe: Lobe
    share: float
    reach: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one lobe."""
        lobe: Lobe = "upper" if rng.random() < 0.45 else "lower"
        return cls(_draw_seed(rng), draw_side(rng), lobe, rng.uniform(0.6, 0.75), rng.uniform(7.0, 10.0))

    def place(self, chest: Chest) -> Mask:
        """Fill the lobe, leave the bronchi open."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        up = -1 if self.lobe == "upper" else 1
        inner, outer = chest.spot(self.side, 0.0, 0.52), chest.spot(self.side, 1.0, 0.50 if up < 0 else 0.58)
        slope = (outer[1] - inner[1]) / (outer[0] - inner[0])
        below = grid.y - (inner[1] + slope * (grid.x - inner[0]) + 0.12 * grid.texture(rng, 2.5))
        reach = smooth_step(self.reach + 0.9 * grid.texture(rng, 1.8) - up * below, 3.4)
        # On the right the minor fissure is seen edge-on; on the left the fissure lies oblique and the edge is soft.
        share = chest.half(self.side) * smooth_step(up * below, 0.35 if self.side < 0 else 2.4) * reach
        mottled = 1 + 0.10 * grid.texture(rng, 0.9)
        chest.fill(np.float32(self.share) * share * mottled)
        mask: Mask = (share > 0.4) & chest.inside()
        _open_bronchi(chest, self.side, share)
        return mask


def _open_bronchi(chest: Chest, side: int, share: Field) -> None:
    """Air in the bronchi of a filled lobe: the vessel tree once more, dark."""
    stems, second = lung_branches(chest.anatomy, side)[:2]
    air = np.zeros_like(share)
    for order, calibre in ((stems, 0.85), (second, 0.75)):
        tubes = branch_tubes(replace(order, radius=np.maximum(order.radius * calibre, 0.12)), chest.grid)
        air += chest.grid.tubes(tubes)
    chest.filled = np.maximum(chest.filled - 1.7 * air * share, 0)


@dataclass(frozen=True)
class Pneumonia(Sign):
    """Several fluffy patches that run into each other in one lung zone, denser in their middles.

    Attributes:
        side: -1 right, 1 left.
        across: Middle of the cluster, from mediastinum (0) to wall (1).
        down: The same from apex (0) to dome (1).
        share: Part of the path that is filled in a patch's middle.
    """

    side: int
    across: float
    down: float
    share: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one cluster, mostly in the lower zones."""
        return cls(
            _draw_seed(rng), draw_side(rng), rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.85), rng.uniform(0.45, 0.6)
        )

    def place(self, chest: Chest) -> Mask:
        """Add five to eight patches."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        total: Field = np.zeros_like(chest.cage)
        for _ in range(int(rng.integers(6, 10))):
            at = chest.spot(self.side, self.across + rng.uniform(-0.32, 0.32), self.down + rng.uniform(-0.17, 0.14))
            radius = rng.uniform(0.9, 1.8)
            axes = (radius, radius * rng.uniform(0.8, 1.2))
            total += rng.uniform(0.5, 0.9) * np.exp(-unit_radius(grid, at, axes))
        haze = 0.3 * np.exp(-0.7 * unit_radius(grid, chest.spot(self.side, self.across, self.down), (3.6, 3.6)))
        grain = np.exp(0.22 * grid.texture(rng, 0.8) + 0.14 * grid.texture(rng, 0.35))
        fluff = np.tanh((total + haze) * grain) * chest.half(self.side)
        chest.fill(np.float32(self.share) * fluff)
        mask: Mask = (total > 0.25) & chest.inside() & (chest.half(self.side) > 0.5)
        return mask


@dataclass(frozen=True)
class Infiltration(Sign):
    """An ill-defined veil with streaks, through which vessels are still seen.

    Attributes:
        sides: One side or both.
        down: Middle of the veil, from apex (0) to dome (1).
        share: Part of the path that is filled.
    """

    sides: tuple[int, ...]
    down: float
    share: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw one or two veils."""
        sides = (-1, 1) if rng.random() < 0.4 else (draw_side(rng),)
        return cls(_draw_seed(rng), sides, rng.uniform(0.45, 0.8), rng.uniform(0.26, 0.36))

    def place(self, chest: Chest) -> Mask:
        """Add a wide soft veil and thin streaks that radiate from the hilum."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        streaks = grid.texture(rng, 1.1) + 0.6 * grid.texture(rng, 0.4)
        veil: Field = np.zeros_like(chest.cage)
        for side in self.sides:
            at = chest.spot(side, rng.uniform(0.4, 0.55), self.down)
            blot = np.exp(-(unit_radius(grid, at, (rng.uniform(3.4, 4.4), rng.uniform(4.4, 6.0))) ** 1.5))
            veil = np.maximum(veil, blot * chest.half(side))
        chest.fill(veil * (np.float32(self.share) + 0.06 * streaks))
        mask: Mask = (veil > 0.35) & chest.inside()
        return mask


@dataclass(frozen=True)
class Edema(Sign):
    """Fluid in the lung tissue: haze around both hila like wings, thick upper vessels, short lines at the bases.

    Attributes:
        share: Part of the path that is filled beside the hila.
        lines: Kerley lines on each side.
    """

    share: float
    lines: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw how wet the lungs are."""
        return cls(_draw_seed(rng), rng.uniform(0.34, 0.48), int(rng.integers(9, 14)))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """Congested vessels, a wide pedicle, a heart at the upper limit of normal."""
        lungs = replace(
            anatomy.lungs, calibre=anatomy.lungs.calibre * 1.35, interstitium=anatomy.lungs.interstitium * 2.2
        )
        heart = replace(
            anatomy.heart, ratio=max(anatomy.heart.ratio, 0.47), mediastinum=anatomy.heart.mediastinum * 1.12
        )
        return replace(anatomy, lungs=lungs, heart=heart)

    def place(self, chest: Chest) -> Mask:
        """Add the wings and the septal lines."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        wings: Field = np.zeros_like(chest.cage)
        for side in (-1, 1):
            at = chest.spot(side, 0.28, 0.56)
            wings = np.maximum(wings, np.exp(-(unit_radius(grid, at, (4.2, 6.6), -0.25 * side) ** 1.3)))
            chest.lines = chest.lines + grid.tubes(self._septa(chest, side, rng))
        grain = 1 + 0.12 * grid.texture(rng, 0.7) + 0.08 * grid.texture(rng, 1.8)
        chest.fill(np.float32(self.share) * (0.22 + wings) * grain)
        mask: Mask = (wings > 0.25) & chest.inside()
        return mask

    def _septa(self, chest: Chest, side: int, rng: np.random.Generator) -> Tubes:
        start = np.array(
            [chest.spot(side, rng.uniform(0.9, 0.97), down) for down in np.linspace(0.68, 1.02, self.lines)]
        )
        t = np.linspace(0, 1, chest.grid.points(1.9))[None, :]
        x = start[:, :1] - side * t * rng.uniform(1.3, 1.9, (self.lines, 1))
        y = start[:, 1:] + t * rng.uniform(-0.15, 0.25, (self.lines, 1))
        return Tubes(x, y, np.full_like(x, 0.08), np.full_like(x, 0.7))


@dataclass(frozen=True)
class Atelectasis(Sign):
    """Lung that has lost its air: a collapsed lobe as a wedge or a sail, or plates above a raised dome.

    Attributes:
        side: -1 right, 1 left.
        lobe: The lobe that is down; None for plates.
        dome: How far the dome is pulled up, in cm.
        plates: Number of plates.
    """

    side: int
    lobe: Lobe | None
    dome: float
    plates: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Self:
        """Draw plates twice as often as a lobe."""
        kind = rng.random()
        lobe: Lobe | None = "upper" if kind < 0.2 else "lower" if kind < 0.36 else None
        return cls(_draw_seed(rng), draw_side(rng), lobe, rng.uniform(1.8, 2.8), int(rng.integers(2, 4)))

    def reshape(self, anatomy: Anatomy) -> Anatomy:
        """The dome rises; with a lobe down the mediastinum is pulled over."""
        return blend_anatomy(anatomy, self.side, dome=self.dome, shift=1.0 if self.lobe else 0.2)

    def place(self, chest: Chest) -> Mask:
        """Add the wedge, the sail or the plates."""
        shape = {"upper": self._wedge, "lower": self._sail, None: self._plates}[self.lobe]
        share = shape(chest) * chest.half(self.side)
        chest.fill(0.95 * share)
        mask: Mask = (share > (0.35 if self.lobe else 0.22)) & (chest.lung > 0.5)
        return mask

    def _wedge(self, chest: Chest) -> Field:
        """The upper lobe folded against mediastinum and apex, below it the fissure as a sharp concave line."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        hilum, wall = chest.spot(self.side, 0.05, 0.60), chest.spot(self.side, 0.85, 0.12)
        t = (grid.x - hilum[0]) / (wall[0] - hilum[0])
        fissure = hilum[1] + (wall[1] - hilum[1]) * (1.35 * t - 0.35 * t * t) + 0.1 * grid.texture(rng, 2.0)
        return smooth_step(fissure - grid.y, 0.5) * (0.9 + 0.06 * grid.texture(rng, 1.2))

    def _sail(self, chest: Chest) -> Field:
        """The lower lobe folded behind the heart: a triangle from hilum to dome with a straight outer edge."""
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        hilum, foot = chest.spot(self.side, 0.02, 0.52), chest.spot(self.side, 0.48, 1.02)
        t = (grid.y - hilum[1]) / (foot[1] - hilum[1])
        edge = self.side * (hilum[0] + (foot[0] - hilum[0]) * t * (0.8 + 0.2 * t)) + 0.1 * grid.texture(rng, 2.0)
        inside = smooth_step(edge - self.side * grid.x, 0.5) * smooth_step(grid.y - hilum[1], 1.5)
        share: Field = inside * (0.9 + 0.06 * grid.texture(rng, 1.2))
        return share

    def _plates(self, chest: Chest) -> Field:
        grid, rng = chest.grid, np.random.default_rng(self.seed)
        share: Field = np.zeros_like(chest.cage)
        for number in range(self.plates):
            at = chest.spot(self.side, rng.uniform(0.4, 0.6), 0.92 - rng.uniform(0.09, 0.15) * number)
            half, thick = rng.uniform(2.2, 4.2), rng.uniform(0.2, 0.42)
            bent = 0.12 * grid.texture(rng, 2.0)
            plate = _plate(grid, at, half, thick, rng.normal(0.1, 0.25) * self.side, bent)
            share = np.maximum(share, rng.uniform(0.3, 0.5) * plate)
        at = chest.spot(self.side, 0.5, 0.95)
        crowded = np.exp(-unit_radius(grid, at, (5.0, 2.2))) * (0.14 + 0.05 * grid.texture(rng, 0.7))
        both: Field = np.maximum(share, crowded)
        return both


def _plate(grid: Grid, centre: tuple[float, float], half: float, thick: float, angle: float, bent: Field) -> Field:
    x, y = grid.x - centre[0], grid.y - centre[1] + bent
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    tapered = np.maximum(thick * (1.15 - 0.5 * np.clip(np.abs(along) / half, 0, 1)), 0.6 * grid.spacing_cm)
    share: Field = np.exp(-(((across + 0.02 * along * along) / tapered) ** 2)) * smooth_step(half - np.abs(along), 2.6)
    return share
