"""What a report says first: the one sentence, and why a number is missing."""

import math

from hilum.findings import title_of
from hilum.records import MEASURABLE_POSITIVES, Evaluation, FindingEvaluation, Pedigree, RankMetric, Recalibration
from hilum.wording import count, fixed, interval, share_of

__all__ = ["films_of", "headline", "rank_reason", "recalibrated", "spoken_finding", "why"]

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


def rank_reason(n_positive: int, n_negative: int) -> str:
    """Say why a rank metric is undefined."""
    if n_positive == 0:
        return "no film has it"
    return "every film has it" if n_negative == 0 else "not computed"


def why(metric: RankMetric) -> str:
    """Say why a rank metric is undefined, as the record does; meaningless where it is defined."""
    return metric.reason.removeprefix("undefined: ") or rank_reason(metric.n_positive, metric.n_negative)


def films_of(pedigree: Pedigree) -> str:
    """Return ``100 films of 40 patients``, or that the patients are unknown."""
    patients = f" of {count(pedigree.n_patients, 'patient')}" if pedigree.n_patients else ", patients unknown"
    return f"{count(pedigree.n_images, 'film')}{patients}"


def recalibrated(new: Recalibration) -> str:
    """Say on what a bundle's rules were fitted anew, and what that changed."""
    films = f"{count(new.n_images, 'film')} of {count(new.n_patients, 'patient')}"
    change = f"mean ECE {fixed(new.ece_before)} before, {fixed(new.ece_after)} after"
    return f"Calibration and thresholds were fitted anew on {films}: {change}. {new.note}".strip()


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
