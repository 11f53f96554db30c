"""Probabilities where a finding is more or less common than on the films they were calibrated on."""

import numpy as np
from jaxtyping import Float

from hilum.errors import InvalidValueError

__all__ = ["shift_prevalence"]


def shift_prevalence(
    probabilities: Float[np.ndarray, "*shape"], *, from_: float, to: float
) -> Float[np.ndarray, "*shape"]:
    """Return the probabilities where the prevalence is another, and films of either kind look the same.

    Odds change by the ratio of the two prevalences' odds; the order of the films stays.

    Args:
        probabilities: In [0, 1].
        from_: Prevalence they were calibrated at, in (0, 1).
        to: Prevalence where they are read, in (0, 1).

    Raises:
        InvalidValueError: A prevalence is not between 0 and 1.

    Source: Saerens, Latinne and Decaestecker, "Adjusting the Outputs of a Classifier to New a Priori Probabilities",
        Neural Computation 14, 2002, eq. 2.4.

    Example:
        >>> shift_prevalence(np.array([0.5]), from_=0.5, to=0.1)
        array([0.1])
    """
    for name, value in (("from_", from_), ("to", to)):
        if not 0 < value < 1:
            raise InvalidValueError(f"prevalence {name} must lie between 0 and 1, got {value}")
    present = np.asarray(probabilities, dtype=np.float64) * (to / from_)
    absent = (1 - np.asarray(probabilities, dtype=np.float64)) * ((1 - to) / (1 - from_))
    return np.asarray(present / (present + absent))
