"""What an uncertain label ("possible", "cannot be excluded") counts as.

Source: Irvin et al., "CheXpert: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert Comparison", AAAI
2019, for ``ignore``, ``zero`` and ``one``; Pham et al., "Interpreting chest X-rays via CNNs that exploit hierarchical
disease dependencies and uncertainty labels", Neurocomputing 2021, for ``smooth``. Departure from the latter: its random
number is drawn from the names of image and finding, so that the same film has the same target in every import.
"""

import hashlib

from hilum.errors import UnknownNameError

__all__ = ["UNCERTAIN_POLICIES", "check_policy", "smooth_target"]

UNCERTAIN_POLICIES: dict[str, str] = {
    "ignore": "unknown: it teaches nothing and is judged nowhere",
    "zero": "absent",
    "one": "present",
    "smooth": "between 0.55 and 0.85 in training, drawn once per film and finding; unknown everywhere else",
}
"""The ``--uncertain`` of ``hilum data import``, and what an uncertain label then is."""

_LOWEST, _HIGHEST = 0.55, 0.85
_STEPS = 2**32


def check_policy(policy: str) -> str:
    """Return the policy's name; raises UnknownNameError with the nearest one."""
    if policy not in UNCERTAIN_POLICIES:
        raise UnknownNameError("policy for uncertain labels", policy, UNCERTAIN_POLICIES)
    return policy


def smooth_target(image_id: str, finding: str) -> float:
    """Return the target in [0.55, 0.85) that an uncertain label is trained towards; the same for the same names.

    Example:
        >>> 0.55 <= smooth_target("a.jpg", "Edema") < 0.85
        True
    """
    digest = hashlib.sha256(f"{finding}\n{image_id}".encode()).digest()
    return _LOWEST + (_HIGHEST - _LOWEST) * int.from_bytes(digest[:4], "big") / _STEPS
