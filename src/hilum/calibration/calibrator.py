"""The table of calibrators: each learns a map from logits to probabilities on validation films."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int64, Real
from scipy.optimize import isotonic_regression

from hilum.calibration.logistic import LOWEST_SLOPE, fit_logistic
from hilum.calibration.map import apply_map, terms_of
from hilum.errors import InvalidValueError, UnknownNameError
from hilum.metrics import keep_known, wilson_interval
from hilum.records import BetaMap, CalibrationMap, IsotonicMap, PlattMap, TemperatureMap

__all__ = ["CALIBRATORS", "CalibrationFit", "Calibrator", "fit_calibration", "get_calibrator", "patient_numbers"]

PerFilm = Float[np.ndarray, " image"]

_ISOTONIC_PULL = 10.0
"""Films with the finding that Platt's map is worth to isotonic regression, at ``shrinkage`` 1."""


_ONE_SCORE = "all films have the same raw output: only the level was fitted"
_NO_ORDER = "ranked no better than chance: probabilities are nearly the same for all films"


class ValidationFilms(NamedTuple):
    """What a calibrator learns from: films whose target is known, of both kinds."""

    logits: PerFilm
    present: Bool[np.ndarray, " image"]
    groups: Int64[np.ndarray, " image"]
    smoothed: PerFilm


class CalibrationFit(NamedTuple):
    """A fitted map.

    Attributes:
        calibration: From logit to probability.
        reason: Why nothing, or only the level, was fitted; empty otherwise.
    """

    calibration: CalibrationMap
    reason: str = ""


Calibrator = Callable[[ValidationFilms, float], CalibrationMap]


def _platt(films: ValidationFilms, shrinkage: float) -> PlattMap:
    """Slope and intercept on the logit (Platt 1999)."""
    fit = fit_logistic(
        terms_of("platt", films.logits), films.smoothed, films.groups, is_slope=(True, False), ridge=shrinkage
    )
    return PlattMap(slope=fit.numbers[0], intercept=fit.numbers[1], covariance=fit.covariance)


def _temperature(films: ValidationFilms, shrinkage: float) -> TemperatureMap:
    """One slope on the logit; 50 % stays 50 % (Guo 2017)."""
    fit = fit_logistic(
        terms_of("temperature", films.logits), films.smoothed, films.groups, is_slope=(True,), ridge=shrinkage
    )
    return TemperatureMap(temperature=1 / fit.numbers[0], covariance=fit.covariance)


def _beta(films: ValidationFilms, shrinkage: float) -> BetaMap:
    """Own slopes for low and for high scores, and an intercept (Kull 2017)."""
    fit = fit_logistic(
        terms_of("beta", films.logits), films.smoothed, films.groups, is_slope=(True, True, False), ridge=shrinkage
    )
    a, b, c = fit.numbers
    return BetaMap(a=a, b=b, c=c, covariance=fit.covariance)


def _isotonic(films: ValidationFilms, shrinkage: float) -> IsotonicMap:
    """Any shape that never falls (Zadrozny 2002), held near Platt's map the more, the fewer films have the finding."""
    n_positive, n_negative = int(films.present.sum()), int((~films.present).sum())
    pull = shrinkage * _ISOTONIC_PULL / min(n_positive, n_negative)
    order = np.argsort(films.logits, kind="stable")
    knots, first = np.unique(films.logits[order], return_index=True)
    mixed = (films.present + pull * apply_map(_platt(films, shrinkage), films.logits)) / (1 + pull)
    count = np.diff(np.append(first, len(order)))
    means = np.add.reduceat(mixed[order], first) / count
    solved = isotonic_regression(means, weights=count)
    bounds = 1 / (n_negative + 2), (n_positive + 1) / (n_positive + 2)
    levels = np.clip(solved.x, *bounds)
    starts, ends = solved.blocks[:-1], solved.blocks[1:] - 1
    patients = [
        len(np.unique(films.groups[order][first[start] : first[end] + count[end]]))
        for start, end in zip(starts, ends, strict=True)
    ]
    edges = np.array([_binomial(float(levels[s]), n) for s, n in zip(starts, patients, strict=True)])
    corners = np.unique(np.concatenate([starts, ends]))
    block = np.searchsorted(starts, corners, side="right") - 1
    return IsotonicMap(
        logit=tuple(knots[corners].tolist()),
        probability=tuple(levels[corners].tolist()),
        low=tuple(edges[block, 0].tolist()),
        high=tuple(edges[block, 1].tolist()),
    )


