"""Findings that labels name and a model does not answer for, but whose parts it does."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from hilum.findings import title_of

__all__ = ["COMPOSITES", "add_composites"]

COMPOSITES: dict[str, tuple[str, ...]] = {
    "Lung_Opacity": ("Atelectasis", "Consolidation", "Edema", "Infiltration", "Pneumonia"),
    "Lung_Lesion": ("Mass", "Nodule"),
}
"""What has no column of its own is there if one of its parts is."""


def add_composites(
    probabilities: Float[np.ndarray, "image finding"], findings: Sequence[str], *, labelled: Sequence[str]
) -> tuple[Float[np.ndarray, "image more"], tuple[str, ...], tuple[str, ...]]:
    """Derive what is labelled and not answered: 1 - the product of (1 - p) over its parts, as if they were independent.

    Args:
        probabilities: Of the findings that are answered.
        findings: Their names.
        labelled: Findings that have labels.

    Returns:
        Probabilities and names with what could be derived (all of its parts are answered) behind them, and a sentence
        about each.
    """
    names, columns, sentences = list(findings), [probabilities], []
    for name, parts in COMPOSITES.items():
        if name in findings or name not in labelled or not set(parts) <= set(findings):
            continue
        places = [names.index(part) for part in parts]
        columns.append(1 - np.prod(1 - probabilities[:, places], axis=1, keepdims=True))
        names.append(name)
        titles = ", ".join(title_of(part) for part in parts)
        sentences.append(
            f"{title_of(name)} is not answered; its probability was derived from {titles}, as if these came "
            "independently (1 - the product of 1 - p), and is not calibrated."
        )
    return np.concatenate(columns, axis=1), tuple(names), tuple(sentences)
