"""What every metric checks first: numbers that fit together, and labels that are known."""

import numpy as np
from jaxtyping import Bool, Float

from hilum.errors import InvalidValueError

__all__ = ["check_pair", "keep_known", "undefined_reason"]


def check_pair(
    scores: Float[np.ndarray, "*shape"], targets: Float[np.ndarray, "*shape"], *, name: str = "scores"
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Return both as float64 arrays of one shape.

    Args:
        scores: One number per film (and finding); infinities are allowed, NaN is not.
        targets: 1 present, 0 absent, NaN unknown.
        name: What the scores are called in a message.

    Raises:
        InvalidValueError: The shapes differ, a score is NaN, or a target is none of 0, 1, NaN.
    """
    scores = np.asarray(scores, dtype=np.float64)
    targets = np.asarray(targets, dtype=np.float64)
    if scores.shape != targets.shape:
        raise InvalidValueError(f"{name} have shape {scores.shape}, targets {targets.shape}: expected the same shape")
    missing = np.isnan(scores)
    if missing.any():
        place = tuple(int(index) for index in np.argwhere(missing)[0])
        raise InvalidValueError(
            f"{int(missing.sum())} of {scores.size} {name} are NaN, the first at {place}: every film needs a number; "
            "leave out the films without one"
        )
    strange = ~(np.isnan(targets) | (targets == 0) | (targets == 1))
    if strange.any():
        raise InvalidValueError(
            f"targets hold {targets[strange][0]:g}: expected 1 (present), 0 (absent) or NaN (unknown)"
        )
    return scores, targets


def keep_known(
    scores: Float[np.ndarray, " image"], targets: Float[np.ndarray, " image"], *, name: str = "scores"
) -> tuple[Float[np.ndarray, " known"], Bool[np.ndarray, " known"]]:
    """Return the scores of the films whose target is known, and whether the finding is present on them.

    Raises:
        InvalidValueError: As for :func:`check_pair`.
    """
    scores, targets = check_pair(scores, targets, name=name)
    known = ~np.isnan(targets)
    return scores[known], targets[known] == 1


def undefined_reason(n_positive: int, n_negative: int) -> str:
    """Say why what needs films of both kinds is undefined; empty where there are both.

    Example:
        >>> undefined_reason(0, 1200), undefined_reason(3, 5)
        ('undefined: none of 1,200 films with a known label has the finding', '')
    """
    if not n_positive + n_negative:
        return "undefined: no film has a known label"
    if not n_positive:
        return f"undefined: none of {n_negative:,} films with a known label has the finding"
    return "" if n_negative else f"undefined: all of {n_positive:,} films with a known label have the finding"
