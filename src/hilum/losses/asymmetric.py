"""Asymmetric loss: absent labels, which are many, are focused harder, and the easiest are let go.

Source: Ridnik et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021, eq. 7.
Departures from the paper: a NaN label carries neither loss nor gradient; the mean, not the sum, is taken.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from hilum.errors import InvalidValueError
from hilum.losses.known import mean_over_known, mixed

__all__ = ["asymmetric_loss"]


def asymmetric_loss(
    logits: Float[Tensor, "batch finding"],
    target: Float[Tensor, "batch finding"],
    *,
    gamma_positive: float = 0.0,
    gamma_negative: float = 4.0,
    margin: float = 0.05,
) -> Float[Tensor, ""]:
    """Mean asymmetric loss over the known labels, in nats.

    Args:
        logits: Raw scores; no sigmoid applied.
        target: 1 present, 0 absent, NaN unknown; in between for an uncertain label, which counts as that mixture.
        gamma_positive: Focusing exponent for present labels, at least 0.
        gamma_negative: The same for absent labels.
        margin: Taken from the score of absent labels, in [0, 1); below it an absent label carries no loss.

    Returns:
        A scalar; 0 (with a zero gradient) if no label of the batch is known.

    Raises:
        InvalidValueError: A negative exponent, or a margin out of range.

    Example:
        >>> asymmetric_loss(torch.zeros(1, 1), torch.zeros(1, 1), gamma_negative=0.0, margin=0.0)
        tensor(0.6931)
    """
    if min(gamma_positive, gamma_negative) < 0 or not 0 <= margin < 1:
        raise InvalidValueError(
            f"exponents must be at least 0 and margin lie in [0, 1); got {gamma_positive}, {gamma_negative}, {margin}"
        )
    tiny = torch.finfo(logits.dtype).eps
    missed = torch.sigmoid(-logits).clamp_min(tiny)
    present = -logsigmoid(logits) * missed**gamma_positive
    if margin:
        # Below 1 even for the smallest margin, so that the logarithm stays finite.
        shifted = (torch.sigmoid(logits) - margin).clamp(0, 1 - tiny)
        absent = -torch.log1p(-shifted) * shifted.clamp_min(tiny) ** gamma_negative
    else:
        absent = -logsigmoid(-logits) * torch.sigmoid(logits).clamp_min(tiny) ** gamma_negative
    return mean_over_known(mixed(present, absent, target), target)
