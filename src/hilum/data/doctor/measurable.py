"""What a test on these films could say: counts per split, and the interval to expect."""

import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool

from hilum.data.doctor.examination import Examination
from hilum.data.doctor.subject import Subject
from hilum.data.manifest import SPLITS
from hilum.errors import InvalidValueError
from hilum.records import MEASURABLE_POSITIVES, DoctorCheck, Interval, MeasurableFinding, SuspectFilm
from hilum.wording import count

__all__ = ["EXPECTED_AUROC", "count_measurable", "expected_interval", "few_positives"]

EXPECTED_AUROC = 0.8
_Z = 1.959964


def expected_interval(auroc: float, n_positive: int, n_negative: int) -> Interval:
    """Return the 95 % interval to expect around a true AUROC; NaN without positives or negatives.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143, 1982, eq. 1-3. Films
    count as independent; ends are cut at 0 and 1.

    Raises:
        InvalidValueError: ``auroc`` does not lie between 0 and 1.

    Example:
        >>> interval = expected_interval(0.8, 25, 500)
        >>> round(interval.low, 2), round(interval.high, 2)
        (0.69, 0.91)
    """
    if not 0 <= auroc <= 1:
        raise InvalidValueError(f"auroc must lie between 0 and 1, got {auroc}")
    if n_positive < 1 or n_negative < 1:
        return Interval()
    two_positives = auroc / (2 - auroc) - auroc**2
    two_negatives = 2 * auroc**2 / (1 + auroc) - auroc**2
    spread = auroc * (1 - auroc) + (n_positive - 1) * two_positives + (n_negative - 1) * two_negatives
    half = _Z * math.sqrt(max(spread, 0.0) / (n_positive * n_negative))
    return Interval(value=auroc, low=max(auroc - half, 0.0), high=min(auroc + half, 1.0))


def count_measurable(subject: Subject) -> tuple[MeasurableFinding, ...]:
    """Count positives, negatives and unknown labels per split (``all`` where there is none) and finding."""
    targets = subject.manifest.targets()
    parts: dict[str, Bool[np.ndarray, " image"]] = {
        name: subject.splits == name for name in SPLITS if (subject.splits == name).any()
    }
    rows = []
    for split, inside in (parts or {"all": np.ones(len(targets), dtype=bool)}).items():
        part = targets[inside]
        for finding, labels in zip(subject.manifest.findings, part.T, strict=True):
            n_positive, n_negative = int((labels == 1).sum()), int((labels == 0).sum())
            rows.append(
                MeasurableFinding(
                    split=split,
                    finding=finding,
                    n_positive=n_positive,
                    n_negative=n_negative,
                    n_unknown=int(np.isnan(labels).sum()),
                    expected=expected_interval(EXPECTED_AUROC, n_positive, n_negative),
                    measurable=min(n_positive, n_negative) >= MEASURABLE_POSITIVES,
                )
            )
    return tuple(rows)


def few_positives(examination: Examination) -> Iterator[DoctorCheck]:
    """Findings of a split (test, validation or an undivided set) whose AUROC could not be told from chance or luck."""
    scarce = [row for row in count_measurable(examination.subject) if row.split != "train" and not row.measurable]
    if scarce:
        names = "; ".join(f"{row.finding} in {row.split}: {_width(row)}" for row in scarce[:5])
        more = f"; and {len(scarce) - 5} more" if len(scarce) > 5 else ""
        yield DoctorCheck(
            code="few_positives",
            title="findings too rare to measure",
            severity="note",
            sentence=(
                f"{count(len(scarce), 'finding', 'have')} fewer than {MEASURABLE_POSITIVES} films with it, or without, "
                f"to be measured on ({names}{more})."
            ),
            fix="Report them apart, pool patient-wise folds (`hilum data split --folds`), or add films.",
            n_films=len(scarce),
            films=tuple(
                SuspectFilm(image_id="", detail=f"{row.finding}, {row.split}: {_width(row)}") for row in scarce
            ),
        )


def _width(row: MeasurableFinding) -> str:
    counts = f"{row.n_positive:,} with, {row.n_negative:,} without"
    if math.isnan(row.expected.value):
        return f"{counts}, nothing can be measured"
    return f"{counts}, a true {EXPECTED_AUROC} would read {row.expected.low:.2f} to {row.expected.high:.2f}"
