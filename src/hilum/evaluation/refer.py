"""Does a refer zone do on these films what it promised?"""

import numpy as np
from jaxtyping import Float, Real

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate
from hilum.records import ReferEvaluation, ReferZone

__all__ = ["measure_refer", "refer_values"]

_NORMAL_95 = 1.644853626951472
"""One-sided: a promise of at most so much is broken on one side."""


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
    return ReferEvaluation(
        low=low,
        high=high,
        referred=estimate(tally.share("in_zone", "known"), "no film has a known label"),
        missed=missed,
        allowed_missed=zone.allowed_missed,
        false_alarms=estimate(tally.share("false_alarms", "absent"), "every film has the finding"),
        allowed_false_alarms=zone.allowed_false_alarms,
        n_calibration=zone.n_patients_with,
        in_band=_in_band(tally, zone),
    )


def _in_band(tally: Tally, zone: ReferZone) -> bool | None:
    """Say whether the promise is exceeded by no more than chance explains; None where no film has the finding.

    Chance had its say twice: when the patients came on whom the zone was fitted, and when these came.
    """
    missed, n_with = tally.share("patients_missed", "patients_with")[0], tally["patients_with"][0]
    if np.isnan(missed):
        return None
    binomial = zone.allowed_missed * (1 - zone.allowed_missed)
    error = np.sqrt(binomial / n_with + binomial / max(zone.n_patients_with, 1))
    return bool(missed <= zone.allowed_missed + _NORMAL_95 * error)
