import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import convolve, gaussian_filter

from hilum.errors import InvalidValueError
from hilum.imaging import film_quality, resize_square

FILMS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=24))


@pytest.fixture(scope="module")
def film():
    """A smooth body with edges and a little grain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    body = 90 + 60 * np.cos(2 * x) * np.cos(y) + 40 * ((x - 0.3) ** 2 + y**2 < 0.2)
    return (body + rng.normal(0, 1.5, body.shape)).clip(1, 255).astype(np.uint8)


@given(FILMS)
def test_numbers_lie_in_their_range_on_any_film(pixels):
    quality = film_quality(pixels)
    assert 0 <= quality.contrast <= 1
    assert 0 <= quality.brightness <= 1
    assert np.isnan(quality.sharpness) or 0 <= quality.sharpness <= 1
    assert np.isnan(quality.noise) or quality.noise >= 0


@given(FILMS)
def test_turning_a_film_changes_nothing(pixels):
    np.testing.assert_allclose(film_quality(np.rot90(pixels).copy()), film_quality(pixels), rtol=1e-5)


def test_numbers_are_those_of_their_formulas(film):
    quality, grey = film_quality(film), film.astype(np.float64)
    low, high = np.quantile(grey, [0.05, 0.95], method="inverted_cdf")
    assert quality.contrast == pytest.approx((high - low) / 255)
    assert quality.brightness == pytest.approx(grey.mean() / 255)
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    rest = np.abs(convolve(grey, mask)[1:-1, 1:-1])
    assert quality.noise == pytest.approx(np.sqrt(np.pi / 2) * rest.sum() / 6 / rest.size / 255)
    blurs = []
    for image in (grey, grey.T):
        padded = np.pad(image, ((4, 4), (0, 0)), mode="symmetric")
        blurred = np.mean([padded[shift : shift + len(image)] for shift in range(9)], axis=0)
        steps = np.abs(np.diff(image, axis=0))
        lost = np.maximum(0, steps - np.abs(np.diff(blurred, axis=0)))
        blurs.append((steps.sum() - lost.sum()) / steps.sum())
    assert quality.sharpness == pytest.approx(1 - max(blurs), rel=1e-5)


def test_the_grain_is_measured():
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 180, 256)[:, None] + np.zeros(256)
    for sigma in (2, 6):
        grainy = np.rint(slope + rng.normal(0, sigma, slope.shape)).astype(np.uint8)
        assert film_quality(grainy).noise * 255 == pytest.approx(sigma, rel=0.05)


def test_each_number_follows_what_it_is_called_after(film):
    plain = film_quality(film)
    assert film_quality(gaussian_filter(film, 2)).sharpness < plain.sharpness
    assert film_quality((film // 2).astype(np.uint8)).contrast == pytest.approx(plain.contrast / 2, abs=0.01)
    assert film_quality((film // 2 + 100).astype(np.uint8)).brightness > plain.brightness
    assert film_quality((film // 2).astype(np.uint8)).sharpness == pytest.approx(plain.sharpness, abs=0.1)


def test_black_lines_at_the_border_do_not_count(film):
    square = resize_square(film[:, 20:100].astype(np.float32) / 255, 128)
    assert (square[:, 0] == 0).all()
    assert film_quality(square) == film_quality(film[:, 20:100])


def test_what_cannot_be_said_is_nan():
    black, dot = film_quality(np.zeros((5, 5), np.uint8)), film_quality(np.ones((1, 1), np.uint8))
    assert (black.contrast, black.brightness, black.noise) == (0, 0, 0)
    assert np.isnan([black.sharpness, dot.sharpness, dot.noise]).all()


def test_a_film_of_stripes_is_as_sharp_as_where_it_has_steps():
    stripes = np.tile(np.array([10, 200], np.uint8).repeat(8), (32, 4))
    assert film_quality(stripes).sharpness == film_quality(stripes.T).sharpness > 0


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((0, 4), np.uint8), np.zeros((2, 2, 3), np.uint8)])
def test_no_film_is_refused(wrong):
    with pytest.raises(InvalidValueError, match=r"expected a film \(height, width\) of uint8"):
        film_quality(wrong)
