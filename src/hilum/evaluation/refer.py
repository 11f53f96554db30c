"""Does a refer zone do on these films what it promised?"""

import numpy as np
from jaxtyping import Float, Real

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate
from hilum.records import Estimate, ReferEvaluation, ReferZone

__all__ = ["measure_refer", "refer_values"]


def refer_values(
    films: Films, low: Float[np.ndarray, " image"], high: Float[np.ndarray, " image"]
) -> dict[str, Real[np.ndarray, " image"]]:
    """Return what is summed, per film.

    The promise is one about patients, so the share of a patient's films that are missed counts once, however many films
    the patient has.
    """
    cleared, called = films.probabilities < low, films.probabilities >= high
    per_patient = np.bincount(films.member, weights=films.present)[films.member]
    once = films.present / np.maximum(per_patient, 1)
    return {
        "in_zone": films.known & ~cleared & ~called,
        "known": films.known,
        "missed": films.present & cleared,
        "false_alarms": films.absent & called,
        "patients_missed": once * cleared,
        "patients_with": once,
    }


def measure_refer(tally: Tally, zone: ReferZone, low: float, high: float) -> ReferEvaluation:
    """Measure one finding's zone.

    Args:
        tally: Of :func:`refer_values` and ``present``, ``absent``.
        zone: What was promised.
        low: Its lower end, where folds have their own the mean.
        high: Its upper end.
    """
    missed = estimate(tally.share("missed", "present"), "no film has the finding")
    by_patient = estimate(tally.share("patients_missed", "patients_with"), "no film has the finding")
    return ReferEvaluation(
        low=low,
        high=high,
        referred=estimate(tally.share("in_zone", "known"), "no film has a known label"),
        missed=missed,
        allowed_missed=zone.allowed_missed,
        false_alarms=estimate(tally.share("false_alarms", "absent"), "every film has the finding"),
        allowed_false_alarms=zone.allowed_false_alarms,
        n_calibration=zone.n_patients_with,
        in_band=_in_band(by_patient, zone.allowed_missed),
    )


def _in_band(missed: Estimate, allowed: float) -> bool | None:
    """Say whether the promise is exceeded by no more than chance explains; None where it cannot be said."""
    if np.isnan(missed.value):
        return None
    if missed.value <= allowed:
        return True
    return None if np.isnan(missed.low) else missed.low <= allowed
