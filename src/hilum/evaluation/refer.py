"""Does a refer zone do on these films what it promised?"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate
from hilum.metrics import beta_binomial_tail
from hilum.records import ReferEvaluation, ReferZone

__all__ = ["measure_refer", "refer_values"]

_RARE = 0.05
"""One-sided: a promise of at most so much is broken on one side."""

_ROUNDING = 1e-9


class _Behind(NamedTuple):
    """Films behind a share, and their patients."""

    n_images: int
    n_patients: int


def refer_values(
    films: Films, low: Float[np.ndarray, " image"], high: Float[np.ndarray, " image"]
) -> dict[str, Real[np.ndarray, " image"]]:
    """Return what is summed, per film."""
    cleared, called = films.probabilities < low, films.probabilities >= high
    return {
        "in_zone": films.known & ~cleared & ~called,
        "known": films.known,
        "missed": films.present & cleared,
        "false_alarms": films.absent & called,
    }


def measure_refer(films: Films, tally: Tally, zone: ReferZone, low: float, high: float) -> ReferEvaluation:
    """Measure one finding's zone.

    Args:
        films: Of the finding.
        tally: Of :func:`refer_values` and ``present``, ``absent``.
        zone: What was promised.
        low: Its lower end, where folds have their own the mean.
        high: Its upper end.
    """
    missed, false_alarms = tally.share("missed", "present"), tally.share("false_alarms", "absent")
    with_it, without = (
        _Behind(int(chosen.sum()), films.n_patients(chosen)) for chosen in (films.present, films.absent)
    )
    return ReferEvaluation(
        low=low,
        high=high,
        referred=estimate(
            tally.share("in_zone", "known"), "no film has a known label", n_patients=films.n_patients(films.known)
        ),
        missed=estimate(missed, "no film has the finding", n_patients=with_it.n_patients),
        allowed_missed=zone.allowed_missed,
        false_alarms=estimate(false_alarms, "every film has the finding", n_patients=without.n_patients),
        allowed_false_alarms=zone.allowed_false_alarms,
        n_calibration=zone.n_patients_with,
        n_calibration_images=zone.n_images_with,
        in_band=_in_band(missed, zone.allowed_missed, with_it, zone.n_patients_with),
        false_alarms_in_band=_in_band(false_alarms, zone.allowed_false_alarms, without, zone.n_patients_without),
    )


def _in_band(shares: Float[np.ndarray, " draw"], allowed: float, here: _Behind, n_behind: int) -> bool | None:
    """Say whether a share exceeds what was allowed by no more than chance explains; None where it is undefined.

    Chance had its say twice: when the patients came on whom the zone was fitted, and when these came. With one film per
    patient the share that a zone misses is beta distributed, and how many of new films it misses beta-binomial. Films
    of a patient are alike, so these count as the number of films of strangers that would spread as much as these do in
    resamples (as their patients, without any spread), and those behind the zone in proportion.

    Source: Vovk, "Conditional validity of inductive conformal predictors", ACML 2012, for the beta distribution.
    """
    share = float(shares[0])
    if np.isnan(share):
        return None
    others = shares[1:][~np.isnan(shares[1:])]
    variance = float(others.var()) if len(others) else 0.0
    worth = min(share * (1 - share) / variance, here.n_images) if variance > 0 else here.n_patients
    n_worth = max(round(worth), 1)
    behind = 1 + n_behind * n_worth / here.n_patients
    called = math.ceil(share * n_worth - _ROUNDING)
    return share <= allowed or beta_binomial_tail(called, n_worth, allowed * behind, (1 - allowed) * behind) > _RARE
