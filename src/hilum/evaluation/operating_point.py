"""What happens at the threshold, and what a call means."""

import numpy as np
from jaxtyping import Bool, Float, Int64

from hilum.evaluation.finding_films import Films
from hilum.evaluation.tally import Tally, estimate, ratio
from hilum.metrics import share_interval
from hilum.records import Interval, OperatingPoint, PredictiveValues

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
    sensitivity, specificity = ratio(tally["found"], tally["present"]), ratio(tally["spared"], tally["absent"])
    undefined = "neither called nor present" if judged else _NO_THRESHOLD
    f1 = ratio(2 * tally["found"], tally["found"] + tally["alarms"] + tally["present"])
    return OperatingPoint(
        threshold=middle(films.cuts),
        chosen_on=chosen_on,
        sensitivity=_rate(called[present], films.member[present], sensitivity),
        specificity=_rate(~called[absent], films.member[absent], specificity),
        true_positive=int(tally["found"][0]),
        false_positive=int(tally["alarms"][0]),
        true_negative=int(tally["spared"][0]),
        false_negative=int(tally["lost"][0]),
        f1=estimate(f1 if judged else np.full_like(f1, np.nan), undefined),
        predictive=_predictive(tally, sensitivity, specificity, prevalence) if judged else (),
    )


def middle(cuts: Float[np.ndarray, " image"]) -> float:
    """Return the threshold of all films, or the mean where folds have their own."""
    return float(cuts[0]) if (cuts == cuts[0]).all() else float(cuts.mean())


def _rate(right: Bool[np.ndarray, " film"], member: Int64[np.ndarray, " film"], draws: Draws) -> Interval:
    if not len(right):
        return Interval()
    value = float(right.mean())
    low, high = share_interval(value, draws[1:], n_patients=len(np.unique(member)))
    return Interval(value=value, low=low, high=high)


def _predictive(
    tally: Tally, sensitivity: Draws, specificity: Draws, prevalence: float | None
) -> tuple[PredictiveValues, ...]:
    found, alarms, lost, spared = (tally[name] for name in ("found", "alarms", "lost", "spared"))
    share = ratio(tally["present"], tally["present"] + tally["absent"])
    here = PredictiveValues(
        prevalence=float(share[0]),
        prevalence_from="these films",
        ppv=estimate(ratio(found, found + alarms), _NOT_CALLED),
        npv=estimate(ratio(spared, spared + lost), _NOT_CLEARED),
    )
    if prevalence is None:
        return (here,)
    there, not_there = sensitivity * prevalence, specificity * (1 - prevalence)
    false_alarms, missed = (1 - specificity) * (1 - prevalence), (1 - sensitivity) * prevalence
    given = PredictiveValues(
        prevalence=prevalence,
        prevalence_from="given",
        ppv=estimate(ratio(there, there + false_alarms), _NOT_CALLED),
        npv=estimate(ratio(not_there, not_there + missed), _NOT_CLEARED),
    )
    return here, given
