"""Bones: ribs, spine, clavicles, shoulder blades and upper arms, as cm of compact bone along the beam."""

import math

import numpy as np

from hilum.phantoms.anatomy import Anatomy
from hilum.phantoms.grid import Field, Grid, Tubes
from hilum.phantoms.shape import capsule, smooth_step, unit_radius

__all__ = ["bones"]

RIBS = 11
FIRST_RIB_Y = -0.93
"""Height of the first rib at the spine, in units of the apex's height."""


def bones(anatomy: Anatomy, grid: Grid) -> Field:
    """Thickness of all bones in cm of compact bone."""
    tubes = [part for side in (-1, 1) for part in _long_bones(anatomy, grid, side)]
    total: Field = _spine(anatomy, grid) + grid.tubes(*tubes)
    for side in (-1, 1):
        total += _shoulder(anatomy, grid, side)
    total *= np.float32(anatomy.skeleton.mineral)
    return total


def _long_bones(anatomy: Anatomy, grid: Grid, side: int) -> list[Tubes]:
    return [_ribs(anatomy, grid, side), _clavicle(anatomy, grid, side), *_blade_edges(anatomy, grid, side)]


def _ribs(anatomy: Anatomy, grid: Grid, side: int) -> Tubes:
    cage, skeleton = anatomy.cage, anatomy.skeleton
    number = np.arange(RIBS)[:, None]
    at_spine = cage.apex_y * -FIRST_RIB_Y + skeleton.rib_pitch * number
    # The angle runs around the chest: 0 at the spine, a right angle at the side, on to the cartilage in front.
    end = np.where(number < 7, 2.35, np.maximum(2.35 - 0.28 * (number - 6), 1.1))
    turn = np.linspace(0, 1, grid.points(34.0))[None, :] * end
    drop = skeleton.rib_drop * np.clip(0.35 + 0.13 * number, 0, 1.12)
    y = at_spine + drop * (turn / 2.35) ** 1.5 - 0.5 * np.sin(2 * turn)
    width = _width(anatomy, at_spine + drop * 0.45) * (1 + side * cage.turn) + 0.45
    inner = 2.3
    x = inner + (width - inner) * np.sin(turn)
    depth = cage.half_depth * (1 - np.cos(turn))
    seen = np.hypot(np.gradient(x, axis=1), np.gradient(y, axis=1)) + 1e-3
    run = np.sqrt(seen**2 + np.gradient(depth, axis=1) ** 2)
    front = smooth_step(end - turn - 0.1, 0.25)
    radius = skeleton.rib_height * (0.82 + 0.2 * turn / 2.35) * np.where(number == 0, 1.15, 1.0)
    return Tubes(side * x, y, radius, 0.56 * front, 0.78, np.minimum(run / seen, 2.2))


def _width(anatomy: Anatomy, y: np.ndarray) -> np.ndarray:
    return np.array([[anatomy.width_at(float(at))] for at in y.ravel()])


def _spine(anatomy: Anatomy, grid: Grid) -> Field:
    skeleton = anatomy.skeleton
    y = grid.rows
    middle = skeleton.scoliosis * np.sin(y / 7.0)
    half = 1.55 + 0.018 * (y + 12)
    across = np.abs(grid.x - middle) / half
    body = np.sqrt(np.maximum(1 - across**4, 0))
    phase = (y / skeleton.rib_pitch) % 1.0
    disc = smooth_step(np.abs(phase - 0.5) - 0.36, 0.1)
    plate = np.exp(-(((np.abs(phase - 0.5) - 0.34) / 0.05) ** 2))
    pedicle = np.exp(-(((across - 0.62) / 0.16) ** 2) - ((phase - 0.35) / 0.13) ** 2)
    process = np.exp(-((across / 0.17) ** 2) - ((phase - 0.75) / 0.2) ** 2)
    column: Field = body * (1.0 - 0.55 * disc + 0.3 * plate) + 0.5 * pedicle + 0.5 * process
    return np.float32(0.42) * column.astype(np.float32)


def _clavicle(anatomy: Anatomy, grid: Grid, side: int) -> Tubes:
    cage, skeleton = anatomy.cage, anatomy.skeleton
    t = np.linspace(0, 1, grid.points(17.0))[None, :]
    inner = 1.9 + side * 25 * cage.turn
    x = inner + (1.22 * cage.half_width - inner) * t
    start = cage.apex_y * 0.66
    y = start - (0.6 + skeleton.clavicle_rise) * np.sin(t * math.pi / 2) - 0.55 * np.sin(2 * math.pi * t)
    radius = 0.58 + 0.32 * (1 - t) ** 6 + 0.1 * t
    return Tubes(side * x, y, radius, 0.68 * np.sqrt(1 - 0.98 * t**8), 0.66)


def _blade_at(anatomy: Anatomy, side: int) -> tuple[float, float]:
    """Middle of the shoulder blade's upper border."""
    return side * (anatomy.cage.half_width * 0.98 + anatomy.skeleton.scapula_out), anatomy.cage.apex_y * 0.62


def _blade_edges(anatomy: Anatomy, grid: Grid, side: int) -> list[Tubes]:
    """The inner and outer edge of the shoulder blade, and its spine."""
    out, top = _blade_at(anatomy, side)
    t = np.linspace(0, 1, grid.points(14.0))[None, :]
    taper = np.sqrt(np.sin(np.pi * np.clip(t, 0.001, 0.999)))
    return [
        Tubes(out - side * (2.6 - 1.6 * t**2), top + 12.5 * t, 0.22 + 0 * t, 0.32 * taper),
        Tubes(out + side * (2.6 - 3.6 * t), top + 1.5 + 11.0 * t, 0.40 - 0.15 * t, 0.5 * taper, 0.4),
        Tubes(out + side * (-2.3 + 6.3 * t), top + 1.2 - 2.6 * t, 0.4 + 0.1 * t, 0.5 + 0 * t, 0.5),
    ]


def _shoulder(anatomy: Anatomy, grid: Grid, side: int) -> Field:
    """The flat of the shoulder blade, and the upper arm."""
    out, top = _blade_at(anatomy, side)
    head = (out + side * 5.2, top + 0.4)
    flat = smooth_step(1 - unit_radius(grid, (out + side * 0.2, top + 4.6), (2.6, 7.0), -0.12 * side), 0.4)
    total = np.float32(0.13) * flat
    if abs(head[0]) - 2.4 < grid.field_cm / 2 + abs(grid.centre_x_cm):
        elbow = (head[0] + side * (0.8 + anatomy.wall.arm_spread), top + 27.0)
        shaft = capsule(grid, head, elbow, 1.15) - 0.85 * capsule(grid, head, elbow, 0.72)
        ball = np.sqrt(np.maximum(1 - unit_radius(grid, head, (2.4, 2.4)), 0))
        total += 0.5 * shaft + 0.7 * ball
    return total
