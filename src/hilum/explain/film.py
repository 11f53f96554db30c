"""From a film and a finding to a heat map on that film."""

import numpy as np
import torch
from jaxtyping import Float, Float32

from hilum.errors import UnknownNameError
from hilum.explain.explainer import get_explainer
from hilum.imaging import place_in_square, resize_square
from hilum.inference import Predictor
from hilum.models import evaluation_mode
from hilum.records import Explanation, Image

__all__ = ["explain_image"]


def explain_image(
    predictor: Predictor, image: Image, finding: str, *, method: str = "grad_cam", image_id: str = ""
) -> Explanation:
    """Show where on a film a finding was seen.

    The map has one unit per film and finding: its strongest place in the network's input is 1. That place may lie in
    the black that pads a film to a square; then the film itself stays below 1, and the map says that the answer does
    not rest on the film alone.

    Args:
        predictor: The bundle that answers, on any device; its model is what it was afterwards.
        image: The film.
        finding: One of the bundle's findings, called or not.
        method: A name of ``EXPLAINERS``.
        image_id: What the film is called in the answer.

    Returns:
        Heat in [0, 1] at the film's own size, all 0 where nothing speaks for the finding; with the probability.

    Raises:
        UnknownNameError: The bundle does not answer for the finding, or there is no such method.
    """
    if finding not in predictor.findings:
        raise UnknownNameError("finding", finding, predictor.findings)
    explainer = get_explainer(method)
    bundle, rules = predictor.bundle, predictor.bundle.spec.input
    square = resize_square(image.pixels, rules.size_px, rule=rules.resize)
    films = bundle.to_input(square[None]).to(bundle.model.mean.device)
    with evaluation_mode(bundle.model):
        (relevance,) = explainer(bundle.model, films, predictor.findings.index(finding))
    place = place_in_square(image.pixels.shape, rules.size_px, rule=rules.resize)
    return Explanation(
        image_id=image_id,
        finding=finding,
        method=method,
        heat=_on_film(_scaled(relevance), image.pixels.shape, place, rules.size_px),
        probability=predictor.predict_image(image).findings[finding].probability,
    )


def _scaled(relevance: Float[torch.Tensor, "map_height map_width"]) -> Float32[np.ndarray, "map_height map_width"]:
    """Return relevance in [0, 1]; what is not finite is no relevance."""
    known = np.nan_to_num(relevance.detach().cpu().numpy().astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    largest = known.max(initial=0.0)
    return (known.clip(0) / largest if largest > 0 else np.zeros_like(known)).astype(np.float32)


def _on_film(
    relevance: Float32[np.ndarray, "map_height map_width"],
    shape: tuple[int, ...],
    place: tuple[int, int, int, int],
    size_px: int,
) -> Float32[np.ndarray, "height width"]:
    """Lay a map of the padded square on the film itself, in one bilinear step."""
    top, left, height, width = place
    rows = _interpolation(shape[0], top, height, size_px, relevance.shape[0])
    columns = _interpolation(shape[1], left, width, size_px, relevance.shape[1])
    return np.asarray((rows @ relevance @ columns.T).clip(0, 1))


def _interpolation(n_film: int, start: int, length: int, size_px: int, n_map: int) -> Float32[np.ndarray, "film map"]:
    """Return, for one axis, the weight of every map cell in every line of the film.

    The film's lines fill ``length`` of ``size_px`` pixels from ``start`` on, the map's cells fill all of them. Centres
    of lines between centres of cells take from both; beyond the outermost centre the outermost cell holds.
    """
    in_square = start + (np.arange(n_film) + 0.5) * length / n_film
    position = (in_square * n_map / size_px - 0.5).clip(0, n_map - 1)
    distance = np.abs(position[:, None] - np.arange(n_map))
    return (1 - distance).clip(0).astype(np.float32)
