"""What all losses share: the mean over labels that are known, and what an uncertain label counts as."""

import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["mean_over_known", "mixed"]


def mixed(
    present: Float[Tensor, "batch finding"],
    absent: Float[Tensor, "batch finding"],
    target: Float[Tensor, "batch finding"],
) -> Float[Tensor, "batch finding"]:
    """Return ``present`` where ``target`` is 1, ``absent`` where it is 0, and their mixture in between."""
    return torch.lerp(absent, present, target.nan_to_num())


def mean_over_known(terms: Float[Tensor, "batch finding"], target: Float[Tensor, "batch finding"]) -> Float[Tensor, ""]:
    """Return the mean of ``terms`` where ``target`` is not NaN; 0, with a zero gradient, if no label is known."""
    known = ~target.isnan()
    return torch.where(known, terms, 0).sum() / known.sum().clamp_min(1)
