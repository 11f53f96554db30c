"""The bundle: what was trained comes back, anything else is refused, and an old one stays good until a new one is."""

import errno
import hashlib
import io
import json
import os
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open

from hilum.errors import BundleError, InvalidValueError, StorageError
from hilum.models import ModelSection, build_model, digest_of, load_bundle, reseal_bundle, write_bundle
from hilum.models import bundle as bundle_module
from hilum.records import BundleSpec, PlattMap, Recalibration

FILES = ("bundle.json", "weights.safetensors", "golden.npz", "MODEL_CARD.md")


@pytest.fixture(scope="module")
def sealed(make_bundle, tmp_path_factory):
    # A slope whose last digit makes no difference to the number.
    rules = {"Mass": {"calibration": PlattMap(slope=0.30000000000000004)}}
    return make_bundle(tmp_path_factory.mktemp("sealed") / "bundle", seed=1, rules=rules)


@pytest.fixture
def folder(sealed, tmp_path):
    """A copy to be spoilt."""
    return shutil.copytree(sealed.folder, tmp_path / "bundle")


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def reseal(folder, **files):
    """Change files as somebody would who also brings the digests in ``bundle.json`` up to date."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    spec = json.loads((folder / "bundle.json").read_text())
    text = (folder / "bundle.json").read_text()
    for name, digest in spec["files"].items():
        text = text.replace(digest, hashlib.sha256((folder / name).read_bytes()).hexdigest())
    (folder / "bundle.json").write_text(text)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def test_what_was_written_comes_back(sealed):
    again = load_bundle(sealed.folder)
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(again.model(images), sealed.model(images))
    assert again.spec == sealed.spec
    assert again.digest == sealed.digest == digest_of(sealed.folder)
    assert again.findings == ("Effusion", "Mass", "Nodule")
    assert not again.model.training
    assert sorted(content(sealed.folder)) == sorted(FILES)


@pytest.mark.parametrize(
    "section",
    [
        {"backbone": "vit_tiny", "size_px": 96},
        {"head": "ancestor", "channels": 3, "dropout": 0.5, "drop_path": 0.2},
    ],
)
def test_every_kind_of_model_comes_back(make_bundle, tmp_path, section):
    written = make_bundle(tmp_path / "bundle", **section)
    images = torch.rand(2, 1, written.spec.input.size_px, written.spec.input.size_px)
    with torch.no_grad():
        assert torch.equal(load_bundle(written.folder).model(images), written.model(images))


def test_files_are_named_with_their_sha256(sealed):
    assert sealed.spec.files == {
        name: hashlib.sha256((sealed.folder / name).read_bytes()).hexdigest() for name in FILES if name != "bundle.json"
    }
    assert sealed.digest == hashlib.sha256((sealed.folder / "bundle.json").read_bytes()).hexdigest()


def test_the_weights_can_be_read_by_others(sealed):
    with safe_open(sealed.folder / "weights.safetensors", framework="np") as weights:
        assert set(weights.keys()) == sealed.model.state_dict().keys()
        np.testing.assert_array_equal(weights.get_tensor("mean").ravel(), [0.5])


def test_loading_does_not_touch_the_random_state(sealed):
    before = torch.get_rng_state()
    load_bundle(sealed.folder)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_anywhere_is_refused(folder, name):
    path = folder / name
    whole = path.read_bytes()
    generator = np.random.default_rng(0)
    ends = {*range(min(24, len(whole))), *range(max(0, len(whole) - 24), len(whole))}
    positions = sorted(ends | set(generator.integers(0, len(whole), 12).tolist()))
    for position in positions if name != "weights.safetensors" else positions[::6]:
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(BundleError):
            load_bundle(folder)
    path.write_bytes(whole)
    load_bundle(folder)


def test_no_byte_of_bundle_json_can_be_another(folder):
    """Every byte, changed to a near one: digits of long numbers and white space, too, of which JSON takes no notice."""
    path = folder / "bundle.json"
    whole = path.read_bytes()
    with safe_open(folder / "weights.safetensors", framework="np") as weights:
        seal = weights.metadata()["spec_sha256"]
    files = json.loads(whole)["files"]
    accepted = []
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1
        try:
            same_files = json.loads(bytes(flipped))["files"] == files
        except (ValueError, KeyError):
            continue
        if same_files and bundle_module._spec_digest(bytes(flipped), files) == seal:
            accepted.append(position)
    assert accepted == []
    path.write_bytes(whole.replace(b'"licence": ', b'"licence":\t'))
    with pytest.raises(BundleError, match=r"weights\.safetensors was written with another bundle\.json"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", 0.1),
        ("slope", 3.0),
        ("size_px", 96),
        ("resize", "stretch"),
        ("licence", "mine"),
        ("phantom", False),
    ],
)
def test_a_rule_that_was_changed_by_hand_is_refused(folder, key, value):
    path = folder / "bundle.json"
    spec = json.loads(path.read_text())
    rule = spec["findings"]["Mass"]
    holder = next(h for h in (spec, spec["input"], rule, rule["calibration"]) if key in h)
    holder[key] = value
    path.write_text(json.dumps(spec, indent=1) + "\n")
    with pytest.raises(BundleError, match=r"was written with another bundle\.json, which has been changed since"):
        load_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(folder)


def test_a_file_too_many_is_named(folder):
    (folder / "weights.pt").touch()
    with pytest.raises(BundleError, match=r"weights\.pt is not among the files that bundle\.json names"):
        load_bundle(folder)


def test_a_file_that_is_no_longer_named_is_noticed(folder):
    spec = json.loads((folder / "bundle.json").read_text())
    del spec["files"]["golden.npz"]
    (folder / "bundle.json").write_text(json.dumps(spec, indent=1))
    with pytest.raises(BundleError, match=r"golden\.npz is not among the files"):
        load_bundle(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 2}'])
def test_a_bundle_json_that_is_none_is_refused(folder, text):
    (folder / "bundle.json").write_text(text)
    with pytest.raises(BundleError, match="is refused"):
        load_bundle(folder)


def test_another_schema_is_refused_with_both_numbers(folder):
    spec = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**spec, "schema_version": 99}))
    with pytest.raises(BundleError, match="has schema version 99, this hilum reads version 2"):
        load_bundle(folder)


@pytest.mark.parametrize("path", ["absent", "file"])
def test_what_is_no_folder_is_no_bundle(tmp_path, path):
    (tmp_path / "file").touch()
    for read in (load_bundle, digest_of):
        with pytest.raises(BundleError, match=r"is not a bundle, as it holds no bundle\.json: .*runs/NAME/bundle"):
            read(tmp_path / path)


def golden_of(folder):
    with np.load(folder / "golden.npz") as golden:
        return dict(golden)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g["scores"].__iadd__(np.float32(0.001)), r"get other scores than when it was written, by 0\.001"),
        (lambda g: g["scores"].__imul__(np.float32(np.nan)), "get other scores than when it was written, by nan"),
        (lambda g: g.update(scores=g["scores"][:1]), r"holds scores of shape \(1, 3\), the model gives \(2, 3\)"),
        (lambda g: g.update(scores=g["scores"][:0], pixels=g["pixels"][:0]), r"holds scores of shape \(0, 3\)"),
        (lambda g: g.update(pixels=g["pixels"][:, 1:]), "golden.npz cannot be used: expected uint8 films"),
        (lambda g: g.pop("scores"), "golden.npz cannot be used"),
        (lambda g: g.update(scores=np.array([{"a": 1}])), "golden.npz cannot be used"),
    ],
)
def test_golden_outputs_are_held_against_the_model(folder, change, message):
    golden = golden_of(folder)
    change(golden)
    reseal(folder, **{"golden.npz": npz(**golden)})
    with pytest.raises(BundleError, match=message):
        load_bundle(folder)


def test_weights_that_answer_otherwise_are_refused_though_all_digests_fit(folder, sealed, monkeypatch):
    model = load_bundle(folder).model
    with torch.no_grad():
        model.head[1].bias.add_(0.01)
    spec = sealed.spec.model_copy(update={"files": dict.fromkeys(sealed.spec.files, "")})
    reseal(folder, **{"weights.safetensors": bundle_module._weights(model, spec)})
    with pytest.raises(BundleError, match="golden inputs get other scores"):
        load_bundle(folder)


def test_golden_that_is_no_archive_is_refused(folder):
    reseal(folder, **{"golden.npz": b"PK\x03\x04 no archive"})
    with pytest.raises(BundleError, match=r"golden\.npz cannot be used"):
        load_bundle(folder)


def test_weights_that_are_none_are_refused(folder):
    reseal(folder, **{"weights.safetensors": b"nothing"})
    with pytest.raises(BundleError, match=r"weights\.safetensors cannot be read"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "model",
    [{"backbone": "resnet18_slim"}, {"backbone": "resnet99"}, {"backbone": "resnet10t_slim", "head": "ancestor"}],
)
def test_weights_of_another_network_than_the_spec_says_are_refused(folder, sealed, model):
    section = {**sealed.spec.model, **model}
    spec = sealed.spec.model_copy(update={"model": section, "files": dict.fromkeys(sealed.spec.files, "")})
    weights = bundle_module._weights(sealed.model, spec)
    (folder / "bundle.json").write_text(spec.model_copy(update={"files": sealed.spec.files}).to_json())
    reseal(folder, **{"weights.safetensors": weights})
    with pytest.raises(BundleError, match=r"weights\.safetensors and bundle\.json do not fit"):
        load_bundle(folder)


def test_writing_leaves_the_model_as_it_was(make_bundle, tmp_path):
    torch.manual_seed(0)
    model = build_model(
        ModelSection(backbone="resnet10t_slim", dropout=0.5), n_findings=3, mean=(0.5,), std=(0.25,), size_px=64
    ).train()
    model.backbone.bn1.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    written = make_bundle(tmp_path / "bundle", model=model, dropout=0.5)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert written.model is not model


def test_a_new_bundle_takes_the_place_of_an_old_one(make_bundle, tmp_path):
    old = make_bundle(tmp_path / "runs" / "bundle", seed=1)
    new = make_bundle(tmp_path / "runs" / "bundle", seed=2)
    assert load_bundle(new.folder).digest == new.digest != old.digest
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["bundle"]


def test_a_folder_with_something_else_is_never_replaced(make_bundle, folder):
    (folder / "notes.txt").write_text("mine")
    before = content(folder)
    with pytest.raises(BundleError, match=r"holds notes\.txt, which is no part of a bundle: choose another folder"):
        make_bundle(folder)
    assert content(folder) == before
    with pytest.raises(BundleError, match="which is no part of a bundle"):
        make_bundle(folder / "notes.txt")


def test_an_empty_folder_may_be_filled(make_bundle, tmp_path):
    (tmp_path / "bundle").mkdir()
    assert make_bundle(tmp_path / "bundle").folder == tmp_path / "bundle"


def full_disk(at):
    """Return a ``write_bytes`` that fails on the file ``at`` as a full disk does, half-way."""
    from hilum.runs import write_bytes

    def write(target, data):
        if target.name == at:
            target.write_bytes(data[: len(data) // 2])
            raise StorageError(f"cannot write {target.name}: {os.strerror(errno.ENOSPC)}.")
        write_bytes(target, data)

    return write


@pytest.mark.parametrize("at", FILES)
def test_a_full_disk_leaves_the_old_bundle_good_and_no_rubbish(make_bundle, folder, monkeypatch, at):
    before = content(folder)
    monkeypatch.setattr(bundle_module, "write_bytes", full_disk(at))
    with pytest.raises(StorageError, match="No space left on device"):
        make_bundle(folder, seed=5)
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    load_bundle(folder)


@pytest.mark.parametrize("failing_rename", [1, 2])
def test_a_rename_that_fails_leaves_the_old_bundle_good(make_bundle, folder, monkeypatch, failing_rename):
    before, calls = content(folder), []
    rename = type(folder).rename

    def failing(self, target):
        if self.name.startswith(".partial-bundle") or self.name == "bundle":
            calls.append(self.name)
            if len(calls) == failing_rename:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(type(folder), "rename", failing)
    with pytest.raises(StorageError, match=r"Input/output error\. What was there before is still good"):
        make_bundle(folder, seed=5)
    monkeypatch.undo()
    assert content(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_folder_that_cannot_be_made_is_said(make_bundle, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"cannot write a bundle to .*: File exists\. Nothing was changed"):
        make_bundle(tmp_path / "file" / "bundle")


def test_spec_and_model_must_belong_together(sealed, tmp_path):
    pixels = np.zeros((1, 64, 64), np.uint8)

    def write(spec, golden=pixels):
        write_bundle(tmp_path / "bundle", sealed.model, spec=spec, golden_pixels=golden, model_card="")

    fewer = {name: rule for name, rule in sealed.spec.findings.items() if name != "Mass"}
    with pytest.raises(InvalidValueError, match="the model gives 3 logits, the spec names 2 findings"):
        write(sealed.spec.model_copy(update={"findings": fewer}))
    darker = sealed.spec.input.model_copy(update={"mean": (0.25,)})
    with pytest.raises(InvalidValueError, match=r"mean of the model is \[0\.5\], of the spec \[0\.25\]"):
        write(sealed.spec.model_copy(update={"input": darker}))
    with pytest.raises(InvalidValueError, match="needs at least one golden input"):
        write(sealed.spec, golden=pixels[:0])
    assert list(tmp_path.iterdir()) == []


def test_input_is_scaled_to_the_unit_interval_and_nothing_else_is_taken(sealed):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    images = sealed.to_input(pixels)
    assert images.shape == (2, 1, 64, 64)
    np.testing.assert_allclose(images[:, 0].numpy(), pixels / 255, rtol=1e-6)
    for wrong in (pixels[0], pixels[:, :32], pixels.astype(np.float32), pixels[..., None]):
        with pytest.raises(InvalidValueError, match=r"expected uint8 films of shape \(image, 64, 64\), got"):
            sealed.to_input(wrong)


def test_it_prints_itself_usefully(sealed):
    assert f"resnet10t_slim, 3 findings, 64 px, digest {sealed.digest[:12]}" in repr(sealed)


def test_a_bundle_from_before_no_finding_had_a_rule_is_good(make_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(
        BundleSpec, "to_json", lambda self: self.model_dump_json(indent=1, exclude={"no_finding"}) + "\n"
    )
    folder = make_bundle(tmp_path / "bundle").folder
    monkeypatch.undo()
    assert "no_finding" not in json.loads((folder / "bundle.json").read_text())
    assert load_bundle(folder).spec.no_finding is None


def test_other_rules_are_sealed_onto_the_same_network(sealed, folder, tmp_path):
    old = load_bundle(folder)
    rules = {name: rule.model_copy(update={"threshold": 0.25}) for name, rule in old.spec.findings.items()}
    facts = Recalibration(
        n_images=200, n_patients=90, data_digest="d", parent_digest=old.digest, ece_before=0.2, ece_after=0.02
    )
    spec = old.spec.model_copy(update={"findings": rules, "recalibration": facts})
    new = reseal_bundle(old, tmp_path / "new", spec=spec, model_card="# Another card")
    assert load_bundle(tmp_path / "new").digest == new.digest != old.digest
    assert new.spec.findings["Mass"].threshold == 0.25
    assert new.spec.recalibration == facts
    assert (tmp_path / "new" / "MODEL_CARD.md").read_text() == "# Another card"
    pixels = np.zeros((1, 64, 64), np.uint8)
    assert torch.equal(new.model(new.to_input(pixels)), old.model(old.to_input(pixels)))
    assert reseal_bundle(old, folder, spec=spec, model_card="# In its place").folder == folder


def test_a_new_seal_changes_nothing_but_rules(folder, tmp_path):
    old = load_bundle(folder)
    with pytest.raises(InvalidValueError, match="this spec changes licence, phantom: train anew"):
        reseal_bundle(
            old, tmp_path / "new", spec=old.spec.model_copy(update={"phantom": False, "licence": "x"}), model_card=""
        )
    turned = dict(reversed(old.spec.findings.items()))
    with pytest.raises(InvalidValueError, match="this spec changes the findings to Nodule, Mass, Effusion"):
        reseal_bundle(old, tmp_path / "new", spec=old.spec.model_copy(update={"findings": turned}), model_card="")
    (folder / "golden.npz").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"golden\.npz was changed since it was loaded"):
        reseal_bundle(old, tmp_path / "new", spec=old.spec, model_card="")
    assert not (tmp_path / "new").exists()
