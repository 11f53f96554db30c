"""The films of one finding, unknown ones marked."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64

from hilum.evaluation.column import Columns
from hilum.metrics import Resamples

__all__ = ["Films", "films_of"]


@dataclass(frozen=True, eq=False)
class Films:
    """One finding on all films; a film whose target is unknown counts nowhere.

    Attributes:
        probabilities: In [0, 1].
        scores: What films are ordered by.
        targets: 1 present, 0 absent, NaN unknown.
        present: Whether the finding is known to be there.
        cuts: From which probability on a film is called.
        member: The number of its patient, from 0 on.
    """

    probabilities: Float[np.ndarray, " image"]
    scores: Float[np.ndarray, " image"]
    targets: Float[np.ndarray, " image"]
    present: Bool[np.ndarray, " image"]
    cuts: Float[np.ndarray, " image"]
    member: Int64[np.ndarray, " image"]

    @property
    def known(self) -> Bool[np.ndarray, " image"]:
        """Whether the target is known."""
        known: Bool[np.ndarray, " image"] = ~np.isnan(self.targets)
        return known

    @property
    def absent(self) -> Bool[np.ndarray, " image"]:
        """Whether the finding is known not to be there."""
        absent: Bool[np.ndarray, " image"] = self.known & ~self.present
        return absent

    def n_patients(self, chosen: Bool[np.ndarray, " image"]) -> int:
        """Return how many patients have a film among the chosen."""
        return len(np.unique(self.member[chosen]))


def films_of(columns: Columns, place: int, resamples: Resamples) -> Films:
    """Return one finding's films."""
    targets = columns.targets[:, place]
    return Films(
        probabilities=columns.probabilities[:, place],
        scores=columns.scores[:, place],
        targets=targets,
        present=targets == 1,
        cuts=columns.cuts[:, place],
        member=resamples.member,
    )
