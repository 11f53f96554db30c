"""Focal loss for findings whose label may be unknown.

Source: Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
Departure from the paper: a NaN label carries neither loss nor gradient.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hilum.errors import InvalidValueError
from hilum.losses.known import mean_over_known, mixed

__all__ = ["focal_loss"]


def focal_loss(
    logits: Float[Tensor, "batch finding"],
    target: Float[Tensor, "batch finding"],
    *,
    gamma: float = 2.0,
) -> Float[Tensor, ""]:
    """Mean focal loss over the known labels, in nats; present and absent labels alike carry loss.

    Args:
        logits: Raw scores; no sigmoid applied.
        target: 1 present, 0 absent, NaN unknown; in between for an uncertain label, which counts as that mixture.
        gamma: Focusing exponent, at least 0; 0 is plain binary cross-entropy.

    Returns:
        A scalar; 0 (with a zero gradient) if no label of the batch is known.

    Raises:
        InvalidValueError: ``gamma`` is negative.

    Example:
        >>> focal_loss(torch.zeros(1, 2), torch.tensor([[1.0, torch.nan]]), gamma=2.0)
        tensor(0.1733)
    """
    if gamma < 0:
        raise InvalidValueError(f"gamma must be at least 0, got {gamma}")
    present = _focused(logits, torch.ones_like(target), gamma)
    absent = _focused(logits, torch.zeros_like(target), gamma)
    return mean_over_known(mixed(present, absent, target), target)


def _focused(
    logits: Float[Tensor, "batch finding"], target: Float[Tensor, "batch finding"], gamma: float
) -> Float[Tensor, "batch finding"]:
    cross_entropy = binary_cross_entropy_with_logits(logits, target, reduction="none")
    # The share given to the wrong side, 1 - p_t, without cancellation; above 0 so that the power has a gradient.
    missed = (-torch.expm1(-cross_entropy)).clamp_min(torch.finfo(logits.dtype).eps)
    return missed**gamma * cross_entropy
