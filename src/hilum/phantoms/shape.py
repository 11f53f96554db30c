"""Smooth shapes as fields: chords through ellipsoids and capsules, soft edges, soft unions."""

import math

import numpy as np

from hilum.phantoms.grid import Field, Grid

__all__ = ["capsule", "ellipsoid", "smooth_step", "soft_maximum", "unit_radius"]


def smooth_step(field: Field, width: float) -> Field:
    """0 far below zero, 1 far above, smooth over ``width`` (same unit as ``field``)."""
    t = np.clip(field / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def soft_maximum(first: Field, second: Field, width: float) -> Field:
    """The larger of two fields, rounded over ``width`` where they cross."""
    gap = first - second
    result: Field = 0.5 * (first + second + np.sqrt(gap * gap + width * width)) - 0.5 * width
    return result


def unit_radius(grid: Grid, centre: tuple[float, float], axes: tuple[float, float], angle: float = 0.0) -> Field:
    """Squared elliptic distance from ``centre``: 1 on the ellipse with half ``axes`` (cm), turned by ``angle``."""
    x, y = grid.x - centre[0], grid.y - centre[1]
    if angle == 0.0:
        return (x / axes[0]) ** 2 + (y / axes[1]) ** 2
    cosine, sine = math.cos(angle), math.sin(angle)
    return ((x * cosine + y * sine) / axes[0]) ** 2 + ((y * cosine - x * sine) / axes[1]) ** 2


def ellipsoid(grid: Grid, centre: tuple[float, float], axes: tuple[float, float, float], angle: float = 0.0) -> Field:
    """Chord in cm through an ellipsoid with half axes across, down and along the beam."""
    inside = np.maximum(1 - unit_radius(grid, centre, axes[:2], angle), 0)
    chord: Field = np.float32(2 * axes[2]) * np.sqrt(inside)
    return chord


def capsule(grid: Grid, start: tuple[float, float], end: tuple[float, float], radius: float) -> Field:
    """Chord in cm through a limb: a cylinder with round ends between two points."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    x, y = grid.x - np.float32(start[0]), grid.y - np.float32(start[1])
    squared = dx * dx + dy * dy
    t = np.clip(x * np.float32(dx / squared) + y * np.float32(dy / squared), 0, 1)
    x -= t * np.float32(dx)
    y -= t * np.float32(dy)
    return 2 * np.sqrt(np.maximum(np.float32(radius * radius) - x * x - y * y, 0))
