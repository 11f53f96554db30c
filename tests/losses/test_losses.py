"""Every loss against its paper's formula in float64 NumPy, and the rules that all of them keep."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from hilum.errors import InvalidValueError
from hilum.losses import asymmetric_loss, cross_entropy_loss, focal_loss, weighted_cross_entropy_loss

SHAPE = (5, 3)
logit_arrays = arrays(np.float64, SHAPE, elements=st.floats(-12, 12))
target_arrays = arrays(np.float64, SHAPE, elements=st.sampled_from([0.0, 1.0, np.nan]))
shares = arrays(np.float64, SHAPE[1:], elements=st.floats(0, 1))
exponents = st.floats(0, 5)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def mean_over_known(terms, target):
    return np.nanmean(np.where(np.isnan(target), np.nan, terms)) if not np.isnan(target).all() else 0.0


def paper_cross_entropy(z, y):
    return -(np.where(y == 1, np.log(sigmoid(z)), np.log(1 - sigmoid(z))))


def paper_focal(z, y, gamma):
    """Lin et al. 2017, eq. 4: FL(p_t) = -(1 - p_t)^gamma log(p_t)."""
    p_t = np.where(y == 1, sigmoid(z), 1 - sigmoid(z))
    return -((1 - p_t) ** gamma) * np.log(p_t)


def paper_asymmetric(z, y, gamma_positive, gamma_negative, margin):
    """Ridnik et al. 2021, eq. 7, with p_m = max(p - m, 0)."""
    p = sigmoid(z)
    shifted = np.maximum(p - margin, 0)
    present = -((1 - p) ** gamma_positive) * np.log(p)
    # 0^0 is 1 in NumPy, and log(1 - 0) is 0: nothing is lost below the margin.
    absent = -(shifted**gamma_negative) * np.log(1 - shifted)
    return np.where(y == 1, present, absent)


def close(value, reference):
    assert float(value) == pytest.approx(reference, rel=1e-7, abs=1e-9)


@given(logit_arrays, target_arrays)
def test_cross_entropy_is_the_formula(z, y):
    value = cross_entropy_loss(torch.from_numpy(z), torch.from_numpy(y))
    close(value, mean_over_known(paper_cross_entropy(z, y), y))


@given(logit_arrays, target_arrays, shares)
def test_weighted_cross_entropy_is_the_formula(z, y, prevalence):
    """Wang et al. 2017, eq. 1: a present label weighs |N| / (|P| + |N|), an absent one |P| / (|P| + |N|)."""
    value = weighted_cross_entropy_loss(
        torch.from_numpy(z), torch.from_numpy(y), prevalence=torch.from_numpy(prevalence)
    )
    weight = np.where(y == 1, 1 - prevalence, prevalence)
    close(value, mean_over_known(weight * paper_cross_entropy(z, y), y))


@given(logit_arrays, target_arrays, exponents)
def test_focal_is_the_formula(z, y, gamma):
    value = focal_loss(torch.from_numpy(z), torch.from_numpy(y), gamma=gamma)
    close(value, mean_over_known(paper_focal(z, y, gamma), y))


@given(logit_arrays, target_arrays, exponents, exponents, st.floats(0, 0.5))
def test_asymmetric_is_the_formula(z, y, gamma_positive, gamma_negative, margin):
    settings = {"gamma_positive": gamma_positive, "gamma_negative": gamma_negative, "margin": margin}
    value = asymmetric_loss(torch.from_numpy(z), torch.from_numpy(y), **settings)
    close(value, mean_over_known(paper_asymmetric(z, y, **settings), y))


@given(logit_arrays, target_arrays)
def test_without_focusing_focal_and_asymmetric_are_cross_entropy(z, y):
    logits, target = torch.from_numpy(z), torch.from_numpy(y)
    plain = float(cross_entropy_loss(logits, target))
    close(focal_loss(logits, target, gamma=0.0), plain)
    close(asymmetric_loss(logits, target, gamma_positive=0.0, gamma_negative=0.0, margin=0.0), plain)


@given(logit_arrays, target_arrays, exponents)
def test_asymmetric_with_one_exponent_and_no_margin_is_focal(z, y, gamma):
    logits, target = torch.from_numpy(z), torch.from_numpy(y)
    value = asymmetric_loss(logits, target, gamma_positive=gamma, gamma_negative=gamma, margin=0.0)
    close(value, float(focal_loss(logits, target, gamma=gamma)))


def test_below_the_margin_an_absent_label_carries_neither_loss_nor_gradient():
    logits = torch.tensor([[-4.0, -3.5]], requires_grad=True)  # scores of 0.018 and 0.029
    loss = asymmetric_loss(logits, torch.zeros(1, 2), gamma_negative=0.0, margin=0.05)
    loss.backward()
    assert loss.detach() == 0
    assert not logits.grad.any()


def test_a_tiny_margin_stays_finite_where_the_score_rounds_to_one():
    logits = torch.tensor([[1e4]], requires_grad=True)
    loss = asymmetric_loss(logits, torch.zeros(1, 1), margin=1e-12)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_both_sides_of_a_finding_weigh_the_same_over_the_training_set():
    rng = np.random.default_rng(0)
    target = torch.from_numpy((rng.random((400, 3)) < [0.02, 0.3, 0.8]).astype(np.float32))
    target[::7, 1] = torch.nan
    prevalence = torch.nanmean(target, dim=0)
    # At logit 0 every term is log 2, so the gradient of a logit is half its weight, and its sign is the side's.
    logits = torch.zeros_like(target, requires_grad=True)
    weighted_cross_entropy_loss(logits, target, prevalence=prevalence).backward()
    present = torch.where(target == 1, logits.grad, 0).sum(dim=0)
    absent = torch.where(target == 0, logits.grad, 0).sum(dim=0)
    torch.testing.assert_close(present, -absent, rtol=1e-4, atol=1e-6)
    assert (present < 0).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
def test_calling_everything_is_not_what_focal_loss_wants(gamma):
    """The ancestor's focal loss left absent labels out, so that calling every finding on every film was best."""
    target = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    everything = focal_loss(torch.full((1, 4), 8.0), target, gamma=gamma)
    nothing = focal_loss(torch.full((1, 4), -8.0), target, gamma=gamma)
    truth = focal_loss(torch.tensor([[8.0, -8.0, -8.0, -8.0]]), target, gamma=gamma)
    assert truth < nothing < everything

    logits = nn.Parameter(torch.full((1, 4), 4.0))
    focal_loss(logits, target, gamma=gamma).backward()
    assert (logits.grad[0, 1:] > 0).all(), "going down the gradient lowers the logits of what is absent"
    assert logits.grad[0, 0] < 0


