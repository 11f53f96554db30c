"""Is one AUROC larger than another on the same films, films of a patient taken together?

Source: Obuchowski, "Nonparametric Analysis of Clustered ROC Curve Data", Biometrics 53, 1997; with one film per patient
it is the test of DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Real, Shaped
from scipy.special import erfc

from hilum.errors import InvalidValueError
from hilum.metrics.delong import clustered_variance, placements
from hilum.metrics.known import check_pair

__all__ = ["PairedTest", "paired_delong"]

_NOTHING = 1e-15


class PairedTest(NamedTuple):
    """Two AUROCs on the same films.

    Attributes:
        difference: First minus second; NaN where a class is absent.
        variance: Of the difference; NaN with fewer than two patients on a side, and where Obuchowski's estimate is not
            above 0 though the two models differ, as of three patients it may be.
        p_value: Of no difference, two-sided, normal; 1 where the two order the films alike, NaN where it is undefined.
    """

    difference: float
    variance: float
    p_value: float


def paired_delong(
    first: Real[np.ndarray, " image"],
    second: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    groups: Shaped[np.ndarray, " image"],
) -> PairedTest:
    """Test whether two models order the films of one finding equally well.

    Args:
        first: Scores of the one model; any increasing function of the probability.
        second: Scores of the other, the same films in the same order.
        targets: 1 present, 0 absent, NaN unknown (left out).
        groups: The patient of each film.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.

    Example:
        >>> targets = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
        >>> first, second = np.array([1, 2, 3, 4, 5, 6]), np.array([1, 3, 5, 2, 4, 6])
        >>> test = paired_delong(first, second, targets, np.arange(6))
        >>> round(test.difference, 4), round(test.variance, 4), round(test.p_value, 4)
        (0.3333, 0.0741, 0.2207)
    """
    groups = np.asarray(groups)
    if groups.shape != np.shape(targets):
        raise InvalidValueError(f"groups have shape {groups.shape}, expected {np.shape(targets)}: one patient per film")
    first, targets = check_pair(first, targets)
    second, targets = check_pair(second, targets)
    known = ~np.isnan(targets)
    positive = targets[known] == 1
    if positive.all() or not positive.any():
        return PairedTest(math.nan, math.nan, math.nan)
    # The difference is itself a mean over films with and over films without the finding, so one variance does.
    gap = placements(first[known], positive) - placements(second[known], positive)
    difference = float(gap[positive].mean())
    member = np.unique(groups[known], return_inverse=True)[1].astype(np.int64)
    variance = clustered_variance(gap, positive, member)
    return PairedTest(difference, variance, _p_value(difference, variance))


def _p_value(difference: float, variance: float) -> float:
    if variance < _NOTHING:
        return 1.0 if abs(difference) < math.sqrt(_NOTHING) else math.nan
    return float(erfc(abs(difference) / math.sqrt(2 * variance)))
