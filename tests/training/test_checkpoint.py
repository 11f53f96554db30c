"""Checkpoints: what goes in comes out, and a disk that is full leaves the old one."""

import resource
from contextlib import contextmanager

import pytest
import torch

from hilum.errors import RunError, StorageError
from hilum.models import ModelSection, build_model
from hilum.training import TrainingSection
from hilum.training.checkpoint import (
    Checkpoint,
    load_optimiser,
    optimiser_tensors,
    read_checkpoint,
    write_checkpoint,
)
from hilum.training.optimiser import make_optimiser


@contextmanager
def largest_file(n_bytes):
    """As a full disk: writing beyond ``n_bytes`` of any file fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_tensors_and_facts_come_back(tmp_path):
    tensors = {
        "model.w": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last),
        "model.n": torch.tensor(7),
        "random.cpu": torch.get_rng_state(),
    }
    facts = {"history": [{"epoch": 1, "loss": 0.1234567890123456789, "auroc": None}], "average_steps": 3}
    write_checkpoint(tmp_path / "c" / "last.safetensors", Checkpoint(tensors, facts))
    back = read_checkpoint(tmp_path / "c" / "last.safetensors")
    assert back.facts == facts
    assert back.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(back.tensors[name], tensor)
        assert back.tensors[name].dtype == tensor.dtype
    assert back.group("model.").keys() == {"w", "n"}


def test_a_full_disk_leaves_the_old_one_and_no_rubbish(tmp_path):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, Checkpoint({"w": torch.zeros(10)}, {"epoch": 1}))
    before = path.read_bytes()
    with largest_file(100_000), pytest.raises(StorageError, match=r"last\.safetensors.*still good"):
        write_checkpoint(path, Checkpoint({"w": torch.zeros(100_000)}, {"epoch": 2}))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", [lambda b: b[:-7], lambda b: b"", lambda b: b"\xff" * len(b)])
def test_a_damaged_one_is_refused_with_advice(tmp_path, damage):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, Checkpoint({"w": torch.zeros(10)}, {}))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(RunError, match=r"last\.safetensors cannot be read .*start the run anew"):
        read_checkpoint(path)


def test_a_missing_one_and_one_without_facts_are_refused(tmp_path):
    with pytest.raises(RunError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.safetensors")
    from safetensors.torch import save_file

    save_file({"w": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match="cannot be read"):
        read_checkpoint(tmp_path / "other.safetensors")


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_an_optimiser_goes_on_as_if_nothing_had_happened(tmp_path, name):
    def fresh():
        torch.manual_seed(0)
        network = build_model(
            ModelSection(backbone="resnet10t_slim"), n_findings=2, mean=(0.5,), std=(0.2,), size_px=64
        )
        return network, make_optimiser(network, TrainingSection(optimiser=name))

    def step(network, optimiser, seed):
        torch.manual_seed(seed)
        for parameter in network.parameters():
            parameter.grad = torch.randn_like(parameter)
        optimiser.step()

    network, optimiser = fresh()
    step(network, optimiser, 1)
    write_checkpoint(tmp_path / "c", Checkpoint(optimiser_tensors(optimiser), {}))
    other, resumed = fresh()
    other.load_state_dict(network.state_dict())
    load_optimiser(resumed, read_checkpoint(tmp_path / "c").tensors)
    for number, parameter in enumerate(p for group in resumed.param_groups for p in group["params"]):
        for key, tensor in resumed.state_dict()["state"][number].items():
            if key != "step":
                assert tensor.stride() == parameter.stride(), "the layout decides speed and rounding"
    for seed in (2, 3):
        step(network, optimiser, seed)
        step(other, resumed, seed)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


def test_an_optimiser_without_a_step_has_nothing_to_keep():
    network = build_model(ModelSection(backbone="resnet10t_slim"), n_findings=2, mean=(0.5,), std=(0.2,), size_px=64)
    optimiser = make_optimiser(network, TrainingSection())
    assert optimiser_tensors(optimiser) == {}
    load_optimiser(optimiser, {})
