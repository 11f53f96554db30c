"""Boxes that radiologists drew around findings: read as NIH writes them, and laid on films of any size.

Source: ``BBox_List_2017.csv`` of ChestX-ray14: 984 boxes on 880 films, drawn on films of 1024 by 1024 pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64

from hilum.data.label_table import LabelTable, read_label_table
from hilum.data.nih import PHANTOM_MARKER
from hilum.errors import DataError, UnknownNameError
from hilum.findings import get_finding
from hilum.imaging import ResizeRule, place_in_square

__all__ = ["FilmBoxes", "find_box_file", "place_boxes", "read_boxes"]

_NIH_SIDE_PX = 1024
_PATTERN = "BBox_List_2017*.csv*"
_LEFT = ("Bbox [x", "x", "left")
_TOP = ("y", "top")
_WIDTH = ("w", "width")
_HEIGHT = ("h]", "h", "height")
_OLD_NAMES = {"Infiltrate": "Infiltration"}
"""What NIH's list of boxes calls otherwise than its list of labels."""


@dataclass(frozen=True, eq=False)
class FilmBoxes:
    """Marked boxes.

    Attributes:
        source: The file's name.
        image_ids: The film of each box.
        findings: The finding of each box.
        boxes: Left, top, width and height of each box.
        side_px: Side of the square that the boxes were drawn in; None if they are in each film's own pixels.
    """

    source: str
    image_ids: tuple[str, ...]
    findings: tuple[str, ...]
    boxes: Float64[np.ndarray, "box 4"]
    side_px: int | None

    def __len__(self) -> int:
        return len(self.image_ids)

    def by_film(self) -> dict[tuple[str, str], Float64[np.ndarray, "box 4"]]:
        """Return the boxes of every film and finding, in the order in which they stand in the file."""
        places: dict[tuple[str, str], list[int]] = {}
        for place, key in enumerate(zip(self.image_ids, self.findings, strict=True)):
            places.setdefault(key, []).append(place)
        return {key: self.boxes[rows] for key, rows in places.items()}


def read_boxes(path: Path, *, side_px: int | None = None) -> FilmBoxes:
    """Read a list of boxes: NIH's own, that of a set of phantoms, or a CSV with x, y, w and h.

    Columns are ``Image Index`` (or ``image_id``), ``Finding Label`` (or ``finding``) and the box, which NIH heads
    ``Bbox [x,y,w,h]`` over four columns. ``Infiltrate`` is ``Infiltration``.

    Args:
        path: The file, or a folder that holds ``BBox_List_2017.csv`` (at any depth).
        side_px: Side of the square that the boxes were drawn in; 0 for each film's own pixels. If not given: the
            film's own pixels beside a set of phantoms, else NIH's 1024.

    Raises:
        DataError: No such file, a missing column, an unknown finding, a box that is none or stands twice; the line
            is named.
    """
    file = find_box_file(path) if path.is_dir() else path
    table = read_label_table(file)
    image_ids, findings = table.column("Image Index", "image_id"), table.column("Finding Label", "finding")
    columns = [table.column(*names) for names in (_LEFT, _TOP, _WIDTH, _HEIGHT)]
    boxes = [_box(table, row, [column[row] for column in columns]) for row in range(len(image_ids))]
    named = tuple(_finding(table, row, name) for row, name in enumerate(findings))
    _refuse_twice(table, list(zip(image_ids, named, map(tuple, boxes), strict=True)))
    if side_px is None:
        side_px = 0 if (file.parent / PHANTOM_MARKER).is_file() else _NIH_SIDE_PX
    return FilmBoxes(
        file.name,
        tuple(image_ids),
        named,
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        side_px or None,
    )


def find_box_file(folder: Path) -> Path:
    """Return NIH's list of boxes below a folder; raises DataError if there is none, or several."""
    files = sorted(file for file in folder.rglob(_PATTERN) if file.is_file())
    if len(files) != 1:
        found = f"{len(files)} files" if files else "no file"
        raise DataError(f"{folder} holds {found} {_PATTERN}: name the list of boxes")
    return files[0]


def place_boxes(
    boxes: Float[np.ndarray, "box 4"],
    shape: tuple[int, int],
    *,
    side_px: int | None = None,
    rule: ResizeRule = "stretch",
) -> Float64[np.ndarray, "inside 4"]:
    """Lay boxes that were drawn in a square on a film of another size.

    Args:
        boxes: Left, top, width and height.
        shape: Rows and columns of the film.
        side_px: Side of the square; None if the boxes are in the film's own pixels.
        rule: How the film was made to fit into the square: ``stretch`` (as NIH did) or ``pad``.

    Returns:
        The boxes in the film's own pixels, cut off at its edges; those that lie outside of it are left out.

    Example:
        >>> place_boxes(np.array([[512.0, 256.0, 256.0, 512.0]]), (100, 200), side_px=1024)
        array([[100.,  25.,  50.,  50.]])
    """
    low, high = boxes[:, :2].astype(np.float64), (boxes[:, :2] + boxes[:, 2:]).astype(np.float64)
    if side_px is not None:
        top, left, height, width = place_in_square(shape, side_px, rule=rule)
        scale = np.array([shape[1] / width, shape[0] / height])
        low, high = (low - (left, top)) * scale, (high - (left, top)) * scale
    low, high = (corner.clip(0, (shape[1], shape[0])) for corner in (low, high))
    inside = (high > low).all(axis=1)
    return np.concatenate([low, high - low], axis=1)[inside]


def _box(table: LabelTable, row: int, cells: Sequence[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)) or min(numbers[2:]) <= 0:
        raise DataError(
            f"{table.source} line {table.lines[row]}: {', '.join(cells)!r} is no box; expected left, top, width and "
            "height in pixels, the last two above 0"
        )
    return numbers


def _refuse_twice(table: LabelTable, marked: Sequence[tuple[str, str, tuple[float, ...]]]) -> None:
    """Refuse the same box of the same finding on the same film, which would count double in every figure."""
    first: dict[tuple[str, str, tuple[float, ...]], int] = {}
    for row, one in enumerate(marked):
        if one in first:
            raise DataError(
                f"{table.source} line {table.lines[row]}: the same box of the same finding on the same film as line "
                f"{table.lines[first[one]]}: keep one"
            )
        first[one] = row


def _finding(table: LabelTable, row: int, name: str) -> str:
    name = name.strip().replace(" ", "_")
    try:
        return get_finding(_OLD_NAMES.get(name, name)).name
    except UnknownNameError as error:
        raise DataError(f"{table.source} line {table.lines[row]}: {error}") from None
