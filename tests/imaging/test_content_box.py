import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.imaging.content_box import border_share, find_content_box


def field(height=120, width=100):
    return np.random.default_rng(0).uniform(0.2, 0.8, (height, width)).astype(np.float32)


@given(st.tuples(*[st.integers(0, 60)] * 4), st.sampled_from([0.0, 1.0]), st.floats(0, 0.02))
def test_the_field_within_any_even_border_is_found(sides, grey, noise):
    top, bottom, left, right = sides
    film = np.full((top + 120 + bottom, left + 100 + right), grey, dtype=np.float32)
    film = np.abs(film - np.random.default_rng(1).uniform(0, noise, film.shape).astype(np.float32))
    film[top : top + 120, left : left + 100] = field()
    box = (top, left, 120, 100)
    assert find_content_box(film) == (box if border_share(film.shape, box) >= 0.01 else None)


def test_markers_stand_in_the_border_and_frames_around_it():
    film = np.zeros((400, 400), dtype=np.float32)
    film[100:300, 60:340] = field(200, 280)
    film[20:24, 30:34] = 1
    assert find_content_box(film) == (100, 60, 200, 280)
    framed = np.ones((410, 410), dtype=np.float32)
    framed[5:405, 5:405] = film
    assert find_content_box(framed) == (105, 65, 200, 280)


@pytest.mark.parametrize("film", [field(), np.zeros((50, 50), np.float32), np.full((9, 9), 0.5, np.float32)])
def test_no_border(film):
    assert find_content_box(film) is None
    assert border_share(film.shape, None) == 0
