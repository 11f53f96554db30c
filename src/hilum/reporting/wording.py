"""How a report says a number: the same digits everywhere, and never NaN."""

import math

from hilum.records import MEASURABLE_POSITIVES, Evaluation, FindingEvaluation, Interval, RankMetric

__all__ = [
    "DASH",
    "MINUS",
    "count",
    "fixed",
    "headline",
    "interval",
    "percent",
    "rank_reason",
    "share_of",
    "signed",
    "spoken_finding",
    "title_of",
    "why",
]

DASH = "–"
"""Stands for every undefined number; its reason stands beside it."""

MINUS = "\u2212"
"""Stands before a negative number; the hyphen is too short beside figures."""

_SMALLEST_SHARE = 1e-4
_PLURALS = {
    "Atelectasis": "atelectases",
    "Cardiomegaly": "enlarged hearts",
    "Consolidation": "consolidations",
    "Effusion": "effusions",
    "Hernia": "hernias",
    "Infiltration": "infiltrations",
    "Mass": "masses",
    "Nodule": "nodules",
    "Pneumothorax": "pneumothoraces",
}


def title_of(finding: str) -> str:
    """Return a finding's name as it is shown to people: ``Pleural Thickening``."""
    return finding.replace("_", " ")


def count(number: int, noun: str) -> str:
    """Return ``1 film``, ``12,340 films``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def fixed(value: float, digits: int = 3) -> str:
    """Return ``0.812``; a dash where the value is undefined.

    Example:
        >>> fixed(0.8125, 2), fixed(-0.5, 1), fixed(float("nan"))
        ('0.81', '−0.5', '–')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS) if math.isfinite(value) else DASH


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign: ``+0.012``; a dash where it is undefined.

    Example:
        >>> signed(0.0123), signed(-0.5, 1), signed(0.0)
        ('+0.012', '−0.5', '0.000')
    """
    said = fixed(value, digits)
    return f"+{said}" if said.strip("0.") and not said.startswith((MINUS, DASH)) else said


def percent(share: float) -> str:
    """Return a share as ``12.3 %``, with more digits near the ends; a dash where it is undefined.

    Only a share that is 0 or 1 is said to be 0 % or 100 %.

    Example:
        >>> percent(0.1234), percent(0.0012), percent(1.0), percent(0.99999)
        ('12.3 %', '0.12 %', '100 %', '> 99.99 %')
    """
    if not math.isfinite(share):
        return DASH
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    if share < _SMALLEST_SHARE:
        return f"< {100 * _SMALLEST_SHARE:g} %"
    if share > 1 - _SMALLEST_SHARE:
        return f"> {100 - 100 * _SMALLEST_SHARE:g} %"
    return f"{100 * share:.{1 if 0.01 <= share <= 0.99 else 2}f} %"


def interval(value: Interval, digits: int = 3) -> str:
    """Return ``(0.790–0.834)``; empty if there is no interval."""
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return ""
    between = " to " if value.low < 0 else "–"
    return f"({fixed(value.low, digits)}{between}{fixed(value.high, digits)})"


def rank_reason(n_positive: int, n_negative: int) -> str:
    """Say why a rank metric is undefined."""
    if n_positive == 0:
        return "no film has it"
    return "every film has it" if n_negative == 0 else "not computed"


def why(metric: RankMetric) -> str:
    """Say why a rank metric is undefined, as the record does; meaningless where it is defined."""
    return metric.reason.removeprefix("undefined: ") or rank_reason(metric.n_positive, metric.n_negative)


def share_of(share: float, what: str) -> str:
    """Say a share in words a listener can repeat.

    Args:
        share: In [0, 1].
        what: What the share is of, in the plural.

    Example:
        >>> share_of(0.81, "effusions"), share_of(0.964, "effusions"), share_of(1.0, "effusions")
        ('8 of 10 effusions', '96 of 100 effusions', 'all effusions')
    """
    if share in (0.0, 1.0):
        return f"all {what}" if share else f"none of the {what}"
    if 0.1 <= share <= 0.9:
        return f"{math.floor(10 * share + 0.5)} of 10 {what}"
    if 0.01 <= share <= 0.99:
        return f"{math.floor(100 * share + 0.5)} of 100 {what}"
    return f"more than 99 of 100 {what}" if share > 0.5 else f"fewer than 1 of 100 {what}"


def headline(evaluation: Evaluation) -> str:
    """Return the one sentence a head of department can repeat.

    It speaks of effusions if there are enough of them, else of the finding with most positives; that the films were
    never used in training is said only of the test split, where a bundle was checked for it.
    """
    start = f"On {_films(evaluation)}"
    mean = evaluation.macro.get("auroc")
    rates = _rates(evaluation)
    if mean is None or not math.isfinite(mean.value):
        return f"{start} {rates}; no AUROC is defined." if rates else f"{start} nothing could be measured."
    figure = f"{fixed(mean.value, 2)} {interval(mean, 2)}".strip()
    over = f"over {count(mean.n_findings, 'finding')}"
    if rates:
        return f"{start} {rates}; mean AUROC {figure} {over}."
    return f"{start} the mean AUROC is {figure} {over}."


def _films(evaluation: Evaluation) -> str:
    pedigree = evaluation.pedigree
    made_up = "made-up " if evaluation.phantom else ""
    patients = f" of {count(pedigree.n_patients, 'patient')}" if pedigree.n_patients else ""
    if evaluation.leaked:
        trained = ", some of them used in training,"
    else:
        trained = " never used in training" if pedigree.split == "test" and pedigree.bundle_digest else ""
    return f"{pedigree.n_images:,} {made_up}films{patients}{trained}"


def _rates(evaluation: Evaluation) -> str:
    name = spoken_finding(evaluation.findings)
    if not name:
        return ""
    point = evaluation.findings[name].operating_point
    plural = _PLURALS.get(name, f"films with {title_of(name)}")
    found = share_of(point.sensitivity.value, plural)
    called = share_of(1 - point.specificity.value, "other films")
    at = "" if point.chosen_on == "validation" else f" (threshold: {point.chosen_on})"
    return f"it finds {found} and wrongly calls {called}{at}"


def spoken_finding(findings: dict[str, FindingEvaluation]) -> str:
    """The finding the headline speaks of; empty if none has both rates."""

    def weight(name: str) -> tuple[bool, int]:
        n_positive = findings[name].auroc.n_positive
        return name == "Effusion" and n_positive >= MEASURABLE_POSITIVES, n_positive

    defined = [
        name
        for name, finding in findings.items()
        if math.isfinite(finding.operating_point.sensitivity.value + finding.operating_point.specificity.value)
    ]
    return max(defined, key=weight, default="")
