"""The report's charts as PNG files, for trackers and read-me pages."""

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hilum.findings import title_of
from hilum.records import Evaluation, FindingEvaluation, Interval
from hilum.reporting.confusion import confusion_matrices
from hilum.reporting.evaluation_chart import decision_floor, reliability_limit
from hilum.reporting.headline import why
from hilum.reporting.history import HistoryPicture, history_pictures
from hilum.runs import write_bytes
from hilum.wording import DASH, fixed, interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "ACCENT",
    "INK",
    "QUIET",
    "RULE",
    "SECOND",
    "encode_figure",
    "new_figure",
    "new_panels",
    "quieten",
    "write_figures",
]

ACCENT, SECOND, INK, QUIET, RULE = "#0b5c9e", "#b4530a", "#1d2430", "#5a6472", "#d5dae1"
_DPI = 150
_ACROSS = 5
_SIDE = 1.5
_GAP = (0.35, 0.5)

_Draw = Callable[["Axes", FindingEvaluation], None]


def write_figures(evaluation: Evaluation, folder: Path, *, history: Sequence[Mapping[str, object]] = ()) -> list[Path]:
    """Write ``auroc``, ``roc``, ``pr``, ``calibration``, ``confusion``, ``decision`` and ``history``, each as ``.png``.

    Args:
        evaluation: The study.
        folder: Made if it is missing; figures that lie there are replaced.
        history: A run's journal; without any epoch there is no ``history.png``.

    Returns:
        What was written; without ``decision.png`` where no net benefit was computed, and without ``history.png`` where
        there is no epoch.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    figures = {
        "auroc": _forest(evaluation),
        "roc": _multiples(evaluation, _draw_roc, lambda finding: finding.roc.x),
        "pr": _multiples(evaluation, _draw_pr, lambda finding: finding.pr.x),
        "calibration": _multiples(
            evaluation, _draw_calibration, lambda finding: finding.calibration.reliability.probability
        ),
        "confusion": _confusion(evaluation),
    }
    if any(finding.decision for finding in evaluation.findings.values()):
        figures["decision"] = _multiples(
            evaluation, _draw_decision, lambda finding: finding.decision.threshold if finding.decision else ()
        )
    pictures = history_pictures(history)
    if pictures:
        figures["history"] = _history(pictures)
    paths = []
    for name, figure in figures.items():
        path = folder / f"{name}.png"
        write_bytes(path, encode_figure(figure))
        paths.append(path)
    return paths


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, in inches, that belongs to no window and to no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def new_panels(n: int, across: int, *, side: float, gap: tuple[float, float]) -> "tuple[Figure, list[Axes]]":
    """Return a figure of square panels, row by row; placed by hand, which is much faster than by negotiation.

    Args:
        n: Panels.
        across: Panels in a row.
        side: Of a panel, in inches.
        gap: Space left of and above each panel, in inches.
    """
    columns = max(1, min(across, n))
    rows = max(1, -(-n // columns))
    left, above = gap
    width, height = columns * (side + left) + 0.15, rows * (side + above) + 0.25
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    panels = []
    for number in range(n):
        x = number % columns * (side + left) + left
        y = height - (number // columns + 1) * (side + above)
        panels.append(figure.add_axes((x / width, y / height, side / width, side / height)))
    return figure, panels


def encode_figure(figure: "Figure", kind: Literal["png", "jpeg"] = "png") -> bytes:
    """Return a figure as a file's bytes; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    if kind == "png":
        figure.savefig(buffer, format="png", metadata={"Software": None})
    else:
        figure.savefig(buffer, format="jpeg", pil_kwargs={"quality": 85, "optimize": True})
    return buffer.getvalue()


