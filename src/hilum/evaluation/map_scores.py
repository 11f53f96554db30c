"""From the overlaps of single heat maps to scores with intervals: per finding, and over all of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from hilum.evaluation.tally import estimate
from hilum.metrics import (
    MapOverlaps,
    MaskOverlaps,
    Resamples,
    box_average_precision,
    centre_heat,
    fold_thresholds,
    match_boxes,
    mean_over_findings,
    measure_map,
    measure_mask,
    random_heat,
    ratio_of_sums,
)
from hilum.records import Estimate, FindingLocalisation, MapScores, MaskLocalisation, MaskScores

__all__ = [
    "CONTROLS",
    "HEAT_THRESHOLDS",
    "MODEL",
    "OVERLAPS",
    "FilmMap",
    "ScoredMaps",
    "draw_maps",
    "measure_film",
    "measure_film_mask",
    "resample_grid",
    "score_maps",
]

HEAT_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
OVERLAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
MODEL = "model"
CONTROLS = ("random", "centre", "usual_place")
_PLACES = 64
Maps = dict[str, Float[np.ndarray, "height width"]]

_ONE_PATIENT = "a threshold of heat is chosen on other patients, and there are none"


@dataclass(frozen=True, eq=False)
class FilmMap:
    """A film with marked boxes of one finding, and how maps fare on it.

    Attributes:
        image_id: The film.
        finding: The finding.
        patient: Whose film it is.
        places: The boxes as shares of the film: left, top, width, height in [0, 1].
        probability: What the model says of the finding; how sure its boxes are.
        maps: By kind of map; ``usual_place`` comes in :func:`score_maps`, which knows the other films.
        mask: Where the finding is, if that is known, of the map's own size.
        mask_maps: As ``maps``, against the mask; empty without one.
    """

    image_id: str
    finding: str
    patient: str
    places: Float64[np.ndarray, "marked 4"]
    probability: float
    maps: dict[str, MapOverlaps]
    mask: Bool[np.ndarray, "height width"] | None = None
    mask_maps: dict[str, MaskOverlaps] = field(default_factory=dict)


class ScoredMaps(NamedTuple):
    """What :func:`score_maps` gives.

    Attributes:
        findings: Per finding.
        overall: Over all maps.
        best_iou: Per map of the model, the mean over its boxes of the best IoU; NaN without a threshold.
        heat_thresholds: Per map of the model, the threshold that was chosen on the other folds; NaN without one.
    """

    findings: dict[str, FindingLocalisation]
    overall: FindingLocalisation
    best_iou: Float64[np.ndarray, " map"]
    heat_thresholds: Float64[np.ndarray, " map"]


class _Rows(NamedTuple):
    """Maps of one kind, each at the threshold of its fold; sums over the marked boxes of each map."""

    pointing: Float64[np.ndarray, " map"]
    n_marked: Float64[np.ndarray, " map"]  # 0 where there is no threshold
    best_iou: Float64[np.ndarray, " map"]
    iou: Float64[np.ndarray, "map overlap"]
    iobb: Float64[np.ndarray, "map overlap"]
    found_in: Int64[np.ndarray, " found"]
    scores: Float64[np.ndarray, " found"]
    right: Bool[np.ndarray, "found overlap"]
    chosen: Int64[np.ndarray, " map"]


class _MaskRows(NamedTuple):
    """Maps of one kind against masks; 0 where there is no mask, or no threshold."""

    pointing: Float64[np.ndarray, " map"]
    iou: Float64[np.ndarray, " map"]
    has_mask: Float64[np.ndarray, " map"]
    has_threshold: Float64[np.ndarray, " map"]


class _Draws(NamedTuple):
    """How often each map counts in each resample; the first row is the films as they are."""

    weights: Float64[np.ndarray, "resample map"]
    n_patients: int


def draw_maps(heat: Float64[np.ndarray, "height width"], generator: np.random.Generator) -> Maps:
    """Return the model's map of a film, in [0, 1], and the maps that know nothing of it, one of them random."""
    shape = (heat.shape[0], heat.shape[1])
    return {MODEL: heat, "random": random_heat(shape, generator), "centre": centre_heat(shape)}


def measure_film(maps: Maps, places: Float64[np.ndarray, "marked 4"], *, tolerance: float) -> dict[str, MapOverlaps]:
    """Measure a film's maps against the marked boxes.

    Args:
        maps: See :func:`draw_maps`.
        places: The boxes as shares of the film.
        tolerance: For the pointing game, as a share of the longer side.
    """
    return {kind: _measured(heat, places, tolerance) for kind, heat in maps.items()}


def measure_film_mask(
    maps: Maps, mask: Bool[np.ndarray, "height width"], *, tolerance: float
) -> dict[str, MaskOverlaps]:
    """Measure a film's maps against a mask of the finding, of their size; the rest as in :func:`measure_film`."""
    return {kind: _against_mask(heat, mask, tolerance) for kind, heat in maps.items()}


