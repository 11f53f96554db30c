"""Whether heat maps point at what was marked, as a page that stands alone: figures, controls, films with boxes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8

from hilum.findings import title_of
from hilum.records import Estimate, FindingLocalisation, Localisation, MaskLocalisation
from hilum.reporting.headline import films_of
from hilum.reporting.page import film_uri, render_page
from hilum.reporting.table import Cell, Table
from hilum.runs import write_text
from hilum.wording import DASH, fixed, interval, percent

__all__ = ["MarkedFilm", "draw_marks", "write_localisation"]

_SIDE_PX = 320
_BOX = (0x3D, 0xC7, 0x6F)
_CONTOUR = (0xFF, 0xB0, 0x00)
_FOUND = (0x64, 0xB4, 0xFF)
_MODEL = "model"
_KINDS = {"model": "model", "random": "random map", "centre": "middle of the film", "usual_place": "usual place"}


@dataclass(frozen=True, eq=False)
class MarkedFilm:
    """A film with the boxes that were marked and the map that was drawn.

    Attributes:
        image_id: File name without its folder.
        finding: What was marked, and what the map is for.
        pixels: The film.
        heat: The map, of the film's own size, in [0, 1].
        boxes: The marked boxes: left, top, width, height in pixels of the film.
        heat_threshold: From which heat on a place counts as found; NaN for none.
        pointing: Whether the hottest pixel lies in a box, from 0 to 1.
        best_iou: Mean over the boxes of the best IoU.
        probability: What the model says of the finding.
    """

    image_id: str
    finding: str
    pixels: UInt8[np.ndarray, "height width"]
    heat: Float[np.ndarray, "height width"]
    boxes: Float[np.ndarray, "marked 4"]
    heat_threshold: float
    pointing: float
    best_iou: float
    probability: float


@dataclass(frozen=True)
class _Card:
    image_id: str
    finding: str
    picture: str
    marks: str
    words: str


def write_localisation(path: Path, study: Localisation, films: Sequence[MarkedFilm] = ()) -> None:
    """Write ``localisation.html``, which needs no other file.

    Args:
        path: The page.
        study: What was measured.
        films: Films to show, in their order.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    page = render_page(
        "localisation.html",
        title=_headline(study),
        study=study,
        pointing=_pointing_table(study),
        pointing_gain=_gain_table(study, "pointing_gain"),
        iou_gain=_gain_table(study, "iou_gain"),
        masks=_mask_tables(study),
        overlaps=[(title_of(name), _overlap_table(study, finding)) for name, finding in _parts(study).items()],
        films=[_card(film) for film in films],
    )
    write_text(path, page)


