"""What more films would bring: AUROC on validation over the number of training films, with a law fitted to it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Real, Shaped

from hilum.errors import InvalidValueError
from hilum.evaluation.caution import MADE_UP
from hilum.evaluation.origin import Origin, make_pedigree
from hilum.findings import title_of
from hilum.metrics import (
    auroc,
    bootstrap_ranks,
    effective_units,
    fit_power_law,
    mean_over_findings,
    percentile_interval,
    rarer_patients,
)
from hilum.records import (
    MEASURABLE_POSITIVES,
    Estimate,
    FittedLaw,
    GrowthCurve,
    Interval,
    LearningCurve,
    LearningPart,
)

__all__ = ["TrainedPart", "measure_growth"]

_DRAWN = 40
_BEYOND = 4.0
_TOO_FEW_LAWS = 0.5


@dataclass(frozen=True, eq=False)
class TrainedPart:
    """A model trained on a part of the training films, and what it answered on validation.

    Attributes:
        fraction: Share of the training patients.
        seed: Of the choice of patients and of the training.
        n_images: Training films of the part.
        n_patients: Their patients.
        scores: Any increasing function of the probability, of every validation film.
        bundle_digest: The model.
        cut_short: Whether it was best in its last epoch: more epochs might have made it better.
    """

    fraction: float
    seed: int
    n_images: int
    n_patients: int
    scores: Float64[np.ndarray, "image finding"]
    bundle_digest: str = ""
    cut_short: bool = False


@dataclass(frozen=True, eq=False)
class _Grown:
    """AUROCs by part: of the films, and of every resample of patients and seeds; the last column is the mean.

    Attributes:
        sizes: Films of the part.
        value: Mean over seeds.
        spread: The same of every resample.
        n_units: Patients behind each column, of the rarer kind.
    """

    sizes: Float64[np.ndarray, " fraction"]
    value: Float64[np.ndarray, "fraction column"]
    spread: Float64[np.ndarray, "replicate fraction column"]
    n_units: Sequence[float]


def measure_growth(
    parts: Sequence[TrainedPart],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    findings: Sequence[str],
    origin: Origin | None = None,
    bootstrap: int = 200,
    seed: int = 0,
) -> LearningCurve:
    """Measure every part on the same validation films, and fit a law per finding.

    Args:
        parts: Every fraction with the same seeds.
        targets: Of the validation films: 1 present, 0 absent, NaN unknown.
        groups: Their patients.
        findings: Names of the columns.
        origin: What is known of films and labels.
        bootstrap: Resamples, of validation patients and of seeds at once; 0 for no intervals.
        seed: Of the resamples.

    Raises:
        InvalidValueError: No part, or a fraction that lacks a seed another one has.
    """
    ordered = _in_order(parts)
    n_seeds = len(ordered[0])
    values = np.array([[_aurocs(part.scores, targets) for part in row] for row in ordered])
    n_images = np.array([[part.n_images for part in row] for row in ordered], dtype=np.float64)
    kept = [column for column in range(len(findings)) if np.isfinite(values[:, :, column]).all()]
    grown = _grow(ordered, values, targets, groups, kept=kept, bootstrap=bootstrap, seed=seed)
    curves = [_curve(grown, column, targets) for column in range(len(findings) + 1)]
    origin = origin or Origin()
    return LearningCurve(
        title=origin.title,
        pedigree=make_pedigree(
            origin,
            n_images=len(targets),
            n_patients=len(np.unique(groups)),
            bootstrap=bootstrap,
            seed=seed,
            thresholds_from="none: only the order of films is measured",
        ).model_copy(update={"intervals": _how(bootstrap, n_seeds)}),
        parts=tuple(
            _part(part, found, findings)
            for row, aurocs in zip(ordered, values, strict=True)
            for part, found in zip(row, aurocs, strict=True)
        ),
        n_images=tuple(n_images.mean(axis=1).tolist()),
        findings=dict(zip(findings, curves[:-1], strict=True)),
        mean=curves[-1],
        mean_findings=tuple(findings[column] for column in kept),
        sentence=_sentence(curves[-1].law, ordered[-1], len(kept)),
        warnings=(
            *_cautions(origin, curves[:-1], findings, n_kept=len(kept)),
            *_training_cautions(ordered),
        ),
        phantom=origin.phantom,
    )


def _in_order(parts: Sequence[TrainedPart]) -> list[list[TrainedPart]]:
    """Return parts by rising fraction, then by seed; every fraction needs every seed."""
    if not parts:
        raise InvalidValueError("a learning curve needs at least one trained part, got none")
    by_place = {(part.fraction, part.seed): part for part in parts}
    fractions, seeds = sorted({part.fraction for part in parts}), sorted({part.seed for part in parts})
    missing = [(fraction, seed) for fraction in fractions for seed in seeds if (fraction, seed) not in by_place]
    if missing or len(by_place) < len(parts):
        raise InvalidValueError(
            f"every fraction needs every seed once: expected {len(fractions) * len(seeds)} parts, got {len(parts)}"
            + (f", without fraction {missing[0][0]:g} of seed {missing[0][1]}" if missing else "")
        )
    return [[by_place[fraction, seed] for seed in seeds] for fraction in fractions]


def _aurocs(
    scores: Real[np.ndarray, "image finding"], targets: Real[np.ndarray, "image finding"]
) -> Float64[np.ndarray, " finding"]:
    return np.array([auroc(*column) for column in zip(scores.T, targets.T, strict=True)])


def _grow(
    ordered: Sequence[Sequence[TrainedPart]],
    values: Float64[np.ndarray, "fraction seed finding"],
    targets: Real[np.ndarray, "image finding"],
    groups: Shaped[np.ndarray, " image"],
    *,
    kept: Sequence[int],
    bootstrap: int,
    seed: int,
) -> _Grown:
    """Draw patients (the same for all parts) and, per resample and fraction, as many seeds as there are."""
    spread = np.array(
        [
            [bootstrap_ranks(part.scores, targets, groups, n_replicates=bootstrap, seed=seed).auroc for part in row]
            for row in ordered
        ]
    )
    n_fractions, n_seeds = values.shape[:2]
    drawn = np.random.default_rng(seed).integers(0, n_seeds, size=(bootstrap, n_fractions, n_seeds))
    grown = [
        np.stack([spread[row, drawn[replicate, row], replicate].mean(axis=0) for row in range(n_fractions)])
        for replicate in range(bootstrap)
    ]
    sizes = np.array([[part.n_images for part in row] for row in ordered], dtype=np.float64).mean(axis=1)
    resampled = np.array(grown).reshape(bootstrap, n_fractions, values.shape[2])
    rarer, most = rarer_patients(targets, groups), resampled[:, -1, list(kept)]
    n_units = (*rarer.tolist(), effective_units(most, rarer[list(kept)]))
    return _Grown(sizes, _with_mean(values.mean(axis=1), kept), _with_mean(resampled, kept), n_units)


def _with_mean(
    values: Float64[np.ndarray, "*rest finding"], kept: Sequence[int]
) -> Float64[np.ndarray, "*rest column"]:
    return np.concatenate([values, mean_over_findings(values[..., list(kept)])[..., None]], axis=-1)


def _curve(grown: _Grown, column: int, targets: Real[np.ndarray, "image finding"]) -> GrowthCurve:
    value, spread = grown.value[:, column], grown.spread[:, :, column]
    lows, highs = percentile_interval(spread, n_units=grown.n_units[column])
    points = zip(value.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return GrowthCurve(
        n_positive=int((targets[:, column] == 1).sum()) if column < targets.shape[1] else 0,
        auroc=tuple(Interval(value=one, low=low, high=high) for one, low, high in points),
        law=_law(grown.sizes, value, spread),
    )


def _law(
    sizes: Float64[np.ndarray, " fraction"],
    value: Float64[np.ndarray, " fraction"],
    spread: Float64[np.ndarray, "replicate fraction"],
) -> FittedLaw:
    """Fit the curve, and each resample of it; a resample that does not rise gains nothing from more films."""
    law = fit_power_law(sizes, value)
    if law.reason:
        nothing = Estimate(reason=law.reason)
        return FittedLaw(ceiling=nothing, gap=nothing, exponent=nothing, doubling=nothing)
    laws = [fit_power_law(sizes, row) for row in spread if np.isfinite(row).all()]
    fitted = [one for one in laws if not one.reason]
    gains = np.array([0.0 if one.reason else one.gain() for one in laws])
    drawn = np.geomspace(sizes.min(), _BEYOND * sizes.max(), _DRAWN)
    band = np.array([one.at(drawn) for one in fitted]).reshape(len(fitted), _DRAWN)
    sure = len(fitted) > _TOO_FEW_LAWS * len(laws)
    lows, highs = percentile_interval(band if sure else band[:0])
    unsure = "" if sure or not laws else f"only {len(fitted)} of {len(laws)} resamples rise with the films"
    return FittedLaw(
        ceiling=_estimate(law.ceiling, [one.ceiling for one in fitted] if sure else [], unsure),
        gap=_estimate(law.gap, [one.gap for one in fitted] if sure else [], unsure),
        exponent=_estimate(law.exponent, [one.exponent for one in fitted] if sure else [], unsure),
        doubling=_estimate(law.gain(), gains.tolist(), ""),
        n_images=tuple(drawn.tolist()),
        value=tuple(law.at(drawn).tolist()),
        low=tuple(lows.tolist()),
        high=tuple(highs.tolist()),
    )


def _estimate(value: float, resampled: Sequence[float], reason: str) -> Estimate:
    low, high = percentile_interval(np.array(resampled, dtype=np.float64).reshape(len(resampled), 1))
    return Estimate(value=value, low=float(low[0]), high=float(high[0]), reason=reason)


def _part(part: TrainedPart, aurocs: Float64[np.ndarray, " finding"], findings: Sequence[str]) -> LearningPart:
    return LearningPart(
        fraction=part.fraction,
        seed=part.seed,
        n_images=part.n_images,
        n_patients=part.n_patients,
        auroc=dict(zip(findings, aurocs.tolist(), strict=True)),
        bundle_digest=part.bundle_digest,
    )


def _how(bootstrap: int, n_seeds: int) -> str:
    if not bootstrap:
        return "none"
    seeds = f"{n_seeds} seeds" if n_seeds > 1 else "the one seed"
    return f"95 %, percentiles over {bootstrap:,} resamples of validation patients and of {seeds}"


def _sentence(law: FittedLaw, largest: Sequence[TrainedPart], n_findings: int) -> str:
    """Say what doubling brings, of all training films or, if they were not all trained on, of the largest part's."""
    n_images = int(np.mean([part.n_images for part in largest]))
    share = largest[0].fraction
    films = (
        f"your {n_images:,} training films"
        if share == 1
        else f"{n_images:,} of your training films ({100 * share:g} %)"
    )
    gain = law.doubling
    if not math.isfinite(gain.value):
        return f"What more films would bring cannot be said: {gain.reason}."
    span = f" ({gain.low:.3f} to {gain.high:.3f})" if math.isfinite(gain.low) else ""
    return (
        f"Doubling {films} would bring about {gain.value:+.3f}{span} of mean AUROC over "
        f"{n_findings} finding{'' if n_findings == 1 else 's'}."
    )


