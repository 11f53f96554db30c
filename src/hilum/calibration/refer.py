"""Between which probabilities a person should look: a zone with a promise, per finding."""

from collections.abc import Hashable, Sequence

import numpy as np
from jaxtyping import Float, Int64, Real

from hilum.calibration.calibrator import patient_numbers
from hilum.errors import InvalidValueError
from hilum.metrics import keep_known
from hilum.records import ReferZone

__all__ = ["patients_needed", "refer_zone"]


def patients_needed(allowed: float) -> int:
    """Return how many patients a promise of at most ``allowed`` needs behind it: 1 / allowed - 1, rounded up."""
    return int(np.ceil(1 / allowed - 1 - 1e-9))


def refer_zone(
    probabilities: Real[np.ndarray, " image"],
    targets: Real[np.ndarray, " image"],
    patients: Sequence[Hashable] | None,
    *,
    threshold: float,
    allowed_missed: float = 0.1,
    allowed_false_alarms: float = 0.1,
) -> ReferZone | None:
    """Find the narrowest zone around the threshold that keeps two promises (conformal risk control).

    What is promised: of the films with the finding of new patients, who come from where these come from, at most the
    share ``allowed_missed`` is expected to be called absent (below the zone); likewise of films without it, to be
    called present. It holds on average over new films and over draws of the calibration patients, not for every
    patient, and whatever the model. It takes the network as given before these films were seen: a checkpoint chosen on
    them makes the promise a little too bright. Calibration fitted on them does no harm where it keeps the order of
    films strictly (all but ``isotonic``).

    Args:
        probabilities: One per film.
        targets: 1 present, 0 absent, NaN unknown (left out).
        patients: Whose each film is; each film another's if None.
        threshold: Lies in the zone.
        allowed_missed: In (0, 1).
        allowed_false_alarms: In (0, 1).

    Returns:
        The zone; None where ``threshold`` is NaN or too few patients are there to promise that much
        (fewer than 1 / allowed - 1 with the finding, or without).

    Raises:
        InvalidValueError: A share is not between 0 and 1, a probability NaN, a target none of 0, 1, NaN, or there are
            not as many patients as films.

    Source: Angelopoulos et al., "Conformal Risk Control", ICLR 2024 (arXiv 2208.02814), theorem 1, once per class; a
        patient's loss is the number of wrong films minus ``allowed`` times the number of films, so that films count
        alike. Departure: the bound B is the loss of a patient with the mean number of films, all wrong, where the
        theorem takes the largest; with equally many films per patient they are the same, and with one film each it is
        the usual conformal quantile.
    """
    for name, share in (("allowed_missed", allowed_missed), ("allowed_false_alarms", allowed_false_alarms)):
        if not 0 < share < 1:
            raise InvalidValueError(f"{name} must lie between 0 and 1, got {share}")
    known, present = keep_known(probabilities, targets, name="probabilities")
    groups = patient_numbers(patients, len(probabilities))[~np.isnan(np.asarray(targets, dtype=np.float64))]
    n_with, n_without = len(np.unique(groups[present])), len(np.unique(groups[~present]))
    too_few = n_with < patients_needed(allowed_missed) or n_without < patients_needed(allowed_false_alarms)
    if np.isnan(threshold) or too_few:
        return None
    low = _lowest_kept(known[present], groups[present], allowed_missed)
    high = -_lowest_kept(-known[~present], groups[~present], allowed_false_alarms)
    low, high = min(low, threshold), max(_just_above(high, known), threshold)
    return ReferZone(
        low=low,
        high=high,
        allowed_missed=allowed_missed,
        allowed_false_alarms=allowed_false_alarms,
        n_patients_with=n_with,
        n_patients_without=n_without,
        missed=float(np.mean(known[present] < low)),
        cleared=float(np.mean(known[~present] < low)),
        found=float(np.mean(known[present] >= high)),
        false_alarms=float(np.mean(known[~present] >= high)),
        n_images_with=int(present.sum()),
    )


def _lowest_kept(values: Float[np.ndarray, " film"], groups: Int64[np.ndarray, " film"], allowed: float) -> float:
    """Return the highest cut below which no more films lie than are allowed, were one more patient wholly below it."""
    one_patient = len(values) / len(np.unique(groups))
    budget = allowed * (len(values) + one_patient) - one_patient
    rising = np.sort(values)
    strictly_below = np.searchsorted(rising, rising, side="left")
    return float(rising[np.flatnonzero(strictly_below <= budget + 1e-9)[-1]])


def _just_above(value: float, values: Float[np.ndarray, " film"]) -> float:
    """Return a cut above ``value`` and, where there is one, half-way to the next film: what equals it stays below."""
    above = values[values > value]
    after = float(np.nextafter(value, np.inf))
    return max(after, value + (float(above.min()) - value) / 2) if len(above) else after
