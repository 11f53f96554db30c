"""What every sign of disease keeps to, run over the table."""

import numpy as np
import pytest

from hilum.findings import NIH_FINDINGS
from hilum.phantoms import SIGNS, draw_case, render_phantom
from hilum.phantoms.render import layers

SEEDS = range(4)
LIGHTER = {"Pneumothorax", "Emphysema"}
"""Signs with less tissue on the beam; a hernia has both, fluid and gas."""


def case_with(finding, seed):
    return draw_case(seed, 0, prevalence={finding: 1.0})


def test_the_table_follows_nih():
    assert tuple(SIGNS) == NIH_FINDINGS


@pytest.fixture(params=SIGNS)
def finding(request):
    return request.param


def test_the_same_draw_gives_the_same_sign(finding):
    first, again, other = (SIGNS[finding].draw(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize("size_px", [32, 96, 100])
def test_a_sign_is_seen_at_every_size(finding, size_px):
    _, masks = layers(case_with(finding, 0), size_px)
    assert masks[finding].dtype == bool
    assert masks[finding].shape == (size_px, size_px)
    assert 0.0005 < masks[finding].mean() < 0.6


def test_the_tissue_changes_where_the_mask_says(finding):
    """Physics: water on the beam, with and without the sign."""
    for seed in SEEDS:
        case = case_with(finding, seed)
        sick, masks = layers(case, 64)
        healthy, _ = layers(case.without(finding), 64)
        mask = masks[finding]
        change = sick.water() - healthy.water()
        assert np.abs(change[mask]).mean() > 1.4 * np.abs(change[~mask]).mean()
        if finding != "Hernia":
            assert np.sign(change[mask].mean()) == (-1 if finding in LIGHTER else 1)


def test_the_film_changes_where_the_mask_says(finding):
    """The station's window may move with a sign: what it does to the rest of the film is taken out by a line."""
    for seed in SEEDS:
        case = case_with(finding, seed)
        film, plain = render_phantom(case, 64), render_phantom(case.without(finding), 64)
        mask = film.masks[finding]
        before, after = plain.pixels.astype(float), film.pixels.astype(float)
        slope, offset = np.polyfit(before[~mask], after[~mask], 1)
        change = after - (slope * before + offset)
        assert np.abs(change[mask]).mean() > 1.6 * np.abs(change[~mask]).mean()
        assert np.abs(change[mask]).mean() > 8, "less than 8 of 256 grey levels: nobody would see it"
        if finding != "Hernia":
            assert np.sign(change[mask].mean()) == (-1 if finding in LIGHTER else 1)


def test_a_sign_leaves_the_drawn_case_alone(finding):
    case = case_with(finding, 0)
    anatomy = case.anatomy
    first = render_phantom(case, 64)
    assert case.anatomy == anatomy
    assert (render_phantom(case, 64).pixels == first.pixels).all()


def test_only_its_own_target_is_set(finding):
    film = render_phantom(case_with(finding, 2), 64)
    assert film.targets == {name: int(name == finding) for name in NIH_FINDINGS}
    assert set(film.masks) == set(film.boxes) == {finding}
