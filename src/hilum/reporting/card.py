"""The model card that lies in every bundle: what it answers for, how well, and what it must not be used for."""

import math
from collections.abc import Mapping
from pathlib import Path

from hilum.findings import title_of
from hilum.records import (
    MEASURABLE_POSITIVES,
    BundleSpec,
    Evaluation,
    FindingEvaluation,
    FindingRule,
    InputRules,
    Interval,
)
from hilum.reporting.headline import headline, recalibrated
from hilum.reporting.subgroup import attribute_title, n_measured, widest_gap
from hilum.runs import write_text
from hilum.wording import DASH, count, fixed, interval, percent, signed

__all__ = ["model_card", "write_card"]


def write_card(path: Path, spec: BundleSpec, evaluation: Evaluation) -> Path:
    """Write the model card of a bundle that was judged, and return its path.

    The card that lies in the bundle is under its seal and older than any study; this one stands beside the report.

    Args:
        path: The Markdown file; one that lies there is replaced.
        spec: The bundle.
        evaluation: What was measured on other films.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    write_text(path, model_card(spec, evaluation))
    return path


def model_card(spec: BundleSpec, evaluation: Evaluation | None = None) -> str:
    """Return a bundle's model card as Markdown; no patient stands in it, not even as a hash.

    Args:
        spec: The bundle.
        evaluation: A study of it, which adds what was measured; without one the card speaks of validation alone.
    """
    backbone = _plain(spec.model.get("backbone", "unknown network"))
    parts = (
        f"# Model card: {backbone}, {len(spec.findings)} findings",
        "**Not a medical device.** For research; no answer may guide the care of a person.",
        _made_up(spec),
        "## What it answers for\n"
        f"{', '.join(title_of(name) for name in spec.findings)}, each on its own, on frontal chest radiographs.\n"
        f"For each: a score, a calibrated probability and a call. {_calls(spec.findings)}",
        f"## What it was trained on\n{_training(spec)}",
        f"## What it takes\n{_input(spec.input)}",
        f"## Thresholds\n{_chosen_on(spec)}\n\n{_thresholds(spec.findings)}",
        f"## Calibration and refer zones\n{_zones(spec.findings)}",
        _recalibrated(spec),
        "" if evaluation is None else f"## What was measured\n{_measured(evaluation)}",
        f"## Limits\n{_limits(spec)}",
        f"## Licence\n{_plain(spec.licence)}",
        f"## Versions\n{_versions(spec.versions)}",
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _made_up(spec: BundleSpec) -> str:
    words = "**Trained on made-up films (phantoms)**: this model knows nothing about people."
    return words if spec.phantom else ""


def _calls(findings: Mapping[str, FindingRule]) -> str:
    """Say what is called what: a card must not promise two answers where the bundle gives three."""
    plain = "“Present” from the threshold on, “absent” below."
    if not any(rule.refer for rule in findings.values()):
        return plain
    three = (
        "“Present” from the upper end of its refer zone on, “absent” below the lower, and between “refer”: "
        "a person should look."
    )
    return three if all(rule.refer for rule in findings.values()) else f"{three} Without a zone: {plain.lower()}"


def _training(spec: BundleSpec) -> str:
    lines = {
        "patients": f"{len(spec.training_patients):,}",
        "recipe": f"{spec.recipe.get('name', 'unnamed')}",
        "manifest (digest)": spec.manifest_digest,
        "split (digest)": spec.split_digest,
    }
    return "\n".join(f"- {name}: {_plain(value)}" for name, value in lines.items())


def _input(rules: InputRules) -> str:
    resized = "padded with black to keep its shape" if rules.resize == "pad" else "stretched to fill it"
    mean, std = (", ".join(f"{value:.4g}" for value in values) for values in (rules.mean, rules.std))
    return (
        f"- one film, dense tissue bright, as a square of {rules.size_px} px, {resized}\n"
        f"- {rules.channels} channel{'' if rules.channels == 1 else 's (equal ones)'}, pixels in [0, 1], "
        f"mean {mean}, standard deviation {std}"
    )


def _chosen_on(spec: BundleSpec) -> str:
    figures = "with 95 % intervals; on new films they will be somewhat lower."
    validation = f"the split “{spec.selected_on}”"
    if spec.recalibration is None:
        return f"Chosen on {validation}, never on the films it is judged on. Figures hold on that split, {figures}"
    return (
        "Chosen anew on the films of “Recalibrated” below; of a finding with too few of them there, on "
        f"{validation}. Figures hold on the films that chose, {figures}"
    )


def _thresholds(findings: Mapping[str, FindingRule]) -> str:
    rows = [
        "| finding | threshold | sensitivity | specificity | films with | films without | patients |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, rule in findings.items():
        rates = (_estimate(rate) for rate in (rule.sensitivity, rule.specificity))
        films = (f"{rule.n_positive:,}", f"{rule.n_negative:,}", f"{rule.n_patients:,}" if rule.n_patients else DASH)
        cells = (title_of(name), fixed(rule.threshold), *rates, *films)
        rows.append(f"| {' | '.join(cells)} |")
    reasons = [f"- {title_of(name)}: {_plain(rule.reason)}" for name, rule in findings.items() if rule.reason]
    return "\n".join(rows) + (f"\n\n{DASH} is undefined; why:\n" + "\n".join(reasons) if reasons else "")


def _zones(findings: Mapping[str, FindingRule]) -> str:
    rows = [
        "| finding | calibration | threshold by | refer zone | missed at most | false alarms at most | "
        "patients with | patients without |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for name, rule in findings.items():
        zone = rule.refer
        promised: tuple[str, ...] = (DASH,) * 5
        if zone is not None:
            patients = (f"{number:,}" for number in (zone.n_patients_with, zone.n_patients_without))
            allowed = (percent(share) for share in (zone.allowed_missed, zone.allowed_false_alarms))
            promised = (f"{percent(zone.low)} to {percent(zone.high)}", *allowed, *patients)
        rows.append(
            f"| {' | '.join((title_of(name), rule.calibration.method, rule.threshold_rule or DASH, *promised))} |"
        )
    about = (
        "Promised, on average over new patients like those of the split: of films with the finding the share called "
        "absent, of those without it the share called present. The patients are those behind the promise. Where both "
        "ends of a zone are one, nobody is referred."
    )
    return f"{about}\n\n" + "\n".join(rows)


def _recalibrated(spec: BundleSpec) -> str:
    return f"## Recalibrated\n{_plain(recalibrated(spec.recalibration))}" if spec.recalibration else ""


def _measured(evaluation: Evaluation) -> str:
    pedigree = evaluation.pedigree
    flags = [f"**Red flag.** {_plain(flag.sentence)}" for flag in evaluation.red_flags]
    rows = [
        "| finding | films with | AUROC | AUPRC | sensitivity | specificity | PPV | NPV | ECE |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_measured_row(name, finding) for name, finding in evaluation.findings.items()),
    ]
    labels = pedigree.data_digest[:12] or DASH
    origin = f"Split: {_plain(pedigree.split) or DASH}; {_plain(pedigree.intervals)}; labels {labels}; {pedigree.date}."
    cautions = "\n".join(f"- {_plain(warning)}" for warning in evaluation.warnings)
    parts = (*flags, _plain(headline(evaluation)), "\n".join(rows), _gap(evaluation), origin, cautions)
    return "\n\n".join(part for part in parts if part)


def _measured_row(name: str, finding: FindingEvaluation) -> str:
    point = finding.operating_point
    called: tuple[Interval, ...] = (Interval(), Interval())
    prevalence = ""
    if point.predictive:
        here = point.predictive[0]
        called, prevalence = (here.ppv, here.npv), f" at {percent(here.prevalence)}"
    values = (finding.auroc, finding.auprc, point.sensitivity, point.specificity, *called, finding.calibration.ece)
    cells = (f"{title_of(name)}{prevalence}", f"{finding.auroc.n_positive:,}", *(_estimate(value) for value in values))
    return f"| {' | '.join(cells)} |"


def _estimate(value: Interval) -> str:
    return f"{fixed(value.value)} {interval(value)}".strip()


def _gap(evaluation: Evaluation) -> str:
    study = evaluation.subgroups
    group = widest_gap(study) if study else None
    if study is None or group is None:
        return ""
    name = _plain(f"{attribute_title(group.attribute)} {group.level}")
    return (
        f"Of {count(n_measured(study), 'group')} measured, {name} is "
        f"farthest from all other films: mean AUROC {signed(group.mean_gap.value)} {interval(group.mean_gap)}."
    )


def _limits(spec: BundleSpec) -> str:
    few = [title_of(name) for name, rule in spec.findings.items() if rule.n_positive < MEASURABLE_POSITIVES]
    silent = [title_of(name) for name, rule in spec.findings.items() if not math.isfinite(rule.threshold)]
    lines = {
        "It is meant for frontal chest films; on any other picture its answers mean nothing.": True,
        "Other hospitals, devices and patients than those trained on give other figures.": True,
        "Probabilities are calibrated for how common findings are in the "
        f"{'films of “Recalibrated”' if spec.recalibration else 'validation films'}, not in yours.": True,
        "Absence of a call is no proof of absence; findings outside the list are never named.": True,
        f"Chosen on fewer than {MEASURABLE_POSITIVES} films with it, so threshold and calibration say little: "
        f"{', '.join(few)}.": few,
        f"Never called, for lack of a threshold: {', '.join(silent)}.": silent,
    }
    return "\n".join(f"- {line}" for line, holds in lines.items() if holds)


def _versions(versions: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {_plain(value) or 'unknown'}" for name, value in versions.items())


def _plain(value: object) -> str:
    """Return a text that stays on its line and means nothing to Markdown's HTML."""
    return " ".join(f"{value}".split()).replace("<", "&lt;")
