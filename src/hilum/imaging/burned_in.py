"""Text burned into the pixels of a film: names, dates and hospitals that no header tells of.

A line of text is five or more marks of one height side by side, each about as wide as it is high, drawn in one tone
with hard edges. A side marker (L, R) is one or two marks, a wire is long, bone has soft edges: none of them is a line.

Steps: hard steps between neighbours along a row, counted in blocks; runs of blocks with many of them; within each run
bright, then dark strokes as connected components; those of a character's shape that stand in a row.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from PIL import Image as Pillow

__all__ = ["TextBox", "text_boxes"]

_LONGEST_SIDE = 1024
_BLOCK = 8
_HARD_STEP = 45
_STEPS_PER_BLOCK = 8
_BLOCKS_PER_LINE = 3
_CHARACTERS = 5
_SURROUNDINGS = 61
_CONTRASTS = (30, 60, 90)
_LOWEST, _HIGHEST = 4, 80
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


class TextBox(NamedTuple):
    """Where a line of text stands, in pixels of the film: rows ``top`` to ``bottom``, columns ``left`` to ``right``."""

    top: int
    left: int
    bottom: int
    right: int


def text_boxes(pixels: Float32[np.ndarray, "height width"]) -> list[TextBox]:
    """Return the lines of text burned into a film, from the top down; empty if none is found.

    Args:
        pixels: Grey values in [0, 1].
    """
    factor = max(1, -(-max(pixels.shape) // _LONGEST_SIDE))
    small = np.asarray(Pillow.fromarray(np.ascontiguousarray(pixels)).reduce(factor)) if factor > 1 else pixels
    grey = (small * np.float32(255)).astype(np.uint8)
    found: list[TextBox] = []
    for rows, columns in _busy_runs(grey):
        part = grey[rows, columns]
        for line in _lines(part):
            box = TextBox(
                (rows.start + line.top) * factor,
                (columns.start + line.left) * factor,
                min((rows.start + line.bottom) * factor, pixels.shape[0]),
                min((columns.start + line.right) * factor, pixels.shape[1]),
            )
            found.append(box)
    return sorted(found)


def _busy_runs(grey: UInt8[np.ndarray, "height width"]) -> list[tuple[slice, slice]]:
    """Return parts of the film with many hard steps between neighbours along a row."""
    from scipy import ndimage

    height, width = (side // _BLOCK for side in grey.shape)
    if height < 1 or width < 2:
        return []
    steps = np.zeros((height * _BLOCK, width * _BLOCK), dtype=bool)
    left, right = (grey[: steps.shape[0], start : start + steps.shape[1] - 2] for start in (0, 2))
    np.greater(np.maximum(left, right) - np.minimum(left, right), _HARD_STEP, out=steps[:, 1:-1])
    share = np.asarray(Pillow.fromarray(steps.view(np.uint8) * 255).reduce(_BLOCK))
    busy = share >= _STEPS_PER_BLOCK * 255 // _BLOCK**2
    labels, _ = ndimage.label(ndimage.binary_dilation(busy, np.ones((3, 5), dtype=bool)))
    sizes = np.bincount(labels[busy], minlength=1)
    return [
        (
            slice(rows.start * _BLOCK, min(rows.stop * _BLOCK, grey.shape[0])),
            slice(columns.start * _BLOCK, min(columns.stop * _BLOCK, grey.shape[1])),
        )
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
        if sizes[number] >= _BLOCKS_PER_LINE
    ]


def _lines(part: UInt8[np.ndarray, "height width"]) -> list[TextBox]:
    """Return the lines of text of a part of a film, whose strokes may be bright or dark."""
    from scipy import ndimage

    background = ndimage.uniform_filter(part, _SURROUNDINGS).astype(np.int16)
    above = part - background
    for contrast in _CONTRASTS:
        for strokes in (above > contrast, above < -contrast):
            lines = _rows_of(_characters(strokes))
            if lines:
                return lines
    return []


def _characters(strokes: Bool[np.ndarray, "height width"]) -> list[TextBox]:
    from scipy import ndimage

    labels, _ = ndimage.label(strokes, _EIGHT_NEIGHBOURS)
    marks = []
    for rows, columns in ndimage.find_objects(labels):
        height, width = rows.stop - rows.start, columns.stop - columns.start
        if _LOWEST <= height <= _HIGHEST and width <= 1.6 * height and height <= 8 * width:
            marks.append(TextBox(rows.start, columns.start, rows.stop, columns.stop))
    return marks


def _rows_of(marks: list[TextBox]) -> list[TextBox]:
    """Return runs of at least five marks that stand side by side and have about one height."""
    found = []
    left = sorted(marks, key=lambda mark: mark.left)
    while left:
        row = [left.pop(0)]
        rest: list[TextBox] = []
        for mark in left:
            (row if _follows(mark, row[-1]) else rest).append(mark)
        if len(row) >= _CHARACTERS:
            found.append(
                TextBox(min(m.top for m in row), row[0].left, max(m.bottom for m in row), max(m.right for m in row))
            )
            left = rest
        # else: the first mark begins no line; the others may.
    return found


def _follows(mark: TextBox, before: TextBox) -> bool:
    height = before.bottom - before.top
    gap = mark.left - before.right
    return (
        -1 <= gap <= 2.2 * height
        and abs(mark.bottom - before.bottom) <= 0.3 * height
        and 0.6 <= (mark.bottom - mark.top) / height <= 1.6
    )
