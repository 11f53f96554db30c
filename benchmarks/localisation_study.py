"""Why do a small model's heat maps point where they point? Method, coarseness of the map, or the model itself.

Judges, on the test films of a demo and against the masks of its phantoms, with the same controls and folds:

- ``grad_cam`` and ``grad_cam_plus_plus``: what the last feature map and its gradient say;
- ``occlusion``: how far the logit falls where a patch of the film is blurred away, no gradient and no feature map;
- ``truth_coarse``: the mask itself, only as fine as the network's last feature map: the best that such a map can do.

A method is at fault if occlusion beats Grad-CAM by far; coarseness if ``truth_coarse`` is no better than Grad-CAM; else
the model looks elsewhere.

    hilum demo
    OMP_NUM_THREADS=1 python benchmarks/localisation_study.py runs/demo
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from hilum.data import FilmMasks, read_boxes, read_manifest
from hilum.evaluation import LocalisationSettings, evaluate_localisation
from hilum.explain import explain_image
from hilum.imaging import read_image
from hilum.inference import Predictor
from hilum.models import evaluation_mode, load_bundle
from hilum.records import Explanation, Image
from hilum.wording import fixed, measured


class Maps:
    """Heat maps of one method; what each does with a film is all that differs."""

    def __init__(self, predictor: Predictor, method: str) -> None:
        self.predictor, self.bundle, self.method = predictor, predictor.bundle, method

    def explain(self, path: Path, findings: Sequence[str]) -> dict[str, Explanation]:
        """Return a map per finding."""
        image = read_image(path)
        return {name: self.draw(image, path.name, name) for name in findings}

    def draw(self, image: Image, image_id: str, finding: str) -> Explanation:
        """Return the map of one finding."""
        return explain_image(self.predictor, image, finding, method=self.method, image_id=image_id)


class CoarseTruth(Maps):
    """The mask, averaged over the cells of the last feature map and laid back on the film as any map is."""

    def __init__(self, predictor: Predictor, masks: FilmMasks) -> None:
        super().__init__(predictor, "truth_coarse")
        size = predictor.bundle.spec.input.size_px
        with torch.no_grad(), evaluation_mode(self.bundle.model):
            self.cells = self.bundle.model.feature_map(torch.zeros(1, 1, size, size)).shape[-1]
        self.masks = masks

    def draw(self, image: Image, image_id: str, finding: str) -> Explanation:
        """Return the mask as coarse as a map."""
        height, width = image.pixels.shape
        mask = self.masks.read(image_id, finding, (height, width))
        assert mask is not None
        parts = [np.array_split(row, self.cells, axis=1) for row in np.array_split(mask, self.cells)]
        coarse = np.array([[part.mean() for part in row] for row in parts])
        return Explanation(image_id, finding, self.method, _spread(coarse, (height, width)), 1.0)


def _spread(coarse: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Lay a coarse map on the film, bilinear, its largest place 1."""
    rows, columns = (
        ((np.arange(n) + 0.5) * cells / n - 0.5).clip(0, cells - 1)
        for n, cells in zip(shape, coarse.shape, strict=True)
    )
    heat = ndimage.map_coordinates(coarse, np.meshgrid(rows, columns, indexing="ij"), order=1)
    return (heat / heat.max() if heat.max() > 0 else heat).clip(0, 1).astype(np.float32)


def main() -> None:
    """Judge every method and print a row each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the demo's run folder")
    parser.add_argument("--masks", type=Path, help="the phantoms' masks if they lie elsewhere")
    given = parser.parse_args()
    manifest = read_manifest(given.run / "data" / "manifest.parquet")
    folder = given.run / "data" / "phantoms"
    masks, boxes = FilmMasks(given.masks or folder / "masks"), read_boxes(folder)
    predictor = Predictor(load_bundle(given.run / "bundle"))
    settings = replace(LocalisationSettings(), bootstrap=1000)
    methods: list[Any] = [
        Maps(predictor, "grad_cam"),
        Maps(predictor, "grad_cam_plus_plus"),
        Maps(predictor, "occlusion"),
        CoarseTruth(predictor, masks),
    ]
    print("method, hits a box, hits the mask, IoU with the mask")
    for method in methods:
        overall = evaluate_localisation(method, manifest, boxes, settings, masks=masks)[0].overall
        assert overall.masks is not None
        model, masked = overall.maps["model"], overall.masks.maps["model"]
        print(method.method, *(measured(value, 2) for value in (model.pointing, masked.pointing, masked.iou)), sep=", ")
    for kind in ("random", "centre", "usual_place"):
        values = overall.maps[kind].pointing, overall.masks.maps[kind].pointing, overall.masks.maps[kind].iou
        print(kind, *(fixed(value.value, 2) for value in values), sep=", ")


if __name__ == "__main__":
    main()
