"""How much better a model becomes with more films, and what more of them would bring."""

from typing import ClassVar

from hilum.records.base import Estimate, Interval, Number, Record
from hilum.records.evaluation import Pedigree

__all__ = ["LEARNING_CURVE_SCHEMA", "FittedLaw", "GrowthCurve", "LearningCurve", "LearningPart"]

LEARNING_CURVE_SCHEMA = 1


class LearningPart(Record):
    """One model, trained on a part of the training films.

    Attributes:
        fraction: Share of the training patients, in (0, 1].
        seed: Of the choice of patients and of the training.
        n_images: Training films of the part.
        n_patients: Their patients.
        auroc: Per finding, on the validation films; NaN where it is undefined.
        bundle_digest: The model.
    """

    fraction: float
    seed: int
    n_images: int
    n_patients: int
    auroc: dict[str, Number]
    bundle_digest: str


class FittedLaw(Record):
    """The law ``ceiling - gap * (n / n_max) ** -exponent``, n training films, ``n_max`` the most there were.

    Attributes:
        ceiling: AUROC that ever more such films lead to; NaN with a reason where no law can be fitted.
        gap: What is missing to it at ``n_max``.
        exponent: How fast the gap closes; 1 halves it with every doubling.
        doubling: AUROC that twice the films would add.
        n_images: Where the law is drawn.
        value: Its values there.
        low: Lower ends of their 95 % intervals.
        high: Upper ends.
    """

    ceiling: Estimate
    gap: Estimate
    exponent: Estimate
    doubling: Estimate
    n_images: tuple[float, ...] = ()
    value: tuple[Number, ...] = ()
    low: tuple[Number, ...] = ()
    high: tuple[Number, ...] = ()


class GrowthCurve(Record):
    """AUROC over the number of training films, of one finding or of the mean.

    Attributes:
        n_positive: Validation films with the finding; 0 for the mean.
        auroc: Per fraction: mean over the seeds, with the interval over validation patients and seeds.
        law: Fitted to them.
    """

    n_positive: int
    auroc: tuple[Interval, ...]
    law: FittedLaw


class LearningCurve(Record):
    """What more data would bring. Written as ``learning_curve.json``.

    Attributes:
        schema_version: ``LEARNING_CURVE_SCHEMA``; another one is refused.
        title: What was trained on what.
        pedigree: Where the numbers come from; films and patients are those of validation.
        parts: Every model that was trained.
        n_images: Training films per fraction, rising, mean over the seeds.
        findings: Per finding, in the model's order.
        mean: Of the mean AUROC over the findings that are defined in every part.
        mean_findings: Those findings.
        sentence: What doubling the films would bring, in words.
        warnings: What the curve cannot say, one sentence each.
        phantom: Made-up films: says nothing about people.
    """

    written_anew_by: ClassVar[str] = "Draw it again (`hilum learning-curve`)"

    schema_version: int = LEARNING_CURVE_SCHEMA
    title: str
    pedigree: Pedigree
    parts: tuple[LearningPart, ...]
    n_images: tuple[float, ...]
    findings: dict[str, GrowthCurve]
    mean: GrowthCurve
    mean_findings: tuple[str, ...]
    sentence: str
    warnings: tuple[str, ...] = ()
    phantom: bool = False

    @property
    def fractions(self) -> tuple[float, ...]:
        """Shares of the training patients, rising."""
        return tuple(sorted({part.fraction for part in self.parts}))
