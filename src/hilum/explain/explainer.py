"""The table of explainers: a model, films and a finding's place in; a coarse map per film out."""

from collections.abc import Callable

from torch import Tensor

from hilum.errors import UnknownNameError
from hilum.explain.grad_cam import grad_cam, grad_cam_plus_plus
from hilum.explain.occlusion import occlusion
from hilum.models import FilmModel

__all__ = ["EXPLAINERS", "Explainer", "get_explainer"]

Explainer = Callable[[FilmModel, Tensor, int], Tensor]
"""Takes a model in evaluation mode, films ``(image, 1, size, size)`` and the number of a logit; returns relevance
``(image, map_height, map_width)`` of at least 0, each map in its own unit. It leaves no gradient in the model."""

EXPLAINERS: dict[str, Explainer] = {
    "grad_cam": grad_cam,
    "grad_cam_plus_plus": grad_cam_plus_plus,
    "occlusion": occlusion,
}


def get_explainer(name: str) -> Explainer:
    """Return the explainer called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return EXPLAINERS[name]
    except KeyError:
        raise UnknownNameError("explainer", name, EXPLAINERS) from None
