"""The ``model`` section of a recipe."""

from typing import Literal

from hilum.config import Section, setting
from hilum.errors import InvalidValueError
from hilum.models.backbone import get_backbone
from hilum.models.head import get_head

__all__ = ["ModelSection"]


class ModelSection(Section):
    """Which network, and what it starts from.

    Attributes:
        backbone: A name of ``BACKBONES``.
        head: A name of ``HEADS``.
        channels: 1, or 3 equal ones for start weights made for colour.
        dropout: Share of features dropped in the head while training.
        drop_path: Share of residual branches skipped while training, for backbones that have them.
        init: ``none``, ``pretrained`` (downloaded by timm), a ``.safetensors`` file or a bundle's folder.
        normalisation: ``data``: mean and deviation of the training films; ``backbone``: those the start weights expect.
    """

    backbone: str = "densenet121"
    head: str = "linear"
    channels: Literal[1, 3] = 1
    dropout: float = setting(default=0.0, ge=0.0, lt=1.0)
    drop_path: float = setting(default=0.0, ge=0.0, lt=1.0)
    init: str = setting(default="none", min_length=1)
    normalisation: Literal["data", "backbone"] = "data"

    def model_post_init(self, _context: object, /) -> None:
        """Refuse unknown names and what the backbone cannot do, before anything is built."""
        backbone = get_backbone(self.backbone)
        get_head(self.head)
        if self.drop_path and not backbone.drop_path:
            raise InvalidValueError(
                f"drop_path={self.drop_path}: {self.backbone} has no residual branches to skip; leave drop_path at 0"
            )
        if self.init == "pretrained" and not backbone.pretrained:
            raise InvalidValueError(
                f"init=pretrained: no start weights are published for {self.backbone}; "
                "use init=none, or a .safetensors file of your own"
            )
