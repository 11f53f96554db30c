import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label

from hilum.errors import InvalidValueError
from hilum.findings import NIH_FINDINGS
from hilum.phantoms import draw_case, render_film, render_phantom
from hilum.phantoms.render import boxes_of


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 500), st.sampled_from(["balanced", "nih"]))
def test_targets_masks_boxes_and_signs_say_the_same(seed, index, prevalence):
    case = draw_case(seed, index, prevalence=prevalence)
    film = render_phantom(case, 64)
    assert film.pixels.shape == (64, 64)
    assert film.pixels.dtype == np.uint8
    assert film.targets == {finding: int(finding in case.signs) for finding in NIH_FINDINGS}
    assert tuple(film.masks) == tuple(film.boxes) == case.findings
    for finding, mask in film.masks.items():
        assert mask.any(), finding
        assert sum(width * height for _, _, width, height in film.boxes[finding]) >= mask.sum()
    about = (film.view, film.sex, film.age_years, film.patient_number, film.follow_up)
    assert about == (case.view, case.sex, case.age_years, case.patient_number, case.follow_up)
    assert film.spacing_mm == pytest.approx(10 * case.pose.field_cm / 64)


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_boxes_hold_the_mask_and_fit_it(mask):
    parts, count = label(mask, structure=np.ones((3, 3)))
    boxes = boxes_of(mask)
    assert len(boxes) == count
    assert boxes == sorted(boxes)
    assert all(type(number) is int for box in boxes for number in box)
    covered = np.zeros_like(mask)
    for x, y, width, height in boxes:
        covered[y : y + height, x : x + width] = True
    assert (covered >= mask).all()
    for number in range(1, count + 1):
        rows, columns = np.nonzero(parts == number)
        tight = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert tight in boxes


def test_the_same_film_comes_out_again_and_another_seed_gives_another():
    first, again = (render_film(4, 17, size_px=96) for _ in range(2))
    assert pickle.dumps(first) == pickle.dumps(again)
    assert not np.array_equal(first.pixels, render_film(5, 17, size_px=96).pixels)
    assert not np.array_equal(first.pixels, render_film(4, 18, size_px=96).pixels)


@pytest.mark.parametrize("number", ["seed", "index"])
def test_every_film_has_its_own_noise(number):
    case = draw_case(4, 17)
    film, other = (render_phantom(replace(case, **{number: value}), 96).pixels.astype(int) for value in (4, 5))
    assert 0 < np.abs(film - other).mean() < 3


def test_a_film_does_not_depend_on_those_before_it():
    series = [render_film(1, index, size_px=64) for index in range(4)]
    assert pickle.dumps(series[3]) == pickle.dumps(render_film(1, 3, size_px=64))


@pytest.mark.parametrize("index", range(6))
def test_every_size_shows_the_same_patient(index):
    case = draw_case(2, index)
    large, small = render_phantom(case, 192), render_phantom(case, 64)
    shrunk = large.pixels.reshape(64, 3, 64, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.pixels.ravel())[0, 1] > 0.98
    for finding, mask in small.masks.items():
        share = large.masks[finding].reshape(64, 3, 64, 3).mean(axis=(1, 3))
        assert np.minimum(share, mask).sum() > 0.45 * np.maximum(share, mask).sum(), finding


def test_a_healthy_film_looks_like_one():
    """Lungs dark, mediastinum and abdomen bright, air around the neck black."""
    for index in range(8):
        film = render_phantom(draw_case(6, index, prevalence={}), 96).pixels.astype(float)
        lungs = np.concatenate([film[32:52, 22:34], film[32:52, 62:74]]).mean()
        assert film[40:60, 44:52].mean() > lungs + 60
        assert film[84:, 30:66].mean() > lungs + 60
        assert film[:6, :10].mean() < 40


def test_a_lump_of_water_is_brighter(monkeypatch):
    """More water in the beam, brighter picture: nowhere else does the film change much."""
    from hilum.phantoms import render

    case = draw_case(0, 1, prevalence={})
    plain = render_phantom(case, 64).pixels.astype(int)
    build = render.build_chest

    def with_lump(anatomy, grid):
        chest = build(anatomy, grid)
        chest.lines = chest.lines + 2.0 * (np.hypot(grid.x - 7, grid.y) < 1.5)
        return chest

    monkeypatch.setattr(render, "build_chest", with_lump)
    change = render_phantom(case, 64).pixels - plain
    grid = render.layers(case, 64)[0].grid
    lump = np.hypot(grid.x - 7, grid.y) < 1.0
    assert change[lump].min() > 10
    assert np.abs(change[np.hypot(grid.x - 7, grid.y) > 4]).mean() < 2


def test_sizes_below_32_are_refused():
    with pytest.raises(InvalidValueError, match="at least 32, got 31"):
        render_phantom(draw_case(0, 0), 31)
