"""Numbers in sentences and cells: the same digits everywhere, right in number, and never NaN."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hilum.records import Interval

__all__ = ["DASH", "MINUS", "count", "fixed", "interval", "measured", "percent", "share_of", "signed"]

DASH = "–"
"""Stands for every undefined number; its reason stands beside it."""

MINUS = "\u2212"
"""Stands before a negative number; the hyphen is too short beside figures."""

_SINGULAR = {"are": "is", "were": "was", "have": "has"}
_SMALLEST_SHARE = 1e-4


def count(number: int, noun: str, verb: str = "", *, of: int | None = None, plural: str = "") -> str:
    """Return ``1 film``, ``12,340 films``, with a verb and out of how many where they are given.

    Example:
        >>> count(1, "film"), count(2000, "box", "lie", plural="boxes")
        ('1 film', '2,000 boxes lie')
        >>> count(1, "film", "are", of=5), count(1, "film", "stand")
        ('1 of 5 films is', '1 film stands')
    """
    whole = number if of is None else of
    start = f"{number:,} " if of is None else f"{number:,} of {of:,} "
    end = _SINGULAR.get(verb, f"{verb}s") if verb and number == 1 else verb
    return f"{start}{noun if whole == 1 else plural or noun + 's'} {end}".rstrip()


def fixed(value: float, digits: int = 3) -> str:
    """Return ``0.812``; a dash where the value is undefined.

    Example:
        >>> fixed(0.8125, 2), fixed(-0.5, 1), fixed(float("nan"))
        ('0.81', '−0.5', '–')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS) if math.isfinite(value) else DASH


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign: ``+0.012``; a dash where it is undefined.

    Example:
        >>> signed(0.0123), signed(-0.5, 1), signed(0.0)
        ('+0.012', '−0.5', '0.000')
    """
    said = fixed(value, digits)
    return f"+{said}" if said.strip("0.") and not said.startswith((MINUS, DASH)) else said


def percent(share: float) -> str:
    """Return a share as ``12.3 %``, with more digits near the ends; a dash where it is undefined.

    Only a share that is 0 or 1 is said to be 0 % or 100 %.

    Example:
        >>> percent(0.1234), percent(0.0012), percent(1.0), percent(0.99999)
        ('12.3 %', '0.12 %', '100 %', '> 99.99 %')
    """
    if not math.isfinite(share):
        return DASH
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    if share < _SMALLEST_SHARE:
        return f"< {100 * _SMALLEST_SHARE:g} %"
    if share > 1 - _SMALLEST_SHARE:
        return f"> {100 - 100 * _SMALLEST_SHARE:g} %"
    return f"{100 * share:.{1 if 0.01 <= share <= 0.99 else 2}f} %"


def interval(value: "Interval", digits: int = 3) -> str:
    """Return ``(0.790–0.834)``; empty if there is no interval."""
    if not (math.isfinite(value.low) and math.isfinite(value.high)):
        return ""
    between = " to " if value.low < 0 else "–"
    return f"({fixed(value.low, digits)}{between}{fixed(value.high, digits)})"


def measured(value: "Interval", digits: int = 3, *, difference: bool = False) -> str:
    """Return ``0.812 (0.790–0.834)``; the number alone where there is no interval, a dash where it is undefined.

    Args:
        value: What was measured.
        digits: After the point.
        difference: Whether it is one, and has a sign.
    """
    number = (signed if difference else fixed)(value.value, digits)
    return f"{number} {interval(value, digits)}".rstrip() if math.isfinite(value.value) else DASH


def share_of(share: float, what: str) -> str:
    """Say a share in words a listener can repeat.

    Args:
        share: In [0, 1].
        what: What the share is of, in the plural.

    Example:
        >>> share_of(0.81, "effusions"), share_of(0.964, "effusions"), share_of(1.0, "effusions")
        ('8 of 10 effusions', '96 of 100 effusions', 'all effusions')
    """
    if share in (0.0, 1.0):
        return f"all {what}" if share else f"none of the {what}"
    if 0.1 <= share <= 0.9:
        return f"{math.floor(10 * share + 0.5)} of 10 {what}"
    if 0.01 <= share <= 0.99:
        return f"{math.floor(100 * share + 0.5)} of 100 {what}"
    return f"more than 99 of 100 {what}" if share > 0.5 else f"fewer than 1 of 100 {what}"
