"""What a tracker is told of one event of the journal.

Only names on the lists below leave the journal: the recipe, digests, versions, counts and measured numbers.
Nothing that says who a patient or which a film is stands in them.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Shipment", "shipment_of"]

_START_FACTS = ("manifest_digest", "split_digest", "store_digest", "n_train", "n_validation", "n_absent")
_START_GROUPS = ("versions", "start_weights")
_EPOCH_NUMBERS = (
    "train_loss",
    "validation_loss",
    "validation_auroc",
    "learning_rate",
    "images_per_second",
    "seconds",
    "skipped_steps",
)
_LONGEST_NAME = 250
_LONGEST_VALUE = 500  # what the oldest MLflow servers in use take for a parameter


@dataclass(frozen=True)
class Shipment:
    """One event in a tracker's words; empty for an event that trackers are not told of.

    Attributes:
        params: What the run was told; text, at most 500 signs each.
        metrics: Finite numbers; what was undefined (null, NaN) is left out.
        tags: Words about the run.
        artefact: A file or folder, relative to the run folder; empty if the event names none.
        step: Epoch of the metrics; 0 where there is none.
        time_ms: When it happened, milliseconds since 1970 UTC.
    """

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artefact: str = ""
    step: int = 0
    time_ms: int = 0


def shipment_of(event: Mapping[str, object]) -> Shipment:
    """Return what a tracker is told of an event.

    Args:
        event: As ``Journal.read`` returns it.

    Returns:
        An empty shipment for a kind that trackers are not told of.

    Example:
        >>> shipment_of({"kind": "epoch", "epoch": 2, "train_loss": 0.5, "validation_auroc": None}).metrics
        {'train_loss': 0.5}
    """
    make = _KINDS.get(str(event.get("kind")))
    return make(event) if make else Shipment(time_ms=time_ms(event))


def time_ms(event: Mapping[str, object]) -> int:
    """When an event happened, in milliseconds since 1970 UTC; 0 if it does not say."""
    try:
        return int(datetime.fromisoformat(str(event.get("time"))).timestamp() * 1000)
    except ValueError:
        return 0


def _start(event: Mapping[str, object]) -> Shipment:
    groups = {name: event.get(name) for name in (*_START_FACTS, *_START_GROUPS)}
    params = {**dict(_flat(_mapping(event, "recipe"))), **dict(_flat(groups))}
    commit = params.get("versions.commit", "")
    return Shipment(params=params, tags={"mlflow.source.git.commit": commit} if commit else {}, time_ms=time_ms(event))


def _epoch(event: Mapping[str, object]) -> Shipment:
    by_finding = {f"auroc/{name.replace('/', '_')}": value for name, value in _mapping(event, "auroc").items()}
    metrics = _numbers({name: event.get(name) for name in _EPOCH_NUMBERS} | by_finding)
    epoch = event.get("epoch")
    return Shipment(metrics=metrics, step=epoch if isinstance(epoch, int) else 0, time_ms=time_ms(event))


def _end(event: Mapping[str, object]) -> Shipment:
    facts = {name: event.get(name) for name in ("best_epoch", "best_auroc")} | {"total_seconds": event.get("seconds")}
    reason = str(event.get("reason") or "")[:_LONGEST_VALUE]
    return Shipment(metrics=_numbers(facts), tags={"reason": reason} if reason else {}, time_ms=time_ms(event))


def _artefact(event: Mapping[str, object]) -> Shipment:
    return Shipment(artefact=str(event.get("path") or ""), time_ms=time_ms(event))


def _evaluation(event: Mapping[str, object]) -> Shipment:
    prefix = f"{event['split']}/" if event.get("split") else ""
    metrics = {f"{prefix}{name}": value for name, value in _mapping(event, "metrics").items()}
    return Shipment(metrics=_numbers(metrics), time_ms=time_ms(event))


_KINDS: dict[str, Callable[[Mapping[str, object]], Shipment]] = {
    "start": _start,
    "epoch": _epoch,
    "end": _end,
    "artefact": _artefact,
    "evaluation": _evaluation,
}


def _mapping(event: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = event.get(name)
    return value if isinstance(value, Mapping) else {}


def _numbers(values: Mapping[str, object]) -> dict[str, float]:
    return {
        _name(name): float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and text; what is None or empty is left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value not in (None, "", [], ()):
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            yield _name(f"{prefix}{name}"), text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _name(text: str) -> str:
    """A name that MLflow takes: word signs, dot, dash, blank; slashes between parts that are more than dots."""
    parts = (re.sub(r"[^\w.\- ]", "_", part) for part in text.split("/"))
    return "/".join(part for part in parts if part.strip(". "))[:_LONGEST_NAME].rstrip("/. ") or "_"