def _training_cautions(ordered: Sequence[Sequence[TrainedPart]]) -> Iterable[str]:
    if len(ordered[0]) == 1:
        yield "One seed alone: how much chance in training moves a point is unknown, and intervals are too narrow."
    parts = [part for row in ordered for part in row]
    n_short = sum(part.cut_short for part in parts)
    if n_short:
        yield (
            f"{n_short} of {len(parts)} parts were best in their last epoch: with more epochs they may get better, the "
            "small ones most of all, which take the fewest steps. Until then more films look better than they are."
        )


def _cautions(origin: Origin, curves: Sequence[GrowthCurve], findings: Sequence[str], *, n_kept: int) -> Iterable[str]:
    if origin.phantom:
        yield MADE_UP
    yield (
        "Checkpoints were chosen on the same validation films, so the figures flatter a little at every size; the test "
        "films were not looked at."
    )
    few = [
        f"{title_of(name)} ({curve.n_positive})"
        for name, curve in zip(findings, curves, strict=True)
        if curve.n_positive < MEASURABLE_POSITIVES
    ]
    if few:
        yield f"Fewer than {MEASURABLE_POSITIVES} validation films with the finding: {', '.join(few)}."
    if n_kept < len(findings):
        yield f"The mean goes over {n_kept} of {len(findings)} findings: the others are undefined on validation."
    yield "A law goes on as it began: it knows nothing of labels' errors, another hospital, or a larger network."
    yield from origin.warnings
