"""Everything between pixels and logits: normalisation, channels, frozen stages, modes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from hilum.errors import InvalidValueError
from hilum.models import ModelSection, build_model, evaluation_mode
from hilum.models._torchvision import import_timm

N = 4


def make(*, size=64, mean=(0.5,), std=(0.25,), seed=0, **section):
    torch.manual_seed(seed)
    section = ModelSection(**{"backbone": "resnet10t_slim", **section})
    return build_model(section, n_findings=N, mean=mean, std=std, size_px=size)


def films(n=2, size=64, seed=1):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(seed))


def seen_by_backbone(model, images):
    seen = []
    original = model.backbone.forward_features
    model.backbone.forward_features = lambda x: seen.append(x) or original(x)
    with torch.no_grad():
        model(images)
    del model.backbone.forward_features
    return seen[0]


def test_one_grey_channel_is_normalised_once():
    images = films()
    seen = seen_by_backbone(make(mean=(0.4,), std=(0.2,)).eval(), images)
    np.testing.assert_allclose(seen.numpy(), (images.double().numpy() - 0.4) / 0.2, rtol=1e-5, atol=1e-6)


def test_three_equal_channels_are_normalised_each_its_own_way():
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    images = films()
    seen = seen_by_backbone(make(channels=3, mean=mean, std=std).eval(), images).numpy()
    assert seen.shape == (2, 3, 64, 64)
    for channel in range(3):
        expected = (images[:, 0].double().numpy() - mean[channel]) / std[channel]
        np.testing.assert_allclose(seen[:, channel], expected, rtol=1e-5, atol=1e-6)


def test_one_number_serves_all_channels():
    model = make(channels=3, mean=(0.4,), std=(0.2,))
    assert model.mean.flatten().tolist() == pytest.approx([0.4] * 3)
    assert model.std.flatten().tolist() == pytest.approx([0.2] * 3)


def test_normalisation_travels_with_the_weights_and_is_never_trained():
    model = make(mean=(0.3,))
    assert {"mean", "std"} <= model.state_dict().keys()
    assert not {"mean", "std"} & dict(model.named_parameters()).keys()
    other = make(mean=(0.7,))
    other.load_state_dict(model.state_dict())
    assert other.mean.item() == pytest.approx(0.3)


@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (1, 64, 64), (2, 64, 64, 1)])
def test_films_have_one_channel_whatever_the_network_takes(shape):
    for channels in (1, 3):
        with pytest.raises(InvalidValueError, match=r"films must be of shape \(image, 1, height, width\), got"):
            make(channels=channels)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_findings": 0}, "n_findings must be at least 1, got 0"),
        ({"std": (0.0,)}, r"std must be above 0 for every channel, got \(0\.0,\)"),
        ({"mean": (0.1, 0.2, 0.3)}, "expected mean and std of 1 or 1 channels, got 3 numbers"),
        ({"size_px": 16}, r"at least 32 px, got 16 px\. Nearest: size_px=32"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_built(changes, message):
    values = {"n_findings": N, "mean": (0.5,), "std": (0.2,), "size_px": 64, **changes}
    with pytest.raises(InvalidValueError, match=message):
        build_model(ModelSection(backbone="resnet10t_slim"), **values)


def test_a_transformer_takes_multiples_of_its_patch_alone():
    with pytest.raises(InvalidValueError, match=r"a multiple of 16, got 100 px\. Nearest: size_px=96"):
        make(backbone="vit_tiny", size=100)


def test_the_same_seed_gives_the_same_weights():
    states = [make(seed=seed).state_dict() for seed in (3, 3, 4)]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not torch.equal(states[0]["head.1.weight"], states[2]["head.1.weight"])


@pytest.mark.parametrize("head", ["linear", "ancestor"])
def test_a_model_knows_how_many_findings_it_answers_for(head):
    assert make(head=head).n_findings == N


def test_patches_of_a_transformer_keep_their_place_and_other_tokens_are_left_out():
    model = make(backbone="vit_tiny", size=96).eval()
    images = films(size=96)
    with torch.no_grad():
        tokens = model.backbone.forward_features((images - 0.5) / 0.25)
        features = model.feature_map(images)
    assert features.shape == (2, 192, 6, 6)
    assert model.backbone.num_prefix_tokens == 1
    for row, column in ((0, 0), (0, 5), (3, 2), (5, 0)):
        torch.testing.assert_close(features[:, :, row, column], tokens[:, 1 + 6 * row + column])


def step(model, images):
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5, momentum=0.9)
    for _ in range(2):
        optimiser.zero_grad()
        (model(images) - 1).square().sum().backward()
        optimiser.step()


@pytest.mark.parametrize("backbone", ["resnet10t_slim", "mobilenetv3_large", "vit_tiny"])
def test_frozen_stages_and_their_running_numbers_stay_while_the_rest_learns(backbone):
    model = make(backbone=backbone)
    model.freeze(2)
    model.train()
    frozen = {key for key, parameter in model.named_parameters() if not parameter.requires_grad}
    before = copy.deepcopy(model.state_dict())
    step(model, films(4))
    after = model.state_dict()
    norms = {
        f"{name}.{number}"
        for name, module in model.named_modules()
        if isinstance(module, nn.BatchNorm2d) and f"{name}.weight" in frozen
        for number in ("running_mean", "running_var", "num_batches_tracked")
    }
    assert frozen
    assert norms or backbone == "vit_tiny"
    assert all(torch.equal(before[key], after[key]) for key in frozen | norms)
    learnt = {key for key in after if key not in frozen | norms | {"mean", "std"}}
    still = {key for key in learnt if torch.equal(before[key], after[key])}
    assert len(still) < len(learnt) / 4
    assert not torch.equal(before["head.1.weight"], after["head.1.weight"])


def test_freezing_counts_at_once_and_can_be_undone():
    model = make().train()
    model.freeze(2)
    assert not model.backbone.bn1.training
    assert model.backbone.layer4[0].bn1.training
    model.freeze(0)
    assert model.backbone.bn1.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    model.freeze(1)
    assert not model.eval().training
    assert not model.train().backbone.bn1.training


def test_what_is_not_frozen_still_drops_paths():
    """The class token and the position belong to the network itself: freezing them must not put all of it to rest."""
    model = make(backbone="vit_tiny", drop_path=0.5)
    model.freeze(1)
    model.train()
    dropping = [m for m in model.modules() if isinstance(m, import_timm().layers.DropPath)]
    assert dropping
    assert all(module.training for module in dropping)
    assert not torch.equal(model(films(8)), model(films(8)))


def test_freezing_more_stages_than_there_are_is_refused_with_their_number():
    model = make()
    n_stages = 5
    with pytest.raises(
        InvalidValueError, match=rf"freeze_stages=99: the backbone has {n_stages} stages, its stem incl"
    ):
        model.freeze(99)
    with pytest.raises(InvalidValueError, match=rf"freeze_stages=-1: .* expected 0 \.\. {n_stages}"):
        model.freeze(-1)
    model.freeze(n_stages)
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    assert all(parameter.requires_grad for parameter in model.head.parameters())


def test_a_copy_freezes_its_own_parts():
    model = make().train()
    model.freeze(1)
    twin = copy.deepcopy(model).train()
    assert not twin.backbone.bn1.training
    twin.freeze(0)
    assert not model.train().backbone.bn1.training


def test_evaluation_mode_is_for_a_while():
    model = make().train()
    model.head.eval()
    modes = [module.training for module in model.modules()]
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == modes


def test_dropout_of_the_head_is_the_sections():
    model = make(dropout=0.3)
    assert [m.p for m in model.head.modules() if isinstance(m, nn.Dropout)] == [0.3]
