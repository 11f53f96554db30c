from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.phantoms.anatomy import draw_anatomy, draw_patient
from hilum.phantoms.chest import build_chest
from hilum.phantoms.grid import Grid
from hilum.phantoms.skeleton import bones
from hilum.phantoms.vessel import hilum_at, vessel_field

GRID = Grid(96, 36.0)


def anatomy_of(seed):
    rng = np.random.default_rng(seed)
    return draw_anatomy(draw_patient(rng), "PA", rng)


@pytest.fixture
def chest():
    return build_chest(anatomy_of(0), GRID)


@pytest.mark.parametrize("seed", range(5))
def test_layers_fit_into_each_other(seed):
    chest = build_chest(anatomy_of(seed), GRID)
    for layer in (chest.body, chest.cage, chest.lung, chest.heart, chest.vessels, chest.gas, chest.bone):
        assert (layer >= 0).all()
        assert np.isfinite(layer).all()
    assert (chest.lung <= chest.cage + 1e-4).all()
    assert (chest.body >= chest.cage).all()
    water = chest.water()
    assert (water >= 0).all()
    assert (water <= chest.body + 1e-3).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ratio", [0.40, 0.48, 0.62])
def test_the_heart_has_the_cardiothoracic_ratio_it_was_given(seed, ratio):
    anatomy = anatomy_of(seed)
    anatomy = replace(anatomy, heart=replace(anatomy.heart, ratio=ratio), cage=replace(anatomy.cage, turn=0.0))
    chest = build_chest(anatomy, Grid(256, 38.0))
    above = (chest.heart > 0) & (chest.dome < 0.5)
    columns = np.flatnonzero(above.any(axis=0))
    width = (columns[-1] - columns[0] + 1) * chest.grid.spacing_cm
    assert width / (2 * anatomy.cage.half_width) == pytest.approx(ratio, abs=0.02)


def test_lungs_without_air_are_as_dense_as_the_body(chest):
    chest.fill(np.ones_like(chest.lung))
    error = np.abs(chest.water() - np.maximum(chest.body - chest.gas, 0))
    assert error[chest.lung > 0.1].max() < 1e-4
    assert error.max() < 0.1, "a lung thinner than a millimetre is never quite full"


def test_air_without_lung_takes_its_whole_path_away(chest):
    chest.free += 1
    np.testing.assert_allclose(chest.water(), np.maximum(chest.body - chest.lung - chest.gas, 0), atol=1e-4)


def test_inflated_lung_has_its_density(chest):
    chest.vessels *= 0
    chest.texture *= 0
    here = (chest.lung > 5) & (chest.gas == 0)
    path = (chest.water() - (chest.body - chest.lung))[here] / chest.lung[here]
    np.testing.assert_allclose(path, chest.anatomy.lungs.density, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1))
def test_more_filling_is_never_less_water(first, second):
    chest = build_chest(anatomy_of(1), Grid(32, 36.0))
    low, high = sorted((first, second))
    chest.fill(np.full_like(chest.lung, high))
    most = chest.water()
    chest.fill(np.full_like(chest.lung, low))
    np.testing.assert_array_equal(chest.water(), most)  # What was filled before stays so.
    fresh = build_chest(anatomy_of(1), Grid(32, 36.0))
    fresh.fill(np.full_like(fresh.lung, low))
    assert (fresh.water() <= most + 1e-4).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("side", [-1, 1])
def test_spots_lie_in_the_lung_they_are_asked_for(seed, side):
    chest = build_chest(anatomy_of(seed), GRID)
    inside = chest.inside()
    for across in (0.45, 0.7, 0.85):
        for down in (0.25, 0.5, 0.75):
            x, y = chest.spot(side, across, down)
            assert np.sign(x) == side
            nearest = np.unravel_index(np.argmin((GRID.x - x) ** 2 + (GRID.y - y) ** 2), inside.shape)
            assert inside[nearest]


def test_a_half_is_one_side_of_the_midline(chest):
    right, left = chest.half(-1), chest.half(1)
    np.testing.assert_allclose(right + left, 1, atol=1e-5)
    assert right[:, 0].min() == left[:, -1].min() == 1


def test_the_right_dome_stands_higher_and_the_angles_are_deepest_at_the_wall(chest):
    cage = chest.anatomy.cage
    top = np.array([GRID.y[:, column][chest.dome[:, column] > 0].min() for column in range(96)])
    x = GRID.x[48]
    right = top[(x < -3) & (x > -8)].min()
    assert right < top[(x > 3) & (x < 8)].min()
    wall = int(np.argmin(np.abs(x + 0.95 * cage.half_width)))
    assert top[wall] > right + 0.5 * cage.dome_rise


def test_women_have_breasts_and_the_stomach_its_bubble():
    anatomy = anatomy_of(0)
    wall = replace(anatomy.wall, breast=0.0, breast_depth=0.0, stomach=0.0)
    plain = build_chest(replace(anatomy, wall=wall), GRID)
    woman = build_chest(replace(anatomy, wall=replace(wall, breast=6.0, breast_depth=3.0)), GRID)
    extra = woman.body - plain.body
    assert extra.max() > 1.5
    assert (extra >= -1e-4).all()
    centre = (extra * GRID.y).sum() / extra.sum()
    assert 3 < centre < 9
    fed = build_chest(replace(anatomy, wall=replace(wall, stomach=2.0)), GRID)
    bubble = fed.gas - plain.gas > 0.1
    assert GRID.x[bubble].min() > 0, "under the left dome"
    assert (fed.dome[bubble] > 0).all()


def test_bones_lie_where_bones_are():
    anatomy = anatomy_of(0)
    bone = bones(anatomy, GRID)
    x = np.abs(GRID.x)
    assert bone[x < 1].mean() > 3 * bone[(x > 5) & (x < 9) & (np.abs(GRID.y) < 8)].mean(), "the spine is densest"
    column = bone[:, int(np.argmin(np.abs(GRID.x[48] - 8)))]
    peaks = (column[1:-1] > column[:-2]) & (column[1:-1] >= column[2:]) & (column[1:-1] > 0.1)
    assert peaks.sum() >= 7, "ribs follow each other down the side"
    half = bones(replace(anatomy, skeleton=replace(anatomy.skeleton, mineral=anatomy.skeleton.mineral / 2)), GRID)
    np.testing.assert_allclose(half, bone / 2, atol=1e-5)


def test_vessels_thin_out_from_the_hilum_to_the_wall():
    anatomy = anatomy_of(0)
    blood = vessel_field(anatomy, GRID)
    for side in (-1, 1):
        x, y = hilum_at(anatomy, side)
        away = np.hypot(GRID.x - x, GRID.y - y)
        half = np.sign(GRID.x) == side
        assert blood[half & (away < 3)].mean() > 3 * blood[half & (away > 5) & (away < 9)].mean() > 0
    assert hilum_at(anatomy, 1)[1] < hilum_at(anatomy, -1)[1], "the left hilum stands higher"


def test_a_lung_without_vessels_keeps_only_the_arteries_of_its_hilum():
    anatomy = anatomy_of(0)
    bare = vessel_field(replace(anatomy, lungs=replace(anatomy.lungs, vessels=0.0)), GRID)
    full = vessel_field(anatomy, GRID)
    assert 0 < bare.sum() < 0.6 * full.sum()
