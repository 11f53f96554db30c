"""The rules of a bundle: fitted on validation, and the one way from logits to probabilities and calls."""

import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64, Real

from hilum.calibration.calibrator import CalibrationFit, fit_calibration, patient_numbers
from hilum.calibration.map import apply_map
from hilum.calibration.refer import patients_needed, refer_zone
from hilum.calibration.section import CalibrationSection
from hilum.calibration.threshold import choose_threshold
from hilum.errors import InvalidValueError
from hilum.findings import NIH_FINDINGS, NO_FINDING
from hilum.metrics import bootstrap_rates, derive_no_finding, share_interval
from hilum.records import BundleSpec, Call, FindingRule, Interval, PlattMap, ReferZone

__all__ = ["calibrate", "call", "call_share", "fit_rules", "no_finding_rule"]

PerFilm = Float[np.ndarray, " image"]

_N_REPLICATES = 1000


def fit_rules(
    logits: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    patients: Sequence[Hashable] | None,
    *,
    findings: Sequence[str],
    section: CalibrationSection | None = None,
) -> dict[str, FindingRule]:
    """Fit calibration, threshold and refer zone of every finding on films that will not be judged.

    Args:
        logits: Raw outputs, finite.
        targets: 1 present, 0 absent, NaN unknown (left out).
        patients: Whose each film is; each film another's if None.
        findings: Names of the columns.
        section: How; the defaults if None.

    Returns:
        A rule per finding, in order; one that could not be fitted says why.

    Raises:
        InvalidValueError: The arrays do not fit together, a logit is not finite, a target none of 0, 1, NaN.

    Source: Those of :func:`fit_calibration`, :func:`choose_threshold` and :func:`refer_zone`; intervals of sensitivity
        and specificity as in an evaluation: over patients, by :func:`hilum.metrics.share_interval`.
    """
    section = section or CalibrationSection()
    if logits.shape != targets.shape or logits.shape[1:] != (len(findings),):
        raise InvalidValueError(
            f"logits have shape {logits.shape}, targets {targets.shape}: expected both (image, {len(findings)})"
        )
    fits = {
        name: fit_calibration(x, y, patients, method=section.method, shrinkage=section.shrinkage)
        for name, x, y in zip(findings, logits.T, targets.T, strict=True)
    }
    probabilities = [apply_map(fit.calibration, x) for fit, x in zip(fits.values(), logits.T, strict=True)]
    return _rules(fits, np.column_stack(probabilities), targets, patients, section=section)


