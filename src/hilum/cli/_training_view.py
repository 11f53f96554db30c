"""Training as a person sees it: one bar per epoch while it runs, one line per epoch when it is done."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from hilum.cli._terminal import OnProgress, clock, complain, progress, spark
from hilum.wording import count

__all__ = ["TrainingView", "watch_training"]

_EPOCHS_DRAWN = 24
_N_NAMED = 4


class TrainingView:
    """Listens to training's events and prints them to stderr."""

    def __init__(self, on_progress: OnProgress) -> None:
        self._aurocs: list[float] = []
        self._best, self._best_epoch = math.nan, 0
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._n_before = 0

    def on_event(self, kind: str, values: Mapping[str, object]) -> None:
        """Show one event."""
        if kind == "start":
            parts = [
                f"training on {count(_whole(values['n_train']), 'film')}, "
                f"validating on {count(_whole(values['n_validation']), 'film')}"
            ]
            for name, what in (("n_absent", "could not be read"), ("n_left_out", "left out of the pixel store")):
                if values.get(name):
                    parts.append(f"{count(_whole(values[name]), 'film')} {what}")
            complain("; ".join(parts))
            _show_start_weights(values["start_weights"])
        elif kind == "resume":
            self._resume(values)
        elif kind == "step":
            self._step(values)
        elif kind == "epoch":
            self._epoch(values)
        elif kind == "end":
            complain(f"{values['reason']}; kept epoch {values['best_epoch']}")

    def _step(self, values: Mapping[str, object]) -> None:
        epoch, epochs = _whole(values["epoch"]), _whole(values["epochs"])
        done, total = _whole(values["done"]), _whole(values["total"])
        label = f"epoch {epoch}/{epochs}  {_real(values['images_per_second']):.0f} films/s"
        self._on_progress((epoch - 1) * total + done, epochs * total, label)

    def _resume(self, values: Mapping[str, object]) -> None:
        complain(f"going on after epoch {values['epoch']}/{values['epochs']}")
        for event in cast("Sequence[Mapping[str, object]]", values["history"]):
            self._remember(event)
        self._n_before = len(self._aurocs)

    def _remember(self, values: Mapping[str, object]) -> float:
        auroc = _real(values["validation_auroc"])
        self._aurocs.append(auroc)
        if values["best"] and not math.isnan(auroc):
            self._best, self._best_epoch = auroc, _whole(values["epoch"])
        return auroc

    def _epoch(self, values: Mapping[str, object]) -> None:
        auroc = self._remember(values)
        # By the clock, since validation and checkpoints take their time, too.
        per_epoch = (time.monotonic() - self._started) / (len(self._aurocs) - self._n_before)
        left = (_whole(values["epochs"]) - _whole(values["epoch"])) * per_epoch
        best = f"best {self._best:.3f} (epoch {self._best_epoch})" if self._best_epoch else "no best yet"
        complain(
            f"epoch {values['epoch']}/{values['epochs']}  loss {_real(values['train_loss']):.3f}  "
            f"validation AUROC {_fixed(auroc)} {spark(self._aurocs[-_EPOCHS_DRAWN:])}  {best}  "
            f"{_real(values['images_per_second']):.0f} films/s  time left {clock(left)}"
        )


@contextmanager
def watch_training() -> Iterator[TrainingView]:
    """Give a view whose bar is taken down at the end, whatever happened."""
    with progress("starting", transient=True) as on_progress:
        yield TrainingView(on_progress)


def _show_start_weights(report: object) -> None:
    """Say what came of the start weights: nothing for none, and what did not match for all others."""
    facts = cast("Mapping[str, Any]", report)
    if facts["source"] == "none":
        return
    parts = [f"{count(facts['matched'], 'tensor')} taken over"]
    parts += [f"{_few(facts['head_missing'])} at random"] if facts["head_missing"] else []
    parts += [f"{_few(facts['unused'])} left"] if facts["unused"] else []
    complain(f"start weights {facts['source']}: {'; '.join(parts)}")


def _few(names: Sequence[str]) -> str:
    """Name up to four."""
    more = f" and {len(names) - _N_NAMED} more" if len(names) > _N_NAMED else ""
    return ", ".join(names[:_N_NAMED]) + more


def _whole(value: object) -> int:
    return int(str(value))


def _real(value: object) -> float:
    return math.nan if value is None else float(str(value))


def _fixed(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
