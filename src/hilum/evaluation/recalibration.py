"""A bundle's calibration and thresholds fitted anew on a few local cases, and how far that can be trusted."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, Shaped

from hilum.calibration import CalibrationSection, calibrate
from hilum.config import build
from hilum.data import Manifest, PixelStore, patient_hash
from hilum.errors import DataError, LeakError
from hilum.evaluation.attribute import manifest_attributes
from hilum.evaluation.calibration import error_draws
from hilum.evaluation.column import Columns
from hilum.evaluation.fitting import Rules, apply_rules, cross_fit, fit, to_logits
from hilum.evaluation.from_bundle import BundleLike, PredictorLike
from hilum.evaluation.honesty import cross_fitted
from hilum.evaluation.label_file import is_nih
from hilum.evaluation.origin import Origin
from hilum.evaluation.study import evaluate_columns
from hilum.evaluation.tally import Tally, estimate, estimate_error
from hilum.findings import title_of
from hilum.metrics import Resamples, calibration_error_terms, mean_over_findings, rarer_patients
from hilum.records import BundleSpec, Estimate, Evaluation, FindingRule, PlattMap, Recalibration, TemperatureMap

__all__ = ["FEWEST", "RecalibrationStudy", "recalibrate_bundle"]

FEWEST = 10
"""With fewer local patients of a kind, with the finding or without, a finding keeps the rule it has."""

_NO_LABEL = "no finding has labels of both kinds"

Draws = Float[np.ndarray, " draw"]


@dataclass(frozen=True)
class RecalibrationStudy:
    """What local cases changed.

    Attributes:
        spec: Of the bundle, with rules fitted on all local films.
        before: The bundle as it came, on these films.
        after: With rules fitted on the other folds of patients.
        ece_before: Mean calibration error over ``fitted``.
        ece_after: The same, cross-fitted.
        change: After less before, on the same resamples of patients; below 0 is better.
        fitted: Findings that got a new rule.
        kept: Findings with too few local patients, which keep theirs.
    """

    spec: BundleSpec
    before: Evaluation
    after: Evaluation
    ece_before: Estimate
    ece_after: Estimate
    change: Estimate
    fitted: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Cases:
    """Local films: their logits, in the scale that the bundle's own calibration left where it can be put behind it."""

    logits: Float64[np.ndarray, "image finding"]
    targets: Float64[np.ndarray, "image finding"]
    groups: Shaped[np.ndarray, " image"]
    rows: Int64[np.ndarray, " image"]
    raw: Float64[np.ndarray, "image finding"]


def recalibrate_bundle(
    predictor: PredictorLike,
    manifest: Manifest,
    store: PixelStore,
    *,
    split: str | None = None,
    folds: int = 5,
    bootstrap: int = 1000,
    seed: int = 0,
    command: str = "",
    on_progress: Callable[[int, int], None] | None = None,
) -> RecalibrationStudy:
    """Fit calibration, thresholds and refer zones on local films, and judge them by folds of patients.

    Args:
        predictor: The bundle, ready to answer.
        manifest: Local films and labels.
        store: Their pixels.
        split: Which of the films; all of them if None.
        folds: Of patients.
        bootstrap: Resamples of patients for the intervals.
        seed: Of the resamples and the folds.
        command: The command line, for the pedigree.
        on_progress: Called with (films done, films in all).

    Raises:
        DataError: No film, or no finding with ten patients of both kinds.
        LeakError: Patients of the bundle's training are among the films.
        InvalidValueError: Fewer patients than folds.
    """
    spec, names = predictor.bundle.spec, tuple(predictor.bundle.spec.findings)
    cases = _read_cases(predictor, manifest, store, split, on_progress)
    rarer = rarer_patients(cases.targets, cases.groups)
    enough = rarer >= FEWEST
    if not enough.any():
        raise DataError(
            f"{manifest.source} has no finding with films of {FEWEST} patients with it and {FEWEST} without: too "
            "little to recalibrate on"
        )
    section, plan = _section(spec), _Plan(folds, bootstrap, seed, command, split)
    before = apply_rules(
        Rules(spec.findings, spec.no_finding), cases.raw, cases.targets, findings=names, groups=cases.groups
    )
    crossed = cross_fit(
        cases.logits, cases.targets, findings=names, groups=cases.groups, folds=folds, seed=seed, section=section
    )
    after = _keep(before, crossed, enough)
    errors = _errors(before, after, enough, Resamples(cases.groups, bootstrap, seed))
    kept = tuple(name for place, name in enumerate(names) if not enough[place])
    note = _note(errors, cases, dict(zip(names, rarer.tolist(), strict=True)), kept)
    return RecalibrationStudy(
        _new_spec(predictor.bundle, cases, section, kept, _record(predictor, manifest, cases, errors, note)),
        _evaluate(before, predictor, manifest, cases, plan, crossed=False),
        _evaluate(after, predictor, manifest, cases, plan, crossed=True),
        *errors,
        fitted=tuple(name for name in names if name not in kept),
        kept=kept,
    )


