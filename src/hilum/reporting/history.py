"""The epochs of a run, as curves to draw."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["HistoryCurve", "HistoryPicture", "history_pictures"]


@dataclass(frozen=True)
class HistoryCurve:
    """One line of a picture.

    Attributes:
        name: What stands at its end.
        defined: Epoch and value, in order, without undefined ones.
        marked: The point to mark; None for the last one.
        second: Whether it is the second line of its picture, drawn more quietly.
    """

    name: str
    defined: tuple[tuple[float, float], ...]
    marked: tuple[float, float] | None = None
    second: bool = False


@dataclass(frozen=True)
class HistoryPicture:
    """Curves that share an axis."""

    title: str
    curves: tuple[HistoryCurve, ...]


def history_pictures(events: Sequence[Mapping[str, object]]) -> list[HistoryPicture]:
    """Return loss, validation AUROC and learning rate over epochs.

    Args:
        events: A journal's events; those that are no epoch are left out, and of an epoch trained twice (resumed) the
            last one counts.

    Returns:
        The pictures for which there is any value; empty if there are none.
    """
    epochs = {
        int(epoch): event
        for event in events
        if event.get("kind", "epoch") == "epoch" and math.isfinite(epoch := _number(event.get("epoch")))
    }
    ordered = dict(sorted(epochs.items()))
    auroc = _values(ordered, "validation_auroc")
    best = max(auroc, key=lambda point: point[1], default=None)
    pictures = (
        HistoryPicture(
            "Loss",
            (
                HistoryCurve("training", _values(ordered, "train_loss"), second=True),
                HistoryCurve("validation", _values(ordered, "validation_loss")),
            ),
        ),
        HistoryPicture("Validation AUROC", (HistoryCurve(f"best {best[1]:.3f}" if best else "", auroc, marked=best),)),
        HistoryPicture("Learning rate", (HistoryCurve("", _values(ordered, "learning_rate")),)),
    )
    return [picture for picture in pictures if any(curve.defined for curve in picture.curves)]


def _values(epochs: Mapping[int, Mapping[str, object]], name: str) -> tuple[tuple[float, float], ...]:
    values = ((float(epoch), _number(event.get(name))) for epoch, event in epochs.items())
    return tuple((epoch, value) for epoch, value in values if math.isfinite(value))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