def score_maps(
    films: Sequence[FilmMap],
    folds: Int64[np.ndarray, " map"],
    *,
    tolerance: float = 0.0,
    bootstrap: int = 1000,
    seed: int = 0,
) -> ScoredMaps:
    """Score maps of every kind, the threshold of each fold chosen on the others, with intervals by patient.

    Args:
        films: At least one.
        folds: See :func:`hilum.metrics.patient_folds`.
        tolerance: As for :func:`measure_film`.
        bootstrap: Resamples of patients; 0 for no intervals.
        seed: Of the resamples.
    """
    resamples = Resamples(np.array([film.patient for film in films]), bootstrap, seed)
    drawn = np.concatenate([np.ones((1, resamples.n_groups)), *resamples.counts()])
    weights = drawn[:, resamples.member].astype(np.float64)
    findings: dict[str, FindingLocalisation] = {}
    precisions: dict[str, list[Float64[np.ndarray, "resample overlap"]]] = {}
    rows_of: dict[str, list[_Rows]] = {}
    masked_of: dict[str, list[_MaskRows]] = {}
    places: list[Int64[np.ndarray, " map"]] = []
    for name in dict.fromkeys(film.finding for film in films):
        here = np.array([row for row, film in enumerate(films) if film.finding == name])
        some = [films[row] for row in here]
        draws = _Draws(weights[:, here], len({film.patient for film in some}))
        rows = _rows_by_kind(some, folds[here], tolerance)
        precision = {kind: _precision(table, draws) for kind, table in rows.items()}
        masked = _mask_rows_by_kind(some, folds[here], tolerance)
        findings[name] = _localisation(some, rows, precision, draws, _fold_thresholds(rows, folds[here]), masked)
        places.append(here)
        for kind in rows:
            precisions.setdefault(kind, []).append(precision[kind])
            rows_of.setdefault(kind, []).append(rows[kind])
            masked_of.setdefault(kind, []).append(masked[kind])
    order = np.concatenate(places)
    together = {kind: _joined(tables) for kind, tables in rows_of.items()}
    mean_precision = {kind: mean_over_findings(np.stack(each, axis=-1)) for kind, each in precisions.items()}
    draws = _Draws(weights[:, order], resamples.n_groups)
    masked = {kind: _MaskRows(*map(np.concatenate, zip(*tables, strict=True))) for kind, tables in masked_of.items()}
    overall = _localisation([films[row] for row in order], together, mean_precision, draws, {}, masked)
    best, heat = (np.full(len(films), np.nan) for _ in range(2))
    model = together[MODEL]
    np.divide(model.best_iou, model.n_marked, out=best[: len(order)], where=model.n_marked > 0)
    heat[:] = np.where(model.chosen >= 0, np.array(HEAT_THRESHOLDS)[model.chosen], np.nan)
    back = np.argsort(order)
    return ScoredMaps(findings, overall, best[back], heat[back])


def _measured(heat: Float[np.ndarray, "height width"], places: Float64[np.ndarray, "..."], share: float) -> MapOverlaps:
    height, width = heat.shape
    boxes = places * np.array([width, height, width, height])
    return measure_map(heat, boxes, HEAT_THRESHOLDS, tolerance_px=share * max(height, width))


def _against_mask(
    heat: Float[np.ndarray, "height width"], mask: Bool[np.ndarray, "height width"], share: float
) -> MaskOverlaps:
    return measure_mask(heat, mask, HEAT_THRESHOLDS, tolerance_px=share * max(mask.shape))


def _rows_by_kind(films: Sequence[FilmMap], folds: Int64[np.ndarray, " map"], tolerance: float) -> dict[str, _Rows]:
    usual = _usual_places(films, folds, tolerance)
    maps = {kind: [film.maps[kind] for film in films] for kind in films[0].maps} | {"usual_place": usual}
    sure = np.array([film.probability for film in films])
    known = {kind: sure if kind == MODEL else np.ones(len(films)) for kind in maps}
    return {kind: _rows(overlaps, known[kind], folds) for kind, overlaps in maps.items()}


def _usual_places(films: Sequence[FilmMap], folds: Int64[np.ndarray, " map"], tolerance: float) -> list[MapOverlaps]:
    """Measure, for each film, the map of how often a place is marked on the films of the other folds."""
    edges = np.arange(_PLACES) + 0.5
    marked = np.zeros((len(films), _PLACES, _PLACES))
    for row, film in enumerate(films):
        for left, top, width, height in film.places * _PLACES:
            down = (edges >= top) & (edges < top + height)
            across = (edges >= left) & (edges < left + width)
            marked[row] = np.maximum(marked[row], np.outer(down, across))
    usual = zip(films, _usual_heat(marked, folds), strict=True)
    return [_measured(heat, film.places, tolerance) for film, heat in usual]


