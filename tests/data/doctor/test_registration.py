"""Registration: sampling against scipy, moves that are found again, agreement against NumPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, map_coordinates

from hilum.data.doctor.registration import local_agreement, register, sample

STILL = np.array([[1, 0, 1, 0]], np.float32)


def films(n, side=64, seed=0):
    noise = np.random.default_rng(seed).normal(size=(n, side, side))
    smooth = gaussian_filter(noise, (0, 2, 2)) + 0.3 * gaussian_filter(noise[::-1], (0, 5, 5))
    return (smooth / smooth.std((1, 2), keepdims=True)).astype(np.float32)


moves = st.tuples(*[st.floats(0.85, 1.15), st.floats(-0.1, 0.1)] * 2)


@settings(max_examples=25, deadline=None)
@given(move=moves)
def test_sampling_is_scipys_bilinear(move):
    film = films(1, side=32)
    axis = (np.arange(32) + 0.5) / 16 - 1
    places = [(((move[k] * axis + move[k + 1]) + 1) * 16 - 0.5).clip(0, 31) for k in (0, 2)]
    wanted = map_coordinates(film[0].astype(float), np.meshgrid(*places, indexing="ij"), order=1)
    np.testing.assert_allclose(sample(film, np.array([move], np.float32))[0], wanted, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(move=moves)
def test_a_move_is_found_again(move):
    moving = films(1)
    true = np.array([move], np.float32)
    found = register(sample(moving, true), moving, STILL, steps=12)
    np.testing.assert_allclose(found, true, atol=0.03)


def test_staying_is_left_alone():
    film = films(2)
    np.testing.assert_allclose(sample(film, np.repeat(STILL, 2, axis=0)), film, atol=1e-6)
    np.testing.assert_allclose(
        register(film, film, np.repeat(STILL, 2, axis=0), steps=3), [[1, 0, 1, 0]] * 2, atol=1e-5
    )


@pytest.mark.parametrize("side", [32, 64])
def test_local_agreement_is_the_lower_quartile_of_the_correlations_of_the_parts(side):
    one, noise = np.random.default_rng(1).normal(size=(2, 1, side, side)).astype(np.float32)
    two = one + 0.5 * noise
    part = side // 8
    edge = part // 2
    corners = [(edge + part * row, edge + part * column) for row in range(7) for column in range(7)]
    cuts = [(slice(top, top + part), slice(left, left + part)) for top, left in corners]
    values = sorted(np.corrcoef(one[0][cut].ravel(), two[0][cut].ravel())[0, 1] for cut in cuts)
    assert local_agreement(one, two, STILL)[0] == pytest.approx(values[48 // 4], abs=1e-5)
    assert local_agreement(one, 3 * one + 1, STILL)[0] == pytest.approx(1, abs=1e-3)


def test_local_agreement_sees_what_differs_in_a_part():
    film = films(1)
    other = film.copy()
    other[:, :32, :32] = films(1, seed=9)[:, :32, :32]
    assert local_agreement(film, film, STILL)[0] == pytest.approx(1, abs=1e-3)
    assert local_agreement(film, other, STILL)[0] < 0.9


def test_flat_films_agree_with_nothing():
    flat = np.zeros((1, 64, 64), np.float32)
    assert local_agreement(flat, flat, STILL)[0] == 0
    assert np.isfinite(register(flat, flat, STILL, steps=2)).all()
