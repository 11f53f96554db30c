import numpy as np
import pytest

from hilum.phantoms import draw_case, render_phantom
from hilum.phantoms.focal import Mass, Nodule
from hilum.phantoms.render import layers


def test_nodules_are_below_and_masses_above_3_cm():
    for seed in range(200):
        rng = np.random.default_rng(seed)
        nodule, mass = Nodule.draw(rng), Mass.draw(rng)
        assert 1 <= len(nodule.balls) <= 3
        assert all(2 * radius < 3 for *_, radius in nodule.balls)
        assert [2 * radius > 3 for *_, radius in mass.balls] == [True]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("finding", ["Nodule", "Mass"])
def test_boxes_have_the_size_of_what_they_hold(finding, seed):
    case = draw_case(seed, 0, prevalence={finding: 1.0})
    film = render_phantom(case, 256)
    diameters = sorted(2 * radius for *_, radius in case.signs[finding].balls)
    widths = sorted(width * film.spacing_mm / 10 for _, _, width, _ in film.boxes[finding])
    if len(widths) == len(diameters):  # Nodules that touch share a box.
        np.testing.assert_allclose(widths, diameters, rtol=0.15, atol=0.3)


@pytest.mark.parametrize("seed", range(6))
def test_a_ray_through_a_mass_passes_its_diameter_of_tissue(seed):
    case = draw_case(seed, 0, prevalence={"Mass": 1.0})
    chest, _ = layers(case, 128)
    ((side, across, down, radius),) = case.signs["Mass"].balls
    x, y = chest.spot(side, across, down)
    middle = np.hypot(chest.grid.x - x, chest.grid.y - y) < 0.4 * radius
    filled = chest.filled[middle]
    expected = np.minimum(2 * radius, chest.lung[middle])
    assert np.median(filled / expected) == pytest.approx(0.97, abs=0.1)
    assert (filled <= chest.lung[middle] + 1e-4).all()


def test_chalk_and_spicules_are_seen_on_some():
    drawn = [(Nodule.draw(np.random.default_rng(seed)), Mass.draw(np.random.default_rng(seed))) for seed in range(200)]
    assert 0.4 < np.mean([nodule.chalk > 0 for nodule, _ in drawn]) < 0.8
    assert 0.35 < np.mean([mass.spicules > 0 for _, mass in drawn]) < 0.65
    for finding, layer in (("Nodule", "bone"), ("Mass", "lines")):
        changed = []
        for seed in range(10):
            case = draw_case(seed, 0, prevalence={finding: 1.0})
            sign = case.signs[finding]
            with_it, without = layers(case, 96)[0], layers(case.without(finding), 96)[0]
            more = (getattr(with_it, layer) - getattr(without, layer)).max()
            assert (more > 0.02) == bool(sign.chalk if layer == "bone" else sign.spicules)
            changed.append(more > 0.02)
        assert 0 < sum(changed) < 10
