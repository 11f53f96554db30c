"""Optimisers, and the learning rate against its formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.models import ModelSection, build_model
from hilum.training import TrainingSection
from hilum.training.optimiser import epochs_since_best, learning_rate, make_optimiser, set_learning_rate

NAN = math.nan


def model():
    section = ModelSection(backbone="resnet10t_slim")
    return build_model(section, n_findings=2, mean=(0.5,), std=(0.2,), size_px=64)


def rates(section, *, steps_per_epoch, aurocs=()):
    steps = range(section.epochs * steps_per_epoch)
    return np.array(
        [
            learning_rate(
                section, step=i, steps_per_epoch=steps_per_epoch, validation_aurocs=aurocs[: i // steps_per_epoch]
            )
            for i in steps
        ]
    )


def test_cosine_is_the_formula():
    section = TrainingSection(epochs=5, learning_rate=0.02, warmup_epochs=1.5)
    got = rates(section, steps_per_epoch=8)
    step = np.arange(40)
    rise = 0.02 * (step + 1) / 13
    fall = 0.02 * (1 + np.cos(np.pi * (step - 12) / 28)) / 2
    np.testing.assert_allclose(got, np.where(step < 12, rise, fall), rtol=1e-12)
    assert got.max() == pytest.approx(0.02)
    assert got[-1] < 0.02 * 0.01


@given(
    epochs=st.integers(1, 8),
    warmup=st.floats(0, 10),
    steps=st.integers(1, 9),
    schedule=st.sampled_from(["cosine", "plateau"]),
)
def test_the_rate_is_always_above_zero_and_never_above_its_highest(epochs, warmup, steps, schedule):
    section = TrainingSection(epochs=epochs, warmup_epochs=warmup, schedule=schedule, learning_rate=0.5)
    got = rates(section, steps_per_epoch=steps, aurocs=[0.5] * epochs)
    assert (got > 0).all()
    assert (got <= 0.5).all()


def test_plateau_divides_by_ten_after_epochs_without_a_new_best():
    section = TrainingSection(epochs=9, learning_rate=1.0, warmup_epochs=0, schedule="plateau", plateau_epochs=2)
    aurocs = [0.6, 0.7, 0.65, 0.7, 0.66, 0.71, 0.7, 0.7, 0.7]
    got = rates(section, steps_per_epoch=1, aurocs=aurocs)
    # Epoch 4 is the second without a new best (a tie is none), epoch 6 is a best, epoch 8 is the second again.
    np.testing.assert_allclose(got, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01])


def test_plateau_warms_up_too_and_counts_undefined_epochs_as_no_better():
    section = TrainingSection(epochs=4, learning_rate=1.0, warmup_epochs=1, schedule="plateau", plateau_epochs=1)
    got = rates(section, steps_per_epoch=3, aurocs=[NAN, 0.6, NAN, 0.7])
    np.testing.assert_allclose(got, [0.25, 0.5, 0.75, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01])


@pytest.mark.parametrize(
    ("aurocs", "expected"),
    [
        ([], 0),
        ([0.5], 0),
        ([0.5, 0.6], 0),
        ([0.6, 0.5], 1),
        ([0.6, 0.6], 1),
        ([0.6, NAN, 0.7], 0),
        ([0.6, NAN, 0.5], 2),
        ([NAN], 1),
        ([NAN, 0.1], 0),
    ],
)
def test_epochs_since_the_best(aurocs, expected):
    assert epochs_since_best(aurocs) == expected


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_vectors_do_not_decay_and_the_backbone_has_its_own_rate(name):
    network = model()
    section = TrainingSection(optimiser=name, learning_rate=0.1, backbone_rate=0.2, weight_decay=0.3)
    optimiser = make_optimiser(network, section)
    set_learning_rate(optimiser, 0.01)
    seen = {}
    for group in optimiser.param_groups:
        for parameter in group["params"]:
            seen[id(parameter)] = (group["lr"], group["weight_decay"])
    expected = {
        id(parameter): (0.01 * (0.2 if key.startswith("backbone") else 1.0), 0.3 if parameter.ndim > 1 else 0.0)
        for key, parameter in network.named_parameters()
    }
    assert seen.keys() == expected.keys()
    for key, (rate, decay) in expected.items():
        assert seen[key] == (pytest.approx(rate), decay)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_frozen_stages_are_no_business_of_the_optimiser(name):
    network = model()
    network.freeze(2)
    optimiser = make_optimiser(network, TrainingSection(optimiser=name))
    held = {id(parameter) for group in optimiser.param_groups for parameter in group["params"]}
    assert held == {id(parameter) for parameter in network.parameters() if parameter.requires_grad}
    assert len(held) < len(list(network.parameters()))


def test_adamw_steps_as_its_paper_says():
    """Loshchilov and Hutter 2019, algorithm 2."""
    network = model()
    section = TrainingSection(learning_rate=0.01, weight_decay=0.1)
    optimiser = make_optimiser(network, section)
    weight = network.head[-1].weight
    x, m, v = weight.detach().numpy().astype(np.float64), 0.0, 0.0
    for step in range(1, 4):
        weight.grad = torch.full_like(weight, 0.5 * step)
        set_learning_rate(optimiser, 0.01)
        optimiser.step()
        g = np.full_like(x, 0.5 * step)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = x - 0.01 * 0.1 * x - 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
    np.testing.assert_allclose(weight.detach(), x, rtol=1e-5, atol=1e-7)
