"""Does a refer zone do on these films what it promised?"""

import numpy as np
from jaxtyping import Bool, Float, Int64, Real

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate
from hilum.records import ReferEvaluation, ReferZone

__all__ = ["measure_refer", "refer_values"]

_NORMAL_95 = 1.644853626951472
"""One-sided: a promise of at most so much is broken on one side."""


def refer_values(
    films: Films, low: Float[np.ndarray, " image"], high: Float[np.ndarray, " image"]
) -> dict[str, Real[np.ndarray, " image"]]:
    """Return what is summed, per film; a patient's films share one unit in ``patients...``."""
    cleared, called = films.probabilities < low, films.probabilities >= high
    return {
        "in_zone": films.known & ~cleared & ~called,
        "known": films.known,
        "missed": films.present & cleared,
        "false_alarms": films.absent & called,
        "patients": _units(films.known, films.member),
        "patients_with": _units(films.present, films.member),
        "patients_without": _units(films.absent, films.member),
    }


def measure_refer(tally: Tally, zone: ReferZone, low: float, high: float) -> ReferEvaluation:
    """Measure one finding's zone.

    Args:
        tally: Of :func:`refer_values` and ``present``, ``absent``.
        zone: What was promised.
        low: Its lower end, where folds have their own the mean.
        high: Its upper end.
    """
    missed, false_alarms = tally.share("missed", "present"), tally.share("false_alarms", "absent")
    n_with, n_without = round(tally["patients_with"][0]), round(tally["patients_without"][0])
    return ReferEvaluation(
        low=low,
        high=high,
        referred=estimate(
            tally.share("in_zone", "known"), "no film has a known label", n_patients=round(tally["patients"][0])
        ),
        missed=estimate(missed, "no film has the finding", n_patients=n_with),
        allowed_missed=zone.allowed_missed,
        false_alarms=estimate(false_alarms, "every film has the finding", n_patients=n_without),
        allowed_false_alarms=zone.allowed_false_alarms,
        n_calibration=zone.n_patients_with,
        in_band=_in_band(missed, zone.allowed_missed, n_with, zone.n_patients_with),
        false_alarms_in_band=_in_band(false_alarms, zone.allowed_false_alarms, n_without, zone.n_patients_without),
    )


def _units(chosen: Bool[np.ndarray, " image"], member: Int64[np.ndarray, " image"]) -> Float[np.ndarray, " image"]:
    """Return 1 / (chosen films of the patient) for chosen films: their sum is the number of patients."""
    units: Float[np.ndarray, " image"] = chosen / np.maximum(np.bincount(member, weights=chosen)[member], 1)
    return units


def _in_band(shares: Float[np.ndarray, " draw"], allowed: float, n_here: float, n_behind: int) -> bool | None:
    """Say whether a share exceeds what was allowed by no more than chance explains; None where it is undefined.

    Chance had its say twice: when the patients came on whom the zone was fitted, and when these came. How much say is
    seen in the resamples of these; without resamples every patient counts as one film.
    """
    if np.isnan(shares[0]):
        return None
    others = shares[1:][~np.isnan(shares[1:])]
    variance = float(others.var()) if len(others) else allowed * (1 - allowed) / n_here
    error = np.sqrt(variance * (1 + n_here / max(n_behind, 1)))
    return bool(shares[0] <= allowed + _NORMAL_95 * error)
