"""What every head of the table keeps to."""

import pytest
import torch
from torch import nn

from hilum.errors import UnknownNameError
from hilum.models import HEADS, get_head


@pytest.fixture(params=HEADS)
def make(request):
    return get_head(request.param)


def test_features_become_one_logit_per_finding(make):
    torch.manual_seed(0)
    head = make(32, 5, dropout=0.0)
    logits = head(torch.randn(7, 32))
    assert logits.shape == (7, 5)
    assert isinstance(head[-1], nn.Linear), "nothing may squash or cut a logit"
    assert head[-1].out_features == 5


def test_dropout_is_there_while_training_alone(make):
    torch.manual_seed(0)
    head, features = make(64, 3, dropout=0.5), torch.randn(4, 64)
    assert not torch.equal(head.train()(features), head(features))
    assert torch.equal(head.eval()(features), head(features))
    without = make(64, 3, dropout=0.0).train()
    assert torch.equal(without(features), without(features))


def test_training_reaches_every_weight(make):
    torch.manual_seed(0)
    head = make(16, 3, dropout=0.0)
    head(torch.randn(64, 16)).square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in head.parameters())


def test_films_do_not_touch_each_other(make):
    torch.manual_seed(0)
    head, features = make(16, 3, dropout=0.0).train(), torch.randn(4, 16)
    torch.testing.assert_close(head(features)[2:3], head(features[2:3]))


def test_the_ancestors_head_has_its_two_layers():
    layers = [module for module in get_head("ancestor")(1024, 14, dropout=0.3) if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(1024, 512), (512, 256), (256, 14)]


def test_the_linear_head_is_one_product():
    head, features = get_head("linear")(8, 2, dropout=0.9).eval(), torch.randn(3, 8)
    torch.testing.assert_close(head(features), features @ head[1].weight.T + head[1].bias)


def test_an_unknown_head_is_answered_with_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"unknown head 'linaer'. Did you mean 'linear'\? Known: ancestor, linear"
    ):
        get_head("linaer")