def test_focal_lets_easy_labels_go():
    easy, hard = torch.tensor([[4.0]]), torch.tensor([[-4.0]])
    present = torch.ones(1, 1)
    plain = float(focal_loss(hard, present, gamma=0.0) / focal_loss(easy, present, gamma=0.0))
    focused = float(focal_loss(hard, present, gamma=2.0) / focal_loss(easy, present, gamma=2.0))
    assert focused > 1000 * plain


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda z, y: focal_loss(z, y, gamma=-0.1), "gamma must be at least 0, got -0.1"),
        (lambda z, y: asymmetric_loss(z, y, gamma_positive=-1.0), "exponents must be at least 0"),
        (lambda z, y: asymmetric_loss(z, y, gamma_negative=-1.0), "exponents must be at least 0"),
        (lambda z, y: asymmetric_loss(z, y, margin=1.0), "margin lie in"),
        (lambda z, y: asymmetric_loss(z, y, margin=-0.1), "margin lie in"),
    ],
)
def test_a_setting_out_of_range_is_refused(call, words):
    with pytest.raises(InvalidValueError, match=words):
        call(torch.zeros(1, 1), torch.zeros(1, 1))


@pytest.mark.parametrize(
    "loss",
    [
        cross_entropy_loss,
        lambda z, y: weighted_cross_entropy_loss(z, y, prevalence=torch.full((SHAPE[1],), 0.2, dtype=z.dtype)),
        focal_loss,
        asymmetric_loss,
    ],
    ids=["bce", "weighted_bce", "focal", "asymmetric"],
)
@given(logit_arrays, st.floats(0, 1))
def test_a_soft_target_counts_as_the_mixture_of_both_sides(loss, logits, soft):
    z = torch.from_numpy(logits)
    present, absent = loss(z, torch.ones_like(z)), loss(z, torch.zeros_like(z))
    torch.testing.assert_close(loss(z, torch.full_like(z, soft)), soft * present + (1 - soft) * absent)
