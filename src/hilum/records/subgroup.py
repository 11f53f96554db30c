"""How a model fares on parts of the films: by sex, age, view, source, image quality, and crossings of two."""

from hilum.records.base import Estimate, Record

__all__ = ["Subgroup", "SubgroupFinding", "SubgroupStudy"]


class SubgroupFinding(Record):
    """One finding in one subgroup; NaN with a reason where too few films stand behind a number.

    Attributes:
        auroc: With patient-bootstrap interval.
        auroc_gap: AUROC here minus AUROC on all other films with a known value of the attribute, patients resampled.
        true_positive_rate: At the deployed threshold.
        true_positive_gap: Here minus elsewhere.
        false_positive_rate: At the deployed threshold.
        false_positive_gap: Here minus elsewhere.
        ece: Expected calibration error.
        n_positive: Films with the finding.
        n_negative: Films without it.
    """

    auroc: Estimate
    auroc_gap: Estimate
    true_positive_rate: Estimate
    true_positive_gap: Estimate
    false_positive_rate: Estimate
    false_positive_gap: Estimate
    ece: Estimate
    n_positive: int
    n_negative: int


class Subgroup(Record):
    """The films that share a value of an attribute.

    Attributes:
        attribute: ``sex``, ``age``, ``view``, ``source``, ``sharpness`` ..., or two of them joined by `` x ``.
        level: The value, such as ``female`` or ``60-79``.
        n_images: Films.
        n_patients: Their patients.
        mean_auroc: Over the findings in ``mean_over``.
        mean_gap: The same here minus elsewhere.
        mean_over: Findings that can be measured both here and elsewhere.
        under_diagnosis: Share of the films with a finding that are called ``No Finding`` (Seyyed-Kalantari 2021).
        under_diagnosis_gap: Here minus elsewhere.
        findings: Per finding.
    """

    attribute: str
    level: str
    n_images: int
    n_patients: int
    mean_auroc: Estimate
    mean_gap: Estimate
    mean_over: tuple[str, ...]
    under_diagnosis: Estimate
    under_diagnosis_gap: Estimate
    findings: dict[str, SubgroupFinding]


class SubgroupStudy(Record):
    """All subgroups of a study.

    Attributes:
        subgroups: By attribute, in the order of their levels.
        unknown: Attribute to number of films whose value is unknown; they are in none of its subgroups.
        smallest: With fewer films of a kind (with the finding, or without) a number is not given.
        note: What was not looked at, and why.
    """

    subgroups: tuple[Subgroup, ...]
    unknown: dict[str, int]
    smallest: int
    note: str = ""
