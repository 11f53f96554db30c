"""Two or more models on the same films: which one orders them better, and by how much."""

from typing import ClassVar

from pydantic import Field

from hilum.records.base import Estimate, Number, Record
from hilum.records.evaluation import MacroMetric, Pedigree, RankMetric

__all__ = [
    "COMPARED_MEASURES",
    "COMPARISON_SCHEMA",
    "SIGNIFICANT",
    "ComparedMeasure",
    "ComparedModel",
    "Comparison",
    "FindingDifference",
    "MeasureDifference",
    "ModelPair",
]

COMPARISON_SCHEMA = 1

COMPARED_MEASURES = {
    "auprc": "AUPRC",
    "brier": "Brier score (lower is better)",
    "sensitivity": "Sensitivity at own threshold",
    "specificity": "Specificity at own threshold",
}
"""What is compared beside AUROC, and what it is called on a page."""

SIGNIFICANT = 0.05
"""A difference lasts if its p value, corrected by Holm, is below this."""


class ComparedMeasure(Record):
    """One measure of one model beside AUROC.

    Attributes:
        findings: Per finding, on the films that all models answered, with patient-bootstrap interval.
        mean: Mean over the findings that are defined.
    """

    findings: dict[str, Estimate]
    mean: MacroMetric


class ComparedModel(Record):
    """One of the models.

    Attributes:
        name: What it is called here.
        auroc: Per finding, on the films that all models answered, with patient-bootstrap interval.
        mean: Mean over the findings that are defined.
        n_images: Films that it answered, before those that others lack were left out.
        bundle_digest: Empty where only a file of predictions is known.
        predictions_digest: sha256 of the file of predictions.
        measures: ``auprc``, ``brier`` and, of a run, ``sensitivity`` and ``specificity`` at its own thresholds.
    """

    name: str
    auroc: dict[str, RankMetric]
    mean: MacroMetric
    n_images: int
    bundle_digest: str = ""
    predictions_digest: str
    measures: dict[str, ComparedMeasure] = Field(default_factory=dict)


class FindingDifference(Record):
    """How much one model differs from another in one finding.

    Attributes:
        difference: First minus second, with the paired patient-bootstrap interval.
        p_value: Of no difference, two-sided. AUROC: DeLong's paired test with films of a patient together (Obuchowski);
            other measures: from the standard error over the same resamples.
        p_holm: The same, corrected by Holm over all findings of all pairs of this measure.
    """

    difference: Estimate
    p_value: Number
    p_holm: Number

    @property
    def lasts(self) -> bool:
        """Whether the difference outlasts Holm's correction."""
        return self.p_holm < SIGNIFICANT


class MeasureDifference(Record):
    """How much one model differs from another in one measure beside AUROC; a lower Brier score is the better one.

    Attributes:
        findings: Per finding, the first minus the second.
        mean: Difference of the means over the findings that are defined, with the paired interval.
    """

    findings: dict[str, FindingDifference]
    mean: MacroMetric

    @property
    def n_lasting(self) -> int:
        """Findings whose difference outlasts Holm's correction."""
        return sum(finding.lasts for finding in self.findings.values())


class ModelPair(Record):
    """One model against another.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        findings: Per finding, AUROC of the first minus that of the second.
        mean: Difference of the mean AUROCs, with the paired interval.
        sentence: The same in words.
        measures: The other measures that both models have.
    """

    first: str
    second: str
    findings: dict[str, FindingDifference]
    mean: MacroMetric
    sentence: str
    measures: dict[str, MeasureDifference] = Field(default_factory=dict)

    @property
    def n_lasting(self) -> int:
        """Findings whose difference outlasts Holm's correction."""
        return sum(finding.lasts for finding in self.findings.values())


class Comparison(Record):
    """Models on the same films. Written as ``comparison.json``.

    Attributes:
        schema_version: ``COMPARISON_SCHEMA``; another one is refused.
        title: What is compared.
        pedigree: Where the numbers come from; digests of models stand with the models.
        models: In the order they were given.
        pairs: Every two of them.
        warnings: What the comparison cannot say, one sentence each.
        counts: Films that came in and that were left out, by reason.
        phantom: Made-up films: says nothing about people.
    """

    written_anew_by: ClassVar[str] = "Compare again (`hilum compare`)"

    schema_version: int = COMPARISON_SCHEMA
    title: str
    pedigree: Pedigree
    models: tuple[ComparedModel, ...]
    pairs: tuple[ModelPair, ...]
    warnings: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    phantom: bool = False