class _Plan(NamedTuple):
    """How films are judged."""

    folds: int
    bootstrap: int
    seed: int
    command: str
    split: str | None


def _new_spec(
    bundle: BundleLike,
    cases: _Cases,
    section: CalibrationSection,
    kept: Sequence[str],
    recalibration: Recalibration,
) -> BundleSpec:
    """Return the spec with rules fitted on all local films."""
    spec = bundle.spec
    fitted = fit(cases.logits, cases.targets, cases.groups, findings=tuple(spec.findings), section=section)
    rules = {
        name: spec.findings[name] if name in kept else _behind(spec.findings[name], rule, composed=_composes(spec))
        for name, rule in fitted.findings.items()
    }
    nothing = fitted.no_finding if not kept and spec.no_finding else spec.no_finding
    return spec.model_copy(update={"findings": rules, "no_finding": nothing, "recalibration": recalibration})


def _record(
    predictor: PredictorLike, manifest: Manifest, cases: _Cases, errors: tuple[Estimate, Estimate, Estimate], note: str
) -> Recalibration:
    return Recalibration(
        n_images=len(cases.rows),
        n_patients=len(np.unique(cases.groups)),
        data_digest=manifest.digest,
        parent_digest=predictor.bundle.digest,
        ece_before=errors[0].value,
        ece_after=errors[1].value,
        note=note,
    )


def _evaluate(
    columns: Columns, predictor: PredictorLike, manifest: Manifest, cases: _Cases, plan: _Plan, *, crossed: bool
) -> Evaluation:
    spec, split = predictor.bundle.spec, plan.split
    chosen_on = f"local films, {plan.folds} folds by patient" if crossed else spec.selected_on
    return evaluate_columns(
        columns,
        Resamples(columns.members, plan.bootstrap, plan.seed),
        thresholds_from=dict.fromkeys(columns.names, chosen_on),
        prevalences={},
        attributes=manifest_attributes(manifest, cases.rows),
        origin=Origin(
            title=f"{manifest.source}{f', {split}' if split else ''}, {'recalibrated' if crossed else 'as it came'}",
            command=plan.command,
            data_digest=manifest.digest,
            split=split or "all films",
            split_digest=manifest.split_digest if split else "",
            bundle_digest=predictor.bundle.digest,
            phantom=manifest.phantom,
            nih=is_nih(manifest),
            counts={"films evaluated": len(cases.rows)},
            red_flags=(cross_fitted(plan.folds),) if crossed else (),
        ),
    )


def _read_cases(
    predictor: PredictorLike,
    manifest: Manifest,
    store: PixelStore,
    split: str | None,
    on_progress: Callable[[int, int], None] | None,
) -> _Cases:
    spec = predictor.bundle.spec
    rows = np.arange(len(manifest)) if split is None else manifest.rows(split)
    in_store = store.rows_of(manifest.table["image_id"].to_numpy(dtype=object)[rows])
    rows, in_store = rows[in_store >= 0], in_store[in_store >= 0]
    if not len(rows):
        raise DataError(f"the pixel store holds no film of {manifest.source}{f', {split}' if split else ''}")
    groups = manifest.table["patient_id"].to_numpy(dtype=str)[rows]
    shared = {patient_hash(patient) for patient in np.unique(groups)} & set(spec.training_patients)
    if shared:
        raise LeakError(
            f"{len(shared)} patients of these films were in this bundle's training set, where it is surer than it is "
            "elsewhere: recalibrate on other patients (--split NAME takes one split of the manifest alone)"
        )
    raw = predictor.logits_from_store(store, in_store, on_progress=on_progress)
    logits = to_logits(calibrate(spec, raw)) if _composes(spec) else np.asarray(raw, dtype=np.float64)
    targets = manifest.targets_for(tuple(spec.findings), rows).astype(np.float64)
    return _Cases(logits, targets, groups, rows, raw)


def _composes(spec: BundleSpec) -> bool:
    """Say whether a Platt map behind every one of the bundle's maps is a Platt map again."""
    return all(isinstance(rule.calibration, PlattMap | TemperatureMap) for rule in spec.findings.values())


def _section(spec: BundleSpec) -> CalibrationSection:
    """Return how the bundle's rules were chosen, with Platt's map, which few films suffice for."""
    chosen = spec.recipe.get("calibration", {})
    values = dict(chosen) if isinstance(chosen, Mapping) else {}
    return build(CalibrationSection, values | {"method": "platt"}, source="the bundle's recipe")


