"""How good the network is on validation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64, Int64
from torch import nn

from hilum.data import PixelStore, batches
from hilum.errors import RunError
from hilum.losses import Loss
from hilum.metrics import auroc

__all__ = ["Validation", "validate"]


@dataclass(frozen=True, eq=False)
class Validation:
    """What a look at the validation split gave.

    Attributes:
        logits: Raw outputs.
        targets: 1 present, 0 absent, NaN unknown.
        loss: Mean over the known labels, in nats.
        aurocs: Per finding; NaN where a side is missing.
    """

    logits: Float64[np.ndarray, "image finding"]
    targets: Float64[np.ndarray, "image finding"]
    loss: float
    aurocs: dict[str, float]

    @property
    def mean_auroc(self) -> float:
        """Mean over the findings that have one; NaN if none has."""
        defined = [value for value in self.aurocs.values() if value == value]
        return float(np.mean(defined)) if defined else float("nan")


def validate(
    model: nn.Module,
    store: PixelStore,
    rows: Int64[np.ndarray, " image"],
    targets: Float64[np.ndarray, "image finding"],
    *,
    findings: Sequence[str],
    loss: Loss,
    batch_size: int,
    device: torch.device,
) -> Validation:
    """Run the model, in evaluation mode, over the validation films.

    Raises:
        RunError: An answer is not finite: training went astray.
    """
    model.eval()
    reader = batches(store, rows, targets.astype(np.float32), batch_size=batch_size)
    with torch.inference_mode():
        outputs = [model(batch.images.to(device)).float().cpu() for batch in reader]
        logits = torch.cat(outputs)
        value = float(loss(logits.to(device), torch.from_numpy(targets).float().to(device)))
    numbers = logits.numpy().astype(np.float64)
    n_wild = int((~np.isfinite(numbers)).any(axis=1).sum())
    if n_wild:
        raise RunError(
            f"the network's answers for {n_wild:,} of {len(numbers):,} validation films are not finite: lower "
            "training.learning_rate, or set training.precision=fp32, and start anew"
        )
    aurocs = {name: auroc(numbers[:, i], targets[:, i]) for i, name in enumerate(findings)}
    return Validation(numbers, targets, value, aurocs)
