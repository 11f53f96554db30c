"""Start weights: taken over whole, brought to channels and size, or refused with all that does not match."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hilum.errors import BundleError, InvalidValueError
from hilum.models import BACKBONES, ModelSection, build_model, load_start_weights
from hilum.models._torchvision import import_timm

FINDINGS = ("Effusion", "Mass", "Nodule")


def make(*, seed=0, size=64, **section):
    torch.manual_seed(seed)
    section = ModelSection(**{"backbone": "resnet10t_slim", **section})
    return build_model(section, n_findings=len(FINDINGS), mean=(0.5,), std=(0.25,), size_px=size)


def state_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def write(path, state, *, dtype=None):
    state = {k: v.to(dtype) if dtype and v.is_floating_point() else v for k, v in state.items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return str(path)


def load(model, *, findings=FINDINGS, **section):
    return load_start_weights(model, ModelSection(**{"backbone": "resnet10t_slim", **section}), findings=findings)


@pytest.fixture
def published():
    """A network as timm hands it out: in colour, with its classifier."""
    torch.manual_seed(7)
    row = BACKBONES["resnet10t_slim"]
    return import_timm().create_model(row.timm_name, pretrained=False, num_classes=5, **row.options).state_dict()


@pytest.fixture
def file(published, tmp_path):
    return write(tmp_path / "model.safetensors", published)


def test_none_loads_nothing_and_says_so():
    model = make()
    before = state_of(model)
    report = load(model)
    assert same(before, state_of(model))
    assert (report.source, report.matched, report.unused, report.licence) == ("none", 0, (), "")
    assert report.head_missing == ("head.1.weight", "head.1.bias")


def test_a_file_in_colour_is_taken_over_whole_but_its_classifier(published, file):
    model = make(channels=3)
    head = model.head[1].weight.clone()
    report = load(model, init=file, channels=3)
    held = model.backbone.state_dict()
    assert all(torch.equal(held[name], published[name]) for name in held)
    assert torch.equal(model.head[1].weight, head)
    assert report.source == file
    assert report.matched == len(held)
    assert set(report.unused) == {"fc.weight", "fc.bias"}
    assert report.head_missing == ("head.1.weight", "head.1.bias")
    assert report.licence == "unknown"


def test_a_colour_stem_becomes_grey_so_that_grey_films_look_as_in_colour(published, file):
    grey, colour = make().eval(), make(channels=3).eval()
    load(grey, init=file)
    load(colour, init=file, channels=3)
    stem = grey.backbone.state_dict()["conv1.0.weight"]
    torch.testing.assert_close(stem, published["conv1.0.weight"].sum(dim=1, keepdim=True))
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(grey.feature_map(images), colour.feature_map(images), rtol=1e-4, atol=1e-4)


def test_a_grey_stem_becomes_colour_so_that_nothing_changes_for_grey_films(tmp_path):
    source = make(seed=3).eval()
    file = write(tmp_path / "grey.safetensors", source.backbone.state_dict())
    colour = make(channels=3).eval()
    load(colour, init=file, channels=3)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(colour.feature_map(images), source.feature_map(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_single(published, tmp_path, dtype):
    model = make(channels=3)
    load(model, init=write(tmp_path / "half.safetensors", published, dtype=dtype), channels=3)
    held = model.backbone.state_dict()
    assert all(t.dtype == torch.float32 for t in held.values() if t.is_floating_point())
    for name, tensor in held.items():
        torch.testing.assert_close(tensor, published[name].to(dtype).to(tensor.dtype))


def test_a_grey_stem_in_half_precision_is_summed_in_single(published, tmp_path):
    model = make()
    load(model, init=write(tmp_path / "half.safetensors", published, dtype=torch.float16))
    expected = published["conv1.0.weight"].half().float().sum(dim=1, keepdim=True)
    assert torch.equal(model.backbone.state_dict()["conv1.0.weight"], expected)


def test_counters_that_older_files_lack_are_not_missed(published, tmp_path):
    older = {name: tensor for name, tensor in published.items() if "num_batches_tracked" not in name}
    report = load(make(channels=3), init=write(tmp_path / "older.safetensors", older), channels=3)
    assert report.matched == len(make().backbone.state_dict())


@pytest.mark.parametrize("size", [64, 128])
def test_positions_of_a_transformer_are_brought_to_the_films_size(tmp_path, size):
    source = make(backbone="vit_tiny", size=96, seed=5)
    with torch.no_grad():
        source.backbone.pos_embed[:] = 0.0
        source.backbone.pos_embed[0, 1:] = torch.linspace(0, 1, 6).repeat(6)[:, None]  # grows from left to right
    file = write(tmp_path / "vit.safetensors", source.backbone.state_dict())
    model = make(backbone="vit_tiny", size=size)
    load(model, init=file, backbone="vit_tiny")
    side = size // 16
    positions = model.backbone.pos_embed[0, 1:, 0].detach().reshape(side, side)
    torch.testing.assert_close(positions, positions[:1].expand(side, side))
    assert (positions[0].diff() > 0).all()
    assert torch.equal(model.backbone.state_dict()["norm.weight"], source.backbone.state_dict()["norm.weight"])


def spoil_missing(state):
    del state["layer1.0.conv1.weight"]


def spoil_unknown(state):
    state["layer9.weight"] = torch.zeros(1)


def spoil_shape(state):
    state["bn1.weight"] = torch.zeros(3)


def spoil_nan(state):
    state["bn1.bias"][0] = torch.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_missing, r"layer1\.0\.conv1\.weight is missing"),
        (spoil_unknown, r"layer9\.weight is unknown"),
        (spoil_shape, r"bn1\.weight has shape \(3,\) instead of \(32,\)"),
        (spoil_nan, r"bn1\.bias is not finite"),
    ],
)
def test_what_does_not_match_is_named_and_nothing_is_loaded(published, tmp_path, spoil, message):
    spoil(published)
    model = make()
    before = state_of(model)
    with pytest.raises(InvalidValueError, match=rf"does not fit resnet10t_slim: {message}\. Nothing was loaded"):
        load(model, init=write(tmp_path / "spoilt.safetensors", published))
    assert same(before, state_of(model))


def test_all_that_does_not_match_is_counted(published, tmp_path):
    renamed = {f"module.{name}": tensor for name, tensor in published.items()}
    with pytest.raises(InvalidValueError, match=r"conv1\.0\.weight is missing; .*; and \d\d+ more\. Nothing"):
        load(make(), init=write(tmp_path / "other.safetensors", renamed))


def test_weights_of_another_backbone_are_refused(tmp_path):
    file = write(tmp_path / "other.safetensors", make(backbone="resnet18_slim").backbone.state_dict())
    with pytest.raises(InvalidValueError, match=r"does not fit resnet10t_slim: .* is missing; .* more"):
        load(make(), init=file)


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.h5", "weights.ckpt"])
def test_pickles_are_never_read(tmp_path, name):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "exploded"), "w"))

    torch.save({"weight": Bomb()}, tmp_path / name)
    with pytest.raises(InvalidValueError, match=r"Pickled weights .* are never read: convert them to safetensors"):
        load(make(), init=str(tmp_path / name))
    (tmp_path / name).rename(tmp_path / "renamed.safetensors")
    with pytest.raises(InvalidValueError, match="is not a readable safetensors file"):
        load(make(), init=str(tmp_path / "renamed.safetensors"))
    assert not (tmp_path / "exploded").exists()


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidValueError, match=r"absent\.safetensors: expected none, pretrained, an existing"):
        load(make(), init=str(tmp_path / "absent.safetensors"))


def test_a_truncated_file_is_refused(file, tmp_path):
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(Path(file).read_bytes()[:-10])
    with pytest.raises(InvalidValueError, match="is not a readable safetensors file"):
        load(make(), init=str(cut))


@pytest.fixture(scope="module")
def bundle(make_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("start") / "bundle"
    return make_bundle(
        folder, findings=FINDINGS, seed=11, spec={"licence": "apache-2.0", "training_patients": ("0a" * 8,)}
    )


def test_a_bundle_of_the_same_findings_hands_its_head_over_too(bundle):
    model = make()
    report = load(model, init=str(bundle.folder))
    assert same(state_of(model.backbone), state_of(bundle.model.backbone))
    assert same(state_of(model.head), state_of(bundle.model.head))
    assert report.head_missing == report.unused == ()
    assert report.matched == len(model.backbone.state_dict()) + len(model.head.state_dict())
    assert report.licence == "apache-2.0"
    assert report.training_patients == ("0a" * 8,)
    assert "0a0a" not in repr(report)


def test_normalisation_is_not_among_start_weights(bundle):
    torch.manual_seed(0)
    model = build_model(ModelSection(backbone="resnet10t_slim"), n_findings=3, mean=(0.1,), std=(0.9,), size_px=64)
    load(model, init=str(bundle.folder))
    assert (model.mean.item(), model.std.item()) == (pytest.approx(0.1), pytest.approx(0.9))


@pytest.mark.parametrize("findings", [("Mass", "Effusion", "Nodule"), ("Effusion", "Mass", "Hernia")])
def test_a_bundle_of_other_findings_hands_over_its_backbone_alone(bundle, findings):
    model = make()
    head = state_of(model.head)
    report = load(model, init=str(bundle.folder), findings=findings)
    assert same(state_of(model.backbone), state_of(bundle.model.backbone))
    assert same(state_of(model.head), head), "a logit must never answer for another finding than it was trained for"
    assert report.head_missing == report.unused == ("head.1.weight", "head.1.bias")


def test_a_bundle_with_another_head_hands_over_its_backbone_alone(bundle):
    model = make(head="ancestor")
    report = load(model, init=str(bundle.folder), head="ancestor")
    assert same(state_of(model.backbone), state_of(bundle.model.backbone))
    assert len(report.head_missing) == 6
    assert report.unused == ("head.1.weight", "head.1.bias")


def test_a_bundle_of_another_backbone_is_refused_with_what_to_set(bundle):
    model = make(backbone="resnet18_slim")
    before = state_of(model)
    with pytest.raises(InvalidValueError, match=r"backbone is resnet10t_slim, .*Set model\.backbone=resnet10t_slim"):
        load(model, init=str(bundle.folder), backbone="resnet18_slim")
    assert same(before, state_of(model))


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(BundleError, match="is not a bundle, as it holds no"):
        load(make(), init=str(tmp_path))


def test_timms_weights_pass_their_licence_on(monkeypatch):
    torch.manual_seed(2)
    published = import_timm().create_model(BACKBONES["resnet10t"].timm_name, pretrained=False).state_dict()
    monkeypatch.setattr("hilum.models.start_weights.download_weights", lambda row: dict(published))
    model = make(backbone="resnet10t")
    report = load(model, init="pretrained", backbone="resnet10t")
    assert (report.source, report.licence) == ("pretrained", BACKBONES["resnet10t"].licence)
    assert set(report.unused) == {"fc.weight", "fc.bias"}


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_real_weights_of_imagenet_load_whole(shared_data, channels):
    """Half precision; the block blocks.6.1 is there as an identity, its last normalisation being 0."""
    file = shared_data / "weights" / "efficientnet_b4" / "model.safetensors"
    if not file.is_file():
        pytest.skip("the weights are not on this machine: this test did NOT run")
    model = make(backbone="efficientnet_b4", channels=channels).eval()
    report = load(model, init=str(file), backbone="efficientnet_b4", channels=channels)
    published = load_file(file)
    assert report.matched == len(published) == len(model.backbone.state_dict())
    assert report.unused == ()
    held = model.backbone.state_dict()
    assert all(torch.equal(held[n], t.to(held[n].dtype)) for n, t in published.items() if n != "conv_stem.weight")
    assert not held["blocks.6.1.bn3.weight"].any()
    with torch.no_grad():
        features = model.feature_map(torch.rand(1, 1, 64, 64))
    assert features.isfinite().all()
    assert features.std() > 0.01
