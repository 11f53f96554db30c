"""What every loss of the table keeps: NaN targets, gradients, extremes, the empty batch."""

import pytest
import torch

from hilum.losses import LOSSES, LossSection, make_loss

N_FINDINGS = 4
PREVALENCE = torch.tensor([0.05, 0.3, 0.5, 0.9])


@pytest.fixture(params=sorted(LOSSES))
def loss(request):
    return make_loss(LossSection(name=request.param), prevalence=PREVALENCE)


def some(seed, *, n=6, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    logits = (torch.randn(n, N_FINDINGS, generator=generator, dtype=torch.float64) * 3).to(dtype)
    target = torch.randint(0, 2, (n, N_FINDINGS), generator=generator).to(dtype)
    return logits, target


def gradient(loss, logits, target):
    leaf = logits.clone().requires_grad_()
    loss(leaf, target).backward()
    return leaf.grad


def test_the_loss_is_a_scalar_of_the_logits_precision_and_at_least_zero(loss):
    logits, target = some(0)
    value = loss(logits, target)
    assert value.shape == ()
    assert value.dtype == logits.dtype
    assert value >= 0


def test_an_unknown_target_carries_neither_loss_nor_gradient(loss):
    logits, target = some(1)
    target[0, 1] = target[3, 2] = torch.nan
    known = ~target.isnan()
    moved = torch.where(known, logits, torch.tensor([1e4, -1e4, 37.0, -2.0]))
    assert loss(logits, target) == loss(moved, target)
    slope = gradient(loss, moved, target)
    assert not slope[~known].any()


def test_the_mean_is_over_known_labels_alone(loss):
    logits, target = some(2)
    target[1:] = torch.nan
    torch.testing.assert_close(loss(logits, target), loss(logits[:1], target[:1]))
    doubled = loss(torch.cat([logits[:1]] * 2), torch.cat([target[:1]] * 2))
    torch.testing.assert_close(doubled, loss(logits[:1], target[:1]))


def test_without_a_known_label_the_loss_is_zero_and_so_is_its_gradient(loss):
    logits, target = some(3)
    nothing = torch.full_like(target, torch.nan)
    assert loss(logits, nothing) == 0
    slope = gradient(loss, logits, nothing)
    assert slope.shape == logits.shape
    assert not slope.any()


@pytest.mark.parametrize("logit", [1e4, -1e4, 100.0, -100.0, 0.0])
@pytest.mark.parametrize("side", [0.0, 1.0])
def test_extreme_logits_give_finite_loss_and_gradient(loss, logit, side):
    logits, target = torch.full((2, N_FINDINGS), logit), torch.full((2, N_FINDINGS), side)
    assert torch.isfinite(loss(logits, target))
    assert torch.isfinite(gradient(loss, logits, target)).all()


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_every_exponent_gives_finite_gradients_everywhere(name, gamma):
    settings = {"gamma": gamma} if name == "focal" else {"gamma_positive": gamma, "gamma_negative": gamma}
    loss = make_loss(LossSection(name=name, **settings), prevalence=PREVALENCE)
    logits = torch.tensor([-1e4, -90.0, -20.0, 0.0, 20.0, 90.0, 1e4, -3.0]).view(2, N_FINDINGS)
    for side in (0.0, 1.0):
        assert torch.isfinite(gradient(loss, logits, torch.full_like(logits, side))).all()


def test_the_gradient_is_the_derivative(loss):
    logits, target = some(4, dtype=torch.float64)
    target[2, 3] = torch.nan
    # The asymmetric loss has a corner where the score is its margin; these logits keep away from it.
    assert torch.autograd.gradcheck(lambda z: loss(z, target), logits.requires_grad_())


def test_the_truth_costs_less_than_its_opposite(loss):
    _, target = some(5)
    truth = (2 * target - 1) * 5
    assert loss(truth, target) < loss(torch.zeros_like(truth), target) < loss(-truth, target)


def test_a_step_down_the_gradient_lowers_the_loss(loss):
    logits, target = some(6)
    lower = logits - 0.1 * gradient(loss, logits, target)
    assert loss(lower, target) < loss(logits, target)
