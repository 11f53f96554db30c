"""The chest as layers along the beam: what the signs of disease are worked into."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import PchipInterpolator

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.grid import Field, Grid
from hilum.phantoms.shape import capsule, ellipsoid, smooth_step, soft_maximum
from hilum.phantoms.skeleton import bones
from hilum.phantoms.vessel import vessel_field

__all__ = ["Chest", "Mask", "build_chest"]

Mask = Bool[np.ndarray, "height width"]


@dataclass
class Chest:
    """Layers of one patient on one detector; signs change them in place.

    Attributes:
        anatomy: What the layers were built from.
        grid: The detector.
        body: Everything inside the skin as if it were water, in cm.
        cage: The inside of the rib cage, in cm.
        lung: Lung tissue with its vessels, in cm.
        heart: The heart, in cm.
        rim: Distance from the inner chest wall (side and apex), in cm; negative outside.
        dome: Depth below the diaphragm's outline, in cm; negative above.
        vessels: Blood in the lung, in cm.
        filled: Part of the lung's path whose air has given way to fluid or tissue, in cm.
        free: Share of the lung's path that is air without lung.
        texture: Finest structure of the lung, in cm of water.
        gas: Air outside the lungs, in cm.
        bone: Compact bone, in cm.
        lines: Thin strands of tissue within the lung, in cm of water.
    """

    anatomy: Anatomy
    grid: Grid
    body: Field
    cage: Field
    lung: Field
    heart: Field
    rim: Field
    dome: Field
    vessels: Field
    filled: Field
    free: Field
    texture: Field
    gas: Field
    bone: Field
    lines: Field

    def water(self) -> Field:
        """Water-equivalent path of soft tissue, in cm."""
        share = np.minimum(self.filled / np.maximum(self.lung, 0.1), 1)
        alive = (1 - self.free) * (1 - share)
        blood = np.minimum((self.vessels + self.texture) * alive, self.lung)
        density = self.anatomy.lungs.density * (1 - self.free)
        air = (self.lung * (1 - share) - blood) * (1 - density)
        tissue = self.body - air - self.gas + self.lines * np.minimum(self.lung, 1)
        water: Field = np.maximum(tissue, 0)
        return water

    def fill(self, share: Field) -> None:
        """Fill a share of the lung's path; what was filled before stays so."""
        self.filled = np.maximum(self.filled, np.clip(share, 0, 1) * self.lung)

    def spot(self, side: int, across: float, down: float) -> tuple[float, float]:
        """A place in a lung: ``across`` from mediastinum (0) to wall (1), ``down`` from apex (0) to dome (1)."""
        cage = self.anatomy.cage
        y = cage.apex_y + down * (cage.domes_y[(side + 1) // 2] - cage.apex_y)
        wall = self.anatomy.width_at(y) * (1 + side * cage.turn)
        inner = self.anatomy.heart.mediastinum + self.anatomy.heart.shift * side
        return side * (inner + across * (wall - inner)), y

    def half(self, side: int) -> Field:
        """1 on one side of the midline, 0 on the other."""
        return smooth_step(side * (self.grid.x - self.anatomy.heart.shift), 0.3)

    def inside(self) -> Mask:
        """Where the lungs are seen."""
        return self.lung > 0.15 * float(self.lung.max())


def build_chest(anatomy: Anatomy, grid: Grid) -> Chest:
    """Lay a healthy (or already reshaped) anatomy on the detector."""
    outer, rise = _outline(anatomy, grid)
    cage = _cage(anatomy, grid, outer, rise)
    apex = _apex(anatomy, grid, outer)
    rim = -soft_maximum(np.abs(grid.x) - outer, apex - grid.y, 0.8)
    dome = _below_dome(anatomy, grid, outer)
    heart = _heart(anatomy, grid)
    middle = _mediastinum(anatomy, grid, cage)
    under = cage * np.sqrt(np.clip(dome / 2.6, 0, 1))
    tip = np.sqrt(np.clip((grid.y - apex) / 3.0, 0, 1))
    lung = np.maximum(cage * tip - np.maximum(middle, heart) - under, 0)
    lungs = anatomy.lungs
    inside = smooth_step(lung - 0.8, 1.4)
    grain = np.random.default_rng(lungs.seed)
    texture = np.float32(1.3) * grid.texture(grain, 0.5) + np.float32(0.6)
    vessels = vessel_field(anatomy, grid) * inside
    body = _body(anatomy, grid, outer)
    return Chest(
        anatomy=anatomy,
        grid=grid,
        body=np.maximum(body, cage + anatomy.wall.depth),
        cage=cage,
        lung=lung,
        heart=heart,
        rim=rim,
        dome=dome,
        vessels=vessels,
        filled=np.zeros_like(cage),
        free=np.zeros_like(cage),
        texture=np.maximum(texture * np.float32(lungs.interstitium), 0) * inside,
        gas=_gas(anatomy, grid),
        bone=bones(anatomy, grid),
        lines=np.zeros_like(cage),
    )


def _outline(anatomy: Anatomy, grid: Grid) -> tuple[Field, Float[np.ndarray, "height 1"]]:
    """Half-width of the cage on each side of each row, and the share of its depth the row has reached."""
    cage = anatomy.cage
    y = grid.rows
    t = np.clip((y - cage.apex_y) / (cage.wide_y - cage.apex_y), 0, 1)
    width = cage.half_width * (0.30 + 0.70 * np.sqrt(1 - (1 - t) ** 2.2))
    early = np.clip((y - cage.apex_y) / 9.0, 0, 1)
    rise = 0.45 * np.sqrt(early) + 0.55 * early * (2 - early)
    turned = 1 + cage.turn * np.tanh(grid.x)
    return (width * turned).astype(np.float32), rise.astype(np.float32)


def _cage(anatomy: Anatomy, grid: Grid, outer: Field, rise: Float[np.ndarray, "height 1"]) -> Field:
    share = np.minimum(np.abs(grid.x) / outer, 1)
    chord: Field = 2 * np.float32(anatomy.cage.half_depth) * rise * np.sqrt(1 - share * share * np.sqrt(share))
    return chord


def _apex(anatomy: Anatomy, grid: Grid, outer: Field) -> Field:
    """Height of the lung's upper end: highest midway between midline and wall, in cm."""
    offset = np.abs(grid.x) - 0.58 * outer
    height: Field = np.float32(anatomy.cage.apex_y) + 0.16 * offset * offset
    return height


def _below_dome(anatomy: Anatomy, grid: Grid, outer: Field) -> Field:
    cage = anatomy.cage
    share = np.clip(np.abs(grid.x) / outer, 0, 1.05)
    lateral = np.clip((share - 0.42) / 0.58, 0, None)
    medial = np.clip((0.42 - share) / 0.42, 0, None)
    top = np.where(grid.x < 0, cage.domes_y[0], cage.domes_y[1]).astype(np.float32)
    depth: Field = grid.y - top - np.float32(cage.dome_rise) * (lateral**2.2 + 0.30 * medial**2)
    return depth


def _heart(anatomy: Anatomy, grid: Grid) -> Field:
    heart, cage = anatomy.heart, anatomy.cage
    extent = heart.ratio * cage.half_width
    long = extent / math.hypot(math.cos(heart.axis), heart.roundness * math.sin(heart.axis))
    short = heart.roundness * long
    tall = math.hypot(long * math.sin(heart.axis), short * math.cos(heart.axis))
    # From the roots of the great vessels (0) to below the diaphragm, which hides the lower border.
    down = (grid.rows - (cage.domes_y[1] + 0.5 - 1.75 * tall)) / (2 * tall)
    left, right = (share * extent * _BORDERS[side](np.clip(down, -0.3, 1.3)) for side, share in ((1, 1.32), (-1, 0.68)))
    across = (grid.x - (heart.shift + (left - right) / 2).astype(np.float32)) / ((left + right) / 2).astype(np.float32)
    depth = min(1.35 * short, 0.92 * cage.half_depth) * np.sqrt(np.clip(1 - ((down - 0.6) / 0.95) ** 2, 0, 1))
    chord: Field = 2 * depth.astype(np.float32) * np.sqrt(np.maximum(1 - across * across, 0))
    return chord


_BORDERS = {
    1: PchipInterpolator(
        (-0.3, 0.0, 0.2, 0.4, 0.6, 0.78, 0.9, 1.05, 1.3), (0.18, 0.36, 0.55, 0.75, 0.91, 1.0, 0.99, 0.86, 0.45)
    ),
    -1: PchipInterpolator(
        (-0.3, 0.0, 0.2, 0.4, 0.6, 0.78, 0.9, 1.05, 1.3), (0.30, 0.48, 0.68, 0.89, 0.99, 0.98, 0.90, 0.70, 0.3)
    ),
}
"""The heart's left and right border from top to bottom, relative to their farthest points."""


def _mediastinum(anatomy: Anatomy, grid: Grid, cage: Field) -> Field:
    """Spine, great vessels and what lies around them, from neck to diaphragm."""
    heart = anatomy.heart
    m = heart.mediastinum
    x = grid.x - np.float32(heart.shift)
    y = grid.rows
    knots = (-16.0, -10.0, -6.0, -1.0, 3.0, 8.0, 16.0)
    right = np.interp(y, knots, [1.20 * m, 0.98 * m, 0.88 * m, 0.92 * m, 0.92 * m, 0.85 * m, 0.85 * m])
    left = np.interp(y, knots, [1.20 * m, 1.02 * m, 0.84 * m, 0.86 * m, 0.88 * m, 0.80 * m, 0.80 * m])
    edge = np.where(x < 0, right, left).astype(np.float32)
    # Full depth before the spine; towards its edges lung lies before and behind.
    stripe = cage * smooth_step(edge - np.abs(x), 0.9) * (1 - 0.5 * np.minimum(np.abs(x) / edge, 1) ** 2)
    knob_at = (m * 0.62 + heart.shift, -3.6)
    knob = ellipsoid(grid, knob_at, (heart.knob * 1.15 + 0.25, heart.knob * 1.1, heart.knob + 2.5))
    trunk = ellipsoid(grid, (m * 0.62 + heart.shift, -0.4), (1.5, 1.7, 3.0))
    aorta = ellipsoid(grid, (m * 0.45 + heart.shift, 4.0), (heart.knob + 0.4, 10.0, 3.0))
    cava = ellipsoid(grid, (-0.62 * m + heart.shift, -1.0), (1.35, 5.5, 3.2))
    vessels = np.maximum(np.maximum(knob, trunk), np.maximum(aorta, cava))
    middle: Field = np.minimum(soft_maximum(stripe, vessels, 0.5), np.maximum(cage, stripe))
    return middle


def _body(anatomy: Anatomy, grid: Grid, outer: Field) -> Field:
    cage, wall = anatomy.cage, anatomy.wall
    y = grid.rows
    bulge = 2.4 * np.exp(-(((y + 3.5) / 6.0) ** 2))
    widest = np.maximum(outer, cage.half_width * 0.86) + np.float32(wall.fat + 1.4) + bulge
    share = np.minimum(np.abs(grid.x) / widest, 1)
    slope = cage.apex_y - 3.6 - 0.1 * wall.fat + 0.34 * np.maximum(np.abs(grid.x) - 4.5, 0)
    neckline = np.sqrt(np.clip((y - slope) / 9.0, 0, 1))
    depth = 2 * cage.half_depth + wall.depth
    trunk = depth * neckline * np.sqrt(1 - share**4)
    total: Field = soft_maximum(trunk, capsule(grid, (0, -9), (0, -40), 5.7 + 0.25 * wall.fat), 1.0)
    top = cage.apex_y
    for side in (-1, 1):
        shoulder = cage.half_width * side * 1.28
        block = capsule(grid, (side * 5.0, top + 2.4), (shoulder, top + 4.6), 4.8 + 0.4 * wall.fat)
        arm = capsule(grid, (shoulder, top + 4.6), (shoulder + side * wall.arm_spread, 26.0), wall.arm)
        total = soft_maximum(total, soft_maximum(arm, block, 1.5), 1.0)
        if wall.breast:
            at = (side * cage.half_width * 0.58, 5.2)
            soft = ellipsoid(grid, at, (wall.breast, wall.breast * 0.95, wall.breast_depth / 2))
            total += soft * smooth_step(y - at[1] + 0.1 * wall.breast, 1.7 * wall.breast)
    return total


def _gas(anatomy: Anatomy, grid: Grid) -> Field:
    """Air in windpipe, main bronchi and stomach, in cm."""
    shift = anatomy.heart.shift
    total: Field = capsule(grid, (0.5 * shift, -30), (shift - 0.15, -0.6), 0.85)
    total = np.maximum(total, capsule(grid, (shift - 0.15, -0.6), (shift - 2.7, 1.8), 0.62))
    total = np.maximum(total, capsule(grid, (shift - 0.15, -0.6), (shift + 3.4, 2.2), 0.52))
    radius = anatomy.wall.stomach
    if radius:
        at = (0.42 * anatomy.cage.half_width, anatomy.cage.domes_y[1] + radius + 0.9)
        bubble = ellipsoid(grid, at, (radius * 1.25, radius, 0.8 * radius))
        total += bubble * smooth_step(at[1] + 0.1 * radius - grid.y, 0.25)
    return total
