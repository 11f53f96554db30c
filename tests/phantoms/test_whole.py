import numpy as np
import pytest

from hilum.phantoms import draw_case
from hilum.phantoms.render import layers

SEEDS = range(4)


def placed(finding, seed):
    case = draw_case(seed, 0, prevalence={finding: 1.0})
    chest, masks = layers(case, 128)
    return chest, masks[finding], case.signs[finding], layers(case.without(finding), 128)[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_enlarged_heart_is_wider_than_half_of_the_chest(seed):
    chest, mask, sign, _ = placed("Cardiomegaly", seed)
    columns = np.flatnonzero(mask.any(axis=0))
    width = (columns[-1] - columns[0] + 1) * chest.grid.spacing_cm
    assert width / (2 * chest.anatomy.cage.half_width) == pytest.approx(sign.ratio, abs=0.04)
    assert sign.ratio > 0.55


@pytest.mark.parametrize("seed", SEEDS)
def test_emphysema_is_a_large_lung_with_little_in_it(seed):
    chest, _, sign, before = placed("Emphysema", seed)
    assert chest.lung.sum() > 1.05 * before.lung.sum()
    assert chest.vessels.sum() < 0.9 * before.vessels.sum()
    assert min(chest.anatomy.cage.domes_y) > max(before.anatomy.cage.domes_y) + 0.5
    assert chest.anatomy.cage.dome_rise < 0.6 * before.anatomy.cage.dome_rise
    assert chest.anatomy.heart.ratio <= 0.40
    assert {side for side, *_ in sign.bullae} == {-1, 1}
    assert (chest.free > 0.3).any()
    assert before.free.max() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_fibrosis_is_densest_below_and_shrinks_the_lungs(seed):
    chest, mask, _, before = placed("Fibrosis", seed)
    assert chest.lung.sum() < 0.97 * before.lung.sum()
    net = chest.lines - before.lines
    cage = chest.anatomy.cage
    middle = (cage.apex_y + cage.domes_y[0]) / 2
    low, high = (net[mask | (chest.lung > 1) & part].mean() for part in (chest.grid.y > middle, chest.grid.y < middle))
    assert low > high > 0
    assert (chest.grid.y[mask] > middle - 3).mean() > 0.9
    assert (np.sign(chest.grid.x[mask]) == 1).mean() == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_hernia_holds_air_above_fluid_behind_the_heart(seed):
    chest, mask, _, before = placed("Hernia", seed)
    gas = chest.gas - before.gas
    assert gas[~mask].max() < 0.5
    air = gas > 0.3
    assert air.any()
    rows = chest.grid.y[mask]
    middle = (rows.min() + rows.max()) / 2
    assert chest.grid.y[air].mean() < middle, "air rises"
    assert gas[mask & (chest.grid.y > middle + 2.2)].max(initial=0) < 0.1, "below the level there is none"
    level = chest.grid.y[air].max()
    across = [chest.grid.y[:, column][air[:, column]].max() for column in np.flatnonzero(air.sum(axis=0) > 8)]
    assert np.max(np.abs(np.array(across) - level)) < 0.6, "the level is flat"
    assert np.abs(chest.grid.x[mask].mean() - chest.anatomy.heart.shift) < 3.5
