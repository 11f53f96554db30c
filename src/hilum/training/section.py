"""The ``training`` section of a recipe."""

from typing import Literal

from hilum.config import Section, setting

__all__ = ["TrainingSection"]


class TrainingSection(Section):
    """How the network is trained.

    Attributes:
        epochs: Passes over the training films, at most.
        batch_size: Films per step, at most; the batches of an epoch differ by one film.
        optimiser: ``adamw``, or ``sgd`` with momentum 0.9.
        learning_rate: At its highest.
        backbone_rate: Factor on the learning rate of the backbone; the head keeps the full one.
        weight_decay: On weights; biases and normalisation are spared.
        schedule: ``cosine`` falls to 0 by the last epoch; ``plateau`` divides by ten when validation does not improve.
        warmup_epochs: Epochs, or a part of one, in which the learning rate rises from 0.
        plateau_epochs: Epochs without improvement after which ``plateau`` lowers the learning rate.
        patience: Epochs without improvement after which training stops; 0 trains to the end.
        ema_decay: Decay per step of the moving average of the weights that is validated and kept; 0 for none.
        clip_norm: Largest norm of the gradient; 0 for no limit.
        freeze_stages: Stages of the backbone, from its stem, that keep their start weights.
        precision: ``auto`` takes bf16 where the device is made for it; ``fp32``; ``bf16`` (autocast).
        device: ``auto`` takes CUDA where there is one; or torch's name of a device.
        seed: Of the weights, the order of films, augmentation and dropout.
    """

    epochs: int = setting(default=10, ge=1)
    batch_size: int = setting(default=32, ge=1)
    optimiser: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = setting(default=1e-3, gt=0)
    backbone_rate: float = setting(default=1.0, gt=0)
    weight_decay: float = setting(default=0.05, ge=0)
    schedule: Literal["cosine", "plateau"] = "cosine"
    warmup_epochs: float = setting(default=0.5, ge=0)
    plateau_epochs: int = setting(default=2, ge=1)
    patience: int = setting(default=0, ge=0)
    ema_decay: float = setting(default=0.0, ge=0, lt=1)
    clip_norm: float = setting(default=1.0, ge=0)
    freeze_stages: int = setting(default=0, ge=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: str = setting(default="auto", min_length=1)
    seed: int = setting(default=0, ge=0, lt=2**63)
