"""Training losses: every one takes logits and a target with NaN for "unknown"."""

from hilum.losses.asymmetric import asymmetric_loss
from hilum.losses.cross_entropy import cross_entropy_loss, weighted_cross_entropy_loss
from hilum.losses.focal import focal_loss
from hilum.losses.section import LOSSES, Loss, LossSection, get_loss, make_loss

__all__ = [
    "LOSSES",
    "Loss",
    "LossSection",
    "asymmetric_loss",
    "cross_entropy_loss",
    "focal_loss",
    "get_loss",
    "make_loss",
    "weighted_cross_entropy_loss",
]
