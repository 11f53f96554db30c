"""Models against each other, as a page that stands alone."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from hilum.findings import title_of
from hilum.records import (
    COMPARED_MEASURES,
    SIGNIFICANT,
    ComparedModel,
    Comparison,
    Estimate,
    FindingDifference,
    Interval,
    ModelPair,
)
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
from hilum.reporting.headline import films_of
from hilum.reporting.page import render_page
from hilum.reporting.table import Cell, Table
from hilum.runs import write_text
from hilum.wording import DASH, count, measured, signed

__all__ = ["write_comparison"]

_HEAD, _FOOT = 26.0, 30.0
_SMALLEST_P = 0.001
_UNVARIED = "no test: there are no resamples, or all of them give the same"
_NO_TEST = "fewer than two patients with the finding, or without it"


@dataclass(frozen=True)
class _Form(RowForm):
    """A row per finding; of a reason only so many letters have room."""

    reason_width: int


_WIDE = _Form(660.0, 25.0, 16.5, 12.5, (176.0, 290.0), 70)
_NARROW = _Form(340.0, 42.0, 16.0, 30.0, (10.0, 320.0), 30)


def write_comparison(path: Path, comparison: Comparison) -> Path:
    """Write ``comparison.html``, which needs no other file, and return its path.

    Args:
        path: The page.
        comparison: What was measured.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    write_text(
        path,
        render_page(
            "comparison.html",
            title=comparison.pairs[0].sentence if len(comparison.pairs) == 1 else comparison.title,
            comparison=comparison,
            films=films_of(comparison.pedigree),
            models=_model_table(comparison),
            pairs=[_shown(comparison, pair) for pair in comparison.pairs],
            limit=SIGNIFICANT,
        ),
    )
    return path


@dataclass(frozen=True)
class _ShownPair:
    """A pair with its pictures and its tables."""

    pair: ModelPair
    wide: str
    narrow: str
    table: Table
    means: Table
    measures: dict[str, Table]


def _shown(comparison: Comparison, pair: ModelPair) -> _ShownPair:
    models = {model.name: model for model in comparison.models}
    both = models[pair.first], models[pair.second]
    return _ShownPair(
        pair,
        _chart(pair, _WIDE),
        _chart(pair, _NARROW),
        _pair_table(pair),
        _means_table(pair, both),
        {COMPARED_MEASURES[name]: _measure_table(name, pair, both) for name in pair.measures},
    )


def _model_table(comparison: Comparison) -> Table:
    """Return AUROC by finding and model, the means below."""
    table = Table(("present", *(model.name for model in comparison.models)))
    for name, first in comparison.models[0].auroc.items():
        cells = [table.estimate(model.auroc[name], model.auroc[name].reason) for model in comparison.models]
        table.add(title_of(name), Cell(f"{first.n_positive:,}"), *cells)
    means = [table.estimate(model.mean, "undefined for every finding") for model in comparison.models]
    table.summarise(f"Mean · {count(comparison.models[0].mean.n_findings, 'finding')}", Cell(" "), *means)
    return table


def _means_table(pair: ModelPair, both: tuple[ComparedModel, ComparedModel]) -> Table:
    """Return, a row per measure, the means of both models, their difference, and how many findings' outlast Holm."""
    table = Table(("difference", "findings that last", *(model.name for model in both)))
    undefined = "undefined for every finding"
    auroc = (table.estimate(model.mean, undefined) for model in both)
    gap = table.estimate(pair.mean, undefined, difference=True)
    table.add("AUROC", gap, Cell(f"{pair.n_lasting} of {pair.mean.n_findings}"), *auroc)
    for name, found in pair.measures.items():
        means = (table.estimate(model.measures[name].mean, undefined) for model in both)
        gap = table.estimate(found.mean, undefined, difference=True)
        table.add(COMPARED_MEASURES[name], gap, Cell(f"{found.n_lasting} of {found.mean.n_findings}"), *means)
    return table


