"""How often each finding stands on a film, and with which others.

Of all ways to mix findings that give the wanted prevalence, with at most three on a film, the one of greatest entropy
is taken: each set's probability is a product of one weight per finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float

from hilum.errors import InvalidValueError, UnknownNameError
from hilum.findings import NIH_FINDINGS, NO_FINDING

__all__ = ["MOST_FINDINGS", "PREVALENCES", "Mixture", "mixture_of"]

MOST_FINDINGS = 3
"""Findings on one film at most."""

PREVALENCES: dict[str, dict[str, float]] = {
    "balanced": {**dict.fromkeys(NIH_FINDINGS, 0.155), NO_FINDING: 0.20},
    "nih": {
        "Atelectasis": 0.103,
        "Cardiomegaly": 0.025,
        "Effusion": 0.119,
        "Infiltration": 0.177,
        "Mass": 0.052,
        "Nodule": 0.056,
        "Pneumonia": 0.013,
        "Pneumothorax": 0.047,
        "Consolidation": 0.042,
        "Edema": 0.021,
        "Emphysema": 0.022,
        "Fibrosis": 0.015,
        "Pleural_Thickening": 0.030,
        "Hernia": 0.002,
        NO_FINDING: 0.54,
    },
}


@dataclass(frozen=True)
class Mixture:
    """A distribution over sets of findings.

    Attributes:
        sets: One row per set, one column per finding of NIH, the empty set first.
        cumulative: Probability of a row and all before it.
    """

    sets: Bool[np.ndarray, "set finding"]
    cumulative: Float[np.ndarray, " set"]

    def draw(self, rng: np.random.Generator) -> tuple[str, ...]:
        """Draw the findings of a film, in NIH's order."""
        row = int(np.searchsorted(self.cumulative, rng.random(), side="right"))
        here = self.sets[min(row, len(self.sets) - 1)]
        return tuple(name for name, present in zip(NIH_FINDINGS, here, strict=True) if present)


def mixture_of(prevalence: Mapping[str, float] | str) -> Mixture:
    """Fit the mixture of a prevalence.

    Args:
        prevalence: ``nih``, ``balanced``, or the share of films per finding; findings left out do not occur.
            ``No Finding`` is the share without any; left out, it is what independent findings would leave.

    Raises:
        UnknownNameError: A name is neither a finding nor a known prevalence.
        InvalidValueError: No mixture with at most three findings on a film has this prevalence.

    Example:
        >>> mixture_of({"Mass": 1.0}).draw(np.random.default_rng(0))
        ('Mass',)
    """
    if isinstance(prevalence, str):
        if prevalence not in PREVALENCES:
            raise UnknownNameError("prevalence", prevalence, PREVALENCES)
        prevalence = PREVALENCES[prevalence]
    for name, share in prevalence.items():
        if name not in (*NIH_FINDINGS, NO_FINDING):
            raise UnknownNameError("finding", name, (*NIH_FINDINGS, NO_FINDING))
        if not 0 <= share <= 1:
            raise InvalidValueError(f"the prevalence of {name} must lie between 0 and 1, got {share}")
    shares = tuple(float(prevalence.get(name, 0.0)) for name in NIH_FINDINGS)
    healthy = float(prevalence.get(NO_FINDING, np.prod(1 - np.array(shares))))
    return _fit(shares, healthy)


@lru_cache(maxsize=8)
def _fit(shares: tuple[float, ...], healthy: float) -> Mixture:
    target = np.array(shares)
    sick = 1 - healthy
    if target.sum() < sick - 1e-6 or target.sum() > MOST_FINDINGS * sick + 1e-6 or target.max() > sick + 1e-6:
        raise InvalidValueError(
            f"prevalences that add up to {target.sum():.3f} cannot be had with {healthy:.3f} of films without finding: "
            f"expected a sum between {sick:.3f} and {MOST_FINDINGS * sick:.3f} (one to {MOST_FINDINGS} findings on "
            "each other film); change the prevalences or the share of 'No Finding'"
        )
    members = [group for size in range(1, MOST_FINDINGS + 1) for group in combinations(range(len(target)), size)]
    sets = np.zeros((1 + len(members), len(target)), dtype=bool)
    for row, group in enumerate(members, start=1):
        sets[row, list(group)] = True
    weight = np.maximum(target, 1e-12)
    for _ in range(3000):
        chance = np.where(sets[1:], weight, 1.0).prod(axis=1)
        chance *= sick / chance.sum()
        marginal = np.maximum(chance @ sets[1:], 1e-300)
        weight *= np.where(target > 0, target / marginal, 0.0)
        if np.abs(marginal - target).max() < 1e-7:
            break
    return Mixture(sets, np.cumsum(np.concatenate([[healthy], chance])))
