"""The loop: epochs of steps, a look at validation after each, a checkpoint that another process can go on from."""

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from hilum.data import Augmentation, PixelStore, batches
from hilum.errors import RunError
from hilum.losses import Loss
from hilum.models import FilmModel
from hilum.runs import Run
from hilum.training.average import MovingAverage
from hilum.training.checkpoint import (
    Checkpoint,
    load_optimiser,
    optimiser_tensors,
    read_checkpoint,
    write_checkpoint,
)
from hilum.training.films import Films
from hilum.training.optimiser import epochs_since_best, learning_rate, make_optimiser, set_learning_rate
from hilum.training.recipe import Recipe
from hilum.training.validation import Validation, validate

__all__ = ["OnEvent", "Trainer"]

OnEvent = Callable[[str, Mapping[str, object]], None]

_MOST_BAD_STEPS = 20
_VALIDATION_BATCH = 64


@dataclass(frozen=True)
class _Steps:
    """What the steps of an epoch gave.

    Attributes:
        loss: Mean over the films of the steps that were taken; NaN if none was.
        rate: Learning rate of the last step.
        n_skipped: Steps left out.
        images_per_second: Films per second of training.
    """

    loss: float
    rate: float
    n_skipped: int
    images_per_second: float


class Trainer:
    """Trains one model in one run folder.

    Attributes:
        model: The model; after :meth:`fit` it has the best epoch's weights.
        history: One ``epoch`` event per finished epoch.
    """

    def __init__(
        self,
        model: FilmModel,
        *,
        recipe: Recipe,
        run: Run,
        store: PixelStore,
        films: tuple[Films, Films],
        loss: Loss,
        device: torch.device,
        on_event: OnEvent,
    ) -> None:
        self.model = model.to(device)
        self.history: list[dict[str, object]] = []
        self._recipe, self._section, self._run = recipe, recipe.training, run
        self._store, (self._train, self._validation) = store, films
        self._loss, self._device, self._on_event = loss, device, on_event
        self._optimiser = make_optimiser(model, self._section)
        self._augmentation = Augmentation(recipe.augmentation, seed=self._section.seed)
        self._average = MovingAverage(model, decay=self._section.ema_decay) if self._section.ema_decay else None
        # What is validated and kept: the average where there is one.
        self._judged: FilmModel = copy.deepcopy(model) if self._average else model
        self._steps_per_epoch = -(-len(self._train.rows) // self._section.batch_size)
        self._bad_steps = 0
        # A step that is left out must not leave its films' statistics behind in batch normalisation either.
        self._buffers = list(self.model.buffers())
        self._buffers_before = [buffer.clone() for buffer in self._buffers]

    def fit(self) -> str:
        """Train until the last epoch or until patience ends; return why it ended.

        Raises:
            RunError: Loss or gradient was not finite in many steps on end, or answers on validation are not.
            StorageError: A checkpoint could not be written; the last one is still good.
        """
        if self._last.is_file():
            self._resume()
        self._tidy()
        reason = self._end()
        while not reason:
            self._epoch()
            reason = self._end()
        self.model.load_state_dict(read_checkpoint(self._best).tensors)
        return reason

    def look(self) -> Validation:
        """Run the model over validation as it is."""
        return self._validate(self.model)

    @property
    def aurocs(self) -> list[float]:
        """Mean validation AUROC per finished epoch; NaN where it is undefined."""
        values = [event["validation_auroc"] for event in self.history]
        return [math.nan if value is None else float(str(value)) for value in values]

    @property
    def _last(self) -> Path:
        return self._run.checkpoint_path / "last.safetensors"

    @property
    def _best(self) -> Path:
        """The weights of the best epoch so far: a file per epoch, so that none is overwritten before `_last` is."""
        epochs = [event["epoch"] for event in self.history if event["best"]]
        return self._run.checkpoint_path / f"best-{epochs[-1] if epochs else 0}.safetensors"

    def _tidy(self) -> None:
        """Remove what a killed process left half-written, and weights that are the best no more."""
        folder = self._run.checkpoint_path
        for path in (*folder.glob(".partial-*"), *folder.glob("best-*.safetensors")):
            if path != self._best:
                path.unlink(missing_ok=True)

    def _end(self) -> str:
        since = epochs_since_best(self.aurocs)
        if len(self.history) >= self._section.epochs:
            return "all epochs done"
        if self._section.patience and since >= self._section.patience:
            return f"no better on validation for {since} epochs"
        return ""

    def _epoch(self) -> None:
        started = time.monotonic()
        steps = self._train_one_epoch(len(self.history))
        if self._average:
            self._judged.load_state_dict(self._average.state)
        validation = self._validate(self._judged)
        event: dict[str, object] = {
            "epoch": len(self.history) + 1,
            "epochs": self._section.epochs,
            "train_loss": _number(steps.loss),
            "validation_loss": _number(validation.loss),
            "validation_auroc": _number(validation.mean_auroc),
            "auroc": {name: _number(value) for name, value in validation.aurocs.items()},
            "images_per_second": steps.images_per_second,
            "learning_rate": steps.rate,
            "seconds": time.monotonic() - started,
            "skipped_steps": steps.n_skipped,
        }
        event["best"] = epochs_since_best([*self.aurocs, validation.mean_auroc]) == 0 or not self.history
        self.history.append(event)
        # In this order a kill between any two lines is made good by the resumed epoch or by `_resume`.
        if event["best"]:
            write_checkpoint(self._best, Checkpoint(self._judged.state_dict(), {"epoch": event["epoch"]}))
        write_checkpoint(self._last, self._checkpoint())
        self._tidy()
        self._run.journal.append("epoch", **event)
        self._on_event("epoch", event)

    def _train_one_epoch(self, epoch: int) -> _Steps:
        self.model.train()
        started, total, n_films, n_learnt, n_skipped, rate = time.monotonic(), 0.0, 0, 0, 0, 0.0
        train, section = self._train, self._section
        reader = batches(
            self._store,
            train.rows,
            train.targets,
            batch_size=section.batch_size,
            augmentation=self._augmentation,
            shuffle_seed=section.seed,
            epoch=epoch,
        )
        for number, batch in enumerate(reader):
            rate = learning_rate(
                section,
                step=epoch * self._steps_per_epoch + number,
                steps_per_epoch=self._steps_per_epoch,
                validation_aurocs=self.aurocs,
            )
            set_learning_rate(self._optimiser, rate)
            loss = self._step(batch.images.to(self._device), batch.targets.to(self._device))
            n_films += len(batch.images)
            if math.isnan(loss):
                n_skipped += 1
            else:
                total, n_learnt = total + loss * len(batch.images), n_learnt + len(batch.images)
            done = {"epoch": epoch + 1, "epochs": section.epochs, "done": n_films, "total": len(train.rows)}
            self._on_event("step", {**done, "images_per_second": n_films / (time.monotonic() - started)})
        mean = total / n_learnt if n_learnt else math.nan
        return _Steps(mean, rate, n_skipped, n_films / (time.monotonic() - started))

    def _step(self, images: Tensor, targets: Tensor) -> float:
        """Take one step; return its loss, or NaN if it was left out because loss or gradient was not finite."""
        self._optimiser.zero_grad(set_to_none=True)
        torch._foreach_copy_(self._buffers_before, self._buffers)
        with torch.autocast(self._device.type, torch.bfloat16) if self._half else nullcontext():
            logits = self.model(images)
        loss = self._loss(logits.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        parameters = [tensor for tensor in self.model.parameters() if tensor.grad is not None]
        norm = get_total_norm([tensor.grad for tensor in parameters if tensor.grad is not None])
        # One question to the device per step: nothing but these two numbers is waited for.
        value, size = torch.stack([loss.detach(), norm]).tolist()
        if not (math.isfinite(value) and math.isfinite(size)):
            torch._foreach_copy_(self._buffers, self._buffers_before)
            self._count_bad_step()
            return math.nan
        if self._section.clip_norm:
            clip_grads_with_norm_(parameters, self._section.clip_norm, norm)
        self._bad_steps = 0
        self._optimiser.step()
        if self._average:
            self._average.update()
        return float(value)

    @property
    def _half(self) -> bool:
        if self._section.precision == "auto":
            return self._device.type == "cuda" and torch.cuda.is_bf16_supported()
        return self._section.precision == "bf16"

    def _count_bad_step(self) -> None:
        self._bad_steps += 1
        if self._bad_steps >= _MOST_BAD_STEPS:
            raise RunError(
                f"loss or gradient was not finite in {self._bad_steps} steps on end, in epoch {len(self.history) + 1}; "
                "what earlier epochs left is good. Lower training.learning_rate, or set training.precision=fp32, and "
                "start anew"
            )

    def _validate(self, model: nn.Module) -> Validation:
        films = self._validation
        return validate(
            model,
            self._store,
            films.rows,
            films.targets.astype(float),
            findings=self._recipe.findings,
            loss=self._loss,
            batch_size=_VALIDATION_BATCH,
            device=self._device,
        )

    def _checkpoint(self) -> Checkpoint:
        groups: dict[str, Mapping[str, Tensor]] = {
            "model.": self.model.state_dict(),
            "optimiser.": optimiser_tensors(self._optimiser),
            "average.": self._average.state if self._average else {},
            "random.": {"cpu": torch.get_rng_state(), **_cuda_random_state(self._device)},
        }
        tensors = {f"{prefix}{name}": tensor for prefix, group in groups.items() for name, tensor in group.items()}
        average_steps = self._average.steps if self._average else 0
        return Checkpoint(
            tensors, {"history": self.history, "average_steps": average_steps, "bad_steps": self._bad_steps}
        )

    def _resume(self) -> None:
        """Take up the state after the last finished epoch, and write its event if the journal lacks it."""
        last = read_checkpoint(self._last)
        self.history = list(last.facts["history"])  # type: ignore[call-overload]
        self._bad_steps = int(str(last.facts["bad_steps"]))
        self.model.load_state_dict(last.group("model."))
        load_optimiser(self._optimiser, last.group("optimiser."))
        if self._average:
            self._average.load(last.group("average."), steps=int(str(last.facts["average_steps"])))
        random = last.group("random.")
        torch.set_rng_state(random["cpu"])
        if "cuda" in random and self._device.type == "cuda":
            torch.cuda.set_rng_state(random["cuda"], self._device)
        written = {event["epoch"] for event in self._run.journal.read() if event["kind"] == "epoch"}
        for event in self.history:
            if event["epoch"] not in written:
                self._run.journal.append("epoch", **event)
        self._on_event(
            "resume", {"epoch": len(self.history), "epochs": self._section.epochs, "history": list(self.history)}
        )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _cuda_random_state(device: torch.device) -> dict[str, Tensor]:
    return {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
