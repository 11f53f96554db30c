"""Grad-CAM and Grad-CAM++ on the last feature map, the same for convolutions and for the tokens of a transformer.

Sources: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
ICCV 2017, eq. 1 and 2. Chattopadhyay et al., "Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep
Convolutional Networks", WACV 2018, eq. 10, 11 and 19.
Departures from the latter: its factor exp(logit), the same for every feature, only scales a map that has no unit, and
is left out; and negative values of a feature, which it does not foresee, do not enter the sum of eq. 19.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from hilum.models import FilmModel

__all__ = ["grad_cam", "grad_cam_plus_plus"]


def grad_cam(
    model: FilmModel, images: Float[Tensor, "image 1 size size"], finding: int
) -> Float[Tensor, "image map_height map_width"]:
    """Weigh every feature with the mean of its gradient, and keep what speaks for the finding.

    Args:
        model: In evaluation mode; it is not changed.
        images: Films in [0, 1], dense tissue bright.
        finding: Which logit.

    Returns:
        Relevance, at least 0; all 0 where nothing speaks for the finding.
    """
    features, gradient = _features_and_gradient(model, images, finding)
    return _weighted(features, gradient.mean(dim=(2, 3), keepdim=True))


def grad_cam_plus_plus(
    model: FilmModel, images: Float[Tensor, "image 1 size size"], finding: int
) -> Float[Tensor, "image map_height map_width"]:
    """Like Grad-CAM, but a feature that raises the logit counts the more the fewer places it is seen in.

    Args:
        model: In evaluation mode; it is not changed.
        images: Films in [0, 1], dense tissue bright.
        finding: Which logit.

    Returns:
        Relevance, at least 0; all 0 where nothing speaks for the finding.
    """
    features, gradient = _features_and_gradient(model, images, finding)
    raising = gradient.relu()
    whole = features.relu().sum(dim=(2, 3), keepdim=True)
    # Eq. 19 divided by the squared gradient: never 0 below the line.
    share = 1 / (2 + whole * raising)
    return _weighted(features, (share * raising).sum(dim=(2, 3), keepdim=True))


def _features_and_gradient(
    model: FilmModel, images: Float[Tensor, "image 1 size size"], finding: int
) -> tuple[Float[Tensor, "image feature map_height map_width"], Float[Tensor, "image feature map_height map_width"]]:
    """Return the last feature map and the gradient of the logit with respect to it, film by film."""
    # Whatever mode the caller is in, a gradient is wanted here, and none in the parameters.
    with torch.inference_mode(mode=False):
        with torch.no_grad():
            features = model.feature_map(images.clone())
        with torch.enable_grad():
            features.requires_grad_()
            # No film's logit depends on another film, so the sum keeps them apart. The copy lets layers work in place.
            logits = model.logits_from_map(features.clone())
            (gradient,) = torch.autograd.grad(logits[:, finding].sum(), features)
    return features.detach().float(), gradient.float()


def _weighted(
    features: Float[Tensor, "image feature map_height map_width"], weights: Float[Tensor, "image feature 1 1"]
) -> Float[Tensor, "image map_height map_width"]:
    return (weights * features).sum(dim=1).relu()