def quieten(axes: "Axes", *, sides: Sequence[str] = ("left", "bottom")) -> None:
    """Leave only the named sides of the frame, thin and grey."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in sides)
        spine.set_color(RULE)
    axes.tick_params(colors=QUIET, labelsize=8, length=0)


def _forest(evaluation: Evaluation) -> "Figure":
    ranked = sorted(evaluation.findings.items(), key=lambda item: _rank(item[1].auroc))
    rows: list[tuple[str, Interval, str]] = [(title_of(name), f.auroc, why(f.auroc)) for name, f in ranked]
    mean = evaluation.macro.get("auroc")
    if mean is not None:
        rows.insert(0, (f"Mean of {mean.n_findings}", mean, "undefined for every finding"))
    figure = new_figure(8, 1.0 + 0.3 * len(rows))
    axes = figure.add_subplot()
    quieten(axes, sides=("bottom",))
    axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=(0, (3, 3)))
    lowest = 0.5
    for y, (_, metric, reason) in enumerate(rows):
        words, place = f"{fixed(metric.value)} {interval(metric)}".strip(), 1.02
        if math.isfinite(metric.value):
            axes.plot([metric.low, metric.high], [y, y], color=ACCENT, linewidth=2)
            axes.plot([metric.value], [y], "o", color=ACCENT, markersize=5)
            lowest = min([lowest, *(end for end in (metric.low, metric.value) if math.isfinite(end))])
        else:
            words, place = f"{DASH} {reason}", 0.02
        axes.annotate(words, (place, y), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_xlim(math.floor(10 * lowest) / 10, 1.0)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.grid(axis="x", color="#e9ecf0")
    axes.set_axisbelow(True)
    figure.supxlabel(_forest_words(evaluation), x=0.01, ha="left", fontsize=9, color=QUIET)
    axes.tick_params(axis="y", colors=INK, labelsize=9)
    return figure


def _forest_words(evaluation: Evaluation) -> str:
    """Return what the figure shows, with what must not be forgotten where it is passed on alone."""
    words = {
        "AUROC with 95 % interval": evaluation.pedigree.n_bootstrap > 0,
        "AUROC": not evaluation.pedigree.n_bootstrap,
        "made-up films (phantoms)": evaluation.phantom,
        "LEAKED: training patients among the films": evaluation.leaked,
    }
    return " · ".join(part for part, holds in words.items() if holds)


def _rank(metric: Interval) -> float:
    return metric.value if math.isfinite(metric.value) else -math.inf


def _multiples(
    evaluation: Evaluation, draw: _Draw, points_of: Callable[[FindingEvaluation], Sequence[float]]
) -> "Figure":
    """Return a panel per finding; one without a curve says that it is undefined."""
    figure, panels = new_panels(len(evaluation.findings), _ACROSS, side=_SIDE, gap=_GAP)
    for axes, (name, finding) in zip(panels, evaluation.findings.items(), strict=True):
        quieten(axes, sides=("left", "right", "top", "bottom"))
        axes.set_title(title_of(name), fontsize=9, color=INK, loc="left")
        if points_of(finding):
            draw(axes, finding)
        else:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.text(0.5, 0.5, f"{DASH}\nundefined", ha="center", va="center", fontsize=8, color=QUIET)
    return figure


def _unit(axes: "Axes", limit: float = 1.0) -> None:
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    axes.set_xticks([0, limit])
    axes.set_yticks([0, limit])


def _draw_roc(axes: "Axes", finding: FindingEvaluation) -> None:
    point = finding.operating_point
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.plot(finding.roc.x, finding.roc.y, color=ACCENT, linewidth=1.5)
    _ring(axes, 1 - point.specificity.value, point.sensitivity.value)
    axes.set_title(fixed(finding.auroc.value, 2), fontsize=8, color=QUIET, loc="right")
    _unit(axes)


def _draw_pr(axes: "Axes", finding: FindingEvaluation) -> None:
    axes.axhline(finding.prevalence, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.plot(finding.pr.x, finding.pr.y, color=ACCENT, linewidth=1.3, drawstyle="steps-pre")
    _ring(axes, finding.table.recall, finding.table.precision)
    axes.set_title(fixed(finding.auprc.value, 2), fontsize=8, color=QUIET, loc="right")
    _unit(axes)


def _draw_calibration(axes: "Axes", finding: FindingEvaluation) -> None:
    curve = finding.calibration.reliability
    limit = reliability_limit(curve)
    axes.plot([0, limit], [0, limit], color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.vlines(curve.probability, curve.low, curve.high, color=ACCENT, linewidth=0.8, alpha=0.6)
    axes.plot(curve.probability, curve.observed, "o-", color=ACCENT, linewidth=1, markersize=2.6)
    _unit(axes, limit)


def _draw_decision(axes: "Axes", finding: FindingEvaluation) -> None:
    curve = finding.decision
    if curve is None:
        return
    low, high = decision_floor(curve)
    axes.axhline(0, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    axes.fill_between(curve.threshold, curve.low, curve.high, color=ACCENT, alpha=0.2, linewidth=0)
    axes.plot(curve.threshold, curve.everyone, color=SECOND, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(curve.threshold, curve.model, color=ACCENT, linewidth=1.5)
    axes.set_xlim(0, max(curve.threshold))
    axes.set_ylim(low, high)
    axes.set_xticks([0, max(curve.threshold)])
    axes.set_yticks([0])


def _ring(axes: "Axes", x: float, y: float) -> None:
    if math.isfinite(x) and math.isfinite(y):
        axes.plot([x], [y], "o", color=SECOND, markerfacecolor="white", markersize=5, clip_on=False, zorder=3)


def _confusion(evaluation: Evaluation) -> "Figure":
    matrices = confusion_matrices(evaluation)
    figure, panels = new_panels(len(matrices), _ACROSS, side=_SIDE, gap=(0.5, 0.5))
    for axes, matrix in zip(panels, matrices, strict=True):
        quieten(axes, sides=())
        axes.set_title(matrix.name, fontsize=9, color=INK, loc="left")
        shades = [[cell.shade for cell in row.cells] for row in matrix.rows]
        axes.imshow(shades, cmap="Blues", vmin=0, vmax=0.6, aspect="equal")
        for y, row in enumerate(matrix.rows):
            for x, cell in enumerate(row.cells):
                axes.text(x, y, f"{cell.count}\n{cell.share}", ha="center", va="center", fontsize=7.5, color=INK)
        axes.set_xticks([0, 1], ["present", "absent"])
        axes.set_yticks([0, 1], [row.name.replace(" ", "\n") for row in matrix.rows])
    return figure


def _history(pictures: Sequence[HistoryPicture]) -> "Figure":
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(3.4 * len(pictures), 2.6)
    for number, picture in enumerate(pictures):
        axes = figure.add_subplot(1, len(pictures), number + 1)
        quieten(axes)
        axes.set_title(picture.title, fontsize=9, color=INK, loc="left")
        axes.set_xlabel("epoch", fontsize=8, color=QUIET)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for curve in picture.curves:
            if curve.defined:
                colour = SECOND if curve.second else ACCENT
                epochs, values = zip(*curve.defined, strict=True)
                axes.plot(epochs, values, color=colour, linewidth=1.6, linestyle="--" if curve.second else "-")
                x, y = curve.marked or curve.defined[-1]
                axes.plot([x], [y], "o", color=colour, markersize=4, label=curve.name)
        if any(curve.name for curve in picture.curves):
            axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return figure
