"""Measures on parts of the films, and on all the others, on the same resamples: every part at once.

A finding's films are counted by level and by place in the order of scores; what a resample of patients does to these
counts is one product of matrices, and the films of all other levels are the sum of the counts less a level's own.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, Real, Shaped
from scipy.sparse import csr_array

from hilum.errors import InvalidValueError
from hilum.metrics.film_terms import ratio_of_sums
from hilum.metrics.known import check_pair
from hilum.metrics.resample import Resamples

__all__ = ["LevelMeasures", "PatientDraws", "draw_patients", "measure_levels"]

_MOST_EDGES = 256
_ECE_BINS = 15


class PatientDraws(NamedTuple):
    """How often each patient stands in each resample.

    Attributes:
        member: Number of the patient of each film.
        n_patients: How many there are.
        blocks: Counts, in blocks of resamples; none for no resample.
    """

    member: Int64[np.ndarray, " image"]
    n_patients: int
    blocks: tuple[Float32[np.ndarray, "patient _"], ...]


class LevelMeasures(NamedTuple):
    """What was measured on a level (side 0) and on all films of the other levels (side 1), resample by resample.

    Draw 0 is the films as they are.

    Attributes:
        auroc: NaN where a class is missing.
        true_positive_rate: At the threshold; NaN without films that have the finding, or without a threshold.
        false_positive_rate: At the threshold; NaN without films that do not.
        ece: On the level; 15 bins of equally many of its films, which stay the same in every resample.
        n_positive: Films of the level with the finding.
        n_negative: Films without it.
        patients_positive: Patients of the films with the finding.
        patients_negative: Patients of the films without it.
        ece_by_resampling: Per resample, how far it moves the bins of ``ece`` by itself; see
            :func:`hilum.metrics.calibration_error_interval`.
    """

    auroc: Float64[np.ndarray, "2 draw level"]
    true_positive_rate: Float64[np.ndarray, "2 draw level"]
    false_positive_rate: Float64[np.ndarray, "2 draw level"]
    ece: Float64[np.ndarray, "draw level"]
    n_positive: Int64[np.ndarray, "2 level"]
    n_negative: Int64[np.ndarray, "2 level"]
    patients_positive: Int64[np.ndarray, "2 level"]
    patients_negative: Int64[np.ndarray, "2 level"]
    ece_by_resampling: Float64[np.ndarray, "draw level"]


def draw_patients(groups: Shaped[np.ndarray, " image"], *, n_replicates: int = 1000, seed: int = 0) -> PatientDraws:
    """Draw patients with replacement, as :class:`hilum.metrics.Resamples` does, and keep all that was drawn.

    Args:
        groups: The patient of each film, as numbers or text.
        n_replicates: How many resamples; 0 for the films as they are alone.
        seed: Of the resamples.

    Raises:
        InvalidValueError: ``n_replicates`` is negative, or ``groups`` has more than one axis.
    """
    resamples = Resamples(groups, n_replicates, seed)
    blocks = (np.ascontiguousarray(counts.T, dtype=np.float32) for counts in resamples.counts())
    return PatientDraws(resamples.member, resamples.n_groups, tuple(blocks))


def measure_levels(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    levels: Int64[np.ndarray, " image"],
    draws: PatientDraws,
    *,
    n_levels: int,
    threshold: float | Float64[np.ndarray, " image"],
    scores: Real[np.ndarray, " image"] | None = None,
) -> LevelMeasures:
    """Measure one finding on every level and on the films of all other levels.

    Where more than 256 scores belong to films with the finding, a resample's AUROC counts films between two of 256
    quantiles of them as level with each other, and is shifted by what that does to the films as they are: ends of an
    interval are off by less than 0.0005 (tested). The value itself is exact.

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        levels: From 0 on; -1 for a film whose level is unknown (left out).
        draws: Of the same films.
        n_levels: How many levels there are, with films or without.
        threshold: From which probability on the finding is called, one for all films or one per film; NaN for no calls.
        scores: What films are ordered by, where that is not the probabilities (folds with calibrations of their own
            have no common order).

    Raises:
        InvalidValueError: Shapes differ, a probability or a score is NaN, a target none of 0, 1, NaN, or a level is
            out of range.
    """
    probabilities, targets = check_pair(probabilities, targets, name="probabilities")
    scores = probabilities if scores is None else check_pair(scores, targets, name="scores")[0]
    if levels.shape != targets.shape or not ((levels >= -1) & (levels < n_levels)).all():
        raise InvalidValueError(
            f"levels have shape {levels.shape} and lie in [{levels.min(initial=0)}, {levels.max(initial=0)}]: expected "
            f"{targets.shape}, each from 0 to {n_levels - 1}, or -1 for unknown"
        )
    known = (levels >= 0) & ~np.isnan(targets)
    # What is counted once is counted in float64, so that values are exact; resamples in float32, for speed.
    called = probabilities >= threshold
    films = _Films(
        probabilities[known], scores[known], called[known], targets[known] == 1, levels[known], draws.member[known],
        n_levels,
    )  # fmt: skip
    points = np.unique(films.scores[films.present])
    edges = _edges(_thin(points))
    once = np.ones((draws.n_patients, 1))
    as_they_are = _aurocs(films, _edges(points), once)
    shift = as_they_are - _aurocs(films, edges, once)
    aurocs = [as_they_are, *(_aurocs(films, edges, counts) + shift for counts in draws.blocks)]
    rates = np.concatenate([_rates(films, counts) for counts in (once, *draws.blocks)], axis=2)
    if np.isnan(threshold).any():
        rates = np.full_like(rates, np.nan)
    ece, by_resampling = _calibration_errors(films, (once, *draws.blocks))
    return LevelMeasures(
        auroc=np.concatenate(aurocs, axis=1),
        true_positive_rate=rates[1],
        false_positive_rate=rates[0],
        ece=ece,
        n_positive=_two_sides(np.bincount(films.levels[films.present], minlength=n_levels)),
        n_negative=_two_sides(np.bincount(films.levels[~films.present], minlength=n_levels)),
        patients_positive=_patients(films, films.present),
        patients_negative=_patients(films, ~films.present),
        ece_by_resampling=by_resampling,
    )


class _Films(NamedTuple):
    """Films whose label and level are known."""

    probabilities: Float64[np.ndarray, " known"]
    scores: Float64[np.ndarray, " known"]
    called: Shaped[np.ndarray, " known"]
    present: Shaped[np.ndarray, " known"]
    levels: Int64[np.ndarray, " known"]
    member: Int64[np.ndarray, " known"]
    n_levels: int


def _thin(points: Float64[np.ndarray, " point"]) -> Float64[np.ndarray, " fewer"]:
    if len(points) <= _MOST_EDGES:
        return points
    return points[np.linspace(0, len(points) - 1, _MOST_EDGES).round().astype(np.int64)]


def _edges(points: Float64[np.ndarray, " point"]) -> Float64[np.ndarray, " edge"]:
    """Give every score of a film with the finding a bin of its own."""
    return np.unique(np.concatenate([points, np.nextafter(points, np.inf)]))


def _aurocs(
    films: _Films, edges: Float64[np.ndarray, " edge"], counts: Float[np.ndarray, "patient draw"]
) -> Float64[np.ndarray, "2 draw level"]:
    n_bins, n_levels = len(edges) + 1, films.n_levels
    cell = films.levels * n_bins + np.searchsorted(edges, films.scores, side="right")
    cell += films.present * (n_levels * n_bins)
    filled = _sum_by_cell(cell, films.member, np.ones(len(cell)), 2 * n_levels * n_bins, counts)
    absent, present = filled.reshape(2, n_levels, n_bins, counts.shape[1])
    elsewhere = (part.sum(axis=0) - part for part in (absent, present))
    return np.stack([_auroc(absent, present), _auroc(*elsewhere)])


def _auroc(
    absent: Float[np.ndarray, "level bin draw"], present: Float[np.ndarray, "level bin draw"]
) -> Float64[np.ndarray, "draw level"]:
    """Return the AUROC of films counted by bin, bins rising."""
    below = np.cumsum(absent, axis=1)
    n_absent, n_present = below[:, -1].astype(np.float64), present.sum(axis=1, dtype=np.float64)
    below -= absent / 2
    won = np.einsum("lbd,lbd->ld", present, below / np.maximum(below[:, -1:] + absent[:, -1:] / 2, 1))
    return np.where(n_absent > 0, ratio_of_sums(won, n_present), np.nan).T


def _rates(films: _Films, counts: Float[np.ndarray, "patient draw"]) -> Float64[np.ndarray, "2 2 draw level"]:
    """Return the share of films that is called, of those without the finding and of those with it; here, elsewhere."""
    cell = (films.present * films.n_levels + films.levels) * 2 + films.called
    filled = _sum_by_cell(cell, films.member, np.ones(len(cell)), 4 * films.n_levels, counts).astype(np.float64)
    filled = filled.reshape(2, films.n_levels, 2, counts.shape[1])
    sides = np.stack([filled, filled.sum(axis=1, keepdims=True) - filled], axis=1)  # (present, side, level, called, _)
    return ratio_of_sums(sides[..., 1, :], sides.sum(axis=3)).swapaxes(2, 3)


def _calibration_errors(
    films: _Films, blocks: tuple[Float[np.ndarray, "patient _"], ...]
) -> tuple[Float64[np.ndarray, "draw level"], Float64[np.ndarray, "draw level"]]:
    """Return the errors, and how far each block's resamples move the bins of the first block."""
    place = np.zeros(len(films.levels), dtype=np.int64)
    for level in range(films.n_levels):
        chosen = films.levels == level
        values = films.probabilities[chosen]
        rank = np.searchsorted(np.sort(values), values, side="left")
        place[chosen] = rank * _ECE_BINS // max(len(values), 1)
    cell = films.levels * _ECE_BINS + place
    misses, ones, n_cells = films.probabilities - films.present, np.ones(len(cell)), films.n_levels * _ECE_BINS
    parts = []
    for counts in blocks:
        bins = _sum_by_cell(cell, films.member, misses, n_cells, counts).reshape(films.n_levels, _ECE_BINS, -1)
        films_there = _sum_by_cell(films.levels, films.member, ones, films.n_levels, counts)
        whole = np.broadcast_to(films_there[:, None].astype(np.float64), bins.shape)
        parts.append(ratio_of_sums(bins.astype(np.float64), whole))
    draws = np.concatenate(parts, axis=2)
    return np.abs(draws).sum(axis=1).T, np.abs(draws - draws[..., :1]).sum(axis=1).T


def _sum_by_cell(
    cell: Int64[np.ndarray, " known"],
    member: Int64[np.ndarray, " known"],
    weights: Float64[np.ndarray, " known"],
    n_cells: int,
    counts: Float[np.ndarray, "patient draw"],
) -> Float[np.ndarray, "cell draw"]:
    """Sum what the films of each cell weigh, each film as often as its patient was drawn."""
    table = csr_array((weights.astype(counts.dtype), (cell, member)), shape=(n_cells, len(counts)))
    return np.asarray(table @ counts)


def _patients(films: _Films, chosen: Shaped[np.ndarray, " known"]) -> Int64[np.ndarray, "2 level"]:
    """Return how many patients have chosen films here, and elsewhere (a patient may have films on both sides)."""
    sides = [
        [len(np.unique(films.member[chosen & (films.levels != level if rest else films.levels == level)]))
         for level in range(films.n_levels)] for rest in (False, True)
    ]  # fmt: skip
    return np.array(sides, dtype=np.int64).reshape(2, films.n_levels)


def _two_sides(count: Int64[np.ndarray, " level"]) -> Int64[np.ndarray, "2 level"]:
    return np.stack([count, count.sum() - count]).astype(np.int64)
