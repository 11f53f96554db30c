"""``No Finding``: what a model and the labels of single findings say about there being none."""

import numpy as np
from jaxtyping import Float

__all__ = ["derive_no_finding", "no_finding_target"]


def derive_no_finding(
    probabilities: Float[np.ndarray, "image finding"], targets: Float[np.ndarray, "image finding"]
) -> tuple[Float[np.ndarray, " image"], Float[np.ndarray, " image"]]:
    """Return probability and target of ``No Finding``.

    The probability is the product of (1 - p) over all findings, as if findings came independently of each other. They
    do not, so it is too low on films with several; its order of the films is what AUROC judges. The target is 1 where
    all findings are absent, 0 where one is present, NaN where neither is known: 1 - any.
    """
    return np.prod(1 - probabilities, axis=1), no_finding_target(targets)


def no_finding_target(targets: Float[np.ndarray, "image finding"]) -> Float[np.ndarray, " image"]:
    """Return 1 where all findings are absent, 0 where one is present, NaN where neither is known."""
    present = (targets == 1).any(axis=1)
    unknown = ~present & np.isnan(targets).any(axis=1)
    return np.where(unknown, np.nan, 1.0 - present)