def _behind(old: FindingRule, new: FindingRule, *, composed: bool) -> FindingRule:
    """Return the new rule for raw logits: the old map first, then the new one."""
    if not composed or not isinstance(new.calibration, PlattMap):
        return new
    slope, intercept = (
        (1 / old.calibration.temperature, 0.0)
        if isinstance(old.calibration, TemperatureMap)
        else (old.calibration.slope, old.calibration.intercept)
        if isinstance(old.calibration, PlattMap)
        else (1.0, 0.0)
    )
    turn = np.array([[slope, 0.0], [intercept, 1.0]])
    covariance = (
        turn @ np.array(new.calibration.covariance) @ turn.T if new.calibration.covariance else np.zeros((0, 0))
    )
    return new.model_copy(
        update={
            "calibration": PlattMap(
                slope=new.calibration.slope * slope,
                intercept=new.calibration.slope * intercept + new.calibration.intercept,
                covariance=tuple(tuple(row) for row in covariance.tolist()),
            )
        }
    )


def _keep(before: Columns, after: Columns, enough: Bool[np.ndarray, " finding"]) -> Columns:
    """Return what is judged after: old rules where patients are too few, and for ``No Finding`` if any is kept."""
    derived = [enough.all()] * (len(after.names) - len(enough))
    new = np.array([*enough.tolist(), *derived])
    mixed = {
        part: np.where(new, getattr(after, part), getattr(before, part))
        for part in ("probabilities", "cuts", "low", "high")
    }
    zones = {name: (after if new[place] else before).zones.get(name) for place, name in enumerate(after.names)}
    return replace(
        after,
        scores=before.scores,
        zones={name: zone for name, zone in zones.items() if zone},
        probabilities=mixed["probabilities"],
        cuts=mixed["cuts"],
        low=mixed["low"],
        high=mixed["high"],
    )


def _errors(
    before: Columns, after: Columns, enough: Bool[np.ndarray, " finding"], resamples: Resamples
) -> tuple[Estimate, Estimate, Estimate]:
    """Return the mean calibration error before, after, and the change, over the findings that were fitted."""
    places = np.flatnonzero(enough).tolist()
    first, second = (_mean_errors(columns, places, resamples) for columns in (before, after))
    return (
        estimate_error(*first, _NO_LABEL),
        estimate_error(*second, _NO_LABEL),
        _change(first[0], second[0]),
    )


def _mean_errors(columns: Columns, places: Sequence[int], resamples: Resamples) -> tuple[Draws, Draws]:
    """Return mean calibration errors over findings, and how far resampling moves their bins, resample by resample."""
    each = []
    for place in places:
        terms = calibration_error_terms(columns.probabilities[:, place], columns.targets[:, place])
        tally = Tally({"part": terms.numerator, "known": terms.denominator}, resamples)
        each.append(error_draws(tally, "part", "known"))
    errors, chance = (mean_over_findings(np.column_stack(part)) for part in zip(*each, strict=True))
    return errors, chance


def _change(first: Draws, second: Draws) -> Estimate:
    """Return the change of the mean error.

    A resample adds chance to both errors, more to the smaller one, so its change is moved by what it is off on average.
    """
    draws = second - first
    middle = float(np.nanmedian(draws[1:])) if len(draws) > 1 else 0.0
    return estimate(np.concatenate([draws[:1], draws[1:] - middle + draws[0]]), _NO_LABEL)


def _note(
    errors: tuple[Estimate, Estimate, Estimate], cases: _Cases, rarer: Mapping[str, int], kept: Sequence[str]
) -> str:
    """Say in words on how many cases the rules stand, what they changed, and for whom that holds.

    Args:
        errors: Before, after, change.
        cases: Local films.
        rarer: Per finding, how many patients have a film of the rarer kind.
        kept: Findings that keep their rule.
    """
    before, after, change = errors
    fitted = {name: number for name, number in rarer.items() if name not in kept}
    weakest = min(fitted, key=fitted.__getitem__)
    sentences = [
        f"Fitted on {len(cases.rows):,} films of {len(np.unique(cases.groups)):,} patients; least is known of "
        f"{title_of(weakest)}, where {fitted[weakest]:,} patients are of the rarer kind.",
        f"Mean calibration error {_interval(before)} before, {_interval(after)} after, cross-fitted by patient; "
        f"{_verdict(change)}.",
        "It holds for films like these: of this hospital, these machines and this mix of patients.",
    ]
    if kept:
        titles = ", ".join(title_of(name) for name in kept)
        sentences.append(f"Fewer than {FEWEST} patients of a kind, so the rule is as it was: {titles}.")
    return " ".join(sentences)


def _verdict(change: Estimate) -> str:
    if math.isnan(change.low):
        return "no interval says whether the change is chance"
    if change.high < 0:
        return "the change is better beyond chance"
    if change.low > 0:
        return "the change is worse beyond chance: keep the bundle as it came"
    return "the change is within chance: these cases do not show that it helps"


def _interval(error: Estimate) -> str:
    return f"{error.value:.3f}" + ("" if math.isnan(error.low) else f" ({error.low:.3f} to {error.high:.3f})")
