"""Optimisers and the learning rate, which depends on the step and the history alone."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from hilum.models import FilmModel
from hilum.training.section import TrainingSection

__all__ = ["epochs_since_best", "learning_rate", "make_optimiser", "set_learning_rate"]

_PLATEAU_FACTOR = 0.1
_MOMENTUM = 0.9


def make_optimiser(model: FilmModel, section: TrainingSection) -> Optimizer:
    """Return the optimiser of all parameters that are trained.

    Four groups: backbone and head, each with weights that decay and vectors (biases, normalisation) that do not; a
    group's ``rate`` is its factor on the learning rate.
    """
    groups = [
        {"params": tensors, "rate": rate, "weight_decay": decay}
        for part, rate in ((model.backbone, section.backbone_rate), (model.head, 1.0))
        for tensors, decay in _by_decay(part, section.weight_decay)
        if tensors
    ]
    if section.optimiser == "sgd":
        return SGD(groups, lr=section.learning_rate, momentum=_MOMENTUM, nesterov=True, fused=True)
    return AdamW(groups, lr=section.learning_rate, fused=True)


def learning_rate(
    section: TrainingSection, *, step: int, steps_per_epoch: int, validation_aurocs: Sequence[float]
) -> float:
    """Return the learning rate of a step.

    Args:
        section: Highest rate, warm-up, schedule.
        step: Steps taken so far, over all epochs.
        steps_per_epoch: Steps of an epoch.
        validation_aurocs: One per finished epoch; read by ``plateau`` alone.
    """
    warmup = section.warmup_epochs * steps_per_epoch
    if step < warmup:
        return section.learning_rate * (step + 1) / (warmup + 1)
    if section.schedule == "plateau":
        return section.learning_rate * _PLATEAU_FACTOR ** _n_reductions(validation_aurocs, section.plateau_epochs)
    total = section.epochs * steps_per_epoch
    progress = (step - warmup) / max(total - warmup, 1)
    return section.learning_rate * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def set_learning_rate(optimiser: Optimizer, rate: float) -> None:
    """Give every group the rate times its own factor."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["rate"]


def epochs_since_best(validation_aurocs: Sequence[float]) -> int:
    """Return how many epochs ago the best mean AUROC was reached; NaN is no best; 0 for no epoch at all."""
    best, since = -math.inf, 0
    for value in validation_aurocs:
        if value > best:
            best, since = value, 0
        else:
            since += 1
    return since


def _n_reductions(validation_aurocs: Sequence[float], plateau_epochs: int) -> int:
    """Count how often ``plateau_epochs`` epochs went by without a new best; the count starts anew after each."""
    best, since, n_reductions = -math.inf, 0, 0
    for value in validation_aurocs:
        if value > best:
            best, since = value, 0
        else:
            since += 1
        if since == plateau_epochs:
            since, n_reductions = 0, n_reductions + 1
    return n_reductions


def _by_decay(part: nn.Module, weight_decay: float) -> tuple[tuple[list[torch.Tensor], float], ...]:
    trained: list[Any] = [tensor for tensor in part.parameters() if tensor.requires_grad]
    weights = [tensor for tensor in trained if tensor.ndim > 1]
    vectors = [tensor for tensor in trained if tensor.ndim <= 1]
    return (weights, weight_decay), (vectors, 0.0)
