"""The table of backbones: one row each, nothing else to edit to add one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from hilum.errors import InvalidValueError, UnknownNameError

__all__ = ["BACKBONES", "Backbone", "get_backbone"]

Triple = tuple[float, float, float]

_IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
_IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
_HALF: Triple = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class Backbone:
    """A network without its classifier, as timm knows it, and what its start weights were made with.

    Attributes:
        timm_name: timm's name, with the tag of its start weights where there are any.
        input_size_px: Side of the films the start weights were trained on.
        licence: SPDX name of the start weights' licence; it passes on to what is trained from them.
        source: The paper.
        mean: Mean per colour channel that the start weights expect.
        std: Standard deviation per colour channel that they expect.
        minimum_size_px: Smallest side the network can take.
        size_step_px: The side must be a multiple of this.
        layout: ``grid``: the features are a map; ``tokens``: they are a row of tokens, one per patch.
        drop_path: Whether the network has residual branches that ``drop_path`` can skip.
        pretrained: Whether start weights are published for it.
        options: What timm is told beside the name.
    """

    timm_name: str
    input_size_px: int
    licence: str
    source: str
    mean: Triple = _IMAGENET_MEAN
    std: Triple = _IMAGENET_STD
    minimum_size_px: int = 32
    size_step_px: int = 1
    layout: Literal["grid", "tokens"] = "grid"
    drop_path: bool = True
    pretrained: bool = True
    options: Mapping[str, object] = field(default_factory=dict)

    def statistics(self, channels: Literal[1, 3]) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return the start weights' ``(mean, std)`` for ``channels`` channels; one channel gets the colours' mean."""
        if channels == 1:
            return (sum(self.mean) / 3,), (sum(self.std) / 3,)
        return self.mean, self.std

    def check_size(self, size_px: int) -> None:
        """Raise InvalidValueError, with the nearest side that works, unless the network takes ``size_px``."""
        if size_px >= self.minimum_size_px and size_px % self.size_step_px == 0:
            return
        step = self.size_step_px
        nearest = max(round(size_px / step), -(-self.minimum_size_px // step), 1) * step
        rule = f"at least {self.minimum_size_px} px" + (f" and a multiple of {step}" if step > 1 else "")
        raise InvalidValueError(
            f"{self.timm_name} takes square films of {rule}, got {size_px} px. Nearest: size_px={nearest}."
        )


_RESNET = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"
_TIERED_STEM = "stem of He et al., Bag of Tricks for Image Classification, CVPR 2019"

BACKBONES: dict[str, Backbone] = {
    "densenet121": Backbone(
        timm_name="densenet121.tv_in1k",
        input_size_px=224,
        licence="apache-2.0",
        source="Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
        drop_path=False,
    ),
    "resnet50v2": Backbone(
        timm_name="resnetv2_50.a1h_in1k",
        input_size_px=224,
        licence="apache-2.0",
        source="He et al., Identity Mappings in Deep Residual Networks, ECCV 2016",
        mean=_HALF,
        std=_HALF,
    ),
    "mobilenetv3_large": Backbone(
        timm_name="mobilenetv3_large_100.ra_in1k",
        input_size_px=224,
        licence="apache-2.0",
        source="Howard et al., Searching for MobileNetV3, ICCV 2019",
    ),
    "inception_resnet_v2": Backbone(
        timm_name="inception_resnet_v2.tf_in1k",
        input_size_px=299,
        licence="apache-2.0",
        source="Szegedy et al., Inception-v4, Inception-ResNet and the Impact of Residual Connections, AAAI 2017",
        mean=_HALF,
        std=_HALF,
        minimum_size_px=75,
        drop_path=False,
    ),
    "efficientnet_b4": Backbone(
        timm_name="efficientnet_b4.ra2_in1k",
        input_size_px=320,
        licence="apache-2.0",
        source="Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019",
    ),
    "resnet18": Backbone(
        timm_name="resnet18.a1_in1k",
        input_size_px=224,
        licence="apache-2.0",
        source=_RESNET,
    ),
    "resnet18_slim": Backbone(
        timm_name="resnet18",
        input_size_px=128,
        licence="apache-2.0",
        source=f"{_RESNET}; half its width, {_TIERED_STEM}",
        pretrained=False,
        options={"channels": (32, 64, 128, 256), "stem_type": "deep_tiered", "stem_width": 16},
    ),
    "resnet10t": Backbone(
        timm_name="resnet10t.c3_in1k",
        input_size_px=176,
        licence="apache-2.0",
        source=f"{_RESNET}; ten layers, {_TIERED_STEM}",
    ),
    "resnet10t_slim": Backbone(
        timm_name="resnet10t",
        input_size_px=128,
        licence="apache-2.0",
        source=f"{_RESNET}; ten layers, half their width, {_TIERED_STEM}",
        pretrained=False,
        options={"channels": (32, 64, 128, 256), "stem_width": 16},
    ),
    "convnextv2_atto": Backbone(
        timm_name="convnextv2_atto.fcmae_ft_in1k",
        input_size_px=224,
        licence="cc-by-nc-4.0",
        source="Woo et al., ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders, CVPR 2023",
    ),
    "vit_tiny": Backbone(
        timm_name="vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        input_size_px=224,
        licence="apache-2.0",
        source="Steiner et al., How to train your ViT?, TMLR 2022",
        mean=_HALF,
        std=_HALF,
        size_step_px=16,
        layout="tokens",
        # The mean of the patch tokens, not the class token, so that every patch has a say and a heat map.
        options={"global_pool": "avg", "fc_norm": False},
    ),
}


def get_backbone(name: str) -> Backbone:
    """Return the backbone called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return BACKBONES[name]
    except KeyError:
        raise UnknownNameError("backbone", name, BACKBONES) from None
