import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.config import build
from hilum.data import Augmentation, AugmentationSection
from hilum.errors import ConfigError

NOTHING = {name: 0.0 for name in AugmentationSection.model_fields}


def films(n=4, size=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, size, size), dtype=np.uint8)


def smooth(n=1, size=64):
    """Blobs off the middle: shifts and turns can be told apart."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    blob = np.exp(-((rows - 0.3) ** 2 + (columns - 0.6) ** 2) / 0.02)
    return np.repeat((200 * blob + 20).astype(np.uint8)[None], n, axis=0)


def apply(pixels, *, seed=0, epoch=0, rows=None, **settings_):
    augmentation = Augmentation(AugmentationSection(**{**NOTHING, **settings_}), seed=seed)
    return augmentation.apply(pixels, epoch=epoch, films=np.arange(len(pixels)) if rows is None else np.array(rows))


def default(seed=0):
    return Augmentation(AugmentationSection(), seed=seed)


@given(st.integers(1, 40), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_nothing_asked_nothing_changed(size, seed):
    pixels = films(2, size, seed)
    got = apply(pixels, epoch=seed)
    assert got.shape == (2, 1, size, size)
    assert (got[:, 0] * 255 - torch.from_numpy(pixels)).abs().max() < 0.01


@settings(max_examples=20, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "rotation_deg": st.floats(0, 180),
            "shift": st.floats(0, 0.5),
            "scale": st.floats(0, 0.95),
            "flip": st.floats(0, 1),
            "brightness": st.floats(0, 1),
            "contrast": st.floats(0, 0.95),
            "gamma": st.floats(0, 0.95),
        }
    ),
    st.integers(0, 2**31),
)
def test_grey_values_stay_grey_values(limits, seed):
    got = apply(films(), seed=seed, **limits)
    assert got.dtype == torch.float32
    assert torch.isfinite(got).all()
    assert 0 <= got.min() <= got.max() <= 1


def test_a_film_depends_on_seed_epoch_and_itself_alone():
    pixels = films(6)
    whole = default().apply(pixels, epoch=3, films=np.arange(10, 16))
    for order in ([0], [5, 2], [4, 3, 2, 1, 0]):
        part = default().apply(pixels[order], epoch=3, films=np.arange(10, 16)[order])
        torch.testing.assert_close(part, whole[order], rtol=0, atol=1e-6)
    for other in (
        default(1).apply(pixels, epoch=3, films=np.arange(10, 16)),
        default().apply(pixels, epoch=4, films=np.arange(10, 16)),
        default().apply(pixels, epoch=3, films=np.arange(11, 17)),
    ):
        assert all((other[row] - whole[row]).abs().max() > 0.05 for row in range(6))


def test_neither_the_worlds_random_state_counts_nor_is_it_touched():
    pixels = films(2)
    torch.manual_seed(1)
    first = default().apply(pixels, epoch=0, films=np.arange(2))
    state = torch.get_rng_state()
    second = default().apply(pixels, epoch=0, films=np.arange(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_input_is_left_alone():
    pixels = films(2)
    before = pixels.copy()
    default().apply(pixels, epoch=0, films=np.arange(2))
    assert (pixels == before).all()


def test_mirrors():
    pixels = films(64, 16)
    always = apply(pixels, flip=1.0)
    assert (always[:, 0] * 255 - torch.from_numpy(pixels[:, :, ::-1].copy())).abs().max() < 0.01
    half = apply(pixels, flip=0.5)
    mirrored = (half - always).abs().amax(dim=(1, 2, 3)) < 1e-4
    assert 16 <= int(mirrored.sum()) <= 48


def centre_of(image):
    weights = image[0].double() - 20 / 255
    rows, columns = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    weights = weights.clamp_min(0)
    return float((rows * weights).sum() / weights.sum()), float((columns * weights).sum() / weights.sum())


def test_shifts_reach_their_limit_and_not_beyond():
    moved = np.array([centre_of(image) for image in apply(smooth(200), shift=0.1)])
    away = np.abs(moved - centre_of(apply(smooth())[0])) / 64
    assert 0.08 < away.max() < 0.105
    # Black comes in from beyond the edge.
    assert float(apply(np.full((50, 32, 32), 255, np.uint8), shift=0.3).amin()) == 0


def test_rotations_reach_their_limit_and_not_beyond():
    about = np.array([31.5, 31.5])

    def angle(image):
        row, column = np.array(centre_of(image)) - about
        return np.degrees(np.arctan2(row, column))

    angles = np.array([angle(image) for image in apply(smooth(100), rotation_deg=20)]) - angle(apply(smooth())[0])
    assert 17 < np.abs(angles).max() < 20.5
    assert angles.min() < -10 < 10 < angles.max()


def test_enlargements_reach_their_limit_and_not_beyond():
    def distance(image):
        return np.linalg.norm(np.array(centre_of(image)) - 31.5)

    ratios = np.array([distance(image) for image in apply(smooth(100), scale=0.2)]) / distance(apply(smooth())[0])
    assert 0.79 < ratios.min() < 0.83
    assert 1.17 < ratios.max() < 1.21


@pytest.mark.parametrize("name", ["brightness", "contrast", "gamma"])
def test_exposure_is_the_formula(name):
    pixels = films(200, 8)
    grey = pixels / 255
    got = apply(pixels, **{name: 0.2})[:, 0].numpy().astype(float)
    if name == "brightness":
        inside = (got > 0) & (got < 1)
        amounts = np.array(
            [np.median((image - before)[ok]) for image, before, ok in zip(got, grey, inside, strict=True)]
        )
        expected = (grey + amounts[:, None, None]).clip(0, 1)
    elif name == "contrast":
        mean = grey.mean(axis=(1, 2), keepdims=True)
        inside = (got > 0) & (got < 1) & (np.abs(grey - mean) > 0.1)
        ratios = ((got - mean) / np.where(grey == mean, 1, grey - mean)) - 1
        amounts = np.array([np.median(ratio[ok]) for ratio, ok in zip(ratios, inside, strict=True)])
        expected = ((grey - mean) * (1 + amounts[:, None, None]) + mean).clip(0, 1)
    else:
        inside = (grey > 0.05) & (grey < 0.95)
        powers = np.log(np.where(got > 0, got, 1)) / np.log(np.where(inside, grey, 0.5)) - 1
        amounts = np.array([np.median(power[ok]) for power, ok in zip(powers, inside, strict=True)])
        expected = grey ** (1 + amounts[:, None, None])
    assert np.abs(got - expected).max() < 1e-4
    assert 0.19 < np.abs(amounts).max() <= 0.2001
    assert amounts.min() < -0.15 < 0.15 < amounts.max()


def test_sections_name_what_cannot_be():
    with pytest.raises(ConfigError, match=r"key flip: .*1, got 2"):
        build(AugmentationSection, {"flip": 2})
    with pytest.raises(ConfigError, match="Nearest: rotation_deg"):
        build(AugmentationSection, {"rotation": 5})
