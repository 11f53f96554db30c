"""A study in a handful of sentences: what a clinician takes away in one minute."""

import math

from hilum.findings import title_of
from hilum.records import MEASURABLE_POSITIVES, Evaluation, Interval, PredictiveValues
from hilum.reporting.headline import spoken_finding
from hilum.reporting.subgroup import attribute_title, n_measured, widest_gap
from hilum.wording import count, fixed, interval, percent, share_of

__all__ = ["looks_words", "summary_lines"]


def summary_lines(evaluation: Evaluation) -> list[str]:
    """Return the sentences that the study allows, at most six; each stands for a section below."""
    lines = (_order(evaluation), _meaning(evaluation), _calibration(evaluation), _refer(evaluation), _gap(evaluation))
    return [line for line in lines if line]


def looks_words(evaluation: Evaluation) -> str:
    """Say how often these films were judged in this folder; empty where nobody counts."""
    if not evaluation.looks:
        return ""
    if evaluation.looks == 1:
        return "First look at these films in this folder."
    return f"Look {evaluation.looks} at these films in this folder: what was chosen by looking flatters."


def _order(evaluation: Evaluation) -> str:
    """Best and worst among the findings with enough films."""
    measured = [
        (finding.auroc.value, title_of(name))
        for name, finding in evaluation.findings.items()
        if math.isfinite(finding.auroc.value) and finding.auroc.n_positive >= MEASURABLE_POSITIVES
    ]
    if len(measured) < 2:
        return ""
    (low, worst), (high, best) = min(measured), max(measured)
    return f"Orders films best for {best} (AUROC {fixed(high, 2)}), worst for {worst} ({fixed(low, 2)})."


def _meaning(evaluation: Evaluation) -> str:
    """What a call means, at the user's prevalence where one was given."""
    name = spoken_finding(evaluation.findings)
    values = evaluation.findings[name].operating_point.predictive if name else ()
    defined = [value for value in values if math.isfinite(value.ppv.value)]
    if not defined:
        return ""
    return f"{_share_right(title_of(name), defined[-1])} Absence of a call is no proof of absence."


def _share_right(title: str, values: PredictiveValues) -> str:
    right = share_of(values.ppv.value, f"films called {title}")
    where = "as here" if values.prevalence_from == "these films" else "as given"
    return f"Where {percent(values.prevalence)} have it ({where}), {right} have it."


def _calibration(evaluation: Evaluation) -> str:
    pairs = [
        (finding.calibration.ece.value, finding.calibration.ece_by_chance) for finding in evaluation.findings.values()
    ]
    known = [pair for pair in pairs if all(map(math.isfinite, pair))]
    if not known:
        return ""
    mean, chance = (sum(values) / len(known) for values in zip(*known, strict=True))
    return (
        f"Probabilities are off by {fixed(100 * mean, 1)} percentage points on average (ECE); "
        f"by chance alone it would be {fixed(100 * chance, 1)}."
    )


def _refer(evaluation: Evaluation) -> str:
    zones = [finding.refer for finding in evaluation.findings.values() if finding.refer is not None]
    judged = [zone.in_band for zone in zones if zone.in_band is not None]
    if not judged:
        return ""
    kept = f"kept for {sum(judged)} of {count(len(judged), 'finding')}"
    missed = _at_most({zone.allowed_missed for zone in zones})
    return f"With unsure films left to a person, {missed} with a finding may be missed: {kept}."


def _at_most(shares: set[float]) -> str:
    """Say a promise that may differ from finding to finding."""
    return f"at most {100 * shares.pop():g} % of films" if len(shares) == 1 else "only the promised share of films"


def _gap(evaluation: Evaluation) -> str:
    study = evaluation.subgroups
    if study is None or not study.subgroups:
        return ""
    group, among = widest_gap(study), f"of {count(n_measured(study), 'group')} measured"
    if group is None:
        return f"No group's mean AUROC is surely another than that of all other films ({among})."
    gap = group.mean_gap
    side, apart = (
        ("better", gap) if gap.value > 0 else ("worse", Interval(value=-gap.value, low=-gap.high, high=-gap.low))
    )
    return (
        f"Farthest from the others {among}: {attribute_title(group.attribute)} {group.level}, {side} by "
        f"{fixed(apart.value)} {interval(apart)} in mean AUROC over {count(len(group.mean_over), 'finding')}."
    )
