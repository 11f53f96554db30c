"""Trees of tubes that leave the hila: pulmonary vessels, and the bronchi beside them.

Three orders of branches are drawn; what is finer stays a texture. The tree of a patient is the same on all films.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.grid import Field, Grid, Tubes

__all__ = ["Branches", "branch_tubes", "hilum_at", "lung_branches", "vessel_field"]

STEMS = 11


@dataclass(frozen=True)
class Branches:
    """Branches of one order, each a gentle arc.

    Attributes:
        x: Where they start, in cm.
        y: The same, downwards.
        heading: Direction at the start in radians; 0 is lateral right, downwards positive.
        bend: Change of direction over the whole length, in radians.
        length: In cm.
        radius: At the start, in cm; it shrinks to 45 % at the end.
    """

    x: Float[np.ndarray, " branch"]
    y: Float[np.ndarray, " branch"]
    heading: Float[np.ndarray, " branch"]
    bend: Float[np.ndarray, " branch"]
    length: Float[np.ndarray, " branch"]
    radius: Float[np.ndarray, " branch"]

    def at(self, share: Float[np.ndarray, "branch point"]) -> tuple[np.ndarray, np.ndarray]:
        """Points at a share of the length, to second order in the bend."""
        direction = self.heading[:, None] + 0.5 * self.bend[:, None] * share
        reach = self.length[:, None] * share
        return self.x[:, None] + reach * np.cos(direction), self.y[:, None] + reach * np.sin(direction)


def hilum_at(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Where the vessels of one lung start, in cm; the left hilum stands higher."""
    scale = anatomy.cage.half_width / 13.4
    return side * 3.3 * scale + anatomy.heart.shift, (1.6 if side < 0 else 0.8) * scale


def lung_branches(anatomy: Anatomy, side: int) -> list[Branches]:
    """The three orders of branches of one lung (``side`` -1 is the patient's right, left in the image)."""
    rng = np.random.default_rng((anatomy.lungs.seed, side + 1))
    x, y = hilum_at(anatomy, side)
    down = np.linspace(-1.35, 1.30, STEMS) + rng.normal(0, 0.07, STEMS)
    reach_up, reach_down = y - anatomy.cage.apex_y, anatomy.cage.domes_y[(side + 1) // 2] + 2.0 - y
    sideways = anatomy.cage.half_width - abs(x)
    vertical = np.where(down < 0, reach_up, reach_down)
    length = 0.80 / np.hypot(np.cos(down) / sideways, np.sin(down) / vertical) * rng.uniform(0.85, 1.05, STEMS)
    heading = np.where(side > 0, down, np.pi - down)
    calibre = anatomy.lungs.calibre * np.where(down > 0, 0.48, 0.37) * rng.uniform(0.85, 1.15, STEMS)
    start = rng.uniform(-0.7, 0.9, STEMS)
    # Stems bend towards the feet below the hilum and towards the apex above it.
    bend = side * (0.45 * np.sign(down) * np.abs(np.sin(down)) + rng.normal(0, 0.18, STEMS))
    stems = Branches(x + side * rng.uniform(-0.3, 0.6, STEMS), y + start + 0.5 * down, heading, bend, length, calibre)
    orders = [stems]
    for children, shrink in ((4, 0.55), (3, 0.58)):
        orders.append(_offspring(orders[-1], children, shrink, rng))
    return orders


def _offspring(parents: Branches, children: int, shrink: float, rng: np.random.Generator) -> Branches:
    count = len(parents.x)
    share = (np.arange(children) + rng.uniform(0.2, 0.9, (count, children))) / children * 0.85 + 0.12
    x, y = parents.at(share)
    turn = rng.uniform(0.35, 0.85, (count, children)) * np.where((np.arange(children) % 2).astype(bool), 1, -1)
    heading = parents.heading[:, None] + parents.bend[:, None] * share + turn
    length = parents.length[:, None] * (1.08 - 0.6 * share) * shrink * rng.uniform(0.8, 1.2, share.shape)
    radius = parents.radius[:, None] * (1 - 0.55 * share) * 0.72
    bend = rng.normal(0, 0.3, share.shape)
    return Branches(*(values.ravel() for values in (x, y, heading, bend, length, radius)))


def branch_tubes(branches: Branches, grid: Grid) -> Tubes:
    """The branches as tubes that can be laid on the detector."""
    share = np.linspace(0, 1, grid.points(float(branches.length.max(initial=0.1))))[None, :]
    x, y = branches.at(share * np.ones((len(branches.x), 1)))
    radius = branches.radius[:, None] * (1 - 0.55 * share)
    return Tubes(x, y, radius, 2 * radius)


def vessel_field(anatomy: Anatomy, grid: Grid) -> Field:
    """Blood in cm along the beam, hila included; the part outside the lungs is the caller's to cut off."""
    rng = np.random.default_rng(anatomy.lungs.seed)
    tubes = [_pulmonary_arteries(anatomy, grid)]
    for side in (-1, 1):
        for order in lung_branches(anatomy, side):
            here = rng.random(len(order.x)) < anatomy.lungs.vessels
            if here.any():
                kept = Branches(*(values[here] for values in vars(order).values()))
                tubes.append(branch_tubes(kept, grid))
    return grid.tubes(*tubes)


def _pulmonary_arteries(anatomy: Anatomy, grid: Grid) -> Tubes:
    """The two arteries that run down from the hila, comma-shaped."""
    t = np.linspace(0, 1, grid.points(7.0))
    side = np.array([-1, 1])[:, None]
    start = np.array([hilum_at(anatomy, -1), hilum_at(anatomy, 1)])
    x = start[:, :1] - side * 0.9 + side * 2.3 * np.sin(t * 1.9)
    y = start[:, 1:] - 1.6 + 6.0 * t
    radius = anatomy.lungs.calibre * (0.86 - 0.50 * t) * np.ones_like(side)
    return Tubes(x, y, radius, 2 * radius)
