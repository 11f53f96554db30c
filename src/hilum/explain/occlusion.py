"""Occlusion: how far the answer falls where a part of the film is hidden. No gradient, no feature map.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2. Departure: a
place is not painted grey, which no film is, but blurred until only its mean brightness is left.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from hilum.models import FilmModel

__all__ = ["occlusion"]

_CELLS = 8
_PATCH_CELLS = 2
_BLURRED_TO = 4
_AT_A_TIME = 16
"""Films that go through the network at once; bounds the memory at 512 pixels."""


def occlusion(
    model: FilmModel, images: Float[Tensor, "image 1 size size"], finding: int
) -> Float[Tensor, "image map_height map_width"]:
    """Blur one patch of the film after the other, a quarter of its side wide, and see how far the logit falls.

    Patches overlap by half and hang over the film's edge, so that each place is hidden four times. Takes eighty times
    as long as an answer, which is what it costs to ask the model itself.

    Args:
        model: In evaluation mode; it is not changed.
        images: Films in [0, 1], dense tissue bright.
        finding: Which logit.

    Returns:
        Per cell of a grid of eight by eight, the mean fall over the four patches that cover it, at least 0; all 0 where
        hiding nothing makes the finding less likely.
    """
    return torch.stack([_relevance(model, image, finding) for image in images])


def _relevance(
    model: FilmModel, image: Float[Tensor, "1 size size"], finding: int
) -> Float[Tensor, "map_height map_width"]:
    size = image.shape[-1]
    blurred = functional.adaptive_avg_pool2d(image[None], _BLURRED_TO)
    blurred = functional.interpolate(blurred, size=(size, size), mode="bilinear", align_corners=False)[0]
    edges = [round(size * cell / _CELLS) for cell in range(_CELLS + 1)]
    spans = [slice(max(start, 0), start + _PATCH_CELLS) for start in range(1 - _PATCH_CELLS, _CELLS)]
    places = [(rows, columns) for rows in spans for columns in spans]
    films = image.repeat(len(places) + 1, 1, 1, 1)
    for film, (rows, columns) in zip(films[1:], places, strict=True):
        where = _pixels(edges, rows), _pixels(edges, columns)
        film[0][where] = blurred[0][where]
    with torch.no_grad():
        parts = (films[start : start + _AT_A_TIME] for start in range(0, len(films), _AT_A_TIME))
        logits = torch.cat([model(part)[:, finding] for part in parts]).float()
    relevance = torch.zeros(_CELLS, _CELLS, device=logits.device)
    for fall, cells in zip((logits[0] - logits[1:]).relu(), places, strict=True):
        relevance[cells] += fall
    return relevance / _PATCH_CELLS**2


def _pixels(edges: list[int], cells: slice) -> slice:
    return slice(edges[cells.start], edges[min(cells.stop, _CELLS)])
