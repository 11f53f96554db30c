"""Training: a manifest, a store and a recipe become a bundle."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import cast

import torch
from torch import Tensor, nn

from hilum.config import dump
from hilum.data import Manifest, PixelStore
from hilum.errors import InvalidValueError, RunError
from hilum.losses import make_loss
from hilum.models import Bundle, FilmModel, StartReport, build_model, get_backbone, load_bundle, load_start_weights
from hilum.runs import Run, keep_freed_memory, versions, write_text
from hilum.training.films import Films, select_films
from hilum.training.loop import OnEvent, Trainer
from hilum.training.recipe import Recipe
from hilum.training.seal import WriteCard, seal_bundle

__all__ = ["train"]


def train(
    manifest: Manifest,
    store: PixelStore,
    recipe: Recipe,
    *,
    run: Run,
    write_card: WriteCard,
    on_event: OnEvent | None = None,
) -> Bundle:
    """Train a model and seal it into a bundle; go on where the run stopped if it was started before.

    Only films of the train and validation splits are read. Checkpoint, calibration and thresholds are chosen on
    validation. A run that was stopped and goes on ends with the same weights as one that was not, on the same machine.

    Args:
        manifest: Split by patient.
        store: Its films at the recipe's size.
        recipe: What to do.
        run: Where to do it, made by ``Run.create``.
        write_card: Writes the model card for a bundle's spec (``reporting.model_card``).
        on_event: Told of ``start``, ``resume``, ``step``, ``epoch`` and ``end``, with plain values.

    Returns:
        The bundle, verified.

    Raises:
        DataError: Manifest, store and recipe do not fit together.
        RunError: The run in the folder was started with another recipe or other films.
        InvalidValueError: The start weights or the device cannot be used.
        StorageError: The disk is full; what was written before is still good, and the run can be resumed.
    """
    keep_freed_memory()
    tell = on_event or _ignore
    recipe = recipe if recipe.findings else recipe.model_copy(update={"findings": manifest.findings})
    films = select_films(manifest, store, recipe)
    device = _device(recipe.training.device)
    identity = _identity(manifest, store, recipe)
    begun = _begun(run, identity)
    if _ended(run):
        return load_bundle(run.bundle_path)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(recipe.training.seed)
        model, start = _build(recipe, store, films[0])
        if not begun:
            _write_start(run, recipe, identity, films, start, tell)
        prevalence = torch.from_numpy(films[0].prevalence).to(device)
        trainer = Trainer(
            model,
            recipe=recipe,
            run=run,
            store=store,
            films=films,
            loss=make_loss(recipe.loss, prevalence=prevalence),
            device=device,
            on_event=tell,
        )
        reason = trainer.fit()
        bundle = seal_bundle(
            trainer.model,
            recipe=recipe,
            run=run,
            manifest=manifest,
            films=films,
            validation=trainer.look(),
            start=start,
            write_card=write_card,
        )
    _write_end(run, trainer, reason, tell)
    return bundle


def _build(recipe: Recipe, store: PixelStore, train_films: Films) -> tuple[FilmModel, StartReport]:
    if recipe.model.normalisation == "backbone":
        mean, std = get_backbone(recipe.model.backbone).statistics(recipe.model.channels)
    else:
        level, spread = store.statistics(train_films.rows)
        mean, std = (level,), (max(spread, 1e-3),)
    model = build_model(recipe.model, n_findings=len(recipe.findings), mean=mean, std=std, size_px=recipe.size_px)
    start = load_start_weights(model, recipe.model, findings=recipe.findings)
    if start.source == "none" or start.head_missing:
        _start_at_prevalence(model, torch.from_numpy(train_films.prevalence))
    model.freeze(recipe.training.freeze_stages)
    return model, start


def _start_at_prevalence(model: FilmModel, prevalence: Tensor) -> None:
    """Let the untrained model answer every film with the prevalence (Lin et al., ICCV 2017, section 4.1)."""
    last = model.head[-1]
    if isinstance(last, nn.Linear):
        with torch.no_grad():
            cast("Tensor", last.bias).copy_(prevalence.clamp(0.001, 0.999).logit())


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InvalidValueError(f"training.device={name}: expected auto, cpu, cuda or cuda:0") from None
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= there.get(device.type, 0):
        raise InvalidValueError(f"training.device={name}: this machine has no such device; use auto or cpu")
    return device


def _identity(manifest: Manifest, store: PixelStore, recipe: Recipe) -> dict[str, object]:
    """Return what a run must find unchanged when it goes on."""
    return {
        "recipe": recipe.model_dump(mode="json"),
        "manifest_digest": manifest.digest,
        "split_digest": manifest.split_digest,
        "store_digest": store.digest,
    }


def _begun(run: Run, identity: Mapping[str, object]) -> bool:
    """Return whether the run was started before; raises RunError if it was told something else then."""
    starts = [event for event in run.journal.read() if event["kind"] == "start"]
    if not starts:
        return False
    before, now = dict(_leaves(starts[0])), dict(_leaves(identity))
    changed = [key for key in now if before.get(key) != now[key]]
    if changed:
        key = changed[0]
        what = key.removesuffix("_digest").replace("store", "pixel store")
        if key.startswith("recipe."):
            what = f"recipe ({key.removeprefix('recipe.')} was {before.get(key)}, is {now[key]})"
        raise RunError(
            f"the run {run.folder.name} was started with another {what}: resume it with what it was started with, "
            "or start a new one"
        )
    return True


def _leaves(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _write_start(
    run: Run,
    recipe: Recipe,
    identity: Mapping[str, object],
    films: tuple[Films, Films],
    start: StartReport,
    tell: OnEvent,
) -> None:
    """Write down what the run was told."""
    facts = {
        **identity,
        "versions": versions(),
        "n_train": len(films[0].rows),
        "n_validation": len(films[1].rows),
        "n_absent": films[0].n_absent + films[1].n_absent,
        "n_left_out": films[0].n_left_out + films[1].n_left_out,
        # Trackers are told of these facts; hashes of patients stay in the bundle.
        "start_weights": {name: value for name, value in asdict(start).items() if name != "training_patients"},
    }
    write_text(run.recipe_path, dump(recipe))
    run.journal.append("start", **facts)
    tell("start", facts)


def _ended(run: Run) -> bool:
    return any(event["kind"] == "end" for event in run.journal.read()) and run.bundle_path.is_dir()


def _write_end(run: Run, trainer: Trainer, reason: str, tell: OnEvent) -> None:
    best = max((event for event in trainer.history if event["best"]), key=lambda event: int(str(event["epoch"])))
    facts = {
        "best_epoch": best["epoch"],
        "best_auroc": best["validation_auroc"],
        "seconds": sum(float(str(event["seconds"])) for event in trainer.history),
        "reason": reason,
    }
    # The end comes last: a run killed before it is sealed once more, one killed after it lacks nothing.
    run.journal.append("artefact", name="bundle", path=run.bundle_path.name)
    run.journal.append("end", **facts)
    tell("end", facts)


def _ignore(_kind: str, _values: Mapping[str, object]) -> None:
    """Nobody listens."""
