"""The charts of a report, as inline SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element

from hilum.findings import title_of
from hilum.records import DecisionCurve, Evaluation, FindingEvaluation, Interval, RankMetric, ReliabilityCurve
from hilum.reporting.drawing import (
    Panel,
    Point,
    RowForm,
    add_area,
    add_dot,
    add_line,
    add_path,
    add_text,
    add_whisker,
    new_picture,
    picture_text,
    round_limit,
)
from hilum.reporting.headline import why
from hilum.reporting.history import HistoryPicture
from hilum.wording import DASH, fixed, interval

__all__ = [
    "calibration_charts",
    "decision_charts",
    "decision_floor",
    "forest_chart",
    "history_chart",
    "pr_charts",
    "reliability_limit",
    "roc_charts",
]

_SIDE = 168.0
_HEAD = 26.0
_FOOT = 20.0
_DIAGONAL = ((0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class _Forest(RowForm):
    """A forest's rows; ``stacked``: the whisker stands below the words instead of between them."""

    count_end: float
    value_end: float
    reason_width: int
    stacked: bool = False


class _Words(NamedTuple):
    """What stands in a row of the forest beside its interval, and published results of the same films."""

    name: str
    n_films: str
    reason: str
    published: Sequence[float]


_WIDE = _Forest(660.0, 25.0, 16.5, 12.5, (190.0, 290.0), 176.0, 556.0, 70)
_NARROW = _Forest(340.0, 42.0, 16.0, 30.0, (10.0, 320.0), 186.0, 238.0, 36, stacked=True)


def forest_chart(evaluation: Evaluation, *, narrow: bool = False) -> str:
    """Return AUROC with intervals, best finding first, the mean last; undefined ones say why.

    Published results that may stand beside the study's are upright ticks.

    Args:
        evaluation: The study.
        narrow: Whether for a phone: the interval then stands below its finding.
    """
    form = _NARROW if narrow else _WIDE
    ranked = sorted(evaluation.findings.items(), key=_best_first)
    mean = evaluation.macro.get("auroc")
    height = _HEAD + form.row * (len(ranked) + (mean is not None)) + 34
    left, width = form.panel
    panel = Panel(left, _HEAD, width, height - _HEAD - 26, across=(_forest_start(evaluation), 1.0))
    picture = new_picture(form.width, height, _forest_words(evaluation, [name for name, _ in ranked]))
    _forest_axis(picture, panel, form)
    for number, (name, finding) in enumerate(ranked):
        metric = finding.auroc
        published = [result.aurocs[name] for result in evaluation.comparable if name in result.aurocs]
        words = _Words(title_of(name), f"{metric.n_positive:,}", why(metric), published)
        _forest_row(picture, panel, form, _HEAD + form.row * number, metric, words)
    if mean is not None:
        top = _HEAD + form.row * len(ranked) + 6
        add_line(picture, (0, top - 2), (form.width, top - 2), "rule")
        published = [result.mean_auroc for result in evaluation.comparable]
        words = _Words(f"Mean of {mean.n_findings}", "", "undefined for every finding", published)
        _forest_row(picture, panel, form, top, mean, words, weight=" strong")
    return picture_text(picture)


def roc_charts(evaluation: Evaluation) -> list[str]:
    """Return one ROC curve per finding, with chance and the threshold."""

    def draw(picture: Element, panel: Panel, finding: FindingEvaluation) -> None:
        point = finding.operating_point
        _guide(picture, panel, *_DIAGONAL)
        add_path(picture, panel.points(finding.roc.x, finding.roc.y), "curve")
        _threshold_dot(picture, panel, 1 - point.specificity.value, point.sensitivity.value)

    return _multiples(evaluation, "ROC curve", lambda finding: finding.auroc, draw)


def pr_charts(evaluation: Evaluation) -> list[str]:
    """Return one precision-recall curve per finding, with prevalence (what chance gives) and the threshold."""

    def draw(picture: Element, panel: Panel, finding: FindingEvaluation) -> None:
        if math.isfinite(finding.prevalence):
            _guide(picture, panel, (0.0, finding.prevalence), (1.0, finding.prevalence))
        add_path(picture, _steps(panel.points(finding.pr.x, finding.pr.y)), "curve")
        _threshold_dot(picture, panel, finding.table.recall, finding.table.precision)

    return _multiples(evaluation, "Precision-recall curve", lambda finding: finding.auprc, draw)


