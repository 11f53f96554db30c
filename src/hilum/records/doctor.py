"""What the data doctor found in a data set: checks with their films, shortcuts, and what can be measured."""

from typing import ClassVar, Literal

from hilum.records.base import Interval, Number, Record
from hilum.records.evaluation import MacroMetric

__all__ = [
    "DOCTOR_SCHEMA",
    "DoctorCheck",
    "DoctorReport",
    "MeasurableFinding",
    "Severity",
    "ShortcutProbe",
    "SuspectFilm",
]

DOCTOR_SCHEMA = 1

Severity = Literal["error", "warning", "note"]
"""``error``: a number made with these films would be wrong; ``warning``: it may be; ``note``: good to know."""


class SuspectFilm(Record):
    """A film that a check names.

    Attributes:
        image_id: The film.
        detail: What is special about this one, in a few words; empty where the check says all.
        other: The second film of a pair; empty where there is none.
    """

    image_id: str
    detail: str = ""
    other: str = ""


class DoctorCheck(Record):
    """One thing that is wrong, or worth knowing, and what to do about it.

    Attributes:
        code: Stable, lower-case (``missing``, ``duplicate_across_splits`` ...).
        title: The check in a few words.
        severity: ``error``, ``warning`` or ``note``.
        sentence: What was found, with counts.
        fix: What to do.
        n_films: Films (of pairs: pairs; of patients or findings: those) that were found.
        films: Those films; of a check that excludes none, at most the first 1,000.
        excludes: Whether these films stand in ``excluded.csv``.
    """

    code: str
    title: str
    severity: Severity
    sentence: str
    fix: str
    n_films: int
    films: tuple[SuspectFilm, ...] = ()
    excludes: bool = False


class ShortcutProbe(Record):
    """How well something that is no disease predicts the labels.

    Attributes:
        code: ``view``, ``metadata``, ``geometry``, ``borders`` or ``thumbnail``.
        title: In a few words.
        inputs: What the probe was given.
        auroc: Cross-validated mean AUROC over the findings with enough positives, with patient-bootstrap interval;
            NaN where nothing could be measured.
        findings: Cross-validated AUROC per finding.
        n_images: Films it was measured on.
        sentence: What it means; where it is NaN, why.
    """

    code: str
    title: str
    inputs: tuple[str, ...]
    auroc: MacroMetric
    findings: dict[str, Number]
    n_images: int
    sentence: str


class MeasurableFinding(Record):
    """What a test on these films could say about a finding.

    Attributes:
        split: ``train``, ``validation``, ``test``, or ``all`` before a split.
        finding: The finding.
        n_positive: Films with it.
        n_negative: Films without it.
        n_unknown: Films whose label is unknown.
        expected: The interval to expect around a true AUROC of 0.8 (films counted as independent: with several films
            per patient it is wider); NaN without positives or negatives.
        measurable: Whether there are at least 25 films with it and 25 without.
    """

    split: str
    finding: str
    n_positive: int
    n_negative: int
    n_unknown: int
    expected: Interval
    measurable: bool


class DoctorReport(Record):
    """What the doctor found; written as ``doctor.json``.

    Attributes:
        schema_version: ``DOCTOR_SCHEMA``; another one is refused.
        source: What was examined, in a few words.
        manifest_digest: Digest of the manifest.
        n_images: Films listed.
        n_patients: Their patients.
        n_opened: Films that were opened and could be read.
        phantom: Whether the films are made up.
        checks: What was found, the gravest first.
        passed: Titles of the checks that found nothing; after a colon, what was compared.
        not_made: Checks that were not made, and why.
        shortcuts: What can be told from the labels' company instead of the disease.
        measurable: Per split and finding, what a test could say.
        excluded_digest: sha256 of ``excluded.csv`` as the doctor last wrote it: what was edited since is kept.
    """

    written_anew_by: ClassVar[str] = "Examine the films again (`hilum data doctor`)"

    schema_version: int = DOCTOR_SCHEMA
    source: str
    manifest_digest: str
    n_images: int
    n_patients: int
    n_opened: int
    phantom: bool
    checks: tuple[DoctorCheck, ...]
    passed: tuple[str, ...]
    not_made: dict[str, str]
    shortcuts: tuple[ShortcutProbe, ...]
    measurable: tuple[MeasurableFinding, ...]
    excluded_digest: str = ""

    def count(self, severity: Severity) -> int:
        """Return how many checks found something of this severity."""
        return sum(check.severity == severity for check in self.checks)