def draw_marks(film: MarkedFilm) -> UInt8[np.ndarray, "height width 3"]:
    """Return the film with its marked boxes (green), the outline of what is hot (orange), the hottest pixel (blue)."""
    picture = np.repeat(film.pixels[..., None], 3, axis=2)
    thick = max(1, round(max(film.pixels.shape) / 200))
    if film.heat_threshold == film.heat_threshold:
        picture[_edge(film.heat >= film.heat_threshold, thick)] = _CONTOUR
    for left, top, width, height in film.boxes:
        inside = np.zeros(film.pixels.shape, dtype=bool)
        inside[round(top) : max(round(top + height), round(top) + 1), round(left) : round(left + width) + 1] = True
        picture[_edge(inside, thick)] = _BOX
    if film.heat.max() > 0:
        row, column = np.unravel_index(int(film.heat.argmax()), film.heat.shape)
        reach = 2 * thick
        picture[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = _FOUND
    return picture


def _edge(inside: Bool[np.ndarray, "height width"], thick: int) -> Bool[np.ndarray, "height width"]:
    """Return the pixels of an area that lie at most ``thick`` from what is outside of it, or from the film's edge."""
    core = np.pad(inside, thick)
    for axis in (0, 1):
        moved = [np.roll(core, step, axis=axis) for step in range(-thick, thick + 1)]
        core = np.logical_and.reduce(moved)
    return np.asarray(inside & ~core[thick:-thick, thick:-thick])


def _parts(study: Localisation) -> dict[str, FindingLocalisation]:
    return {"All findings": study.overall, **study.findings}


def _headline(study: Localisation) -> str:
    maps = study.overall.maps
    best = max((kind for kind in maps if kind != _MODEL), key=lambda kind: maps[kind].pointing.value, default="")
    hit = f"the heat map’s hottest point lies in a marked box in {_share(maps[_MODEL].pointing)}"
    control = f"; that of the best map that knows nothing of the film ({_KINDS[best]}) in {_share(maps[best].pointing)}"
    against = f"{control}: {_gain(study.overall.pointing_gain[best])}" if best else ""
    return f"On {films_of(study.pedigree)} {hit}{against}."


def _gain(gain: Estimate) -> str:
    """Say whether the model's maps are better than a control's; two shares side by side do not say it."""
    if not math.isfinite(gain.low):
        return "no interval says whether that is chance"
    if gain.low <= 0 <= gain.high:
        return "no difference is shown"
    points = sorted(100 * abs(end) for end in (gain.low, gain.high))
    return f"{'better' if gain.low > 0 else 'worse'} by {points[0]:.0f} to {points[1]:.0f} points"


def _share(hits: Estimate) -> str:
    """Say a share and its interval in per cent; digits beyond would outrun a few dozen patients."""
    if not math.isfinite(hits.value):
        return DASH
    known = math.isfinite(hits.low) and math.isfinite(hits.high)
    within = f" ({100 * hits.low:.0f} to {100 * hits.high:.0f})" if known else ""
    return f"{100 * hits.value:.0f} %{within}"


def _pointing_table(study: Localisation) -> Table:
    kinds = [kind for kind in _KINDS if kind in study.overall.maps]
    table = Table((*(_KINDS[kind] for kind in kinds), "boxes", "films", "patients"))
    for name, finding in study.findings.items():
        table.add(title_of(name), *_pointing_cells(table, finding, kinds))
    table.summarise("All together", *_pointing_cells(table, study.overall, kinds))
    return table


def _pointing_cells(table: Table, finding: FindingLocalisation, kinds: Sequence[str]) -> list[Cell]:
    counts = [Cell(f"{n:,}") for n in (finding.n_boxes, finding.n_images, finding.n_patients)]
    return [_estimate(table, finding.maps[kind].pointing) for kind in kinds] + counts


def _gain_table(study: Localisation, field: Literal["pointing_gain", "iou_gain"]) -> Table:
    """Return how much better the model's maps are than each control."""
    table = Table(tuple(f"minus {_KINDS[kind]}" for kind in getattr(study.overall, field)))
    for name, finding in study.findings.items():
        table.add(title_of(name), *(_estimate(table, gain) for gain in getattr(finding, field).values()))
    table.summarise("All together", *(_estimate(table, gain) for gain in getattr(study.overall, field).values()))
    return table


def _mask_tables(study: Localisation) -> dict[str, Table]:
    """Return, against masks: hits and IoU of every kind of map, and how much better the model's are than each."""
    overall = study.overall.masks
    if overall is None:
        return {}
    kinds = {kind: name for kind, name in _KINDS.items() if kind in overall.maps}
    minus = {kind: f"minus {_KINDS[kind]}" for kind in overall.iou_gain}
    columns: dict[str, tuple[dict[str, str], Callable[[MaskLocalisation, str], Estimate]]] = {
        "pointing": (kinds, lambda masks, kind: masks.maps[kind].pointing),
        "pointing_gain": (minus, lambda masks, kind: masks.pointing_gain[kind]),
        "iou": (kinds, lambda masks, kind: masks.maps[kind].iou),
        "iou_gain": (minus, lambda masks, kind: masks.iou_gain[kind]),
    }
    return {name: _mask_table(study, overall, *each) for name, each in columns.items()}


def _mask_table(
    study: Localisation,
    overall: MaskLocalisation,
    titles: dict[str, str],
    pick: Callable[[MaskLocalisation, str], Estimate],
) -> Table:
    table = Table((*titles.values(), "masks"))
    for name, finding in study.findings.items():
        if (masks := finding.masks) is not None:
            cells = [_estimate(table, pick(masks, kind)) for kind in titles]
            table.add(title_of(name), *cells, Cell(f"{masks.n_masks:,}"))
    cells = [_estimate(table, pick(overall, kind)) for kind in titles]
    table.summarise("All together", *cells, Cell(f"{overall.n_masks:,}"))
    return table


def _overlap_table(study: Localisation, finding: FindingLocalisation) -> Table:
    """Return, for one finding, a row per map and measure, and a column per overlap."""
    table = Table(tuple(f"{overlap:g}" for overlap in study.overlaps))
    for measure, field in (("IoU", "iou"), ("IoBB", "iobb"), ("average precision", "average_precision")):
        for kind, scores in finding.maps.items():
            cells = [_estimate(table, value) for value in getattr(scores, field)]
            table.add(f"{measure}, {_KINDS[kind]}", *cells)
    return table


def _estimate(table: Table, value: Estimate) -> Cell:
    if value.value != value.value:
        return table.estimate(value, value.reason)
    return Cell(fixed(value.value, 2), interval(value, 2))


def _card(film: MarkedFilm) -> _Card:
    hit = "hit" if film.pointing >= 1 else "missed" if film.pointing <= 0 else "hit in part"
    return _Card(
        image_id=film.image_id,
        finding=title_of(film.finding),
        picture=film_uri(film.pixels, _SIDE_PX),
        marks=film_uri(draw_marks(film), _SIDE_PX),
        words=f"hottest point: {hit}; best IoU {fixed(film.best_iou, 2)}; said {percent(film.probability)}",
    )