def calibration_charts(evaluation: Evaluation) -> list[str]:
    """Return one reliability curve per finding, each bin with its interval; each panel ends at its own round number."""
    charts = []
    for name, finding in evaluation.findings.items():
        curve = finding.calibration.reliability
        limit = reliability_limit(curve)
        errors = f"ECE {fixed(finding.calibration.ece.value)} · Brier {fixed(finding.calibration.brier.value)}"
        picture, panel = _square(f"Reliability curve of {title_of(name)}: {errors}", limit)
        add_text(picture, (0, 14), title_of(name), "strong")
        points = panel.points(curve.probability, curve.observed)
        if points:
            _guide(picture, panel, (0.0, 0.0), (limit, limit))
            for x, low, high in zip(curve.probability, curve.low, curve.high, strict=True):
                if math.isfinite(low) and math.isfinite(high):
                    add_line(picture, (panel.x(x), panel.y(low)), (panel.x(x), panel.y(high)), "spread")
            add_path(picture, points, "curve thin")
            for place in points:
                add_dot(picture, place, 2.4, "dot")
            add_text(picture, (_SIDE, panel.bottom + 15), errors, "quiet small end")
            add_text(picture, (0, panel.bottom + 15), "0", "quiet small")
            add_text(picture, (panel.left + 4, panel.top + 13), f"{limit:g}", "quiet small")
        else:
            _say_undefined(picture, panel, "no film has a known label and a probability")
        charts.append(picture_text(picture))
    return charts


def decision_charts(evaluation: Evaluation) -> list[str]:
    """Return net benefit over thresholds per finding with its band; empty where nobody computed it."""
    if not any(finding.decision for finding in evaluation.findings.values()):
        return []
    charts = []
    for name, finding in evaluation.findings.items():
        curve = finding.decision
        if curve is None or not any(map(math.isfinite, curve.model)):
            picture, panel = _square(f"Decision curve of {title_of(name)}: undefined", 1.0)
            _say_undefined(picture, panel, finding.auroc.reason.removeprefix("undefined: ") or "not computed")
        else:
            picture = _decision_chart(title_of(name), curve, finding.operating_point.threshold)
        add_text(picture, (0, 14), title_of(name), "strong")
        charts.append(picture_text(picture))
    return charts


def reliability_limit(curve: ReliabilityCurve) -> float:
    """Return where a reliability panel ends: no bin, and no end of its interval, lies outside."""
    values = (*curve.probability, *curve.observed, *curve.high)
    return round_limit(max(filter(math.isfinite, values), default=1.0))


def decision_floor(curve: DecisionCurve) -> tuple[float, float]:
    """Return the lowest and highest net benefit to show: below zero only what is needed to see that it is below."""
    top = max((value for value in (*curve.model, *curve.high, *curve.everyone) if value > 0), default=0.01)
    return -0.25 * top, 1.08 * top


def history_chart(history: HistoryPicture) -> str:
    """Return values over epochs, one line per curve, each named at its end."""
    curves = [curve for curve in history.curves if curve.defined]
    pairs = [pair for curve in curves for pair in curve.defined]
    low, high = min(y for _, y in pairs), max(y for _, y in pairs)
    margin = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    last = max(x for x, _ in pairs)
    panel = Panel(50.0, _HEAD, 196.0, 138.0, across=(1.0, max(last, 2.0)), up=(low - margin, high + margin))
    picture = new_picture(324, _HEAD + 138 + 24, f"{history.title} per epoch")
    add_text(picture, (0, 14), history.title, "strong")
    _history_axis(picture, panel, (low, high), last)
    ends = _spread([panel.y(curve.defined[-1][1]) for curve in curves], 15)
    for curve, end in zip(curves, ends, strict=True):
        quietly = " second" if curve.second else ""
        add_path(picture, [(panel.x(x), panel.y(y)) for x, y in curve.defined], f"curve{quietly}")
        x, y = curve.marked or curve.defined[-1]
        add_dot(picture, (panel.x(x), panel.y(y)), 3, f"dot{quietly}")
        add_text(picture, (panel.right + 8, end + 4), curve.name, "small")
    return picture_text(picture)