def _measure_table(name: str, pair: ModelPair, both: tuple[ComparedModel, ComparedModel]) -> Table:
    """Return both models and their difference in one measure, finding by finding."""
    table = Table(("difference", "p after Holm", "lasts", *(model.name for model in both)))
    for finding, found in pair.measures[name].findings.items():
        own = [model.measures[name].findings[finding] for model in both]
        reason = next((value.reason for value in own if value.reason), "") or _UNVARIED
        table.add(
            title_of(finding),
            table.estimate(found.difference, reason, difference=True),
            _p_cell(table, found.p_holm, reason),
            Cell(_lasts(found)),
            *(table.estimate(value, value.reason) for value in own),
        )
    return table


def _pair_table(pair: ModelPair) -> Table:
    """Return differences with intervals and both p values."""
    table = Table(("difference", "p", "p after Holm", "lasts"))
    for name, found in pair.findings.items():
        untested = found.difference.reason or _NO_TEST
        table.add(
            title_of(name),
            table.estimate(found.difference, untested, difference=True),
            _p_cell(table, found.p_value, untested),
            _p_cell(table, found.p_holm, untested),
            Cell(_lasts(found)),
        )
    blank = Cell(" ")
    mean = table.estimate(pair.mean, "undefined for every finding", difference=True)
    table.summarise(f"Mean · {count(pair.mean.n_findings, 'finding')}", mean, blank, blank, blank)
    return table


def _lasts(found: FindingDifference) -> str:
    return DASH if not math.isfinite(found.p_holm) else "yes" if found.lasts else "no"


def _p_cell(table: Table, p_value: float, reason: str) -> Cell:
    if 0 <= p_value < _SMALLEST_P:
        return Cell(f"< {_SMALLEST_P}")
    return table.number(p_value, reason)


def _chart(pair: ModelPair, form: _Form) -> str:
    """Return differences with intervals around 0, the largest in favour of the first on top, the mean last."""
    ranked = sorted(pair.findings.items(), key=lambda item: _rank(item[1].difference))
    height = _HEAD + form.row * (len(ranked) + 1) + 8 + _FOOT
    left, width = form.panel
    reach = reach_around_zero((pair.mean, *(found.difference for found in pair.findings.values())))
    panel = Panel(left, _HEAD, width, height - _HEAD - _FOOT, across=(-reach, reach))
    picture = new_picture(form.width, height, f"AUROC of {pair.first} minus {pair.second} with 95 % intervals")
    for value in (-reach, 0.0, reach):
        x = panel.x(value)
        add_line(picture, (x, panel.top), (x, panel.bottom), "guide" if value == 0 else "grid")
        add_text(picture, (x, panel.bottom + 16), signed(value, 2) if value else "0", "quiet small middle")
    for place, side in ((0.25, f"← {_cut(pair.second)} better"), (0.75, f"{_cut(pair.first)} better →")):
        add_text(picture, (left + place * width, 14), side, "quiet small middle")
    for number, (name, found) in enumerate(ranked):
        words = (title_of(name), found.difference.reason)
        style = "" if found.lasts else "unsure"
        _row(picture, panel, form, _HEAD + form.row * number, found.difference, words, style)
    top = _HEAD + form.row * len(ranked) + 6
    add_line(picture, (0, top - 2), (form.width, top - 2), "rule")
    _row(picture, panel, form, top, pair.mean, (f"Mean of {pair.mean.n_findings}", "undefined"), "strong")
    return picture_text(picture)


def _row(
    picture: Element, panel: Panel, form: _Form, top: float, value: Interval, words: tuple[str, str], style: str
) -> None:
    name, reason = words
    weight = " strong" if style == "strong" else ""
    add_text(picture, (0, top + form.text), name, weight.strip())
    if not math.isfinite(value.value):
        said = f"{DASH} {reason}"
        add_text(picture, (form.width, top + form.text), said[: form.reason_width], "quiet end")
        return
    y = top + form.whisker
    add_whisker(picture, panel, y, value, dot="ringed" if style == "unsure" else "dot", weight=weight)
    add_text(picture, (form.width, top + form.text), measured(value, difference=True), f"end{weight}")


def _rank(difference: Estimate) -> float:
    return -difference.value if math.isfinite(difference.value) else math.inf


def _cut(name: str, longest: int = 18) -> str:
    return name if len(name) <= longest else f"…{name[1 - longest :]}"
