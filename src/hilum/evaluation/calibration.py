"""Do the probabilities of one finding mean what they say, and what are they worth to those who act on them?"""

import numpy as np
from jaxtyping import Float

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate, estimate_error
from hilum.metrics import (
    Coefficient,
    brier_terms,
    calibration_error_terms,
    calibration_slope,
    ece_by_chance,
    log_likelihood_terms,
    net_benefit,
    net_benefit_terms,
    percentile_interval,
    reliability_curve,
    reliability_terms,
    share_interval,
)
from hilum.records import CalibrationEvaluation, DecisionCurve, Estimate, ReliabilityCurve

__all__ = ["calibration_values", "decision_values", "error_draws", "measure_calibration", "measure_decision"]

_THRESHOLDS = np.round(np.concatenate([np.arange(1, 10) / 100, np.arange(10, 52, 2) / 100]), 2)
"""Probabilities at which net benefit is measured: every percent to 10 %, every second to 50 %."""

_UNKNOWN = "no film has a known label"

PerFilm = Float[np.ndarray, "image ..."]


def calibration_values(films: Films) -> dict[str, PerFilm]:
    """Return what is summed, per film."""
    pair = films.probabilities, films.targets
    observed = reliability_terms(*pair)
    return {
        "known": films.known,
        "squared": brier_terms(*pair).numerator,
        "likelihood": log_likelihood_terms(*pair).numerator,
        "mass": calibration_error_terms(*pair).numerator,
        "width": calibration_error_terms(*pair, bins="width").numerator,
        "bin_present": observed.numerator,
        "bin_films": observed.denominator,
    }


def measure_calibration(films: Films, tally: Tally) -> CalibrationEvaluation:
    """Measure one finding; ``tally`` is of :func:`calibration_values`."""
    pair = films.probabilities, films.targets
    fitted, n_patients = calibration_slope(*pair, films.member), films.n_patients(films.known)
    return CalibrationEvaluation(
        brier=estimate(tally.share("squared", "known"), _UNKNOWN, n_patients=n_patients),
        nll=estimate(tally.share("likelihood", "known"), _UNKNOWN, n_units=n_patients),
        ece=estimate_error(*error_draws(tally, "mass", "known"), _UNKNOWN),
        ece_equal_width=estimate_error(*error_draws(tally, "width", "known"), _UNKNOWN),
        ece_by_chance=ece_by_chance(*pair),
        slope=_coefficient(fitted.slope),
        intercept=_coefficient(fitted.intercept),
        reliability=_reliability(films, tally),
    )


def decision_values(films: Films) -> dict[str, PerFilm]:
    """Return what is summed, per film."""
    return {"benefit": net_benefit_terms(films.probabilities, films.targets, _THRESHOLDS).numerator}


def measure_decision(films: Films, tally: Tally) -> DecisionCurve | None:
    """Measure net benefit; ``tally`` is of :func:`decision_values` and ``known``. None without a known label."""
    if not films.known.any():
        return None
    curve = net_benefit(films.probabilities, films.targets, _THRESHOLDS)
    low, high = percentile_interval(tally.share("benefit", "known")[1:], n_units=films.n_patients(films.known))
    return DecisionCurve(
        threshold=tuple(_THRESHOLDS.tolist()),
        model=tuple(curve.model.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        everyone=tuple(curve.everyone.tolist()),
    )


def error_draws(tally: Tally, part: str, known: str) -> tuple[Float[np.ndarray, " draw"], Float[np.ndarray, " draw"]]:
    """Return calibration errors, and how far each resample moved the bins; bins stay those of the films as they are."""
    parts = tally.share(part, known)
    if not parts.shape[1]:  # no film, so no bin
        nothing: Float[np.ndarray, " draw"] = np.full(len(parts), np.nan)
        return nothing, nothing
    return np.abs(parts).sum(axis=1), np.abs(parts - parts[0]).sum(axis=1)


def _reliability(films: Films, tally: Tally) -> ReliabilityCurve:
    """Give each bin's share its interval over patients; Wilson's over films where nobody resampled."""
    curve = reliability_curve(films.probabilities, films.targets)
    shares = tally.share("bin_present", "bin_films")
    low, high = curve.low, curve.high
    if len(shares) > 1 and shares.shape[1]:
        inside = reliability_terms(films.probabilities, films.targets).denominator.T > 0
        low, high = np.array(
            [
                share_interval(float(column[0]), column[1:], n_patients=films.n_patients(chosen))
                for column, chosen in zip(shares.T, inside, strict=True)
            ]
        ).T
    return ReliabilityCurve(
        probability=tuple(curve.mean_probability.tolist()),
        observed=tuple(curve.observed_share.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        n_images=tuple(curve.n_images.tolist()),
    )


def _coefficient(fitted: Coefficient) -> Estimate:
    return Estimate(value=fitted.value, low=fitted.low, high=fitted.high, reason=fitted.reason)
