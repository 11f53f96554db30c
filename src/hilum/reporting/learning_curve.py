"""A learning curve as a page that stands alone."""

import math
from pathlib import Path
from xml.etree.ElementTree import Element

from hilum.findings import title_of
from hilum.records import GrowthCurve, Interval, LearningCurve
from hilum.reporting.drawing import Panel, add_dot, add_line, add_path, add_text, new_picture, picture_text
from hilum.reporting.page import render_page
from hilum.reporting.table import Cell, Table
from hilum.runs import write_text
from hilum.wording import DASH, count, fixed, interval

__all__ = ["write_learning_curve"]

_LARGE = (640.0, 300.0)
_PHONE = (340.0, 220.0)
_SMALL = (168.0, 140.0)
_LEFT, _TOP, _FOOT, _RIGHT = 34.0, 26.0, 26.0, 12.0
_STEP = 0.05


def write_learning_curve(path: Path, curve: LearningCurve) -> Path:
    """Write ``learning_curve.html``, which needs no other file, and return its path.

    Args:
        path: The page.
        curve: What was measured.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    charts = [_chart(curve, title_of(name), found, _SMALL) for name, found in curve.findings.items()]
    mean = f"Mean of {count(len(curve.mean_findings), 'finding')}"
    write_text(
        path,
        render_page(
            "learning_curve.html",
            title=curve.sentence,
            curve=curve,
            judged=f"{count(curve.pedigree.n_images, 'validation film')} of "
            f"{count(curve.pedigree.n_patients, 'patient')}",
            mean_chart=_chart(curve, mean, curve.mean, _LARGE),
            mean_on_a_phone=_chart(curve, mean, curve.mean, _PHONE),
            charts=charts,
            laws=_law_table(curve),
            points=_point_table(curve),
            parts=_part_table(curve),
        ),
    )
    return path


def _law_table(curve: LearningCurve) -> Table:
    """Return what twice the films would bring, and the law."""
    table = Table(("twice the films bring", "most there can be", "exponent", "present in validation"))
    for name, found in curve.findings.items():
        table.add(title_of(name), *_law_cells(table, found), Cell(f"{found.n_positive:,}"))
    table.summarise(f"Mean · {count(len(curve.mean_findings), 'finding')}", *_law_cells(table, curve.mean), Cell(" "))
    return table


def _law_cells(table: Table, found: GrowthCurve) -> list[Cell]:
    law = found.law
    return [table.estimate(value, value.reason) for value in (law.doubling, law.ceiling, law.exponent)]


def _point_table(curve: LearningCurve) -> Table:
    table = Table(tuple(f"{size:,.0f} films" for size in curve.n_images))
    for name, found in curve.findings.items():
        table.add(title_of(name), *(_point_cell(table, point) for point in found.auroc))
    means = (_point_cell(table, point) for point in curve.mean.auroc)
    table.summarise(f"Mean · {count(len(curve.mean_findings), 'finding')}", *means)
    return table


def _point_cell(table: Table, point: Interval) -> Cell:
    return table.estimate(point, "no validation film has it, or none is without it")


def _part_table(curve: LearningCurve) -> Table:
    table = Table(("seed", "patients", "films", "mean AUROC", "bundle"))
    for part in curve.parts:
        known = [part.auroc[name] for name in curve.mean_findings]
        mean = sum(known) / len(known) if known else math.nan
        digest = part.bundle_digest[:12] or DASH
        cells = (f"{part.seed}", f"{part.n_patients:,}", f"{part.n_images:,}", fixed(mean), digest)
        table.add(f"{part.fraction:g} of the patients", *map(Cell, cells))
    return table


def _chart(curve: LearningCurve, name: str, found: GrowthCurve, size: tuple[float, float]) -> str:
    """Return points with intervals over the number of films (each step to the right doubles), and the law beyond."""
    width, height = size
    law, sizes = found.law, curve.n_images
    ends = [end for point in found.auroc for end in (point.value, point.low, point.high)]
    known = [end for end in (*ends, *law.value) if math.isfinite(end)]
    low, high = min(known, default=0.5), max(known, default=1.0)
    up = (
        math.floor(low / _STEP) * _STEP,
        max(math.ceil(high / _STEP) * _STEP, math.floor(low / _STEP) * _STEP + _STEP),
    )
    across = (math.log2(sizes[0]) - 0.2, math.log2(4 * sizes[-1]))
    panel = Panel(_LEFT, _TOP, width - _LEFT - _RIGHT, height - _TOP - _FOOT, across=across, up=up)
    picture = new_picture(width, height, f"AUROC over the number of training films: {name}. {_said(found)}")
    add_text(picture, (0, 14), name, "strong")
    if not known:
        add_text(picture, (_LEFT, height / 2), f"{DASH} undefined on validation", "quiet")
        return picture_text(picture)
    _axes(picture, panel, sizes, up)
    at = [math.log2(number) for number in law.n_images]
    for values in (law.low, law.high):
        add_path(picture, panel.points(at, values), "curve thin second")
    add_path(picture, panel.points(at, law.value), "curve")
    for number, point in zip(sizes, found.auroc, strict=True):
        if not math.isfinite(point.value):
            continue
        x = panel.x(math.log2(number))
        if math.isfinite(point.low):
            add_line(picture, (x, panel.y(point.low)), (x, panel.y(point.high)), "whisker")
        add_dot(picture, (x, panel.y(point.value)), 3.0 if size == _SMALL else 4.0, "dot")
    return picture_text(picture)


def _axes(picture: Element, panel: Panel, sizes: tuple[float, ...], up: tuple[float, float]) -> None:
    for value in up:
        add_line(picture, (panel.left, panel.y(value)), (panel.right, panel.y(value)), "grid")
        add_text(picture, (panel.left - 6, panel.y(value) + 4), f"{value:.2f}", "quiet small end")
    for number in (sizes[0], sizes[-1], 4 * sizes[-1]):
        x = panel.x(math.log2(number))
        style = "end" if number > sizes[-1] else "middle"
        add_text(picture, (x, panel.bottom + 16), _short(number), f"quiet small {style}")
    edge = panel.x(math.log2(sizes[-1]))
    add_line(picture, (edge, panel.top), (edge, panel.bottom), "guide")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number < 10_000 else f"{number / 1000:,.0f}k"


def _said(found: GrowthCurve) -> str:
    gain = found.law.doubling
    if not math.isfinite(gain.value):
        return f"No law: {gain.reason}."
    return f"Twice the films would bring {fixed(gain.value)} {interval(gain)}".strip() + "."
