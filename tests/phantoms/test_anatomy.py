import numpy as np
import pytest

from hilum.phantoms.anatomy import draw_anatomy, draw_patient
from hilum.phantoms.chest import build_chest
from hilum.phantoms.grid import Grid

GRID = Grid(128, 40.0)


@pytest.fixture(scope="module")
def patients():
    return [draw_patient(np.random.default_rng(seed)) for seed in range(300)]


def test_sizes_are_those_of_textbooks(patients):
    for patient in patients:
        cage, heart = patient.anatomy.cage, patient.anatomy.heart
        assert 10 < cage.half_width < 16
        assert heart.ratio < 0.5, "a healthy heart is narrower than half of the chest"
        assert 0.2 < cage.domes_y[1] - cage.domes_y[0] < 2, "the right dome stands higher"
        assert 18 <= patient.age_years <= 90
        assert (patient.anatomy.wall.breast > 0) == (patient.sex == "F")


def test_bones_lose_mineral_with_age(patients):
    old = [patient.anatomy.skeleton.mineral for patient in patients if patient.age_years > 65]
    young = [patient.anatomy.skeleton.mineral for patient in patients if patient.age_years < 35]
    assert np.mean(old) < np.mean(young) - 0.1


def test_bedside_films_show_less_breath_a_larger_heart_and_the_shoulder_blades(patients):
    rng = np.random.default_rng(0)
    stand, bedside = ([draw_anatomy(patient, view, rng) for patient in patients] for view in ("PA", "AP"))
    domes, ratios, blades = (
        [np.mean([value(anatomy) for anatomy in films]) for films in (stand, bedside)]
        for value in (lambda a: a.cage.domes_y[0], lambda a: a.heart.ratio, lambda a: a.skeleton.scapula_out)
    )
    assert domes[1] < domes[0] - 0.5
    assert ratios[1] == pytest.approx(1.035 * ratios[0])
    assert blades[1] < blades[0] - 1


def test_rotation_happens_both_ways(patients):
    rng = np.random.default_rng(0)
    turns = np.array([draw_anatomy(patient, "PA", rng).cage.turn for patient in patients])
    assert turns.min() < -0.03
    assert turns.max() > 0.03
    assert abs(turns.mean()) < 0.01


def test_width_at_is_the_width_of_the_chest_that_is_built(patients):
    anatomy = draw_anatomy(patients[0], "PA", np.random.default_rng(0))
    chest = build_chest(anatomy, GRID)
    for y in (-6.0, 0.0, 5.0):
        row = int(np.argmin(np.abs(GRID.rows[:, 0] - y)))
        inner = np.ptp(GRID.x[row][chest.cage[row] > 0])
        assert inner == pytest.approx(2 * anatomy.width_at(y), abs=2.5 * GRID.spacing_cm)