def _mask_rows_by_kind(
    films: Sequence[FilmMap], folds: Int64[np.ndarray, " map"], tolerance: float
) -> dict[str, _MaskRows]:
    """Choose every fold's threshold by the IoU with the masks of the others, and take each map at its threshold."""
    known = np.array([row for row, film in enumerate(films) if film.mask is not None], dtype=np.int64)
    usual = _usual_masks([films[row] for row in known], folds[known], tolerance)
    rows = {}
    for kind in (MODEL, *CONTROLS):
        pointing, iou, has_mask, has_threshold = np.zeros((4, len(films)))
        maps = usual if kind == "usual_place" else [films[row].mask_maps[kind] for row in known]
        if maps:
            quality = np.array([each.iou for each in maps])
            chosen = fold_thresholds(quality, folds[known])
            pointing[known], has_mask[known] = [each.pointing for each in maps], 1
            has_threshold[known] = chosen >= 0
            iou[known] = np.where(chosen >= 0, quality[np.arange(len(maps)), chosen], 0)
        rows[kind] = _MaskRows(pointing, iou, has_mask, has_threshold)
    return rows


def _usual_masks(films: Sequence[FilmMap], folds: Int64[np.ndarray, " map"], tolerance: float) -> list[MaskOverlaps]:
    """Measure, for each film, the map of how often a place lies in the masks of the other folds."""
    masks = [film.mask for film in films if film.mask is not None]
    marked = np.array([resample_grid(mask, (_PLACES, _PLACES)) for mask in masks], dtype=np.float64)
    grown = (
        (mask, resample_grid(heat, (mask.shape[0], mask.shape[1])))
        for mask, heat in zip(masks, _usual_heat(marked, folds), strict=True)
    )
    return [_against_mask(heat, mask, tolerance) for mask, heat in grown]


def _usual_heat(
    marked: Float64[np.ndarray, "map row column"], folds: Int64[np.ndarray, " map"]
) -> Iterator[Float64[np.ndarray, "row column"]]:
    """Yield, for each map, how often a place is marked in the other folds, the most often as 1."""
    for fold in folds:
        others = marked[folds != fold]
        heat = others.mean(axis=0) if len(others) else np.zeros(marked.shape[1:])
        yield heat / max(heat.max(), 1e-9)


def resample_grid(
    field: Shaped[np.ndarray, "height width"], shape: tuple[int, int]
) -> Shaped[np.ndarray, "rows columns"]:
    """Return the value at the centre of every cell of another grid over the same film."""
    rows, columns = (
        ((np.arange(n) + 0.5) * length / n).astype(np.int64) for n, length in zip(shape, field.shape, strict=True)
    )
    return field[np.ix_(rows, columns)]


def _rows(maps: Sequence[MapOverlaps], sure: Float64[np.ndarray, " map"], folds: Int64[np.ndarray, " map"]) -> _Rows:
    """Choose every fold's threshold by the best IoU on the others, and take each map at its threshold."""
    quality = np.array([[_best(iou).mean() for iou in each.iou] for each in maps])
    chosen = fold_thresholds(quality, folds)
    count, steps = len(maps), np.array(OVERLAPS)
    n_marked, best_iou = np.zeros(count), np.zeros(count)
    iou, iobb = np.zeros((count, len(steps))), np.zeros((count, len(steps)))
    found_in: list[int] = []
    scores: list[float] = []
    right: list[Bool[np.ndarray, "found overlap"]] = [np.zeros((0, len(steps)), dtype=bool)]
    for row, (each, at) in enumerate(zip(maps, chosen, strict=True)):
        if at < 0:
            continue
        overlaps, peaks = each.iou[at], each.peaks[at] * sure[row]
        n_marked[row], best_iou[row] = overlaps.shape[1], _best(overlaps).sum()
        iou[row] = (_best(overlaps)[:, None] >= steps).sum(axis=0)
        iobb[row] = (_best(each.iobb[at])[:, None] >= steps).sum(axis=0)
        found_in += [row] * len(peaks)
        scores += peaks.tolist()
        right.append(np.stack([match_boxes(overlaps, peaks, step) for step in OVERLAPS], axis=1))
    pointing = np.array([each.pointing for each in maps])
    found = np.array(found_in, dtype=np.int64), np.array(scores), np.concatenate(right)
    return _Rows(pointing, n_marked, best_iou, iou, iobb, *found, chosen)


def _best(overlaps: Float64[np.ndarray, "found marked"]) -> Float64[np.ndarray, " marked"]:
    """Return, for each marked box, the largest overlap with a found one; 0 where nothing was found."""
    return np.asarray(overlaps.max(axis=0, initial=0.0))


