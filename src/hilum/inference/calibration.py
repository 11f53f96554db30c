"""From logits to probabilities, by the rules a bundle holds."""

import numpy as np
from jaxtyping import Float64

from hilum.metrics import apply_platt
from hilum.records import BundleSpec

__all__ = ["calibrate"]


def calibrate(spec: BundleSpec, logits: Float64[np.ndarray, "image finding"]) -> Float64[np.ndarray, "image finding"]:
    """Return probabilities of a bundle's logits, each finding by the rule that validation gave it."""
    columns = zip(logits.T, spec.findings.values(), strict=True)
    return np.column_stack([apply_platt(column, rule.slope, rule.intercept) for column, rule in columns])
