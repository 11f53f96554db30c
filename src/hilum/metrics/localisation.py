"""Does a heat map point at the place that was marked? Pointing game, overlap of boxes and masks, precision of boxes.

Sources: Zhang et al., "Top-down Neural Attention by Excitation Backprop", IJCV 2018 (pointing game); Wang et al.,
"ChestX-ray8", CVPR 2017 (boxes around connected parts of a heat map; IoU and IoBB). IoBB divides by the box that was
found, so that it favours tiny boxes: never read it without IoU beside it.
Boxes are ``(left, top, width, height)`` in pixels of the map; the pixel in row 0 and column 0 covers 0 to 1 of both.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Real
from scipy import ndimage

from hilum.errors import InvalidValueError

__all__ = [
    "HeatBoxes",
    "MapOverlaps",
    "MaskOverlaps",
    "box_average_precision",
    "boxes_from_heat",
    "centre_heat",
    "fold_thresholds",
    "match_boxes",
    "measure_map",
    "measure_mask",
    "overlap_of_boxes",
    "pointing_share",
    "random_heat",
]

_TOUCHING = np.ones((3, 3), dtype=np.int8)
_RANDOM_CELLS = 7
"""As many places a side as the last feature map of most networks has for a film of 224 pixels."""


class HeatBoxes(NamedTuple):
    """Boxes around what is hot, the hottest first.

    Attributes:
        boxes: Left, top, width and height.
        peaks: The largest heat in each.
    """

    boxes: Float64[np.ndarray, "found 4"]
    peaks: Float64[np.ndarray, " found"]


class MapOverlaps(NamedTuple):
    """How one map fares against the marked boxes of its film, at every threshold of heat.

    Attributes:
        pointing: Share of the hottest pixels that lie in a marked box: 0 or 1 unless several are equally hot.
        peaks: Per threshold, the heat of the boxes found.
        iou: Per threshold, intersection over union of every found box with every marked one.
        iobb: Per threshold, intersection over the found box.
    """

    pointing: float
    peaks: tuple[Float64[np.ndarray, " found"], ...]
    iou: tuple[Float64[np.ndarray, "found marked"], ...]
    iobb: tuple[Float64[np.ndarray, "found marked"], ...]


class MaskOverlaps(NamedTuple):
    """How one map fares against the mask of its finding.

    Attributes:
        pointing: Share of the hottest pixels that lie in the mask.
        iou: Per threshold of heat, intersection over union of the mask with all that is so hot.
    """

    pointing: float
    iou: Float64[np.ndarray, " threshold"]


def pointing_share(
    heat: Real[np.ndarray, "height width"], boxes: Real[np.ndarray, "marked 4"], *, tolerance_px: float = 0.0
) -> float:
    """Return which share of the hottest pixels lies in a marked box, or not farther from one than ``tolerance_px``.

    Args:
        heat: At least 0.
        boxes: The marked boxes, at least one.
        tolerance_px: Largest distance from a box, from the centre of the pixel.

    Returns:
        1 for a hit and 0 for a miss; between where some of several equally hot pixels hit. A map without heat points
        nowhere: 0.

    Raises:
        InvalidValueError: No map, no box, a box without area, or a negative tolerance.

    Example:
        >>> pointing_share(np.eye(4)[:2], np.array([[0.0, 0.0, 1.0, 1.0]]))
        0.5
    """
    heat, boxes = _checked(heat, boxes)
    if tolerance_px < 0:
        raise InvalidValueError(f"tolerance_px must be at least 0, got {tolerance_px}")
    if heat.max() <= 0:
        return 0.0
    rows, columns = np.nonzero(heat == heat.max())
    across = _outside(columns + 0.5, boxes[:, 0], boxes[:, 2])
    down = _outside(rows + 0.5, boxes[:, 1], boxes[:, 3])
    return float((np.hypot(across, down).min(axis=1) <= tolerance_px).mean())


def _outside(
    place: Float[np.ndarray, " pixel"], start: Float[np.ndarray, " marked"], length: Float[np.ndarray, " marked"]
) -> Float[np.ndarray, "pixel marked"]:
    """Return how far each place is outside of each stretch; 0 inside."""
    before, behind = start - place[:, None], place[:, None] - (start + length)
    return np.asarray(np.maximum(np.maximum(before, behind), 0.0))


def boxes_from_heat(heat: Real[np.ndarray, "height width"], threshold: float) -> HeatBoxes:
    """Return a box around every connected part of at least ``threshold``, pixels that touch at a corner included.

    Args:
        heat: At least 0.
        threshold: Above 0.

    Returns:
        No box where nothing is that hot.

    Raises:
        InvalidValueError: No map, heat that is negative or not finite, or a threshold that is not above 0.

    Example:
        >>> boxes_from_heat(np.array([[0.0, 0.9, 0.6], [0.0, 0.0, 0.0], [0.7, 0.0, 0.0]]), 0.5).boxes
        array([[1., 0., 2., 1.],
               [0., 2., 1., 1.]])
    """
    heat, _ = _checked(heat, np.ones((1, 4)))
    if not threshold > 0:
        raise InvalidValueError(f"threshold must be above 0, got {threshold}: else all of the film is one box")
    parts, n_parts = ndimage.label(heat >= threshold, structure=_TOUCHING)
    if not n_parts:
        return HeatBoxes(np.zeros((0, 4)), np.zeros(0))
    peaks = np.asarray(ndimage.maximum(heat, parts, np.arange(1, n_parts + 1)), dtype=np.float64)
    places = [
        (across.start, down.start, across.stop - across.start, down.stop - down.start)
        for down, across in ndimage.find_objects(parts)
    ]
    order = np.argsort(-peaks, kind="stable")
    return HeatBoxes(np.array(places, dtype=np.float64)[order], peaks[order])


def overlap_of_boxes(
    found: Real[np.ndarray, "found 4"], marked: Real[np.ndarray, "marked 4"]
) -> tuple[Float64[np.ndarray, "found marked"], Float64[np.ndarray, "found marked"]]:
    """Return IoU (intersection over union) and IoBB (intersection over the found box) of every pair.

    Raises:
        InvalidValueError: A box has no area, or is not four finite numbers.

    Example:
        >>> iou, iobb = overlap_of_boxes(np.array([[0, 0, 2, 2]]), np.array([[0, 0, 4, 4]]))
        >>> iou.tolist(), iobb.tolist()
        ([[0.25]], [[1.0]])
    """
    found, marked = _checked_boxes(found), _checked_boxes(marked)
    low = np.maximum(found[:, None, :2], marked[None, :, :2])
    high = np.minimum((found[:, :2] + found[:, 2:])[:, None], (marked[:, :2] + marked[:, 2:])[None])
    shared = np.prod((high - low).clip(0), axis=2)
    of_found, of_marked = found[:, 2] * found[:, 3], marked[:, 2] * marked[:, 3]
    return shared / (of_found[:, None] + of_marked - shared), shared / of_found[:, None]


def measure_map(
    heat: Real[np.ndarray, "height width"],
    boxes: Real[np.ndarray, "marked 4"],
    thresholds: Sequence[float],
    *,
    tolerance_px: float = 0.0,
) -> MapOverlaps:
    """Measure one map against the marked boxes of its film at every threshold of heat.

    Args:
        heat: At least 0.
        boxes: The marked boxes, at least one.
        thresholds: Each above 0.
        tolerance_px: See :func:`pointing_share`.

    Raises:
        InvalidValueError: As for :func:`pointing_share` and :func:`boxes_from_heat`.
    """
    found = [boxes_from_heat(heat, threshold) for threshold in thresholds]
    overlaps = [overlap_of_boxes(at.boxes, boxes) for at in found]
    return MapOverlaps(
        pointing_share(heat, boxes, tolerance_px=tolerance_px),
        tuple(at.peaks for at in found),
        tuple(iou for iou, _ in overlaps),
        tuple(iobb for _, iobb in overlaps),
    )


def measure_mask(
    heat: Real[np.ndarray, "height width"],
    mask: Bool[np.ndarray, "height width"],
    thresholds: Sequence[float],
    *,
    tolerance_px: float = 0.0,
) -> MaskOverlaps:
    """Measure one map against a mask, pixel by pixel; no box is drawn around anything.

    Args:
        heat: At least 0.
        mask: Where the finding is, at least one pixel.
        thresholds: Each above 0.
        tolerance_px: Largest distance of a hit from the mask, from centre to centre of pixels.

    Raises:
        InvalidValueError: No map, a mask of another shape or an empty one, or a threshold that is not above 0.

    Example:
        >>> mask = np.array([[True, True, False, False]])
        >>> measure_mask(np.array([[0.9, 0.0, 0.6, 0.0]]), mask, [0.5, 0.8])
        MaskOverlaps(pointing=1.0, iou=array([0.33333333, 0.5       ]))
    """
    heat, _ = _checked(heat, np.ones((1, 4)))
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != heat.shape or not mask.any():
        raise InvalidValueError(
            f"expected a mask of the map's shape {heat.shape} with a pixel in it, got the shape {mask.shape} with "
            f"{int(mask.sum())} pixels"
        )
    if not all(threshold > 0 for threshold in thresholds) or tolerance_px < 0:
        raise InvalidValueError(
            f"thresholds must be above 0 and tolerance_px at least 0, got {list(thresholds)} and {tolerance_px}"
        )
    shared, either = ([_n_hot(heat, threshold, part) for threshold in thresholds] for part in (mask, ~mask))
    iou = np.array(shared, dtype=np.float64) / (np.array(either, dtype=np.float64) + mask.sum())
    if heat.max() <= 0:
        return MaskOverlaps(0.0, iou)
    near = ndimage.distance_transform_edt(~mask) <= tolerance_px if tolerance_px else mask
    return MaskOverlaps(float(near[heat == heat.max()].mean()), iou)


def _n_hot(heat: Real[np.ndarray, "height width"], threshold: float, part: Bool[np.ndarray, "height width"]) -> int:
    return int(np.count_nonzero((heat >= threshold) & part))


def match_boxes(
    overlaps: Float[np.ndarray, "found marked"], scores: Real[np.ndarray, " found"], smallest: float
) -> Bool[np.ndarray, " found"]:
    """Say which found boxes are right: each takes the free marked box it overlaps most, the surest box first.

    Args:
        overlaps: IoU of every pair.
        scores: How sure each found box is.
        smallest: Least overlap that counts.

    Returns:
        True where a box found a marked one that none before it had taken.
    """
    right = np.zeros(len(scores), dtype=bool)
    free = np.ones(overlaps.shape[1], dtype=bool)
    for box in np.argsort(-np.asarray(scores), kind="stable"):
        if not free.any():
            break
        best = int(np.argmax(np.where(free, overlaps[box], -1.0)))
        if overlaps[box, best] >= smallest:
            right[box], free[best] = True, False
    return right


def box_average_precision(
    scores: Real[np.ndarray, " found"],
    right: Bool[np.ndarray, " found"],
    weights: Real[np.ndarray, "found replicate"],
    n_marked: Real[np.ndarray, " replicate"],
) -> Float64[np.ndarray, " replicate"]:
    """Return the average precision of found boxes: precision at each step of recall, not interpolated.

    Args:
        scores: How sure each box is, over all films; boxes of one score come in together.
        right: Whether it found a marked box, see :func:`match_boxes`.
        weights: How often each box counts, per resample; a column of ones for the films as they are.
        n_marked: Marked boxes in each resample.

    Returns:
        In [0, 1]; 0 where nothing was found, NaN where nothing is marked.

    Example:
        >>> box_average_precision(np.array([0.9, 0.8]), np.array([False, True]), np.ones((2, 1)), np.array([1]))
        array([0.5])
    """
    n_marked = np.asarray(n_marked, dtype=np.float64)
    answer = np.where(n_marked > 0, 0.0, np.nan)
    if not len(scores):
        return answer
    order = np.argsort(-np.asarray(scores), kind="stable")
    falling = np.asarray(scores)[order]
    last_of_score = np.append(np.nonzero(np.diff(falling))[0], len(falling) - 1)
    weights = np.asarray(weights, dtype=np.float64)[order]
    n_found = np.cumsum(weights, axis=0)[last_of_score]
    n_right = np.cumsum(weights * np.asarray(right)[order, None], axis=0)[last_of_score]
    precision = np.divide(n_right, n_found, out=np.zeros_like(n_right), where=n_found > 0)
    steps = np.diff(n_right, axis=0, prepend=0.0)
    np.divide((precision * steps).sum(axis=0), n_marked, out=answer, where=n_marked > 0)
    return answer


def fold_thresholds(
    quality: Float[np.ndarray, "map threshold"], folds: Int64[np.ndarray, " map"]
) -> Int64[np.ndarray, " map"]:
    """Choose for every map the threshold that is best, in the mean, on the maps of all other folds.

    Args:
        quality: What is to be large, per map and threshold.
        folds: See :func:`hilum.metrics.patient_folds`.

    Returns:
        The number of a threshold, the first of equally good ones; -1 where there is no other fold to choose on.
    """
    chosen = np.full(len(quality), -1, dtype=np.int64)
    for fold in np.unique(folds):
        others = quality[folds != fold]
        if len(others):
            chosen[folds == fold] = int(np.argmax(others.mean(axis=0)))
    return chosen


def random_heat(
    shape: tuple[int, int], generator: np.random.Generator, *, cells: int = _RANDOM_CELLS
) -> Float32[np.ndarray, "height width"]:
    """Return a map that knows nothing: noise in coarse places, bilinear between them, at most 1.

    Args:
        shape: Rows and columns.
        generator: Where the noise comes from.
        cells: Places a side, as coarse as the maps it is compared with.
    """
    rows, columns = (_interpolation(length, cells) for length in shape)
    # Few hot places among many cold ones, as in a real map. Of uniform noise the largest two are nearly equal, and a
    # pixel that misses the centre of its place by little would leave the peak to the places at the edge.
    heat = rows @ generator.exponential(size=(cells, cells)) @ columns.T
    return np.asarray(heat / heat.max(), dtype=np.float32)


def centre_heat(shape: tuple[int, int]) -> Float32[np.ndarray, "height width"]:
    """Return a map that always says "the middle": a bell whose standard deviation is a quarter of each side."""
    down, across = (np.exp(-0.5 * (((np.arange(length) + 0.5) / length - 0.5) / 0.25) ** 2) for length in shape)
    heat = np.outer(down, across)
    return np.asarray(heat / heat.max(), dtype=np.float32)


def _interpolation(length: int, cells: int) -> Float64[np.ndarray, "length cell"]:
    position = ((np.arange(length) + 0.5) * cells / length - 0.5).clip(0, cells - 1)
    return np.asarray((1 - np.abs(position[:, None] - np.arange(cells))).clip(0))


def _checked(
    heat: Real[np.ndarray, "..."], boxes: Real[np.ndarray, "..."]
) -> tuple[Float[np.ndarray, "height width"], Float64[np.ndarray, "marked 4"]]:
    heat = np.asarray(heat, dtype=np.float64)
    if heat.ndim != 2 or not heat.size:
        raise InvalidValueError(f"expected a heat map (height, width), got the shape {heat.shape}")
    if not np.isfinite(heat).all() or heat.min() < 0:
        raise InvalidValueError("a heat map holds a number that is negative or not finite: expected heat of at least 0")
    boxes = _checked_boxes(boxes)
    if not len(boxes):
        raise InvalidValueError("expected at least one marked box: a map without one cannot be judged")
    return heat, boxes


def _checked_boxes(boxes: Real[np.ndarray, "..."]) -> Float64[np.ndarray, "box 4"]:
    boxes = np.asarray(boxes, dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InvalidValueError(f"boxes have the shape {boxes.shape}, expected (box, 4): left, top, width, height")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] <= 0).any():
        raise InvalidValueError("a box has no area, or is not four finite numbers: expected left, top, width, height")
    return boxes
