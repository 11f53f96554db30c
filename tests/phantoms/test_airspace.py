import numpy as np
import pytest

from hilum.phantoms import draw_case
from hilum.phantoms.airspace import Atelectasis, blend_anatomy
from hilum.phantoms.render import layers
from hilum.phantoms.vessel import branch_tubes, lung_branches

SEEDS = range(4)


def placed(finding, seed):
    case = draw_case(seed, 0, prevalence={finding: 1.0})
    chest, masks = layers(case, 128)
    return chest, masks[finding], case.signs[finding], layers(case.without(finding), 128)[0]


def side_of(chest, mask):
    return np.sign(chest.grid.x[mask] - chest.anatomy.heart.shift)


@pytest.mark.parametrize("finding", ["Consolidation", "Pneumonia", "Atelectasis"])
@pytest.mark.parametrize("seed", SEEDS)
def test_one_lung_is_ill_and_the_other_stays_clear(finding, seed):
    chest, mask, sign, _ = placed(finding, seed)
    assert (side_of(chest, mask) == sign.side).mean() > 0.97
    assert chest.filled[chest.half(-sign.side) > 0.999].max() < 0.01


@pytest.mark.parametrize("seed", SEEDS)
def test_open_bronchi_run_dark_through_a_consolidation(seed, monkeypatch):
    """The air bronchogram: along the branches, and only there, air is left."""
    chest, mask, sign, _ = placed("Consolidation", seed)
    monkeypatch.setattr("hilum.phantoms.airspace._open_bronchi", lambda *arguments: None)
    air = placed("Consolidation", seed)[0].filled - chest.filled
    branches = [branch_tubes(order, chest.grid) for order in lung_branches(chest.anatomy, sign.side)[:2]]
    along = chest.grid.tubes(*branches) > 0.1
    assert air.min() >= 0
    assert air[mask & along].mean() > 0.3, "in cm"
    assert air[~along].max() < 0.5
    assert air[~along].sum() < 0.1 * air.sum()


@pytest.mark.parametrize("seed", range(12))
def test_a_consolidation_ends_at_the_fissure(seed):
    chest, mask, sign, _ = placed("Consolidation", seed)
    cage = chest.anatomy.cage
    middle = (chest.grid.y[mask].mean() - cage.apex_y) / (cage.domes_y[0] - cage.apex_y)
    assert (middle < 0.5) == (sign.lobe == "upper")


@pytest.mark.parametrize("seed", SEEDS)
def test_oedema_is_on_both_sides_and_densest_beside_the_hila(seed):
    chest, mask, _, before = placed("Edema", seed)
    sides = side_of(chest, mask)
    assert 0.3 < (sides == 1).mean() < 0.7
    share = chest.filled / np.maximum(chest.lung, 0.5)
    inner, outer = (
        np.mean([_share_at(chest, share, side, across, 0.56) for side in (-1, 1)]) for across in (0.3, 0.95)
    )
    assert inner > 1.8 * outer
    assert chest.anatomy.lungs.calibre > 1.3 * before.anatomy.lungs.calibre
    septa = (chest.lines - before.lines) > 0.1
    assert (chest.rim[septa] < 4).mean() > 0.9, "Kerley lines stand on the wall"


def _share_at(chest, share, side, across, down):
    x, y = chest.spot(side, across, down)
    return share[np.hypot(chest.grid.x - x, chest.grid.y - y) < 1.5].mean()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_infiltration_is_thinner_than_a_pneumonia_and_a_consolidation(seed):
    shares = [
        np.quantile((chest.filled / np.maximum(chest.lung, 0.5))[mask], 0.8)
        for chest, mask, _, _ in (placed(finding, seed) for finding in ("Infiltration", "Pneumonia", "Consolidation"))
    ]
    assert shares[0] < 0.55
    assert shares[0] < shares[1]
    assert shares[0] < shares[2]


@pytest.mark.parametrize("seed", range(8))
def test_a_lung_that_has_lost_air_is_smaller(seed):
    chest, _, sign, before = placed("Atelectasis", seed)
    half = before.half(sign.side) > 0.5
    air, was = ((layer.lung - layer.filled)[half].sum() for layer in (chest, before))
    assert air < 0.97 * was
    assert chest.anatomy.cage.domes_y[(sign.side + 1) // 2] < before.anatomy.cage.domes_y[(sign.side + 1) // 2] - 1.7
    assert np.sign(chest.anatomy.heart.shift - before.anatomy.heart.shift) == sign.side


def test_all_three_forms_of_atelectasis_are_drawn():
    forms = [Atelectasis.draw(np.random.default_rng(seed)).lobe for seed in range(200)]
    assert 0.1 < np.mean([form == "upper" for form in forms]) < 0.3
    assert 0.08 < np.mean([form == "lower" for form in forms]) < 0.25


def test_blending_moves_one_dome_and_the_heart():
    anatomy = draw_case(0, 0).anatomy
    moved = blend_anatomy(anatomy, 1, dome=1.5, shift=0.8)
    assert moved.cage.domes_y == (anatomy.cage.domes_y[0], anatomy.cage.domes_y[1] - 1.5)
    assert moved.heart.shift == anatomy.heart.shift + 0.8
    assert blend_anatomy(anatomy, -1) == anatomy
