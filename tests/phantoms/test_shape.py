import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.phantoms.grid import Grid
from hilum.phantoms.shape import capsule, ellipsoid, smooth_step, soft_maximum, unit_radius

GRID = Grid(200, 20.0)


def test_an_ellipsoid_has_its_textbook_volume():
    chord = ellipsoid(GRID, (1.0, -0.5), (4.0, 2.5, 3.0), 0.4)
    assert chord.sum() * GRID.spacing_cm**2 == pytest.approx(4 / 3 * np.pi * 4 * 2.5 * 3, rel=0.005)
    assert chord.max() == pytest.approx(6.0, rel=0.01)


def test_a_capsule_is_a_cylinder_with_round_ends():
    chord = capsule(GRID, (-3, 0), (3, 2), 1.5)
    length = np.hypot(6, 2)
    volume = np.pi * 1.5**2 * length + 4 / 3 * np.pi * 1.5**3
    assert chord.sum() * GRID.spacing_cm**2 == pytest.approx(volume, rel=0.005)


def test_unit_radius_is_one_on_the_ellipse():
    angle = 0.7
    field = unit_radius(GRID, (0.0, 0.0), (5.0, 2.0), angle)
    row, column = (round(float(shift) / GRID.spacing_cm + 99.5) for shift in (5 * np.sin(angle), 5 * np.cos(angle)))
    assert field[row, column] == pytest.approx(1, abs=0.05)


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0.1, 5))
def test_a_soft_maximum_lies_between_the_larger_and_half_a_width_below_it(first, second, width):
    soft = soft_maximum(np.array([[first]]), np.array([[second]]), width)[0, 0]
    assert max(first, second) - width / 2 - 1e-9 <= soft <= max(first, second) + 1e-9


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(0.1, 5))
def test_a_smooth_step_climbs_from_0_to_1(first, second, width):
    low, high = smooth_step(np.array([[min(first, second), max(first, second)]]), width)[0]
    assert 0 <= low <= high <= 1
    ends = np.array([[-width / 2, 0.0, width / 2]])
    np.testing.assert_allclose(smooth_step(ends, width), [[0, 0.5, 1]], atol=1e-12)
