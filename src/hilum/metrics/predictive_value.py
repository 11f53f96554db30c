"""What a call means where a finding is as common as a prevalence says.

Source: Bayes; intervals by the method of variance estimates recovery for a ratio of two independent rates, Donner and
Zou, "Closed-form confidence intervals for functions of the normal mean and standard deviation", Stat Methods Med Res
21, 2012, which takes the intervals of the rates as they are, however uneven their sides.
"""

import math
from typing import NamedTuple, Protocol, runtime_checkable

from hilum.errors import InvalidValueError

__all__ = ["PredictiveValues", "Rate", "RateLike", "predictive_values"]


@runtime_checkable
class RateLike(Protocol):
    """Anything with a value in [0, 1] and the ends of its interval, such as ``records.Interval``."""

    @property
    def value(self) -> float:
        """The rate; NaN if undefined."""

    @property
    def low(self) -> float:
        """Lower end of the interval; NaN if there is none."""

    @property
    def high(self) -> float:
        """Upper end."""


class Rate(NamedTuple):
    """A rate with its interval.

    Attributes:
        value: In [0, 1]; NaN if undefined.
        low: Lower end; NaN if there is no interval.
        high: Upper end.
    """

    value: float
    low: float = math.nan
    high: float = math.nan


class PredictiveValues(NamedTuple):
    """What calls mean.

    Attributes:
        ppv: Of films called present, the share that has the finding; NaN where none can be called.
        npv: Of films called absent, the share that does not.
    """

    ppv: Rate
    npv: Rate


def predictive_values(sensitivity: RateLike, specificity: RateLike, prevalence: float) -> PredictiveValues:
    """Return positive and negative predictive value, with intervals carried from those of the two rates.

    The rates come from different films (with the finding and without), so they are taken as independent. The
    prevalence is taken as known.

    Args:
        sensitivity: With its interval.
        specificity: With its interval, of the same level.
        prevalence: In [0, 1]; NaN makes everything NaN.

    Raises:
        InvalidValueError: A rate or the prevalence is outside [0, 1], or a rate outside its own interval.

    Example:
        >>> values = predictive_values(Rate(0.9, 0.85, 0.94), Rate(0.8, 0.77, 0.83), 0.05)
        >>> [round(number, 3) for number in values.ppv], [round(number, 3) for number in values.npv]
        ([0.191, 0.169, 0.219], [0.993, 0.99, 0.996])
    """
    if not (math.isnan(prevalence) or 0 <= prevalence <= 1):
        raise InvalidValueError(f"prevalence must lie between 0 and 1, got {prevalence:g}")
    found, spared = _check("sensitivity", sensitivity), _check("specificity", specificity)
    return PredictiveValues(
        ppv=_carry(found, _turn(spared), prevalence), npv=_carry(spared, _turn(found), 1 - prevalence)
    )


def _check(name: str, rate: RateLike) -> Rate:
    checked = Rate(float(rate.value), float(rate.low), float(rate.high))
    value, low, high = checked
    if any(number < 0 or number > 1 for number in checked) or low > value or value > high:
        raise InvalidValueError(
            f"{name} is {value:g} with an interval from {low:g} to {high:g}: expected 0 <= low <= value <= high <= 1"
        )
    return checked


def _turn(rate: Rate) -> Rate:
    return Rate(1 - rate.value, 1 - rate.high, 1 - rate.low)


def _carry(right: Rate, wrong: Rate, prior: float) -> Rate:
    """Return the share of right calls among all: rates of right and of wrong calls, weighed with the prior."""
    called = right.value * prior + wrong.value * (1 - prior)
    if math.isnan(called) or called == 0:
        return Rate(math.nan)
    value = right.value * prior / called
    if any(math.isnan(end) for end in (right.low, right.high, wrong.low, wrong.high)):
        return Rate(value)
    low, high = (_posterior(ratio, prior) for ratio in _ratio_interval(right, wrong))
    return Rate(value, min(low, value), max(high, value))


def _ratio_interval(above: Rate, below: Rate) -> tuple[float, float]:
    """Return the ends of the interval of ``above / below``; the upper one may be infinite."""
    product = above.value * below.value
    # Donner and Zou's lower end, with numerator and denominator multiplied so that it stays finite for a rate of 0.
    least = above.low * (2 * above.value - above.low)
    most = below.high * (2 * below.value - below.high)
    beneath = product + math.sqrt(max(product * product - least * most, 0.0))
    low = least / beneath if beneath > 0 else 0.0
    greatest = above.high * (2 * above.value - above.high)
    fewest = below.low * (2 * below.value - below.low)
    over = product + math.sqrt(max(product * product - greatest * fewest, 0.0))
    return low, over / fewest if fewest > 0 else math.inf


def _posterior(ratio: float, prior: float) -> float:
    if prior in (0.0, 1.0):
        return prior
    return 1.0 if math.isinf(ratio) else ratio * prior / (ratio * prior + (1 - prior))
