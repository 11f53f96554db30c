import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.phantoms.beam import (
    BONE_PER_CM,
    ENERGIES_KEV,
    PHOTONS_PER_CM2,
    WATER_PER_CM,
    Beam,
    Display,
    detect,
    develop,
    draw_beam,
    transmit,
)
from hilum.phantoms.grid import Grid

GRID = Grid(128, 32.0)
NIST_WATER = {50: 0.2269, 60: 0.2059, 80: 0.1837, 100: 0.1707}
NIST_CORTICAL_BONE = {50: 0.4242, 60: 0.3148, 80: 0.2229, 100: 0.1855}
"""Mass attenuation in cm²/g, NISTIR 5632; the density of cortical bone is 1.92 g/cm³."""


def even(value):
    return np.full((128, 128), value, dtype=np.float32)


def test_the_coefficients_are_those_of_nist():
    for energy, water, bone in zip(ENERGIES_KEV, WATER_PER_CM, BONE_PER_CM, strict=True):
        assert water == pytest.approx(NIST_WATER[energy], abs=1e-4)
        assert bone == pytest.approx(1.92 * NIST_CORTICAL_BONE[energy], abs=1e-3)


@given(st.floats(0, 40), st.floats(0, 6), st.integers(0, 3))
def test_a_slab_attenuates_by_beer_and_lambert(water_cm, bone_cm, line):
    spectrum = tuple(float(number == line) for number in range(4))
    passed = transmit(np.full((2, 2), water_cm), np.full((2, 2), bone_cm), spectrum)
    density = NIST_WATER[ENERGIES_KEV[line]] * water_cm + 1.92 * NIST_CORTICAL_BONE[ENERGIES_KEV[line]] * bone_cm
    np.testing.assert_allclose(passed, np.exp(-density), rtol=4e-3)


@given(st.floats(0.1, 15), st.floats(0.1, 15), st.integers(0, 1000), st.sampled_from(["PA", "AP"]))
def test_a_beam_of_many_energies_hardens(first_cm, more_cm, seed, view):
    beam, _ = draw_beam(np.random.default_rng(seed), view)
    thickness = np.array([[first_cm, first_cm + more_cm]])
    per_cm = -np.log(transmit(thickness, np.zeros_like(thickness), beam.spectrum))[0] / thickness[0]
    assert min(WATER_PER_CM) < per_cm[1] < per_cm[0] < max(WATER_PER_CM)


@pytest.mark.parametrize("dose", [0.5, 2.0])
def test_noise_is_that_of_counted_photons(dose):
    beam = Beam((0.0, 1.0, 0.0, 0.0), dose=dose, scatter=0.0)
    exposure = detect(even(0.05), beam, GRID, np.random.default_rng(0))
    photons = PHOTONS_PER_CM2 * dose * GRID.spacing_cm**2
    assert exposure.mean() == pytest.approx(0.05, rel=1e-3)
    assert exposure.std() == pytest.approx(np.sqrt(0.05 / photons), rel=0.03)


def test_scatter_adds_its_share_of_the_primary_radiation():
    beam = Beam((0.0, 1.0, 0.0, 0.0), dose=1e6, scatter=0.6)
    np.testing.assert_allclose(detect(even(0.05), beam, GRID, np.random.default_rng(0)), 0.05 * 1.6, rtol=1e-3)


def test_scatter_takes_contrast_away():
    step = np.where(GRID.x < 0, 0.05, 0.10).astype(np.float32)
    contrast = []
    for scatter in (0.0, 0.8):
        seen = detect(step, Beam((0.0, 1.0, 0.0, 0.0), 1e6, scatter), GRID, np.random.default_rng(0))
        contrast.append(seen[:, 70].mean() / seen[:, 57].mean())
    assert 1.1 < contrast[1] < contrast[0] == pytest.approx(2, rel=1e-3)


def test_more_water_is_brighter():
    water = np.where(np.abs(GRID.x) < 10, 8.0, 18.0).astype(np.float32)
    lungs = np.where(np.abs(GRID.x) < 10, 15.0, 0.0).astype(np.float32)
    spot = np.hypot(GRID.x - 3, GRID.y) < 1
    display = Display(flatten=0.3, sharpen=0.5, gamma=1.0, black=0.15)
    spectrum = (0.25, 0.25, 0.25, 0.25)
    plain, lump = (develop(transmit(water + more * spot, 0 * water, spectrum), display, GRID, lungs) for more in (0, 2))
    assert plain.dtype == np.uint8
    assert lump[spot].mean() > plain[spot].mean() + 10
    away = np.hypot(GRID.x - 3, GRID.y) > 8
    assert np.abs(lump[away].astype(int) - plain[away]).mean() < 2


def test_the_grey_scale_is_used():
    water = (8 + 12 * np.abs(GRID.x) / 16).astype(np.float32)
    grey = develop(transmit(water, 0 * water, (0, 1, 0, 0)), Display(0.3, 0.5, 1.0, 0.15), GRID, 20 - water)
    assert grey.min() < 60
    assert grey.max() > 200


def test_bedside_films_are_softer_and_foggier():
    rng = np.random.default_rng(0)
    stand, bedside = ([draw_beam(rng, view)[0] for _ in range(200)] for view in ("PA", "AP"))
    for beam in (*stand, *bedside):
        assert sum(beam.spectrum) == pytest.approx(1)
    energy = [np.mean([np.dot(ENERGIES_KEV, beam.spectrum) for beam in beams]) for beams in (stand, bedside)]
    assert energy[0] > energy[1] + 5
    assert max(beam.scatter for beam in stand) <= min(beam.scatter for beam in bedside)
