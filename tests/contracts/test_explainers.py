"""What every explainer keeps to, on networks of every layout."""

import numpy as np
import pytest
import torch

from hilum.explain import EXPLAINERS, explain_image, overlay
from hilum.inference import Predictor
from hilum.records import Image, ImageFacts

BACKBONES = ("resnet10t_slim", "mobilenetv3_large", "convnextv2_atto", "vit_tiny")


def film_of(pixels):
    facts = ImageFacts(file_format="png", width_px=pixels.shape[1], height_px=pixels.shape[0], bits=8)
    return Image(pixels.astype(np.float32), facts)


@pytest.fixture(scope="module")
def predictors(make_bundle, tmp_path_factory):
    made = {}

    def get(backbone):
        if backbone not in made:
            folder = tmp_path_factory.mktemp("explainers") / backbone
            made[backbone] = Predictor(make_bundle(folder, backbone=backbone, size_px=96))
        return made[backbone]

    return get


@pytest.fixture(params=BACKBONES)
def predictor(request, predictors):
    return predictors(request.param)


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.slow] if name == "occlusion" else []) for name in EXPLAINERS]
)
def method(request):
    return request.param


@pytest.mark.parametrize("shape", [(96, 96), (70, 211), (211, 70), (1, 40), (5, 1)])
def test_heat_lies_on_the_film_in_the_unit_interval(predictor, method, shape):
    film = film_of(np.random.default_rng(0).random(shape))
    explanation = explain_image(predictor, film, "Effusion", method=method)
    assert explanation.method == method
    assert explanation.heat.shape == shape
    assert explanation.heat.dtype == np.float32
    assert ((explanation.heat >= 0) & (explanation.heat <= 1)).all()
    assert overlay(film, explanation).shape == (*shape, 3)


def test_the_strongest_place_is_one_unless_nothing_speaks_for_the_finding(predictor, method):
    film = film_of(np.random.default_rng(1).random((96, 96)))
    peaks = [explain_image(predictor, film, name, method=method).heat.max() for name in predictor.findings]
    assert all(peak == 0 or peak > 0.9 for peak in peaks)
    assert max(peaks) > 0.9


def test_a_head_that_looks_at_nothing_gives_no_heat(predictor, method):
    weight = predictor.bundle.model.head[-1].weight
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.zero_()
    try:
        heat = explain_image(predictor, film_of(np.random.default_rng(2).random((64, 64))), "Mass", method=method).heat
    finally:
        with torch.no_grad():
            weight.copy_(kept)
    assert (heat == 0).all()


def test_another_head_gives_another_map(predictor, method):
    """The randomisation check of Adebayo et al., NeurIPS 2018: a map that weights do not change explains nothing."""
    film, model = film_of(np.random.default_rng(3).random((96, 96))), predictor.bundle.model
    before = explain_image(predictor, film, "Mass", method=method).heat
    kept = model.head[-1].weight.detach().clone()
    with torch.no_grad():
        model.head[-1].weight.copy_(kept.flip(1))
    try:
        after = explain_image(predictor, film, "Mass", method=method).heat
    finally:
        with torch.no_grad():
            model.head[-1].weight.copy_(kept)
    assert not np.allclose(before, after, atol=1e-3)
    np.testing.assert_array_equal(explain_image(predictor, film, "Mass", method=method).heat, before)


def test_the_model_is_left_as_it_was(predictor, method):
    model = predictor.bundle.model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    explain_image(predictor, film_of(np.random.default_rng(4).random((50, 60))), "Nodule", method=method)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
