"""The overlay: the film's own grey where nothing is shown, colours in order of lightness where something is."""

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.errors import InvalidValueError
from hilum.explain import overlay
from hilum.explain.picture import _colour_table
from hilum.records import Explanation, Image, ImageFacts

shapes = st.shared(st.tuples(st.integers(1, 9), st.integers(1, 9)), key="shape")
unit = shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))


def film_of(pixels):
    facts = ImageFacts(file_format="png", width_px=pixels.shape[1], height_px=pixels.shape[0], bits=8)
    return Image(pixels.astype(np.float32), facts)


def explanation_of(heat):
    return Explanation("a.png", "Mass", "grad_cam", np.asarray(heat, dtype=np.float32), 0.5)


@given(pixels=unit, heat=unit)
def test_grey_and_colour_are_mixed_by_heat(pixels, heat):
    picture = overlay(film_of(pixels), explanation_of(heat))
    assert picture.dtype == np.uint8
    assert picture.shape == (*pixels.shape, 3)
    colour = _colour_table()[np.rint(heat * 255).astype(int)].astype(np.float64)
    alpha = 0.65 * heat.astype(np.float64)[..., None]
    expected = 255 * ((1 - alpha) * pixels.astype(np.float64)[..., None] + alpha * colour)
    assert np.abs(picture - expected).max() <= 0.51
    cold = heat == 0
    np.testing.assert_array_equal(
        picture[cold], np.rint(pixels[cold] * 255).astype(np.uint8)[:, None].repeat(3, axis=1)
    )


def test_the_colours_are_those_of_inferno_without_its_black_quarter():
    expected = mpl.colormaps["inferno"](np.linspace(0.25, 1, 256))[:, :3]
    difference = np.abs(_colour_table() - expected)
    assert difference.max() < 0.07
    assert difference.mean() < 0.01


def test_hotter_is_lighter():
    lightness = _colour_table() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()


def test_the_film_stays_visible_under_the_hottest_place():
    ends = [overlay(film_of(np.full((1, 1), grey)), explanation_of([[1.0]]))[0, 0] for grey in (0.0, 1.0)]
    assert (ends[1].astype(int) - ends[0] >= 80).all()


def test_heat_of_another_film_is_refused():
    with pytest.raises(InvalidValueError, match=r"film's own size \(4, 5\), got \(5, 4\): explain this very film"):
        overlay(film_of(np.zeros((4, 5))), explanation_of(np.zeros((5, 4))))
