"""A film in, one logit per finding out, with everything between pixels and backbone inside the model."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hilum.errors import InvalidValueError
from hilum.models.backbone import get_backbone
from hilum.models.head import get_head
from hilum.models.network import TimmNetwork, create_network, stage_names
from hilum.models.section import ModelSection

__all__ = ["FilmModel", "build_model", "evaluation_mode"]


class FilmModel(nn.Module):
    """Normalisation, backbone and head in one module.

    Mean and deviation are buffers: they travel with the weights, are never trained, and cannot be
    applied twice or forgotten.

    Attributes:
        backbone: The timm network without its classifier.
        head: From pooled features to logits.
        mean: Mean per channel of pixels in [0, 1].
        std: Standard deviation per channel.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, backbone: TimmNetwork, head: nn.Sequential, *, mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self._frozen: tuple[nn.Module, ...] = ()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, -1, 1, 1))

    @property
    def n_findings(self) -> int:
        """Number of logits."""
        return cast("nn.Linear", self.head[-1]).out_features

    def freeze(self, stages: int) -> None:
        """Keep the start weights of the backbone's stem and first stages; their normalisation stays as it is, too.

        Args:
            stages: 0 freezes nothing, 1 the stem, 2 the stem and the first stage, and so on.

        Raises:
            InvalidValueError: A negative number, or the backbone has fewer stages.
        """
        names = stage_names(self.backbone)
        if not 0 <= stages <= len(names):
            raise InvalidValueError(
                f"freeze_stages={stages}: the backbone has {len(names)} stages, its stem included; "
                f"expected 0 .. {len(names)}"
            )
        frozen = {name for group in names[:stages] for name in group}
        for name, parameter in self.backbone.named_parameters():
            parameter.requires_grad_(name not in frozen)
        self._frozen = tuple(
            module
            for module in self.backbone.modules()
            if isinstance(module, nn.BatchNorm2d) and not any(p.requires_grad for p in module.parameters())
        )
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's own signature
        """Switch to training; frozen normalisation stays as it is."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def forward(self, images: Float[Tensor, "image 1 height width"]) -> Float[Tensor, "image finding"]:
        """Return logits of films in [0, 1], dense tissue bright.

        Raises:
            InvalidValueError: The films do not have exactly one channel.
        """
        return self.logits_from_map(self.feature_map(images))

    def feature_map(
        self, images: Float[Tensor, "image 1 height width"]
    ) -> Float[Tensor, "image feature map_height map_width"]:
        """Return what the backbone sees in films in [0, 1], before pooling, as a map whatever the backbone.

        Raises:
            InvalidValueError: The films do not have exactly one channel.
        """
        if images.ndim != 4 or images.shape[1] != 1:
            raise InvalidValueError(f"films must be of shape (image, 1, height, width), got {tuple(images.shape)}")
        # A single grey channel spreads over the channels of mean and std.
        normalised = (images - self.mean) / self.std
        return self.backbone.forward_features(normalised.contiguous(memory_format=torch.channels_last))

    def logits_from_map(
        self, features: Float[Tensor, "image feature map_height map_width"]
    ) -> Float[Tensor, "image finding"]:
        """Return logits of a feature map; with :meth:`feature_map` the same as a call of the model."""
        logits: Tensor = self.head(self.backbone.forward_head(features, pre_logits=True))
        return logits


class TokenFilmModel(FilmModel):
    """A film model whose backbone gives one token per patch; the map is these tokens laid out again."""

    def feature_map(
        self, images: Float[Tensor, "image 1 height width"]
    ) -> Float[Tensor, "image feature map_height map_width"]:
        """Return the patch tokens as a map; tokens that stand for no patch are left out."""
        tokens = super().feature_map(images)[:, self.backbone.num_prefix_tokens :]
        return tokens.transpose(1, 2).reshape(len(tokens), -1, *self.backbone.patch_embed.grid_size)

    def logits_from_map(
        self, features: Float[Tensor, "image feature map_height map_width"]
    ) -> Float[Tensor, "image finding"]:
        """Return logits of the mean over patches."""
        logits: Tensor = self.head(features.mean(dim=(2, 3)))
        return logits


def build_model(
    section: ModelSection, *, n_findings: int, mean: Sequence[float], std: Sequence[float], size_px: int
) -> FilmModel:
    """Build an untrained model; its random weights come from torch's global generator.

    Args:
        section: Backbone, head, channels, dropout; ``init`` is :func:`load_start_weights`' business.
        n_findings: Number of logits.
        mean: Mean of pixels in [0, 1]: one number, or one per channel.
        std: Their standard deviation, likewise; above 0.
        size_px: Side of the square films.

    Raises:
        InvalidValueError: A size the backbone cannot take, or statistics that do not fit the channels.
    """
    if n_findings < 1:
        raise InvalidValueError(f"n_findings must be at least 1, got {n_findings}")
    backbone = get_backbone(section.backbone)
    backbone.check_size(size_px)
    mean, std = _per_channel(mean, section.channels), _per_channel(std, section.channels)
    if min(std) <= 0:
        raise InvalidValueError(f"std must be above 0 for every channel, got {std}")
    network = create_network(backbone, channels=section.channels, size_px=size_px, drop_path=section.drop_path)
    head = get_head(section.head)(network.head_hidden_size, n_findings, dropout=section.dropout)
    kind = TokenFilmModel if backbone.layout == "tokens" else FilmModel
    model = kind(network, head, mean=mean, std=std)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it
    return model


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Keep a model in evaluation mode for a while; every part of it is in its own mode again afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _per_channel(values: Sequence[float], channels: int) -> tuple[float, ...]:
    if len(values) not in {1, channels}:
        raise InvalidValueError(f"expected mean and std of 1 or {channels} channels, got {len(values)} numbers")
    return tuple(values) * (channels // len(values))