def _decision_chart(title: str, curve: DecisionCurve, threshold: float) -> Element:
    """Draw one decision curve; the ring is at the threshold in use."""
    low, high = decision_floor(curve)
    last = max(curve.threshold)
    picture = new_picture(
        _SIDE, _HEAD + _SIDE + _FOOT, f"Decision curve of {title}: net benefit up to {high / 1.08:.2g}"
    )
    panel = Panel(0.5, _HEAD, _SIDE - 1, _SIDE - 1, across=(0.0, last), up=(low, high))
    _frame(picture, panel)
    add_line(picture, (panel.left, panel.y(0)), (panel.right, panel.y(0)), "guide")
    lower, upper = (panel.points(curve.threshold, values) for values in (curve.low, curve.high))
    add_area(picture, lower, upper, "band")
    shown = [(x, y) for x, y in zip(curve.threshold, curve.everyone, strict=True) if y >= low]
    add_path(picture, [(panel.x(x), panel.y(y)) for x, y in shown], "curve second")
    add_path(picture, panel.points(curve.threshold, curve.model), "curve")
    if math.isfinite(threshold) and curve.threshold[0] <= threshold <= last:
        _threshold_dot(picture, panel, threshold, _between(curve.threshold, curve.model, threshold))
    add_text(picture, (panel.left + 4, panel.top + 13), f"{high / 1.08:.2g}", "quiet small")
    add_text(picture, (0, panel.bottom + 15), "0 %", "quiet small")
    add_text(picture, (_SIDE, panel.bottom + 15), f"{100 * last:g} %", "quiet small end")
    return picture


def _between(x: Sequence[float], y: Sequence[float], place: float) -> float:
    """Return the height of straight lines between points at ``place``, which lies between the ends."""
    for (x1, y1), (x2, y2) in pairwise(zip(x, y, strict=True)):
        if x1 <= place <= x2:
            return y1 + (y2 - y1) * (place - x1) / (x2 - x1)
    return y[-1]


def _forest_words(evaluation: Evaluation, ranked: Sequence[str]) -> str:
    """Return the forest in words, for those who do not see it."""
    said = [f"{title_of(name)} {fixed(evaluation.findings[name].auroc.value, 2)}" for name in ranked]
    return f"AUROC with 95 % intervals per finding, best first: {', '.join(said)}"


def _best_first(item: tuple[str, FindingEvaluation]) -> tuple[bool, float]:
    value = item[1].auroc.value
    return math.isnan(value), -value


def _forest_start(evaluation: Evaluation) -> float:
    """Return 0.5, or less where an interval reaches below."""
    ends = [end for finding in evaluation.findings.values() for end in (finding.auroc.low, finding.auroc.value)]
    ends += [value for result in evaluation.comparable for value in (result.mean_auroc, *result.aurocs.values())]
    lowest = min((end for end in ends if math.isfinite(end)), default=0.5)
    return max(0.0, math.floor(10 * min(lowest, 0.5)) / 10)


def _forest_axis(picture: Element, panel: Panel, form: _Forest) -> None:
    heads = (("Finding", 0.0, ""), ("films with it", form.count_end, " end"), ("AUROC (95 %)", form.width, " end"))
    for words, x, style in heads:
        add_text(picture, (x, 14), words, f"quiet small{style}")
    for tenth in _tenths(panel):
        add_text(picture, (panel.x(tenth), panel.bottom + 17), f"{tenth:.1f}", "quiet small middle")
    if not form.stacked:
        _forest_grid(picture, panel, panel.top, panel.bottom)


def _forest_grid(picture: Element, panel: Panel, top: float, bottom: float) -> None:
    for tenth in _tenths(panel):
        add_line(picture, (panel.x(tenth), top), (panel.x(tenth), bottom), "guide" if tenth == 0.5 else "grid")


def _tenths(panel: Panel) -> list[float]:
    return [tenth / 10 for tenth in range(round(10 * panel.across[0]), 11)]


def _forest_row(
    picture: Element,
    panel: Panel,
    form: _Forest,
    top: float,
    metric: Interval,
    words: _Words,
    *,
    weight: str = "",
) -> None:
    text, y = top + form.text, top + form.whisker
    add_text(picture, (0, text), words.name, f"name{weight}")
    add_text(picture, (form.count_end, text), words.n_films, "quiet end")
    if form.stacked:
        _forest_grid(picture, panel, y - 8, y + 8)
    for value in words.published:
        if math.isfinite(value):
            add_line(picture, (panel.x(value), y - 7), (panel.x(value), y + 7), "published")
    if not math.isfinite(metric.value):
        for line, part in enumerate(_wrapped(f"{DASH} {words.reason}", form.reason_width)):
            add_text(picture, (form.width, text + 13 * line), part, "quiet small end")
        return
    add_whisker(picture, panel, y, metric, radius=5.0 if weight else 4.0, weight=weight)
    add_text(picture, (form.value_end, text), fixed(metric.value), f"end{weight}")
    add_text(picture, (form.width, text), interval(metric), "quiet end")


