"""What every backbone of the table keeps to, and what timm says about it."""

import pytest
import torch
from safetensors.torch import load, save
from torch import nn

from hilum.config import build
from hilum.errors import InvalidValueError
from hilum.models import BACKBONES, ModelSection, build_model, evaluation_mode, load_start_weights
from hilum.models._torchvision import import_timm

LARGE = {"densenet121", "resnet50v2", "inception_resnet_v2", "efficientnet_b4", "resnet18", "resnet10t"}


@pytest.fixture(
    scope="module", params=[pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in BACKBONES]
)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def size(name):
    row = BACKBONES[name]
    step = row.size_step_px
    return -(-max(64, row.minimum_size_px) // step) * step


def make(name, size, *, channels=1, seed=0, **section):
    torch.manual_seed(seed)
    section = ModelSection(backbone=name, channels=channels, **section)
    return build_model(section, n_findings=3, mean=(0.5,), std=(0.25,), size_px=size)


@pytest.fixture(scope="module")
def model(name, size):
    return make(name, size).eval()


@pytest.fixture(scope="module")
def films(size):
    return torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(1))


def stem_of(model, films):
    """The first convolution of all, as it is run."""
    order = []
    hooks = [
        module.register_forward_hook(lambda module, inputs, output: order.append(module))
        for module in model.modules()
        if isinstance(module, nn.Conv2d)
    ]
    with torch.no_grad(), evaluation_mode(model):
        model(films)
    for hook in hooks:
        hook.remove()
    return order[0]


def without_zeros(model):
    """Several start values of timm are zeros that hide what lies before them."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1 and not parameter.any():
                parameter.fill_(0.1)


def test_films_become_one_logit_per_finding(model, films):
    with torch.no_grad():
        logits = model(films)
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()
    assert model.n_findings == 3


def test_the_feature_map_gives_the_same_logits_as_the_whole(model, films):
    with torch.no_grad():
        features = model.feature_map(films)
        assert features.ndim == 4
        assert features.shape[0] == 2
        torch.testing.assert_close(model.logits_from_map(features), model(films))


def test_the_map_is_laid_out_as_the_film_is(name, size):
    """A change in one corner of the film is felt most in that corner of the map."""
    size *= 2
    model, films = make(name, size).eval(), torch.rand(1, 1, size, size)
    without_zeros(model)
    changed = films.clone()
    changed[..., : size // 8, -size // 8 :] = 1 - changed[..., : size // 8, -size // 8 :]
    with torch.no_grad():
        change = (model.feature_map(changed) - model.feature_map(films)).abs().sum(dim=1)[0]
    rows, columns = change.shape
    assert rows == columns >= 2
    assert change[0, -1] > change.mean()
    assert change[0, -1] > max(change[-1, 0], change[-1, -1], change[0, 0])


def test_training_reaches_every_weight(name, size, films):
    model = make(name, size, head="ancestor").train()
    without_zeros(model)
    model(films).square().sum().backward()
    without = [key for key, parameter in model.named_parameters() if parameter.grad is None]
    assert not [key for key in without if "cls_token" not in key]
    assert stem_of(model, films).weight.grad.abs().max() > 0
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)


def test_what_is_saved_is_what_is_loaded(name, size, model, films):
    state = load(save({key: tensor.contiguous() for key, tensor in model.state_dict().items()}))
    other = make(name, size, seed=9).eval()
    with torch.no_grad():
        assert not torch.equal(other(films), model(films))
        other.load_state_dict(state)
        assert torch.equal(other(films), model(films))


def test_the_smallest_size_works_and_what_lies_below_is_refused(name):
    row = BACKBONES[name]
    smallest = -(-row.minimum_size_px // row.size_step_px) * row.size_step_px
    with torch.no_grad():
        assert make(name, smallest).eval()(torch.rand(1, 1, smallest, smallest)).isfinite().all()
    with pytest.raises(InvalidValueError, match=rf"got {smallest - 1} px\. Nearest: size_px={smallest}\."):
        make(name, smallest - 1)


def test_its_own_size_and_others_of_its_step_are_taken(name):
    row = BACKBONES[name]
    row.check_size(row.input_size_px)
    row.check_size(row.input_size_px + row.size_step_px)


def test_the_table_says_what_timm_says(name):
    row = BACKBONES[name]
    config = import_timm().get_pretrained_cfg(row.timm_name)
    assert row.source
    assert row.licence
    if row.pretrained:
        assert config.has_weights
        assert row.licence == config.license
        assert row.mean == tuple(config.mean)
        assert row.std == tuple(config.std)
        assert row.input_size_px == config.input_size[1]
    else:
        assert "." not in row.timm_name, "a tag names weights"


def test_drop_path_is_said_of_those_that_have_it(name, size):
    drop_path = import_timm().layers.DropPath
    if BACKBONES[name].drop_path:
        model = make(name, size, drop_path=0.3)
        assert any(isinstance(module, drop_path) and module.drop_prob > 0 for module in model.modules())
    else:
        with pytest.raises(InvalidValueError, match=r"drop_path=0\.3: .* leave drop_path at 0"):
            build(ModelSection, {"backbone": name, "drop_path": 0.3})


def test_its_stem_can_be_frozen_alone(name, size, films):
    model = make(name, size)
    model.freeze(1)
    model.train()
    frozen = [key for key, parameter in model.named_parameters() if not parameter.requires_grad]
    assert not stem_of(model, films).weight.requires_grad
    assert 0 < len(frozen) < len(list(model.parameters())) / 2
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(films).square().sum().backward()
    optimiser.step()
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in frozen)
    assert not torch.equal(before["head.1.weight"], after["head.1.weight"])


@pytest.mark.parametrize("channels", [1, 3])
def test_start_weights_as_timm_hands_them_out_fit(name, size, films, channels, monkeypatch):
    if not BACKBONES[name].pretrained:
        with pytest.raises(InvalidValueError, match="no start weights are published"):
            build(ModelSection, {"backbone": name, "init": "pretrained"})
        return
    torch.manual_seed(5)
    published = import_timm().create_model(BACKBONES[name].timm_name, pretrained=False).state_dict()
    monkeypatch.setattr("hilum.models.start_weights.download_weights", lambda backbone: dict(published))
    model = make(name, size, channels=channels).eval()
    section = ModelSection(backbone=name, channels=channels, init="pretrained")
    report = load_start_weights(model, section, findings=("a", "b", "c"))
    assert report.licence == BACKBONES[name].licence
    assert report.matched == len(model.backbone.state_dict())
    assert report.head_missing == ("head.1.weight", "head.1.bias")
    assert report.unused
    assert len(report.unused) + report.matched == len(published)
    held = model.backbone.state_dict()
    stem = stem_name(model, films)
    different = {
        key for key in held if held[key].shape != published[key].shape or not torch.equal(held[key], published[key])
    }
    assert different <= {stem, "pos_embed"}
    expected = published[stem] if channels == 3 else published[stem].sum(dim=1, keepdim=True)
    torch.testing.assert_close(held[stem], expected)
    with torch.no_grad():
        assert model(films).isfinite().all()


def stem_name(model, films):
    stem = stem_of(model, films)
    return next(f"{name}.weight" for name, module in model.backbone.named_modules() if module is stem)


def test_batch_normalisation_is_the_only_one_with_running_numbers(model):
    """Freezing keeps the running numbers of these alone."""
    running = [module for module in model.modules() if hasattr(module, "running_mean")]
    assert all(isinstance(module, nn.BatchNorm2d) for module in running)
