"""How good a model is, with intervals and the pedigree of every number."""

from typing import ClassVar

from pydantic import Field

from hilum.records.base import Interval, Number, Record

__all__ = [
    "EVALUATION_SCHEMA",
    "MEASURABLE_POSITIVES",
    "Averages",
    "Curve",
    "Evaluation",
    "FindingEvaluation",
    "MacroMetric",
    "OperatingPoint",
    "Pedigree",
    "RankMetric",
    "TableRow",
]

EVALUATION_SCHEMA = 1

MEASURABLE_POSITIVES = 25
"""With fewer films that have a finding, its numbers say little; the mean over the measurable leaves it out."""


class RankMetric(Interval):
    """AUROC or AUPRC of one finding; NaN with a ``reason`` where it is undefined.

    Attributes:
        n_positive: Films with the finding.
        n_negative: Films without it.
        reason: Why the value is NaN; empty otherwise.
    """

    n_positive: int
    n_negative: int
    reason: str = ""


class MacroMetric(Interval):
    """A mean over findings.

    Attributes:
        findings: Which ones went in: those that are defined.
    """

    findings: tuple[str, ...]

    @property
    def n_findings(self) -> int:
        """Number of findings in the mean."""
        return len(self.findings)


class TableRow(Record):
    """One row of the classification table, scikit-learn's definitions.

    Undefined precision, recall or F1 (nothing called, nothing present) is NaN, and is left out of averages.

    Attributes:
        precision: Share of the calls that are right.
        recall: Share of the films with the finding that are called.
        f1: Harmonic mean of the two.
        support: Films with the finding.
    """

    precision: Number
    recall: Number
    f1: Number
    support: int


class Averages(Record):
    """The four averages of the classification table.

    Attributes:
        micro: Over all pairs of film and finding.
        macro: Mean over findings.
        weighted: Mean over findings, each with its support.
        samples: Mean over films.
    """

    micro: TableRow
    macro: TableRow
    weighted: TableRow
    samples: TableRow


class OperatingPoint(Record):
    """What happens at the threshold.

    Attributes:
        threshold: On the evaluated probabilities; NaN if none was available.
        chosen_on: Where the threshold comes from (``validation``, ``fixed 0.5`` ...); never the test split.
        sensitivity: With its 95 % interval.
        specificity: With its 95 % interval.
        true_positive: Films with the finding that are called.
        false_positive: Films without it that are called.
        true_negative: Films without it that are not called.
        false_negative: Films with it that are not called.
    """

    threshold: Number
    chosen_on: str
    sensitivity: Interval
    specificity: Interval
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class Curve(Record):
    """Points of a curve from left to right.

    Attributes:
        x: ROC: false positive rate; precision-recall: recall; reliability: mean probability.
        y: ROC: true positive rate; precision-recall: precision; reliability: observed share.
    """

    x: tuple[float, ...]
    y: tuple[float, ...]


class FindingEvaluation(Record):
    """Everything measured for one finding.

    Attributes:
        auroc: With patient-bootstrap interval.
        auprc: Average precision, with patient-bootstrap interval.
        prevalence: Share of known films with the finding; what AUPRC is for chance.
        operating_point: Counts and rates at the threshold.
        table: Precision, recall, F1, support at the threshold.
        brier: Mean squared error of the probability.
        ece: Expected calibration error, 15 equal-mass bins.
        reliability: Mean probability / observed share per bin.
        roc: ROC curve.
        pr: Precision-recall curve.
    """

    auroc: RankMetric
    auprc: RankMetric
    prevalence: Number
    operating_point: OperatingPoint
    table: TableRow
    brier: Number
    ece: Number
    reliability: Curve
    roc: Curve
    pr: Curve


class Pedigree(Record):
    """Where the numbers come from.

    Attributes:
        command: The command line that made them.
        commit: Source revision, empty where unknown.
        version: hilum's version.
        date: ISO date and time, UTC.
        data_digest: Digest of labels (and films) evaluated on.
        split_digest: Digest of the split; empty where there is none.
        split: Name of the split, such as ``test``.
        n_images: Films evaluated.
        n_patients: Their patients; 0 where patients are unknown (intervals are then by image, and a warning says so).
        intervals: How intervals were made, in words.
        n_bootstrap: Replicates.
        seed: Of the bootstrap.
        thresholds_from: Where thresholds come from.
        bundle_digest: Empty where predictions came from a file.
        predictions_digest: sha256 of the file of predictions; empty where a bundle answered.
    """

    command: str
    commit: str
    version: str
    date: str
    data_digest: str
    split_digest: str = ""
    split: str
    n_images: int
    n_patients: int
    intervals: str
    n_bootstrap: int
    seed: int
    thresholds_from: str
    bundle_digest: str = ""
    predictions_digest: str = ""


class Evaluation(Record):
    """One study: findings, means, averages, warnings, pedigree. Written as ``evaluation.json``.

    Attributes:
        schema_version: ``EVALUATION_SCHEMA``; another one is refused.
        title: What was evaluated, in a few words.
        pedigree: Where the numbers come from.
        findings: Per finding, in the model's order.
        macro: ``auroc`` and ``auprc``: means over all findings that are defined.
        measurable: The same two means over findings with at least ``MEASURABLE_POSITIVES`` (25).
        averages: Averages of the classification table.
        no_finding: The derived ``No Finding`` (1 - any); None where it cannot be derived.
        ancestor: Mean AUROC over the ancestor's four findings; None where one of them is missing.
        warnings: What this study cannot say, one sentence each.
        counts: What came in and what was left out, by reason.
        phantom: Made-up films: says nothing about people.
        leaked: Whether training patients were allowed in.
    """

    written_anew_by: ClassVar[str] = "Evaluate again (`hilum evaluate`)"

    schema_version: int = EVALUATION_SCHEMA
    title: str
    pedigree: Pedigree
    findings: dict[str, FindingEvaluation]
    macro: dict[str, MacroMetric]
    measurable: dict[str, MacroMetric]
    averages: Averages
    no_finding: FindingEvaluation | None = None
    ancestor: MacroMetric | None = None
    warnings: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    phantom: bool = False
    leaked: bool = False
