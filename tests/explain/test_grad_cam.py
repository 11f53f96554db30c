"""Grad-CAM against closed forms, finite differences and the papers' formulas written out."""

import numpy as np
import pytest
import torch
from torch import nn

from hilum.explain import EXPLAINERS, get_explainer
from hilum.explain.grad_cam import grad_cam, grad_cam_plus_plus
from hilum.models import ModelSection, build_model


def make_model(head="linear", seed=0):
    torch.manual_seed(seed)
    section = ModelSection(backbone="resnet10t_slim", head=head)
    model = build_model(section, n_findings=3, mean=(0.5,), std=(0.25,), size_px=96).eval()
    for normalisation in model.backbone.layer4.modules():  # so that places differ, and speak for and against
        if isinstance(normalisation, nn.BatchNorm2d):
            nn.init.normal_(normalisation.weight)
            nn.init.normal_(normalisation.bias)
    return model


def films(n=2, seed=1):
    return torch.rand(n, 1, 96, 96, generator=torch.Generator().manual_seed(seed))


class Stub(nn.Module):
    """The film is the feature map, twice over; the logit is a curved function of every place of it."""

    def __init__(self, weights, *, sign=1.0):
        super().__init__()
        self.weights = nn.Parameter(weights)
        self.sign = sign

    def feature_map(self, images):
        return torch.cat([images, 1 - images], dim=1)

    def logits_from_map(self, features):
        value = (self.weights * features.square()).sum(dim=(1, 2, 3))
        return self.sign * torch.stack([value, -2 * value], dim=1)


def test_with_a_linear_head_it_is_the_class_activation_map_of_zhou_2016():
    model = make_model()
    images = films()
    with torch.no_grad():
        features = model.feature_map(images)
    speaks = set()
    for finding in range(3):
        cam = torch.einsum("k,nkhw->nhw", model.head[-1].weight[finding].detach(), features)
        speaks |= {*cam.sign().flatten().tolist()}
        expected = cam.relu() / (features.shape[2] * features.shape[3])
        torch.testing.assert_close(grad_cam(model, images, finding), expected)
    assert {-1, 1} <= speaks, "what speaks for a finding and what speaks against it must both be tested"


def test_with_a_curved_head_the_weights_are_those_of_finite_differences():
    model = make_model(head="ancestor").double()
    image = films(1).double()
    with torch.no_grad():
        features = model.feature_map(image)
        n_features, places = features.shape[1], features.shape[2] * features.shape[3]
        steps = 1e-6 * torch.eye(n_features, dtype=torch.float64)[:, :, None, None]
        rise = model.logits_from_map(features + steps) - model.logits_from_map(features - steps)
        weights = rise / 2e-6 / places
        expected = torch.einsum("kn,khw->nhw", weights, features[0]).relu()
    assert expected.max() > 0
    found = torch.cat([grad_cam(model, image, finding) for finding in range(3)])
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-6)


def plus_plus_as_in_the_paper(features, gradient, logit):
    """Eq. 19 and 11, with the logit's exponential as the paper has it, in loops."""
    heat = np.zeros(features.shape[1:])
    for feature, slope in zip(features, gradient, strict=True):
        second, third = np.exp(logit) * slope**2, np.exp(logit) * slope**3
        weight = 0.0
        for place in np.ndindex(slope.shape):
            alpha = second[place] / (2 * second[place] + feature.sum() * third[place])
            weight += alpha * max(np.exp(logit) * slope[place], 0)
        heat += weight * feature
    return np.maximum(heat, 0)


def test_grad_cam_plus_plus_follows_its_paper_up_to_the_unit():
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(2, 4, 5, generator=generator) / 5
    images = torch.rand(1, 1, 4, 5, generator=generator)
    features = torch.cat([images, 1 - images], dim=1)[0].double().numpy()
    gradient = 2 * weights.double().numpy() * features
    # Alpha where the gradient is negative plays no part, as its gradient's ReLU is 0; keep the paper's clear of 0 / 0.
    gradient_for_paper = np.where(gradient > 0, gradient, -1e-9)
    logit = float((weights.double().numpy() * features**2).sum())
    expected = plus_plus_as_in_the_paper(features, gradient_for_paper, logit)
    found = grad_cam_plus_plus(Stub(weights), images, 0)[0].numpy()
    assert expected.max() > 0
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), rtol=1e-4)


def test_grad_cam_takes_the_mean_gradient_over_places():
    generator = torch.Generator().manual_seed(4)
    weights, images = torch.randn(2, 4, 5, generator=generator), torch.rand(1, 1, 4, 5, generator=generator)
    features = torch.cat([images, 1 - images], dim=1)[0].numpy()
    gradient = 2 * weights.numpy() * features
    expected = np.maximum(np.einsum("k,khw->hw", gradient.mean(axis=(1, 2)), features), 0)
    np.testing.assert_allclose(grad_cam(Stub(weights), images, 0)[0].numpy(), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["grad_cam", "grad_cam_plus_plus"])
def test_what_speaks_against_a_finding_gives_no_heat(name):
    images = torch.rand(2, 1, 4, 4)
    heat = get_explainer(name)(Stub(torch.ones(2, 4, 4)), images, 1)
    assert torch.equal(heat, torch.zeros(2, 4, 4))
    assert (get_explainer(name)(Stub(torch.ones(2, 4, 4)), images, 0) > 0).any()


@pytest.mark.parametrize("name", EXPLAINERS)
def test_films_of_a_batch_do_not_touch_each_other(name):
    model, images = make_model(), films(3)
    together = get_explainer(name)(model, images, 2)
    alone = torch.cat([get_explainer(name)(model, image[None], 2) for image in images])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("name", EXPLAINERS)
def test_it_works_whatever_the_caller_does_about_gradients(name, around):
    model = make_model()
    expected = get_explainer(name)(model, films(), 0)
    with around():
        found = get_explainer(name)(model, films(), 0)
    assert torch.equal(found, expected)
    assert not found.requires_grad
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())


def test_layers_that_work_in_place_after_the_map_do_not_hinder_it():
    class InPlace(Stub):
        def logits_from_map(self, features):
            return super().logits_from_map(features.relu_())

    weights, images = torch.randn(2, 4, 4), torch.rand(1, 1, 4, 4)
    assert torch.equal(grad_cam(InPlace(weights), images, 0), grad_cam(Stub(weights), images, 0))


def test_half_precision_gives_single():
    model = make_model().to(torch.bfloat16)
    assert grad_cam(model, films().to(torch.bfloat16), 0).dtype == torch.float32
