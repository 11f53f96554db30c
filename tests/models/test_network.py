"""What hilum asks of timm: networks, start weights, positions, stages, stems."""

import pytest
import torch

from hilum.errors import HilumError
from hilum.models import BACKBONES
from hilum.models._torchvision import import_timm
from hilum.models.network import (
    create_network,
    download_weights,
    resample_positions,
    stage_names,
    stem_weights,
)


def create(name, *, size=64, channels=1, drop_path=0.0):
    torch.manual_seed(0)
    return create_network(BACKBONES[name], channels=channels, size_px=size, drop_path=drop_path)


def test_networks_come_without_a_classifier():
    network = create("resnet10t_slim")
    assert network(torch.zeros(1, 1, 64, 64)).shape == (1, network.head_hidden_size)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet10t_slim", "conv1.0.weight"),
        ("resnet18_slim", "conv1.0.weight"),
        ("mobilenetv3_large", "conv_stem.weight"),
        ("vit_tiny", "patch_embed.proj.weight"),
    ],
)
def test_the_stem_is_what_meets_the_film(name, expected, channels):
    network = create(name, channels=channels)
    assert stem_weights(network) == (expected,)
    assert network.state_dict()[expected].shape[1] == channels


def test_stages_run_from_stem_to_last_and_hold_every_parameter_once():
    network = create("resnet10t_slim")
    stages = stage_names(network)
    assert sorted(name for stage in stages for name in stage) == sorted(dict(network.named_parameters()))
    assert all(name.startswith(("conv1", "bn1")) for name in stages[0])
    assert [next(iter(stage)).split(".")[0] for stage in stages[1:5]] == ["layer1", "layer2", "layer3", "layer4"]


def test_positions_of_the_same_grid_are_what_they_were_and_of_another_are_between():
    small, large = create("vit_tiny", size=64), create("vit_tiny", size=128)
    embedding = torch.randn(1, 1 + 16, 192)
    torch.testing.assert_close(resample_positions(embedding, small), embedding)
    resampled = resample_positions(embedding, large)
    assert resampled.shape == (1, 1 + 64, 192)
    torch.testing.assert_close(resampled[:, 0], embedding[:, 0])
    even = torch.ones(1, 17, 192).half()
    torch.testing.assert_close(resample_positions(even, large), torch.ones(1, 65, 192), atol=1e-3, rtol=0)


def test_start_weights_are_timms_own_in_colour_with_their_classifier(monkeypatch):
    timm = import_timm()
    asked = []

    def create_model(name, *, pretrained, **options):
        asked.append((name, pretrained, options))
        return original(name, pretrained=False)

    original = timm.create_model
    monkeypatch.setattr(timm, "create_model", create_model)
    before = torch.get_rng_state()
    weights = download_weights(BACKBONES["resnet10t"])
    assert asked == [("resnet10t.c3_in1k", True, {})]
    assert weights["conv1.0.weight"].shape[1] == 3
    assert "fc.weight" in weights
    assert torch.equal(torch.get_rng_state(), before), "the recipe's seed must not depend on where weights come from"


@pytest.mark.parametrize("error", [OSError("no route to host"), RuntimeError("cannot find it")])
def test_without_a_connection_the_way_out_is_named(monkeypatch, error):
    def create_model(*args, **options):
        raise error

    monkeypatch.setattr(import_timm(), "create_model", create_model)
    expected = r"weights of resnet10t.c3_in1k could not be downloaded .*init=<path to model.safetensors>"
    with pytest.raises(HilumError, match=expected):
        download_weights(BACKBONES["resnet10t"])
