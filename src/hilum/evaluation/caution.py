"""What a study cannot say, one sentence each."""

from collections.abc import Iterable, Mapping

from hilum.evaluation.origin import Origin
from hilum.findings import title_of
from hilum.records import MEASURABLE_POSITIVES, FindingEvaluation, Pedigree

__all__ = ["MADE_UP", "TRAINING_UNKNOWN", "cautions"]

MADE_UP = "The films are phantoms, made up by hilum: the figures say nothing about people."
TRAINING_UNKNOWN = "The bundle does not say which patients it was trained on, so whether some are here is unknown."


def cautions(
    findings: Mapping[str, FindingEvaluation], origin: Origin, pedigree: Pedigree, *, thresholds_given: bool
) -> tuple[str, ...]:
    """Return the sentences that belong under the numbers, the gravest first; the origin's own come last."""
    undefined = [name for name, finding in findings.items() if finding.auroc.reason]
    positives = {name: finding.auroc.n_positive for name, finding in findings.items() if name not in undefined}
    few = [f"{title_of(name)} ({n})" for name, n in positives.items() if n < MEASURABLE_POSITIVES]
    sentences = {
        MADE_UP: origin.phantom,
        f"Undefined, so left out of the means: {_titles(undefined)}.": undefined,
        f"Fewer than {MEASURABLE_POSITIVES} films with the finding, so its figures say little: {', '.join(few)}.": few,
        "Which films belong to one patient is unknown: every film counts as another patient, and the intervals are too "
        "narrow where that is wrong.": not pedigree.n_patients,
        "No thresholds from validation were given: sensitivity, specificity and the table are at a probability of 0.5, "
        "which rare findings seldom reach.": not thresholds_given,
        "No intervals were computed.": not pedigree.n_bootstrap,
        "All films come from one hospital, and software read the labels from its reports: other hospitals, or "
        "radiologists who look at the films, would give other figures.": origin.nih and not origin.phantom,
    }
    return (*(sentence for sentence, holds in sentences.items() if holds), *origin.warnings)


def _titles(names: Iterable[str]) -> str:
    return ", ".join(title_of(name) for name in names)
