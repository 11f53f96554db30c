import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from hilum.phantoms.grid import Grid, Tubes

grids = st.builds(
    Grid,
    st.integers(32, 130),
    st.floats(20, 45),
    st.floats(-3, 3),
    st.floats(-3, 3),
    st.floats(-0.05, 0.05),
)


@settings(max_examples=40, deadline=None)
@given(grids, st.integers(0, 2**20))
def test_drops_keep_their_volume(grid, seed):
    rng = np.random.default_rng(seed)
    reach = 0.4 * grid.field_cm
    x, y = rng.uniform(-reach, reach, (2, 50))
    volume = rng.uniform(0, 2, 50)
    thickness = grid.drop(x + grid.centre_x_cm, y + grid.centre_y_cm, volume)
    assert thickness.sum() * grid.spacing_cm**2 == pytest.approx(volume.sum(), rel=1e-4)
    assert (thickness >= 0).all()


@settings(max_examples=40, deadline=None)
@given(grids, st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_a_drop_lands_on_the_pixel_whose_coordinates_it_has(grid, across, down):
    row, column = int(down * grid.size_px), int(across * grid.size_px)
    at = np.array([grid.x[row, column]]), np.array([grid.y[row, column]])
    thickness = grid.drop(*at, np.array([1.0]))
    rows, columns = np.indices(thickness.shape)
    # The rotation is undone to first order: a tilt of 0.05 is off by 0.0025 of the distance from the middle.
    slack = 0.01 + grid.tilt**2 * grid.size_px
    assert (rows * thickness).sum() / thickness.sum() == pytest.approx(row, abs=slack)
    assert (columns * thickness).sum() / thickness.sum() == pytest.approx(column, abs=slack)


def test_drops_beside_the_detector_are_lost():
    grid = Grid(64, 32.0)
    assert grid.drop(np.array([40.0, -17.0]), np.array([0.0, 0.0]), np.ones(2)).sum() == 0


@pytest.mark.parametrize("size_px", [48, 128, 400])
@pytest.mark.parametrize("hollow", [0.0, 0.7])
def test_a_straight_tube_has_its_textbook_volume_at_every_resolution(size_px, hollow):
    grid = Grid(size_px, 32.0)
    x = np.linspace(-10, 10, grid.points(20.0))[None, :]
    thickness = grid.tubes(Tubes(x, 0.3 * x, np.full_like(x, 0.6), np.full_like(x, 1.2), hollow))
    length = np.hypot(20, 6)
    assert thickness.sum() * grid.spacing_cm**2 == pytest.approx(np.pi * 0.36 * length * (1 - hollow**2), rel=0.005)


def test_a_ray_through_the_middle_of_a_tube_passes_its_depth():
    grid = Grid(400, 20.0)
    x = np.linspace(-12, 12, grid.points(24.0))[None, :]
    thickness = grid.tubes(Tubes(x, 0 * x, np.full_like(x, 2.0), np.full_like(x, 3.0)))
    assert thickness[195:205, 150:250].mean() == pytest.approx(3.0, rel=0.03)
    assert thickness[:150].max() == 0


def test_a_hollow_tube_has_bright_edges():
    grid = Grid(400, 20.0)
    x = np.linspace(-12, 12, grid.points(24.0))[None, :]
    column = grid.tubes(Tubes(x, 0 * x, np.full_like(x, 2.0), np.full_like(x, 2.0), 0.8))[:, 150:250].mean(axis=1)
    assert column[160:172].max() > 1.5 * column[195:205].max()


def test_textures_are_the_same_field_at_every_size():
    coarse, fine = Grid(64, 36.0, 1.0, -0.5), Grid(192, 36.0, 1.0, -0.5)
    first, second = (grid.texture(np.random.default_rng(3), 1.3) for grid in (coarse, fine))
    np.testing.assert_allclose(first, second[1::3, 1::3], atol=2e-3)


def test_a_texture_has_mean_zero_and_unit_spread():
    field = Grid(256, 50.0).texture(np.random.default_rng(0), 0.6)
    assert abs(field.mean()) < 0.05
    assert field.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("sigma_cm", [0.4, 3.0])
@pytest.mark.parametrize("size_px", [64, 100, 256])
def test_blur_is_a_gaussian_blur(sigma_cm, size_px):
    grid = Grid(size_px, 36.0)
    field = grid.texture(np.random.default_rng(1), 4.0) + 0.2 * grid.x
    expected = gaussian_filter(field.astype(float), sigma_cm / grid.spacing_cm, mode="nearest", truncate=6)
    inner = slice(size_px // 8, -(size_px // 8))
    error = np.abs(grid.blur(field, sigma_cm) - expected)[inner, inner]
    assert error.max() < 0.05 * np.ptp(expected)


def test_blur_leaves_an_even_field_alone():
    field = np.full((64, 64), 2.5, dtype=np.float32)
    np.testing.assert_allclose(Grid(64, 36.0).blur(field, 3.0), field, rtol=1e-5)