CALIBRATORS: dict[str, Calibrator] = {
    "platt": _platt,
    "temperature": _temperature,
    "isotonic": _isotonic,
    "beta": _beta,
}


def get_calibrator(name: str) -> Calibrator:
    """Return what learns the map called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return CALIBRATORS[name]
    except KeyError:
        raise UnknownNameError("calibration method", name, CALIBRATORS) from None


def fit_calibration(
    logits: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    patients: Sequence[Hashable] | None = None,
    *,
    method: str = "platt",
    shrinkage: float = 1.0,
) -> CalibrationFit:
    """Learn a map from logits to probabilities.

    Departures from the papers: slopes carry a ridge towards 1, worth as much as a normal prior of variance
    1 / ``shrinkage``, which keeps them sane where few films have the finding and is nothing where many have; they stay
    above 0, so that a finding ranked worse than chance gets flat probabilities instead of reversed ones; temperature
    and beta use Platt's smoothed targets, too; isotonic regression is held near Platt's map the more, the fewer films
    have the finding, and never says 0 or 1.

    Args:
        logits: Raw outputs, finite.
        targets: 1 present, 0 absent, NaN unknown (left out).
        patients: Whose each film is, for the intervals; each film another's if None.
        method: A name of ``CALIBRATORS``.
        shrinkage: Strength of the pull, at least 0.

    Returns:
        The fit; a map that changes nothing and a reason if a class is absent.

    Raises:
        InvalidValueError: A logit is NaN or infinite, a target none of 0, 1, NaN, ``shrinkage`` is negative, or there
            are not as many patients as films.
        UnknownNameError: There is no such method.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999; Guo et al., "On Calibration of Modern
        Neural Networks", ICML 2017, for temperature; Zadrozny and Elkan, KDD 2002, for isotonic; Kull et al., "Beta
        calibration", AISTATS 2017.
    """
    calibrator = get_calibrator(method)
    if shrinkage < 0:
        raise InvalidValueError(f"shrinkage must be at least 0, got {shrinkage}")
    x, present = keep_known(logits, targets, name="logits")
    if not np.isfinite(x).all():
        raise InvalidValueError("logits are infinite: expected finite raw outputs")
    groups = patient_numbers(patients, len(logits))[~np.isnan(np.asarray(targets, dtype=np.float64))]
    n_positive, n_negative = int(present.sum()), int((~present).sum())
    if not (n_positive and n_negative):
        reason = f"not calibrated: {n_positive} films with the finding, {n_negative} without it"
        return CalibrationFit(PlattMap(), reason)
    smoothed = np.where(present, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    compact = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    found = calibrator(ValidationFilms(x, present, compact, smoothed), shrinkage)
    if x.min() == x.max():
        return CalibrationFit(found, _ONE_SCORE)
    return CalibrationFit(found, _NO_ORDER if _is_flat(found) else "")


def patient_numbers(patients: Sequence[Hashable] | None, n_images: int) -> Int64[np.ndarray, " image"]:
    """Return a running number per patient; raises InvalidValueError where there are not as many as films."""
    if patients is None:
        return np.arange(n_images, dtype=np.int64)
    if len(patients) != n_images:
        raise InvalidValueError(f"expected a patient per film, got {len(patients):,} for {n_images:,} films")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(patient, len(numbers)) for patient in patients], dtype=np.int64)


def _binomial(share: float, n: int) -> tuple[float, float]:
    """Return Wilson's interval of the nearest whole number of n, widened to hold the share."""
    low, high = wilson_interval(round(share * n), n)
    return min(low, share), max(high, share)


def _is_flat(calibration: CalibrationMap) -> bool:
    if isinstance(calibration, PlattMap):
        return calibration.slope <= LOWEST_SLOPE
    if isinstance(calibration, BetaMap):
        return max(calibration.a, calibration.b) <= LOWEST_SLOPE
    if isinstance(calibration, TemperatureMap):
        return calibration.temperature >= 1 / LOWEST_SLOPE
    return len(set(calibration.probability)) == 1
