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
def test_an_effusion_stands_higher_at_the_wall_than_in_the_middle(seed):
    """The meniscus."""
    chest, mask, sign, _ = placed("Effusion", seed)
    side = sign.sides[0]
    cage, grid = chest.anatomy.cage, chest.grid
    tops = []
    for share in (0.55, 0.93):
        column = int(np.argmin(np.abs(grid.x[64] - side * share * cage.half_width)))
        tops.append(grid.y[:, column][mask[:, column]].min())
    assert tops[1] < tops[0] - 0.4


@pytest.mark.parametrize("seed", SEEDS)
def test_fluid_hides_the_angle_between_dome_and_wall(seed):
    chest, _, sign, before = placed("Effusion", seed)
    for side in sign.sides:
        angle = (before.dome < 0) & (before.dome > -1.5) & (before.rim > 0.3) & (before.rim < 3)
        angle &= (np.sign(chest.grid.x) == side) & (before.lung > 0.5)
        assert angle.any()
        assert (chest.filled[angle] > 0.8 * chest.lung[angle]).mean() > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_beyond_the_edge_of_a_pneumothorax_there_is_nothing_but_air(seed):
    chest, mask, sign, _ = placed("Pneumothorax", seed)
    beyond = mask & (chest.free > 0.999) & (chest.lines < 1e-3)
    assert beyond.sum() > 0.5 * mask.sum()
    np.testing.assert_allclose(chest.water()[beyond], (chest.body - chest.lung - chest.gas)[beyond], atol=0.02)
    assert (np.sign(chest.grid.x[mask]) == sign.side).mean() > 0.98


@pytest.mark.parametrize("seed", SEEDS)
def test_the_edge_of_the_collapsed_lung_is_a_thin_line(seed):
    chest, mask, _, before = placed("Pneumothorax", seed)
    edge = chest.lines - before.lines > 0.2
    assert 0.001 < edge.mean() < 0.05
    grown = np.zeros_like(mask)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            grown |= np.roll(mask, (down, across), (0, 1))
    inside = edge & (chest.lung > 1) & (chest.rim > 0)
    assert (grown[inside]).mean() > 0.9, "it bounds the air"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_other_lung_stays_as_it_was(seed):
    chest, mask, sign, _ = placed("Pneumothorax", seed)
    other = chest.half(-sign.side) > 0.999
    assert chest.free[other].max() < 0.01
    assert not mask[other].any()


@pytest.mark.parametrize("seed", SEEDS)
def test_thickened_pleura_lines_the_wall(seed):
    chest, mask, sign, before = placed("Pleural_Thickening", seed)
    assert chest.rim[mask].max() < sign.cap + 2
    assert chest.rim[mask].min() > 0
    assert {int(side) for side in np.unique(np.sign(chest.grid.x[mask]))} == set(sign.sides)
    more = chest.bone - before.bone
    assert (more >= 0).all()
    assert (more.max() > 0.05) == (sign.chalk > 0)
