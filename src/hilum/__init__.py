"""hilum: chest films into answers one can trust. Not a medical device.

Rooms load when they are first named: after ``import hilum`` stand ``hilum.data.read_nih``, ``hilum.training.train`` ...
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_ROOMS = (
    "calibration",
    "config",
    "data",
    "errors",
    "evaluation",
    "explain",
    "findings",
    "imaging",
    "inference",
    "losses",
    "metrics",
    "models",
    "phantoms",
    "records",
    "reporting",
    "runs",
    "training",
)


def __getattr__(name: str) -> ModuleType:
    """Load a room on first use; raises AttributeError for anything else."""
    if name not in _ROOMS:
        raise AttributeError(f"hilum has no room {name!r}. Rooms: {', '.join(_ROOMS)}.")
    return importlib.import_module(f"hilum.{name}")


def __dir__() -> list[str]:
    return ["__version__", *_ROOMS]
