"""The one door to timm, which wants torchvision, whose compiled part may not fit the installed torch.

torchvision registers its operators from a compiled extension. Beside a CPU build of torch its usual
wheel cannot load that extension, and importing torchvision then fails over operators that hilum never
calls. Where the extension does not load, the missing names are declared, without an implementation,
before the first import; where it loads, nothing is done.
"""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

__all__ = ["import_timm"]

_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# The declarations live as long as this object does.
_declared: list[torch.library.Library] = []


def import_timm() -> ModuleType:
    """Return the ``timm`` module, imported on first use with torchvision made importable before it."""
    if not _declared and not _extension_loads():
        _declare_operators()
    return importlib.import_module("timm")


def _extension_loads() -> bool:
    """Try torchvision's compiled extension, without importing torchvision."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return False
    try:
        for library in Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    except OSError:
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(name + _SIGNATURE)  # type: ignore[no-untyped-call]
    _declared.append(library)
