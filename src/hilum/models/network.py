"""timm's networks: how they are made, and what hilum uses of them."""

import importlib
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from hilum.errors import HilumError
from hilum.models._torchvision import import_timm
from hilum.models.backbone import Backbone

__all__ = ["TimmNetwork", "create_network", "download_weights", "resample_positions", "stage_names", "stem_weights"]


class TimmNetwork(nn.Module):
    """What hilum uses of a timm network beyond a torch module; timm itself has no type.

    Attributes:
        head_hidden_size: Number of pooled features.
        num_prefix_tokens: Tokens before the patches' (transformers only).
        patch_embed: Holds the patches' ``grid_size`` (transformers only).
        pretrained_cfg: Names the stem (``first_conv``) and the classifier.
    """

    head_hidden_size: int
    num_prefix_tokens: int
    patch_embed: "PatchEmbedding"
    pretrained_cfg: Mapping[str, str | tuple[str, ...]]

    def group_matcher(self, *, coarse: bool) -> Mapping[str, object]:
        """Return how timm groups parameters into stages."""
        raise NotImplementedError

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the features before pooling."""
        raise NotImplementedError

    def forward_head(self, features: Tensor, *, pre_logits: bool) -> Tensor:
        """Return pooled features."""
        raise NotImplementedError


class PatchEmbedding(nn.Module):
    """A transformer's way from pixels to patches: ``grid_size`` rows and columns of them."""

    grid_size: tuple[int, int]


def create_network(backbone: Backbone, *, channels: int, size_px: int, drop_path: float) -> TimmNetwork:
    """Return the backbone with random weights and without its classifier."""
    options = dict(backbone.options)
    if backbone.layout == "tokens":
        options["img_size"] = size_px
    if drop_path:
        options["drop_path_rate"] = drop_path
    timm = import_timm()
    network = timm.create_model(backbone.timm_name, pretrained=False, in_chans=channels, num_classes=0, **options)
    return cast("TimmNetwork", network)


def download_weights(backbone: Backbone) -> dict[str, Tensor]:
    """Let timm download the start weights, as they are: in colour, with their classifier.

    Raises:
        HilumError: They cannot be downloaded.
    """
    try:
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = import_timm().create_model(backbone.timm_name, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise HilumError(
            f"init=pretrained: the weights of {backbone.timm_name} could not be downloaded ({type(error).__name__}). "
            "Without a connection, pass a file of them instead: init=<path to model.safetensors>."
        ) from error
    return dict(network.state_dict())


def resample_positions(embedding: Tensor, network: TimmNetwork) -> Tensor:
    """Return a transformer's position embedding, interpolated to the network's grid of patches."""
    resampled = import_timm().layers.resample_abs_pos_embed(
        embedding.float(), new_size=network.patch_embed.grid_size, num_prefix_tokens=network.num_prefix_tokens
    )
    return cast("Tensor", resampled)


def stage_names(network: TimmNetwork) -> list[list[str]]:
    """Return the names of the parameters of the stem and of every stage, in order, as timm groups them."""
    manipulate = importlib.import_module("timm.models._manipulate")
    matcher = network.group_matcher(coarse=True)
    grouped: Mapping[object, list[str]] = manipulate.group_with_matcher(
        network.named_parameters(), matcher, return_values=False
    )
    return list(grouped.values())


def stem_weights(network: TimmNetwork) -> tuple[str, ...]:
    """Return the names of the weights that meet the film's channels; a stem of several layers counts with its first."""
    stems = network.pretrained_cfg["first_conv"]
    return tuple(
        f"{_first_convolution(network, stem)}.weight" for stem in ([stems] if isinstance(stems, str) else stems)
    )


def _first_convolution(network: nn.Module, stem: str) -> str:
    layers = network.get_submodule(stem).named_modules(prefix=stem)
    return next(str(name) for name, layer in layers if isinstance(layer, nn.Conv2d))
