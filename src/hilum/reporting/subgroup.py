"""Parts of the films against the others: gaps as a picture, and every number that stands behind them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hilum.findings import title_of
from hilum.records import Subgroup, SubgroupStudy
from hilum.reporting.drawing import (
    Panel,
    RowForm,
    add_line,
    add_text,
    add_whisker,
    new_picture,
    picture_text,
    reach_around_zero,
)
from hilum.reporting.table import Cell, Table
from hilum.wording import DASH, MINUS, count, interval, signed

__all__ = [
    "SubgroupPart",
    "attribute_title",
    "gap_chart",
    "n_measured",
    "subgroup_parts",
    "subgroup_rows",
    "widest_gap",
]

_HEAD = 26.0


@dataclass(frozen=True)
class SubgroupPart:
    """One attribute, or two crossed: its groups finding by finding."""

    title: str
    note: str
    table: Table


@dataclass(frozen=True)
class _Form(RowForm):
    """A row per group; films are not counted where ``count_end`` is 0, for lack of room."""

    count_end: float


_WIDE = _Form(660.0, 25.0, 16.5, 12.5, (250.0, 250.0), 236.0)
_NARROW = _Form(340.0, 42.0, 16.0, 30.0, (10.0, 320.0), 0.0)


def gap_chart(study: SubgroupStudy, *, narrow: bool = False) -> str:
    """Return the gap in mean AUROC of every group with its interval; zero is no gap.

    Args:
        study: The groups.
        narrow: Whether for a phone: the interval then stands below its group.
    """
    form = _NARROW if narrow else _WIDE
    groups = study.subgroups
    reach = reach_around_zero(group.mean_gap for group in groups)
    left, width = form.panel
    height = _HEAD + form.row * len(groups) + 30
    panel = Panel(left, _HEAD, width, form.row * len(groups), across=(-reach, reach))
    picture = new_picture(form.width, height, _chart_words(study))
    counted = (("films", form.count_end, " end"),) if form.count_end else ()
    for words, x, style in (("Group", 0.0, ""), *counted, ("gap (95 %)", form.width, " end")):
        add_text(picture, (x, 14), words, f"quiet small{style}")
    for tick in (-reach, 0.0, reach):
        words = f"{tick:+g}".replace("-", MINUS) if tick else "0"
        style = "end" if tick > 0 and narrow else "middle"
        add_text(picture, (panel.x(tick), panel.bottom + 17), words, f"quiet small {style}")
    if not narrow:
        _grid(picture, panel, panel.top, panel.bottom)
    for number, group in enumerate(groups):
        _gap_row(picture, panel, form, _HEAD + form.row * number, group)
    return picture_text(picture)


def subgroup_rows(study: SubgroupStudy) -> Table:
    """Return one row per group: how large, how well, and who is called healthy with a finding."""
    columns = ("films", "patients", "findings", "mean AUROC", "gap", "under-diagnosed", "gap")
    table = Table(columns)
    for group in study.subgroups:
        table.add(
            _name(group),
            Cell(f"{group.n_images:,}"),
            Cell(f"{group.n_patients:,}" if group.n_patients else DASH),
            Cell(f"{len(group.mean_over)}"),
            table.measured(group.mean_auroc),
            table.measured(group.mean_gap, difference=True),
            table.measured(group.under_diagnosis),
            table.measured(group.under_diagnosis_gap, difference=True),
        )
    return table


def subgroup_parts(study: SubgroupStudy) -> list[SubgroupPart]:
    """Return every attribute with its groups finding by finding, in the study's order."""
    parts = []
    for attribute in dict.fromkeys(group.attribute for group in study.subgroups):
        groups = [group for group in study.subgroups if group.attribute == attribute]
        unknown = study.unknown.get(attribute, 0)
        note = f"{count(unknown, 'film')} of unknown {attribute} in none of them." if unknown else ""
        parts.append(SubgroupPart(attribute_title(attribute), note, _finding_table(groups)))
    return parts


def n_measured(study: SubgroupStudy) -> int:
    """Return how many groups are large enough for a gap in mean AUROC."""
    return sum(math.isfinite(group.mean_gap.value) for group in study.subgroups)


def widest_gap(study: SubgroupStudy) -> Subgroup | None:
    """Return the group farthest from the others among those whose interval leaves zero out; None without any."""
    sure = [group for group in study.subgroups if group.mean_gap.low > 0 or group.mean_gap.high < 0]
    return max(sure, key=lambda group: abs(group.mean_gap.value), default=None)


def _grid(picture: Element, panel: Panel, top: float, bottom: float) -> None:
    for tick in (panel.across[0], 0.0, panel.across[1]):
        add_line(picture, (panel.x(tick), top), (panel.x(tick), bottom), "grid" if tick else "guide")


def _gap_row(picture: Element, panel: Panel, form: _Form, top: float, group: Subgroup) -> None:
    gap, text, y = group.mean_gap, top + form.text, top + form.whisker
    add_text(picture, (0, text), _name(group), "name")
    if form.count_end:
        add_text(picture, (form.count_end, text), f"{group.n_images:,}", "quiet end")
    else:
        _grid(picture, panel, y - 8, y + 8)
    add_text(picture, (form.width, text), _gap_words(group), "quiet end")
    if math.isfinite(gap.value):
        add_whisker(picture, panel, y, gap)


def _finding_table(groups: Sequence[Subgroup]) -> Table:
    columns = ("with", "without", "AUROC", "gap", "TPR", "gap", "FPR", "gap", "ECE")
    table = Table(columns)
    for group in groups:
        for name, found in group.findings.items():
            table.add(
                f"{group.level}: {title_of(name)}",
                Cell(f"{found.n_positive:,}"),
                Cell(f"{found.n_negative:,}"),
                table.measured(found.auroc),
                table.measured(found.auroc_gap, difference=True),
                table.measured(found.true_positive_rate),
                table.measured(found.true_positive_gap, difference=True),
                table.measured(found.false_positive_rate),
                table.measured(found.false_positive_gap, difference=True),
                table.measured(found.ece),
            )
    return table


def attribute_title(attribute: str) -> str:
    """Return an attribute's name as it stands in a text: ``sex × age`` for two that are crossed."""
    return attribute.replace(" x ", " × ")


def _name(group: Subgroup) -> str:
    return f"{attribute_title(group.attribute)}: {group.level}"


def _gap_words(group: Subgroup) -> str:
    gap = group.mean_gap
    if not math.isfinite(gap.value):
        return f"{DASH} too few films"
    return f"{signed(gap.value)} {interval(gap)}".strip()


def _chart_words(study: SubgroupStudy) -> str:
    group = widest_gap(study)
    widest = f"; widest: {_name(group)} {_gap_words(group)}" if group else "; every interval holds zero"
    return f"Gap in mean AUROC of {count(len(study.subgroups), 'group')} to all other films{widest}"
