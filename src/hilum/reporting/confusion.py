"""Confusion matrices as cells: how many films, and which share of those with the same truth."""

import math
from dataclasses import dataclass

from hilum.findings import title_of
from hilum.records import Evaluation, FindingEvaluation
from hilum.wording import DASH, percent

__all__ = ["ConfusionCell", "ConfusionMatrix", "ConfusionRow", "confusion_matrices"]

_DARKEST = 0.3


@dataclass(frozen=True)
class ConfusionCell:
    """Films, their share of the column, and how dark the cell is, from 0 to below 1."""

    count: str
    share: str
    shade: float


@dataclass(frozen=True)
class ConfusionRow:
    """Films called, or films not called: those with the finding, then those without."""

    name: str
    cells: tuple[ConfusionCell, ConfusionCell]


@dataclass(frozen=True)
class ConfusionMatrix:
    """The matrix of one finding; all dashes where there is no threshold."""

    name: str
    rows: tuple[ConfusionRow, ConfusionRow]
    defined: bool


def confusion_matrices(evaluation: Evaluation) -> list[ConfusionMatrix]:
    """Return one matrix per finding, in the evaluation's order."""
    return [_matrix(title_of(name), finding) for name, finding in evaluation.findings.items()]


def _matrix(name: str, finding: FindingEvaluation) -> ConfusionMatrix:
    point = finding.operating_point
    if not math.isfinite(point.threshold):
        blank = (ConfusionCell(DASH, "", 0.0), ConfusionCell(DASH, "", 0.0))
        return ConfusionMatrix(name, (ConfusionRow("called", blank), ConfusionRow("not called", blank)), defined=False)
    n_present = point.true_positive + point.false_negative
    n_absent = point.true_negative + point.false_positive
    called = (_cell(point.true_positive, n_present), _cell(point.false_positive, n_absent))
    not_called = (_cell(point.false_negative, n_present), _cell(point.true_negative, n_absent))
    return ConfusionMatrix(name, (ConfusionRow("called", called), ConfusionRow("not called", not_called)), defined=True)


def _cell(n: int, total: int) -> ConfusionCell:
    if not total:
        return ConfusionCell("0", DASH, 0.0)
    return ConfusionCell(f"{n:,}", percent(n / total), round(_DARKEST * n / total, 3))
