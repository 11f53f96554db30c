"""Binary cross-entropy per finding, plain and weighted by prevalence."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hilum.losses.known import mean_over_known, mixed

__all__ = ["cross_entropy_loss", "weighted_cross_entropy_loss"]


def cross_entropy_loss(
    logits: Float[Tensor, "batch finding"], target: Float[Tensor, "batch finding"]
) -> Float[Tensor, ""]:
    """Mean binary cross-entropy over the known labels, in nats.

    Args:
        logits: Raw scores; no sigmoid applied.
        target: 1 present, 0 absent, NaN unknown; in between for an uncertain label, which counts as that mixture.

    Returns:
        A scalar; 0 (with a zero gradient) if no label of the batch is known.

    Example:
        >>> cross_entropy_loss(torch.zeros(1, 2), torch.tensor([[1.0, torch.nan]]))
        tensor(0.6931)
    """
    return mean_over_known(_terms(logits, target), target)


def weighted_cross_entropy_loss(
    logits: Float[Tensor, "batch finding"],
    target: Float[Tensor, "batch finding"],
    *,
    prevalence: Float[Tensor, " finding"],
) -> Float[Tensor, ""]:
    """Mean cross-entropy in which both sides of a finding weigh the same over the training set, in nats.

    Source: Wang et al., "ChestX-ray8", CVPR 2017, eq. 1, as the ancestor of hilum had it: a present label weighs the
    share of absent ones and the other way round, per finding.

    Args:
        logits: Raw scores; no sigmoid applied.
        target: 1 present, 0 absent, NaN unknown; in between for an uncertain label, which counts as that mixture.
        prevalence: Share of the known training labels that are present, per finding, in [0, 1].

    Returns:
        A scalar; 0 (with a zero gradient) if no label of the batch is known.

    Example:
        >>> weighted_cross_entropy_loss(torch.zeros(1, 1), torch.ones(1, 1), prevalence=torch.tensor([0.1]))
        tensor(0.6238)
    """
    present = (1 - prevalence) * _terms(logits, torch.ones_like(target))
    absent = prevalence * _terms(logits, torch.zeros_like(target))
    return mean_over_known(mixed(present, absent, target), target)


def _terms(
    logits: Float[Tensor, "batch finding"], target: Float[Tensor, "batch finding"]
) -> Float[Tensor, "batch finding"]:
    return binary_cross_entropy_with_logits(logits, target.nan_to_num(), reduction="none")
