"""How whole films fare, all findings together."""

import numpy as np
from jaxtyping import Real

from hilum.metrics.classification import check_calls
from hilum.metrics.film_terms import FilmTerms
from hilum.metrics.known import check_pair

__all__ = ["label_ranking_loss", "label_ranking_terms", "subset_accuracy", "subset_accuracy_terms"]


def label_ranking_loss(scores: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]) -> float:
    """Mean over films of the share of its pairs (present, absent finding) that are in the wrong order, or level.

    Equals scikit-learn's ``label_ranking_loss`` on films that have both a present and an absent finding. Others have no
    pair and are left out, where scikit-learn counts them as 0: its number is this one times their share.

    Args:
        scores: Comparable across findings, such as probabilities.
        targets: 1 present, 0 absent, NaN unknown. A film with an unknown target is left out.

    Returns:
        0 is perfect, 0.5 is chance; NaN if no film has a pair.

    Raises:
        InvalidValueError: A score is NaN, a target none of 0, 1, NaN, or the shapes differ.

    Example:
        >>> label_ranking_loss(np.array([[0.9, 0.5, 0.1]]), np.array([[0.0, 1.0, 0.0]]))
        0.5
    """
    return float(label_ranking_terms(scores, targets).ratio())


def label_ranking_terms(
    scores: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]
) -> FilmTerms:
    """Return what each film adds to :func:`label_ranking_loss`; raises as it does."""
    scores, targets = check_pair(scores, targets)
    present, absent = targets == 1, targets == 0
    wrong = np.zeros(len(scores))
    for finding in range(scores.shape[1]):
        beaten = absent & (scores >= scores[:, [finding]])
        wrong += present[:, finding] * beaten.sum(axis=1)
    pairs = np.where(np.isnan(targets).any(axis=1), 0, present.sum(axis=1) * absent.sum(axis=1))
    loss = np.divide(wrong, pairs, out=np.zeros(len(scores)), where=pairs > 0)
    return FilmTerms(loss, (pairs > 0).astype(np.float64))


def subset_accuracy(calls: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]) -> float:
    """Share of films whose calls are right for every finding.

    Args:
        calls: 1 called present, 0 called absent, NaN where no call was made.
        targets: 1 present, 0 absent, NaN unknown. A film with a NaN on either side is left out.

    Returns:
        scikit-learn's ``accuracy_score`` of the films that count; NaN if there is none.

    Raises:
        InvalidValueError: A call or a target is none of 0, 1, NaN, or the shapes differ.

    Example:
        >>> subset_accuracy(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
        0.5
    """
    return float(subset_accuracy_terms(calls, targets).ratio())


def subset_accuracy_terms(
    calls: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]
) -> FilmTerms:
    """Return what each film adds to :func:`subset_accuracy`; raises as it does."""
    calls, targets = check_calls(calls, targets)
    counts = ~(np.isnan(calls) | np.isnan(targets)).any(axis=1)
    right = (calls == targets).all(axis=1) & counts
    return FilmTerms(right.astype(np.float64), counts.astype(np.float64))
