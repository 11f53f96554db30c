"""The moving average against its formula in float64 NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from hilum.training.average import MovingAverage


def small_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_it_is_the_formula(decay):
    model = small_network()
    average = MovingAverage(model, decay=decay)
    reference = {name: tensor.numpy().astype(np.float64) for name, tensor in model.state_dict().items()}
    for step in range(1, 16):
        with torch.no_grad():
            model(torch.randn(2, 1, 8, 8))  # moves the statistics of the normalisation
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update()
        keep = min(decay, (1 + step) / (10 + step))
        for name, tensor in model.state_dict().items():
            reference[name] = keep * reference[name] + (1 - keep) * tensor.numpy().astype(np.float64)
    for name, expected in reference.items():
        if name != "1.num_batches_tracked":
            np.testing.assert_allclose(average.state[name], expected, rtol=1e-5, atol=1e-6, err_msg=name)
    assert average.steps == 15


def test_counters_are_copied():
    model = small_network()
    average = MovingAverage(model, decay=0.9)
    for _ in range(3):
        model(torch.randn(2, 1, 8, 8))
    average.update()
    assert average.state["1.num_batches_tracked"] == 3
    assert average.state["1.num_batches_tracked"].dtype == torch.int64


def test_it_is_no_view_of_the_model():
    model = small_network()
    average = MovingAverage(model, decay=0.9)
    before = average.state["0.weight"].clone()
    with torch.no_grad():
        model[0].weight.add_(1.0)
    assert torch.equal(average.state["0.weight"], before)


def test_it_follows_a_model_that_loads_other_weights():
    model = small_network()
    average = MovingAverage(model, decay=0.0)
    model.load_state_dict({name: torch.ones_like(tensor) for name, tensor in model.state_dict().items()})
    average.update()
    assert torch.equal(average.state["0.weight"], torch.ones(3, 1, 3, 3))


def test_a_loaded_average_goes_on_like_the_one_it_was():
    model = small_network()
    first, second = MovingAverage(model, decay=0.9), MovingAverage(model, decay=0.9)
    for _ in range(4):
        with torch.no_grad():
            model[0].weight.add_(1.0)
        first.update()
    second.load({name: tensor.clone() for name, tensor in first.state.items()}, steps=first.steps)
    with torch.no_grad():
        model[0].weight.mul_(-2.0)
    first.update()
    second.update()
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)
