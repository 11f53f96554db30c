"""The tables of a report: every cell a text, every dash with the reason why it is one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hilum.findings import NO_FINDING, title_of
from hilum.records import (
    MEASURABLE_POSITIVES,
    Estimate,
    Evaluation,
    FindingEvaluation,
    Interval,
    MacroMetric,
    OperatingPoint,
    TableRow,
)
from hilum.reporting.headline import why
from hilum.wording import DASH, fixed, interval, percent, signed

__all__ = [
    "BLANK",
    "Cell",
    "Row",
    "Table",
    "classification_rows",
    "finding_rows",
    "no_finding_title",
    "operating_reason",
]

_NO_INTERVAL = "no interval was computed"
BLANK = " "
"""A cell where nothing belongs; no number is missing there."""


@dataclass(frozen=True)
class Cell:
    """One cell: a text, its interval, and the mark of a note below the table."""

    text: str
    interval: str = ""
    mark: str = ""


@dataclass(frozen=True)
class Row:
    """One row; ``summary`` rows stand apart from the findings."""

    name: str
    cells: tuple[Cell, ...]
    summary: bool = False


@dataclass
class Table:
    """Rows and the notes their dashes point to."""

    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *cells: Cell) -> None:
        """Append the row of a finding."""
        self.rows.append(Row(name, cells))

    def summarise(self, name: str, *cells: Cell) -> None:
        """Append a row that stands apart."""
        self.rows.append(Row(name, cells, summary=True))

    def number(self, value: float, reason: str, *, digits: int = 3) -> Cell:
        """Return a cell for a number; ``reason`` is noted if it is undefined."""
        return Cell(fixed(value, digits)) if math.isfinite(value) else self._dash(reason)

    def estimate(self, value: Interval, reason: str, *, difference: bool = False) -> Cell:
        """Return a cell for a number with its interval; what is undefined is noted.

        Args:
            value: The number.
            reason: Why it is undefined, if it is.
            difference: Whether it shows its sign.
        """
        return self._estimate(value, reason, _NO_INTERVAL, difference=difference)

    def measured(self, value: Estimate, *, difference: bool = False) -> Cell:
        """Return a cell for an estimate; the record's own reason is noted where it, or its interval, is undefined.

        Args:
            value: The estimate.
            difference: Whether it shows its sign.
        """
        reason = value.reason.removeprefix("undefined: ")
        return self._estimate(value, reason or "not computed", reason or _NO_INTERVAL, difference=difference)

    def share(self, value: float, reason: str) -> Cell:
        """Return a cell for a percentage."""
        return Cell(percent(value)) if math.isfinite(value) else self._dash(reason)

    def noted(self, text: str, note: str) -> Cell:
        """Return a cell with a note."""
        return Cell(text, mark=self._mark(note))

    def _estimate(self, value: Interval, undefined: str, no_interval: str, *, difference: bool) -> Cell:
        if not math.isfinite(value.value):
            return self._dash(undefined)
        within = interval(value)
        text = signed(value.value) if difference else fixed(value.value)
        return Cell(text, within, mark="" if within else self._mark(no_interval))

    def _dash(self, reason: str) -> Cell:
        return Cell(DASH, mark=self._mark(reason))

    def _mark(self, reason: str) -> str:
        """Return the note's letter; the same reason has the same letter."""
        number = len(self.notes)
        letters = chr(ord("a") + number % 26) * (number // 26 + 1)
        return self.notes.setdefault(reason, letters)


def finding_rows(evaluation: Evaluation) -> Table:
    """Return the table of findings: how many, AUROC, AUPRC, and what happens at the threshold."""
    columns = ("present", "absent", "prevalence", "AUROC", "AUPRC", "threshold", "sensitivity", "specificity")
    table, thresholds_from = Table(columns), evaluation.pedigree.thresholds_from
    for name, finding in evaluation.findings.items():
        table.add(title_of(name), *_finding_cells(table, finding, thresholds_from))
    macro, measurable = evaluation.macro, evaluation.measurable
    _mean_row(table, "Mean", macro.get("auroc"), macro.get("auprc"))
    if _findings_of(measurable) != _findings_of(macro):
        name = f"Mean, at least {MEASURABLE_POSITIVES} positives"
        _mean_row(table, name, measurable.get("auroc"), measurable.get("auprc"))
    for name, means in (
        ("Mean weighted by positives", evaluation.weighted),
        ("Micro, over all pairs", evaluation.micro),
    ):
        if means:
            _mean_row(table, name, means.get("auroc"), means.get("auprc"))
    if evaluation.ancestor is not None:
        names = ", ".join(map(title_of, evaluation.ancestor.findings))
        _mean_row(table, f"Mean of {names}", evaluation.ancestor, None)
    if evaluation.no_finding is not None:
        cells = _finding_cells(table, evaluation.no_finding, thresholds_from)
        table.summarise(no_finding_title(evaluation), *cells)
    return table


def classification_rows(evaluation: Evaluation) -> Table:
    """Return the ancestor's table: precision, recall, F1 and support per finding, then the four averages."""
    table = Table(("precision", "recall", "F1", "support"))
    for name, finding in evaluation.findings.items():
        table.add(title_of(name), *_classification_cells(table, finding.table, finding.operating_point))
    for name in ("micro", "macro", "weighted", "samples"):
        row: TableRow = getattr(evaluation.averages, name)
        table.summarise(f"{name} average", *_classification_cells(table, row, None))
    if evaluation.no_finding is not None:
        nothing = evaluation.no_finding
        cells = _classification_cells(table, nothing.table, nothing.operating_point)
        table.summarise(no_finding_title(evaluation), *cells)
    return table


def no_finding_title(evaluation: Evaluation) -> str:
    """Return how ``No Finding`` is called: it may be the product of the others, or an answer of its own."""
    return f"{NO_FINDING} (derived)" if evaluation.no_finding_derived else f"{NO_FINDING} (answered itself)"


def operating_reason(point: OperatingPoint, *, n_relevant: int, absent: str) -> str:
    """Say why a rate at the threshold is undefined."""
    if not math.isfinite(point.threshold):
        return "no threshold could be chosen"
    return absent if n_relevant == 0 else "not computed"


def _finding_cells(table: Table, finding: FindingEvaluation, thresholds_from: str) -> tuple[Cell, ...]:
    point, auroc = finding.operating_point, finding.auroc
    no_sensitivity = operating_reason(point, n_relevant=auroc.n_positive, absent="no film has it")
    no_specificity = operating_reason(point, n_relevant=auroc.n_negative, absent="every film has it")
    return (
        Cell(f"{auroc.n_positive:,}"),
        Cell(f"{auroc.n_negative:,}"),
        table.share(finding.prevalence, "no film has a known label"),
        table.estimate(auroc, why(auroc)),
        table.estimate(finding.auprc, why(finding.auprc)),
        _threshold_cell(table, point, thresholds_from),
        table.estimate(point.sensitivity, no_sensitivity),
        table.estimate(point.specificity, no_specificity),
    )


def _threshold_cell(table: Table, point: OperatingPoint, thresholds_from: str) -> Cell:
    """Return the threshold; one that comes from elsewhere than the others is noted."""
    if math.isfinite(point.threshold) and point.chosen_on != thresholds_from:
        return table.noted(fixed(point.threshold), f"this threshold: {point.chosen_on}")
    return table.number(point.threshold, "no threshold could be chosen")


def _findings_of(means: Mapping[str, MacroMetric]) -> list[tuple[str, ...]]:
    return [means[name].findings for name in ("auroc", "auprc") if name in means]


def _mean_row(table: Table, name: str, auroc: MacroMetric | None, auprc: MacroMetric | None) -> None:
    counted = next((metric.n_findings for metric in (auroc, auprc) if metric), 0)
    means = [
        Cell(BLANK) if metric is None else table.estimate(metric, "undefined for every finding")
        for metric in (auroc, auprc)
    ]
    blank = Cell(BLANK)
    label = f"{name} · {counted} finding{'' if counted == 1 else 's'}"
    table.summarise(label, blank, blank, blank, *means, blank, blank, blank)


def _classification_cells(table: Table, row: TableRow, point: OperatingPoint | None) -> tuple[Cell, ...]:
    if point is None:
        no_precision = no_recall = no_f1 = "undefined for every finding"
    else:
        n_called = point.true_positive + point.false_positive
        n_present = point.true_positive + point.false_negative
        no_precision = operating_reason(point, n_relevant=n_called, absent="no film was called")
        no_recall = operating_reason(point, n_relevant=n_present, absent="no film has it")
        no_f1 = no_precision if n_called == 0 else no_recall
    return (
        table.number(row.precision, no_precision),
        table.number(row.recall, no_recall),
        table.number(row.f1, no_f1),
        Cell(f"{row.support:,}"),
    )
