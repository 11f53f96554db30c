"""How good a model is, with intervals and the pedigree of every number."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from hilum.records.base import Columns, Estimate, Interval, Number, Record
from hilum.records.subgroup import SubgroupStudy

__all__ = [
    "EVALUATION_SCHEMA",
    "MEASURABLE_POSITIVES",
    "Averages",
    "CalibrationEvaluation",
    "Curve",
    "DecisionCurve",
    "Evaluation",
    "FilmScores",
    "FindingEvaluation",
    "FixedRate",
    "MacroMetric",
    "OperatingPoint",
    "Pedigree",
    "PredictiveValues",
    "PublishedResult",
    "RankDetail",
    "RankMetric",
    "RedFlag",
    "ReferEvaluation",
    "ReliabilityCurve",
    "TableRow",
]

EVALUATION_SCHEMA = 2

MEASURABLE_POSITIVES = 25
"""With fewer films that have a finding, its numbers say little; the mean over the measurable leaves it out."""


class RankMetric(Estimate):
    """AUROC or AUPRC of one finding.

    Attributes:
        n_positive: Films with the finding.
        n_negative: Films without it.
    """

    n_positive: int = Field(ge=0)
    n_negative: int = Field(ge=0)

    @model_validator(mode="after")
    def _check_area(self) -> Self:
        if self.value < 0 or self.value > 1:
            raise ValueError(f"expected an area between 0 and 1, got {self.value:g}")
        return self


class FixedRate(Record):
    """One rate where the other is held: sensitivity at a specificity of 0.9, or the reverse.

    Attributes:
        held: The rate that is held, in (0, 1).
        reached: The other one, read off these films' own ROC curve: what the order of the films allows, not what a
            threshold chosen elsewhere gives.
    """

    held: float
    reached: Estimate


class RankDetail(Record):
    """How well films are ordered, beyond AUROC and AUPRC.

    Attributes:
        partial_auroc: Over false positive rates up to ``partial_up_to``, standardised so that chance is 0.5 (McClish).
        partial_up_to: Largest false positive rate that counts.
        delong: AUROC with DeLong's interval, as if every film came from another patient.
        clustered_delong: AUROC with Obuchowski's interval, films of a patient together.
        by_image: AUROC with the bootstrap interval that takes every film for another patient: how much too narrow.
        sensitivity_at_specificity: At a few specificities that are held.
        specificity_at_sensitivity: At a few sensitivities that are held.
    """

    partial_auroc: Estimate
    partial_up_to: float = 0.1
    delong: Estimate
    clustered_delong: Estimate
    by_image: Estimate
    sensitivity_at_specificity: tuple[FixedRate, ...] = ()
    specificity_at_sensitivity: tuple[FixedRate, ...] = ()


class PredictiveValues(Record):
    """What a call means where a finding is as common as ``prevalence`` says.

    Attributes:
        prevalence: In [0, 1].
        prevalence_from: ``these films`` or ``given``.
        ppv: Of 1 called present, the share that has the finding; from sensitivity, specificity and prevalence (Bayes).
        npv: Of 1 called absent, the share that does not.
    """

    prevalence: Number
    prevalence_from: str
    ppv: Estimate
    npv: Estimate


class ReliabilityCurve(Columns):
    """What probabilities said and what was there, bin by bin (equally many films) from low to high.

    Attributes:
        probability: Mean probability of the bin's films.
        observed: Share of them with the finding.
        low: Lower end of the share's 95 % interval.
        high: Upper end.
        n_images: Films in the bin.
    """

    probability: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[Number, ...]
    high: tuple[Number, ...]
    n_images: tuple[int, ...]


class CalibrationEvaluation(Record):
    """Do probabilities mean what they say?

    Attributes:
        brier: Mean squared error of the probability.
        nll: Mean negative log-likelihood, in nats.
        ece: Expected calibration error, 15 bins of equally many films.
        ece_equal_width: The same with 15 bins of equal width.
        ece_by_chance: What a perfectly calibrated model shows on as many films by chance alone: an ECE has to be
            read beside it.
        slope: Of the logistic regression of the label on the probability's logit; 1 is perfect, below 1 too extreme.
        intercept: With the slope held at 1; 0 is perfect, below 0 the probabilities are too high.
        reliability: Bin by bin.
    """

    brier: Estimate
    nll: Estimate
    ece: Estimate
    ece_equal_width: Estimate
    ece_by_chance: Number
    slope: Estimate
    intercept: Estimate
    reliability: ReliabilityCurve


class DecisionCurve(Columns):
    """Net benefit of calling at a probability, in true positives per film; calling nobody has 0.

    Attributes:
        threshold: Probabilities, rising.
        model: Net benefit of calling from each of them on.
        low: Lower end of its 95 % interval.
        high: Upper end.
        everyone: Net benefit of calling every film.
    """

    threshold: tuple[float, ...]
    model: tuple[Number, ...]
    low: tuple[Number, ...]
    high: tuple[Number, ...]
    everyone: tuple[Number, ...]


class ReferEvaluation(Record):
    """What the bundle's refer zone does on these films: below it ``absent``, from its upper end on ``present``.

    Attributes:
        low: Probability below which the finding is called absent.
        high: Probability from which on it is called present.
        referred: Share of the films that lie between.
        missed: Share of the films with the finding that are called absent.
        allowed_missed: What was promised at most.
        false_alarms: Share of the films without it that are called present.
        allowed_false_alarms: What was promised at most.
        n_calibration: Patients with the finding behind the zone.
        n_calibration_images: Their films with the finding; 0 where they were not counted.
        in_band: Whether ``missed`` lies inside the one-sided 95 % band of the promise: a zone that keeps it is outside
            in at most 5 of 100 studies, by chance in these films and in those behind the zone (beta-binomial, for as
            many films as these are worth by how alike a patient's are); None where no film has the finding.
        false_alarms_in_band: The same of ``false_alarms``; None where every film has the finding.
    """

    low: Number
    high: Number
    referred: Estimate
    missed: Estimate
    allowed_missed: Number
    false_alarms: Estimate
    allowed_false_alarms: Number
    n_calibration: int
    n_calibration_images: int = 0
    in_band: bool | None
    false_alarms_in_band: bool | None = None


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
        f1: Harmonic mean of precision and sensitivity, with its 95 % interval.
        predictive: PPV and NPV at these films' prevalence and, where one was given, at the user's.
    """

    threshold: Number
    chosen_on: str
    sensitivity: Interval
    specificity: Interval
    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int
    f1: Estimate | None = None
    predictive: tuple[PredictiveValues, ...] = ()


class Curve(Columns):
    """Points of a curve from left to right.

    Attributes:
        x: ROC: false positive rate; precision-recall: recall.
        y: ROC: true positive rate; precision-recall: precision.
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
        calibration: Whether probabilities mean what they say.
        roc: ROC curve.
        pr: Precision-recall curve.
        rank: Partial AUROC, DeLong's intervals, rates at held rates.
        decision: Net benefit over thresholds.
        refer: What the bundle's refer zone does; None where there is none.
    """

    auroc: RankMetric
    auprc: RankMetric
    prevalence: Number
    operating_point: OperatingPoint
    table: TableRow
    calibration: CalibrationEvaluation
    roc: Curve
    pr: Curve
    rank: RankDetail | None = None
    decision: DecisionCurve | None = None
    refer: ReferEvaluation | None = None


class FilmScores(Record):
    """How whole films fare, all findings together; over films where every label is known.

    Attributes:
        ranking_loss: Share of the pairs (present, absent finding) of a film in the wrong order; 0 is perfect.
        subset_accuracy: Share of films whose calls are right for every finding.
        n_images: Films that count.
    """

    ranking_loss: Estimate
    subset_accuracy: Estimate
    n_images: int


class RedFlag(Record):
    """Why a number may not be believed, or not beside another; the report shows it in red.

    Attributes:
        code: Stable, such as ``shared_patients``, ``thresholds_from_test``.
        sentence: What is wrong, and what to do.
    """

    code: str
    sentence: str


class PublishedResult(Record):
    """A published mean AUROC on the same split, label version and label set.

    Attributes:
        name: Work and model.
        source: Where it is published.
        mean_auroc: Over the fourteen findings.
        aurocs: Per finding, where published.
        note: What to mind, such as a checkpoint chosen on the test films.
    """

    name: str
    source: str
    mean_auroc: Number
    aurocs: dict[str, float] = Field(default_factory=dict)
    note: str = ""


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
        answers_digest: sha256 of the ``predictions.csv`` that was written beside; empty where none was.
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
    answers_digest: str = ""


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
        micro: ``auroc`` and ``auprc`` over all pairs of film and finding.
        weighted: The two means, each finding with its number of positives.
        film: Ranking loss and subset accuracy.
        no_finding: ``No Finding``; None where it was neither answered nor can be derived.
        no_finding_derived: Whether it is the product of (1 - probability) over the fourteen, not an answer of its own.
        ancestor: Mean AUROC over the ancestor's four findings; None where one of them is missing.
        warnings: What this study cannot say, one sentence each.
        counts: What came in and what was left out, by reason.
        phantom: Made-up films: says nothing about people.
        leaked: Whether training patients were allowed in.
        subgroups: The same model on parts of the films: sex, age, view, source, image quality.
        red_flags: What makes a number unbelievable.
        looks: How often this test set was judged in this folder, this time included; 0 where nobody counts.
        comparable: Published results of the same split, label version and label set.
        comparable_note: Why there is none, or how it is known that they may stand beside each other.
    """

    written_anew_by: ClassVar[str] = "Evaluate again (`hilum evaluate`)"

    schema_version: int = EVALUATION_SCHEMA
    title: str
    pedigree: Pedigree
    findings: dict[str, FindingEvaluation]
    macro: dict[str, MacroMetric]
    measurable: dict[str, MacroMetric]
    averages: Averages
    micro: dict[str, MacroMetric] = Field(default_factory=dict)
    weighted: dict[str, MacroMetric] = Field(default_factory=dict)
    film: FilmScores | None = None
    no_finding: FindingEvaluation | None = None
    no_finding_derived: bool = True
    ancestor: MacroMetric | None = None
    warnings: tuple[str, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)
    phantom: bool = False
    leaked: bool = False
    subgroups: SubgroupStudy | None = None
    red_flags: tuple[RedFlag, ...] = ()
    looks: int = 0
    comparable: tuple[PublishedResult, ...] = ()
    comparable_note: str = ""
