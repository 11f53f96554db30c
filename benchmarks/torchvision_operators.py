"""Lets torchvision be imported beside another build of torch, for loaders that call none of its operators."""

import importlib.util
from pathlib import Path

KEPT = []


def name_torchvision_operators():
    """Load torchvision's compiled operators; where they do not fit this torch, define their names alone."""
    import torch

    folder = Path(importlib.util.find_spec("torchvision").origin).parent
    try:
        for path in folder.glob("_C*.so"):
            torch.ops.load_library(path)
    except OSError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        KEPT.append(library)