def _joined(tables: Sequence[_Rows]) -> _Rows:
    starts = np.cumsum([0, *(len(table.pointing) for table in tables)])
    moved = [table._replace(found_in=table.found_in + start) for table, start in zip(tables, starts, strict=False)]
    return _Rows(*(np.concatenate(parts) for parts in zip(*moved, strict=True)))


def _precision(rows: _Rows, draws: _Draws) -> Float64[np.ndarray, "resample overlap"]:
    n_marked = draws.weights @ rows.n_marked
    of_found = draws.weights[:, rows.found_in].T
    columns = [
        box_average_precision(rows.scores, rows.right[:, step], of_found, n_marked) for step in range(len(OVERLAPS))
    ]
    return np.stack(columns, axis=1)


def _localisation(
    films: Sequence[FilmMap],
    rows: dict[str, _Rows],
    precision: dict[str, Float64[np.ndarray, "resample overlap"]],
    draws: _Draws,
    thresholds: dict[str, tuple[float, ...]],
    masked: dict[str, _MaskRows],
) -> FindingLocalisation:
    pointing = {kind: _shares(table.pointing, np.ones(len(films)), draws) for kind, table in rows.items()}
    best = {kind: _shares(table.best_iou, table.n_marked, draws) for kind, table in rows.items()}
    return FindingLocalisation(
        n_boxes=sum(len(film.places) for film in films),
        n_images=len(films),
        n_patients=draws.n_patients,
        maps={
            kind: MapScores(
                pointing=_estimate(pointing[kind], draws.n_patients),
                best_iou=_estimate(best[kind], draws.n_patients),
                iou=_each_overlap(table.iou, table.n_marked, draws),
                iobb=_each_overlap(table.iobb, table.n_marked, draws),
                average_precision=tuple(_estimate(column, draws.n_patients) for column in precision[kind].T),
                boxes_per_map=_found_per_map(table),
                heat_thresholds=thresholds.get(kind, ()),
            )
            for kind, table in rows.items()
        },
        pointing_gain={kind: _gain(pointing[MODEL] - pointing[kind], draws.n_patients) for kind in CONTROLS},
        iou_gain={kind: _gain(best[MODEL] - best[kind], draws.n_patients) for kind in CONTROLS},
        masks=_mask_localisation(masked, draws),
    )


def _mask_localisation(rows: dict[str, _MaskRows], draws: _Draws) -> MaskLocalisation | None:
    n_masks = int(rows[MODEL].has_mask.sum())
    if not n_masks:
        return None
    pointing = {kind: _shares(table.pointing, table.has_mask, draws) for kind, table in rows.items()}
    iou = {kind: _shares(table.iou, table.has_threshold, draws) for kind, table in rows.items()}
    return MaskLocalisation(
        n_masks=n_masks,
        maps={
            kind: MaskScores(
                pointing=_estimate(pointing[kind], draws.n_patients), iou=_estimate(iou[kind], draws.n_patients)
            )
            for kind in rows
        },
        pointing_gain={kind: _gain(pointing[MODEL] - pointing[kind], draws.n_patients) for kind in CONTROLS},
        iou_gain={kind: _gain(iou[MODEL] - iou[kind], draws.n_patients) for kind in CONTROLS},
    )


def _found_per_map(rows: _Rows) -> float:
    n_maps = int((rows.chosen >= 0).sum())
    return len(rows.found_in) / n_maps if n_maps else math.nan


def _fold_thresholds(rows: dict[str, _Rows], folds: Int64[np.ndarray, " map"]) -> dict[str, tuple[float, ...]]:
    def of_fold(table: _Rows, fold: int) -> float:
        chosen = int(table.chosen[np.argmax(folds == fold)])
        return HEAT_THRESHOLDS[chosen] if chosen >= 0 else math.nan

    return {kind: tuple(of_fold(table, fold) for fold in np.unique(folds)) for kind, table in rows.items()}


def _shares(
    above: Float64[np.ndarray, " map"], below: Float64[np.ndarray, " map"], draws: _Draws
) -> Float64[np.ndarray, " resample"]:
    return ratio_of_sums(draws.weights @ above, draws.weights @ below)


def _each_overlap(
    above: Float64[np.ndarray, "map overlap"], below: Float64[np.ndarray, " map"], draws: _Draws
) -> tuple[Estimate, ...]:
    return tuple(_estimate(_shares(column, below, draws), draws.n_patients) for column in above.T)


def _estimate(resamples: Float64[np.ndarray, " resample"], n_patients: int) -> Estimate:
    """Return the first value, a share or a mean of shares, with its interval over patients."""
    return estimate(resamples, _ONE_PATIENT, n_patients=n_patients)


def _gain(resamples: Float64[np.ndarray, " resample"], n_patients: int) -> Estimate:
    return estimate(resamples, _ONE_PATIENT, n_units=n_patients)