def no_finding_rule(
    logits: Real[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    rules: Mapping[str, FindingRule],
    *,
    patients: Sequence[Hashable] | None = None,
    section: CalibrationSection | None = None,
) -> FindingRule | None:
    """Choose the threshold of the derived ``No Finding`` on the films that gave the rules.

    Its probability is a product that is not calibrated, so it gets neither a map nor a refer zone.

    Args:
        logits: Columns as in ``rules``.
        targets: Beside them.
        rules: Of :func:`fit_rules`.
        patients: Whose each film is.
        section: How; the defaults if None.

    Returns:
        None where it is not derived: a finding of the fourteen is missing, or ``No Finding`` is trained itself.
    """
    if NO_FINDING in rules or not set(NIH_FINDINGS) <= set(rules):
        return None
    places = [list(rules).index(name) for name in NIH_FINDINGS]
    known_targets = np.asarray(targets, dtype=np.float64)[:, places]
    probabilities, nothing = derive_no_finding(calibrate(rules, logits)[:, places], known_targets)
    n_nothing, n_something = int((nothing == 1).sum()), int((nothing == 0).sum())
    reason = "" if n_nothing and n_something else f"{n_nothing} films without any finding, {n_something} with one"
    fit = CalibrationFit(PlattMap(), reason)
    columns = probabilities[:, None], nothing[:, None]
    section = section or CalibrationSection()
    return _rules({NO_FINDING: fit}, *columns, patients, section=section, refers=False)[NO_FINDING]


def calibrate(
    spec_or_rules: BundleSpec | Mapping[str, FindingRule], logits: Real[np.ndarray, "image finding"]
) -> Float[np.ndarray, "image finding"]:
    """Return probabilities of logits, each finding by its rule; columns are in the order of the rules.

    Raises:
        InvalidValueError: Another number of columns than of rules.
    """
    rules = spec_or_rules.findings if isinstance(spec_or_rules, BundleSpec) else spec_or_rules
    if logits.ndim != 2 or logits.shape[1] != len(rules):
        raise InvalidValueError(f"logits have shape {logits.shape}: expected (image, {len(rules)}), a column per rule")
    columns = zip(logits.T, rules.values(), strict=True)
    return np.column_stack([apply_map(rule.calibration, column) for column, rule in columns])


def call(probability: float, rule: FindingRule) -> Call | None:
    """Return what a probability is called; None where no threshold could be chosen, or the probability is NaN.

    Without a refer zone a finding is ``present`` from the threshold on, else ``absent``; with one it is ``absent``
    below the zone, ``present`` from its upper end on, and ``refer`` between.
    """
    if math.isnan(rule.threshold) or math.isnan(probability):
        return None
    low, high = (rule.refer.low, rule.refer.high) if rule.refer else (rule.threshold, rule.threshold)
    if probability >= high:
        return "present"
    return "absent" if probability < low else "refer"


def call_share(made: Call | None, rule: FindingRule, *, prevalence: float) -> float:
    """Return of the films that get a call the share with the finding: what the call means.

    For ``present`` it is the positive predictive value, for ``absent`` 1 - the negative one.

    Args:
        made: The call, if there is one.
        rule: Its rates on validation are taken to hold.
        prevalence: Share of the films with the finding where the call is made, in [0, 1]; NaN unknown.

    Returns:
        By Bayes' theorem; NaN without a call or a prevalence, where validation has no rates, or no film got this call.

    Raises:
        InvalidValueError: ``prevalence`` is not between 0 and 1.
    """
    if made is None or math.isnan(prevalence):
        return math.nan
    if not 0 <= prevalence <= 1:
        raise InvalidValueError(f"prevalence must lie between 0 and 1, got {prevalence}")
    zone = rule.refer
    found, false_alarms = (zone.found, zone.false_alarms) if zone else (rule.sensitivity.value, _rest(rule.specificity))
    missed, cleared = (zone.missed, zone.cleared) if zone else (_rest(rule.sensitivity), rule.specificity.value)
    of_with, of_without = {
        "present": (found, false_alarms),
        "absent": (missed, cleared),
        "refer": (1 - found - missed, 1 - false_alarms - cleared),
    }[made]
    there, not_there = of_with * prevalence, of_without * (1 - prevalence)
    return there / (there + not_there) if there + not_there > 0 else math.nan


def _rest(share: Interval) -> float:
    return 1 - share.value


def _rules(
    fits: Mapping[str, CalibrationFit],
    probabilities: Float[np.ndarray, "image finding"],
    targets: Real[np.ndarray, "image finding"],
    patients: Sequence[Hashable] | None,
    *,
    section: CalibrationSection,
    refers: bool = True,
) -> dict[str, FindingRule]:
    targets = np.asarray(targets, dtype=np.float64)
    groups = patient_numbers(patients, len(targets))
    thresholds = [_threshold(*column, section) for column in zip(probabilities.T, targets.T, strict=True)]
    rates = bootstrap_rates(probabilities >= np.array(thresholds), targets, groups, n_replicates=_N_REPLICATES)
    rules = {}
    for column, ((name, fit), threshold) in enumerate(zip(fits.items(), thresholds, strict=True)):
        said, truth = probabilities[:, column], targets[:, column]
        present, absent = truth == 1, truth == 0
        zone = _zone(said, truth, patients, threshold, section) if refers else None
        lacks_zone = refers and zone is None and not math.isnan(threshold)
        rules[name] = FindingRule(
            calibration=fit.calibration,
            threshold=threshold,
            threshold_rule=section.threshold,
            sensitivity=_share((said >= threshold)[present], groups[present], rates.sensitivity[:, column], threshold),
            specificity=_share((said < threshold)[absent], groups[absent], rates.specificity[:, column], threshold),
            refer=zone,
            n_positive=int(present.sum()),
            n_negative=int(absent.sum()),
            n_patients=0 if patients is None else len(np.unique(groups[present | absent])),
            reason="; ".join(filter(None, (fit.reason, _too_few(section) if lacks_zone else ""))),
        )
    return rules


def _threshold(probabilities: PerFilm, targets: PerFilm, section: CalibrationSection) -> float:
    return choose_threshold(
        probabilities,
        targets,
        rule=section.threshold,
        beta=section.beta,
        sensitivity=section.sensitivity,
        cost_ratio=section.cost_ratio,
    )


def _zone(
    probabilities: PerFilm,
    targets: PerFilm,
    patients: Sequence[Hashable] | None,
    threshold: float,
    section: CalibrationSection,
) -> ReferZone | None:
    return refer_zone(
        probabilities,
        targets,
        patients,
        threshold=threshold,
        allowed_missed=section.allowed_missed,
        allowed_false_alarms=section.allowed_false_alarms,
    )


def _too_few(section: CalibrationSection) -> str:
    needed = patients_needed(section.allowed_missed), patients_needed(section.allowed_false_alarms)
    return f"no refer zone: it takes {needed[0]} patients with the finding and {needed[1]} without it"


def _share(
    hits: Bool[np.ndarray, " film"],
    groups: Int64[np.ndarray, " film"],
    replicates: Float[np.ndarray, " replicate"],
    threshold: float,
) -> Interval:
    """Return a share with its interval; without films, or without a threshold to call them at, there is none."""
    if len(hits) == 0 or math.isnan(threshold):
        return Interval()
    value = float(hits.mean())
    low, high = share_interval(value, replicates, n_patients=len(np.unique(groups)))
    return Interval(value=value, low=low, high=high)