def _multiples(
    evaluation: Evaluation,
    what: str,
    metric_of: Callable[[FindingEvaluation], RankMetric],
    draw: Callable[[Element, Panel, FindingEvaluation], None],
) -> list[str]:
    charts = []
    for name, finding in evaluation.findings.items():
        metric = metric_of(finding)
        label = f"{what} of {title_of(name)}, area {fixed(metric.value, 2)} {interval(metric, 2)}".strip()
        picture, panel = _square(label, 1.0)
        add_text(picture, (0, 14), title_of(name), "strong")
        if math.isfinite(metric.value):
            add_text(picture, (_SIDE, 14), fixed(metric.value, 2), "quiet end")
            for x, words, style in ((0.0, "0", ""), (_SIDE, "1", " end")):
                add_text(picture, (x, panel.bottom + 15), words, f"quiet small{style}")
            draw(picture, panel, finding)
        else:
            _say_undefined(picture, panel, why(metric))
        charts.append(picture_text(picture))
    return charts


def _square(label: str, limit: float) -> tuple[Element, Panel]:
    picture = new_picture(_SIDE, _HEAD + _SIDE + _FOOT, label)
    panel = Panel(0.5, _HEAD, _SIDE - 1, _SIDE - 1, across=(0.0, limit), up=(0.0, limit))
    for half in (0.25, 0.5, 0.75):
        place = limit * half
        add_line(picture, (panel.x(place), panel.top), (panel.x(place), panel.bottom), "grid")
        add_line(picture, (panel.left, panel.y(place)), (panel.right, panel.y(place)), "grid")
    _frame(picture, panel)
    return picture, panel


def _frame(picture: Element, panel: Panel) -> None:
    corners = ((panel.left, panel.top), (panel.right, panel.top), (panel.right, panel.bottom))
    for start, end in pairwise((*corners, (panel.left, panel.bottom), corners[0])):
        add_line(picture, start, end, "frame")


def _say_undefined(picture: Element, panel: Panel, reason: str) -> None:
    middle = panel.left + panel.width / 2
    add_text(picture, (middle, panel.top + panel.height / 2 - 4), DASH, "quiet middle")
    for number, line in enumerate(_wrapped(reason, 26)):
        add_text(picture, (middle, panel.top + panel.height / 2 + 14 + 15 * number), line, "quiet small middle")


def _wrapped(words: str, width: int) -> list[str]:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _guide(picture: Element, panel: Panel, start: Point, end: Point) -> None:
    add_line(picture, (panel.x(start[0]), panel.y(start[1])), (panel.x(end[0]), panel.y(end[1])), "guide")


def _threshold_dot(picture: Element, panel: Panel, x: float, y: float) -> None:
    if math.isfinite(x) and math.isfinite(y):
        add_dot(picture, (panel.x(x), panel.y(y)), 3.6, "dot ringed")


def _steps(points: list[Point]) -> list[Point]:
    """Return the corners of the stairs whose area is the average precision."""
    corners = points[:1]
    for (x, _), (next_x, next_y) in pairwise(points):
        corners += [(x, next_y), (next_x, next_y)]
    return corners


def _history_axis(picture: Element, panel: Panel, ends: tuple[float, float], last: float) -> None:
    for value in dict.fromkeys(ends):
        y = panel.y(value)
        add_line(picture, (panel.left, y), (panel.right, y), "grid")
        add_text(picture, (panel.left - 6, y + 4), _tick(value), "quiet small end")
    add_line(picture, (panel.left, panel.bottom), (panel.right, panel.bottom), "frame")
    for epoch in dict.fromkeys((1.0, last)):
        add_text(picture, (panel.x(epoch), panel.bottom + 16), f"{epoch:g}", "quiet small middle")
    add_text(picture, (panel.left + panel.width / 2, panel.bottom + 16), "epoch", "quiet small middle")


def _tick(value: float) -> str:
    """Return ``0.258``, and ``9.1e-5`` for what has too many zeros."""
    if abs(value) >= 1e-3 or value == 0:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _spread(heights: Sequence[float], apart: float) -> list[float]:
    """Move labels down until none touches another; their order is kept."""
    order = sorted(range(len(heights)), key=lambda index: heights[index])
    placed: dict[int, float] = {}
    lowest = -math.inf
    for index in order:
        placed[index] = max(heights[index], lowest + apart)
        lowest = placed[index]
    return [placed[index] for index in range(len(heights))]
