"""What happens at the threshold, and what a call means."""

import numpy as np
from jaxtyping import Bool, Float

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate
from hilum.metrics import Rate, predictive_values, ratio_of_sums, share_interval
from hilum.records import Estimate, Interval, OperatingPoint, PredictiveValues

__all__ = ["call_values", "measure_calls", "middle"]

Draws = Float[np.ndarray, " draw"]

_NOT_CALLED, _NOT_CLEARED = "no film is called present", "no film is called absent"
_NO_THRESHOLD = "there is no threshold to call from"


def call_values(films: Films) -> dict[str, Bool[np.ndarray, " image"]]:
    """Return what is summed, per film; without a threshold nothing is called, and nothing cleared."""
    called = films.probabilities >= films.cuts
    cleared = films.probabilities < films.cuts
    return {
        "present": films.present,
        "absent": films.absent,
        "found": films.present & called,
        "alarms": films.absent & called,
        "lost": films.present & cleared,
        "spared": films.absent & cleared,
    }


def measure_calls(films: Films, tally: Tally, *, chosen_on: str, prevalence: float | None) -> OperatingPoint:
    """Count calls; without a threshold there are none, so all counts are 0 and the rates NaN.

    Args:
        films: One finding's.
        tally: Of :func:`call_values`.
        chosen_on: Where the threshold comes from.
        prevalence: How common the finding is where the user is; None if nobody said.
    """
    judged = not np.isnan(films.cuts).any()
    called, present, absent = films.probabilities >= films.cuts, films.present & judged, films.absent & judged
    sensitivity = _rate(called[present], films.n_patients(present), ratio_of_sums(tally["found"], tally["present"]))
    specificity = _rate(~called[absent], films.n_patients(absent), ratio_of_sums(tally["spared"], tally["absent"]))
    predictive = [_here(films, tally)] if judged else []
    if judged and prevalence is not None:
        predictive.append(_elsewhere(tally, sensitivity, specificity, prevalence))
    return OperatingPoint(
        threshold=middle(films.cuts),
        chosen_on=chosen_on,
        sensitivity=sensitivity,
        specificity=specificity,
        true_positive=int(tally["found"][0]),
        false_positive=int(tally["alarms"][0]),
        true_negative=int(tally["spared"][0]),
        false_negative=int(tally["lost"][0]),
        f1=_f1(films, tally) if judged else Estimate(reason=_NO_THRESHOLD),
        predictive=tuple(predictive),
    )


def middle(cuts: Float[np.ndarray, " image"]) -> float:
    """Return the threshold of all films, or the mean where folds have their own."""
    return float(cuts[0]) if (cuts == cuts[0]).all() else float(cuts.mean())


def _rate(right: Bool[np.ndarray, " film"], n_patients: int, draws: Draws) -> Interval:
    if not len(right):
        return Interval()
    value = float(right.mean())
    low, high = share_interval(value, draws[1:], n_patients=n_patients)
    return Interval(value=value, low=low, high=high)


def _f1(films: Films, tally: Tally) -> Estimate:
    """Return F1, measured as the share of right calls among films that are called or have the finding.

    F1 rises with that share, 2 s / (1 + s), so their intervals are one.
    """
    either = films.present | (films.absent & (films.probabilities >= films.cuts))
    share = ratio_of_sums(tally["found"], tally["present"] + tally["alarms"])
    found = estimate(share, "neither called nor present", n_patients=films.n_patients(either))
    value, low, high = (2 * number / (1 + number) for number in (found.value, found.low, found.high))
    return Estimate(value=value, low=low, high=high, reason=found.reason)


def _here(films: Films, tally: Tally) -> PredictiveValues:
    found, alarms, lost, spared = (tally[name] for name in ("found", "alarms", "lost", "spared"))
    called = films.probabilities >= films.cuts
    return PredictiveValues(
        prevalence=float(ratio_of_sums(tally["present"], tally["present"] + tally["absent"])[0]),
        prevalence_from="these films",
        ppv=estimate(
            ratio_of_sums(found, found + alarms), _NOT_CALLED, n_patients=films.n_patients(films.known & called)
        ),
        npv=estimate(
            ratio_of_sums(spared, spared + lost), _NOT_CLEARED, n_patients=films.n_patients(films.known & ~called)
        ),
    )


def _elsewhere(tally: Tally, sensitivity: Interval, specificity: Interval, prevalence: float) -> PredictiveValues:
    found, spared = ratio_of_sums(tally["found"], tally["present"]), ratio_of_sums(tally["spared"], tally["absent"])
    there, not_there = found * prevalence, spared * (1 - prevalence)
    ppv = ratio_of_sums(there, there + (1 - spared) * (1 - prevalence))
    npv = ratio_of_sums(not_there, not_there + (1 - found) * prevalence)
    carried = predictive_values(sensitivity, specificity, prevalence)
    return PredictiveValues(
        prevalence=prevalence,
        prevalence_from="given",
        ppv=_given(ppv, carried.ppv, _NOT_CALLED),
        npv=_given(npv, carried.npv, _NOT_CLEARED),
    )


def _given(draws: Draws, carried: Rate, undefined: str) -> Estimate:
    """Return the interval of the resamples; of a value of 0 or 1 that of the rates, carried over, which is no point."""
    if draws[0] in (0.0, 1.0):
        return Estimate(value=float(draws[0]), low=carried.low, high=carried.high)
    return estimate(draws, undefined)
