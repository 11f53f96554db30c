"""Checkpoints: all of a run's state after an epoch, in one safetensors file: either the old one or the new one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.optim import Optimizer

from hilum.errors import RunError
from hilum.runs import write_bytes

__all__ = ["Checkpoint", "load_optimiser", "optimiser_tensors", "read_checkpoint", "write_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """Tensors and plain values.

    Attributes:
        tensors: By name; groups of them share a prefix that ends in a dot.
        facts: Plain values, such as the epoch.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, object]

    def group(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names start with ``prefix``, without it."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in the place of the old one.

    Raises:
        StorageError: The disk is full or cannot be written; the old checkpoint is still good.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    write_bytes(path, save(tensors, metadata={"facts": json.dumps(checkpoint.facts)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint; raises RunError if it cannot be read."""
    try:
        with safe_open(path, framework="pt") as stream:
            facts = json.loads((stream.metadata() or {})["facts"])
            return Checkpoint({name: stream.get_tensor(name) for name in stream.keys()}, facts)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise RunError(f"the checkpoint {path.name} cannot be read ({error}): start the run anew") from None


def optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state as tensors called ``<parameter>.<name>``."""
    state = optimiser.state_dict()["state"]
    return {
        f"{number}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
        for number, values in state.items()
        for name, value in values.items()
        if value is not None
    }


def load_optimiser(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser the state that :func:`optimiser_tensors` returned.

    Files keep no memory layout. What has its parameter's shape gets its layout too, so that steps after a resume are
    as fast as before and give the same bytes.
    """
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, name = key.split(".", 1)
        like = parameters[int(number)].detach()
        fitted = torch.empty_like(like).copy_(tensor) if tensor.shape == like.shape and tensor.ndim else tensor
        state.setdefault(int(number), {})[name] = fitted
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
