import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError
from hilum.imaging import place_in_square, resize_square


def triangle_weights(n_from, n_to):
    """Antialiased linear interpolation, written out: target x source."""
    scale = n_from / n_to
    reach = max(scale, 1.0)
    centres = (np.arange(n_to)[:, None] + 0.5) * scale
    distance = np.abs(np.arange(n_from)[None, :] + 0.5 - centres) / reach
    weights = np.clip(1 - distance, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def reference(pixels, height, width):
    return (
        triangle_weights(pixels.shape[0], height)
        @ pixels.astype(np.float64)
        @ triangle_weights(pixels.shape[1], width).T
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 48), st.integers(0, 2**32 - 1))
def test_it_is_the_triangle_filter_in_float64(height, width, size, seed):
    pixels = np.random.default_rng(seed).random((height, width), dtype=np.float32)
    got = resize_square(pixels, size, rule="stretch")
    # Half a level of rounding and the filter's float32.
    assert np.abs(got - 255 * reference(pixels, size, size)).max() <= 0.51


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 48))
def test_padding_keeps_the_film_in_the_middle(height, width, size):
    got = resize_square(np.ones((height, width), dtype=np.float32), size, rule="pad")
    top, left, inner_height, inner_width = place_in_square((height, width), size)
    assert max(inner_height, inner_width) == size
    assert min(inner_height, inner_width) >= 1
    assert 0 <= size - inner_height - 2 * top <= 1
    assert 0 <= size - inner_width - 2 * left <= 1
    expected = np.zeros((size, size), dtype=np.uint8)
    expected[top : top + inner_height, left : left + inner_width] = 255
    assert (got == expected).all()


def test_aspect_ratio_is_kept_to_half_a_pixel():
    assert place_in_square((200, 100), 50) == (0, 12, 50, 25)
    assert place_in_square((101, 333), 64)[2:] == (round(101 * 64 / 333), 64)
    assert place_in_square((1, 9000), 32) == (15, 0, 1, 32)


def test_a_square_of_the_same_size_is_the_film():
    pixels = np.random.default_rng(0).random((32, 32), dtype=np.float32)
    assert (resize_square(pixels, 32) == np.rint(pixels * 255)).all()
    assert (resize_square(pixels, 32) == resize_square(pixels, 32, rule="stretch")).all()


def test_fine_stripes_become_grey_not_moire():
    stripes = np.tile(np.array([0.0, 1.0], dtype=np.float32), (256, 128))
    assert np.abs(resize_square(stripes, 32).astype(int) - 128)[:, 1:-1].max() <= 1


def test_a_view_is_as_good_as_a_copy():
    pixels = np.random.default_rng(1).random((40, 60), dtype=np.float32)
    assert (resize_square(pixels[::-1, ::2], 20) == resize_square(pixels[::-1, ::2].copy(), 20)).all()


@pytest.mark.parametrize(
    ("shape", "size", "rule", "words"),
    [
        ((4, 4), 0, "pad", "size_px >= 1"),
        ((0, 4), 8, "pad", r"got \(0, 4\)"),
        ((4, 4, 3), 8, "pad", r"got \(4, 4, 3\)"),
        ((4, 4), 8, "crop", "pad or stretch, got 'crop'"),
    ],
)
def test_wrong_arguments(shape, size, rule, words):
    with pytest.raises(InvalidValueError, match=words):
        resize_square(np.zeros(shape, dtype=np.float32), size, rule=rule)
