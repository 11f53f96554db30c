"""The loop: steps that are left out, the best epoch, patience, and that the test split is nobody's."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from hilum.data import Batch, batches
from hilum.errors import RunError
from hilum.losses import cross_entropy_loss
from hilum.runs import Run
from hilum.training.checkpoint import optimiser_tensors, read_checkpoint
from hilum.training.films import select_films
from hilum.training.loop import Trainer
from hilum.training.train import _build
from hilum.training.validation import validate


@pytest.fixture
def trainer(films, tiny, tmp_path):
    """A trainer that has not started."""

    def make(*overrides):
        recipe = tiny(*overrides)
        parts = select_films(films.manifest, films.store, recipe)
        torch.manual_seed(0)
        model, _ = _build(recipe, films.store, parts[0])
        return Trainer(
            model,
            recipe=recipe,
            run=Run(tmp_path / "loop"),
            store=films.store,
            films=parts,
            loss=cross_entropy_loss,
            device=torch.device("cpu"),
            on_event=lambda kind, values: None,
        )

    return make


def state_of(trainer):
    return {
        **{f"model.{name}": tensor.clone() for name, tensor in trainer.model.state_dict().items()},
        **{f"optimiser.{name}": tensor.clone() for name, tensor in optimiser_tensors(trainer._optimiser).items()},
        **{f"average.{name}": tensor.clone() for name, tensor in trainer._average.state.items()},
    }


def poisoned(*bad):
    """``batches`` whose training batches of these numbers, counted over all epochs, hold NaN pixels."""
    numbers = itertools.count()

    def read(*arguments, **settings):
        for batch in batches(*arguments, **settings):
            training = settings.get("augmentation") is not None
            if training and next(numbers) in bad:
                yield Batch(torch.full_like(batch.images, math.nan), batch.targets, batch.positions)
            else:
                yield batch

    return read


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_step_that_is_left_out_leaves_nothing_behind(trainer, optimiser):
    one = trainer(f"training.optimiser={optimiser}")
    one.model.train()
    good, targets = torch.rand(4, 1, 64, 64), torch.tensor([[1.0, 0.0, torch.nan]] * 4)
    assert math.isfinite(one._step(good, targets))
    before, steps = state_of(one), one._average.steps
    assert math.isnan(one._step(torch.full_like(good, math.nan), targets))
    after = state_of(one)
    assert after.keys() == before.keys()
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor), name
    assert one._average.steps == steps
    assert math.isfinite(one._step(good, targets))
    assert not torch.equal(state_of(one)["model.head.1.weight"], before["model.head.1.weight"])


def test_a_gradient_that_is_not_finite_is_left_out_though_the_loss_is(trainer):
    one = trainer()
    one.model.train()
    one.model.head[1].weight.register_hook(lambda gradient: gradient * math.inf)
    before = state_of(one)
    assert math.isnan(one._step(torch.rand(4, 1, 64, 64), torch.zeros(4, 3)))
    assert all(torch.equal(tensor, before[name]) for name, tensor in state_of(one).items())


def test_skipped_steps_are_counted_and_the_loss_is_that_of_the_others(train_tiny, tiny, monkeypatch):
    taken = []
    step = Trainer._step

    def spy(trainer, images, targets):
        loss = step(trainer, images, targets)
        taken.append((loss, len(images)))
        return loss

    monkeypatch.setattr(Trainer, "_step", spy)
    monkeypatch.setattr("hilum.training.loop.batches", poisoned(1, 2))
    run, bundle = train_tiny("run", tiny())
    first, second = [event for event in run.journal.read() if event["kind"] == "epoch"]
    assert (first["skipped_steps"], second["skipped_steps"]) == (2, 0)
    n_steps = len(taken) // 2
    for event, steps in ((first, taken[:n_steps]), (second, taken[n_steps:])):
        good = [(loss, n) for loss, n in steps if not math.isnan(loss)]
        assert event["train_loss"] == pytest.approx(sum(loss * n for loss, n in good) / sum(n for _, n in good))
    assert all(torch.isfinite(tensor).all() for tensor in bundle.model.state_dict().values())


@pytest.mark.slow
def test_an_epoch_without_a_step_has_no_loss(train_tiny, tiny, monkeypatch):
    monkeypatch.setattr("hilum.training.loop.batches", poisoned(*range(4)))
    run, _ = train_tiny("run", tiny())
    first, second = [event for event in run.journal.read() if event["kind"] == "epoch"]
    assert first["train_loss"] is None
    assert second["train_loss"] > 0


@pytest.mark.slow
def test_twenty_bad_steps_on_end_stop_the_run_and_its_checkpoint_stays_good(train_tiny, tiny, monkeypatch, tmp_path):
    monkeypatch.setattr("hilum.training.loop.batches", poisoned(*range(5, 1000)))
    with pytest.raises(RunError, match=r"not finite in 20 steps on end, in epoch 7; .*Lower training\.learning_rate"):
        train_tiny("run", tiny("training.epochs=9"))
    last = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.safetensors")
    assert len(last.facts["history"]) == 6
    assert last.facts["bad_steps"] == 19
    assert all(torch.isfinite(tensor.float()).all() for tensor in last.tensors.values())
    # Whoever goes on with the same recipe comes to the same end, not to twenty more.
    monkeypatch.setattr("hilum.training.loop.batches", poisoned(0))
    with pytest.raises(RunError, match="in 20 steps on end"):
        train_tiny("run", tiny("training.epochs=9"), resume=True)
    monkeypatch.setattr("hilum.training.loop.batches", batches)
    train_tiny("run", tiny("training.epochs=9"), resume=True)


@pytest.mark.slow
def test_bad_steps_that_are_not_on_end_do_not_stop_it(train_tiny, tiny, monkeypatch):
    monkeypatch.setattr("hilum.training.loop.batches", poisoned(*range(0, 100, 2)))
    run, _ = train_tiny("run", tiny("training.epochs=12"))
    assert sum(event.get("skipped_steps", 0) for event in run.journal.read()) == 24


def scripted(monkeypatch, aurocs):
    """Let validation find these AUROCs, epoch after epoch; the rest is as it is."""
    script = iter(aurocs)

    def look(*arguments, **settings):
        found = validate(*arguments, **settings)
        return dataclasses.replace(found, aurocs=dict.fromkeys(found.aurocs, next(script, 0.5)))

    monkeypatch.setattr("hilum.training.loop.validate", look)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_the_best_epoch_on_validation_goes_into_the_bundle(train_tiny, tiny, monkeypatch, tmp_path, decay):
    scripted(monkeypatch, [0.6, 0.8, math.nan, 0.7])
    judged = {}

    def keep(kind, values):
        if kind == "epoch":
            state = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.safetensors")
            judged[values["epoch"]] = state.group("average." if decay else "model.")

    run, bundle = train_tiny("run", tiny("training.epochs=4", f"training.ema_decay={decay}"), on_event=keep)
    end = run.journal.read()[-1]
    assert (end["kind"], end["best_epoch"], end["best_auroc"]) == ("end", 2, pytest.approx(0.8))
    assert [event["best"] for event in run.journal.read() if event["kind"] == "epoch"] == [True, True, False, False]
    state = bundle.model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in judged[2].items())
    assert not all(torch.equal(tensor, state[name]) for name, tensor in judged[4].items())
    assert [path.name for path in run.checkpoint_path.glob("best-*")] == ["best-2.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("patience", "aurocs", "n_epochs", "reason"),
    [
        (2, [0.6, 0.7, 0.65, 0.7, 0.9], 4, "no better on validation for 2 epochs"),
        (2, [0.6, 0.5, 0.7, 0.6, 0.8, 0.9], 6, "all epochs done"),
        (0, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1], 6, "all epochs done"),
    ],
)
def test_patience(train_tiny, tiny, monkeypatch, patience, aurocs, n_epochs, reason):
    scripted(monkeypatch, aurocs)
    run, _ = train_tiny("run", tiny("training.epochs=6", f"training.patience={patience}"))
    assert len([event for event in run.journal.read() if event["kind"] == "epoch"]) == n_epochs
    assert run.journal.read()[-1]["reason"] == reason


def test_clipping_bounds_the_gradient_of_a_step(trainer, monkeypatch):
    norms = {}
    for limit in (0, 0.01):
        one = trainer(f"training.clip_norm={limit}")
        monkeypatch.setattr(one._optimiser, "step", lambda: None)
        one.model.train()
        torch.manual_seed(1)
        one._step(torch.rand(4, 1, 64, 64), torch.ones(4, 3))
        gradients = [parameter.grad.numpy().ravel() for parameter in one.model.parameters()]
        norms[limit] = float(np.linalg.norm(np.concatenate(gradients)))
    assert norms[0] > 0.1
    assert norms[0.01] == pytest.approx(0.01, rel=1e-3)


@pytest.mark.slow
def test_bf16_trains_and_differs(train_tiny, tiny):
    _, single = train_tiny("single", tiny("training.precision=fp32"))
    _, automatic = train_tiny("automatic", tiny("training.device=cpu"))
    run, half = train_tiny("half", tiny("training.precision=bf16"))
    states = [bundle.model.state_dict() for bundle in (single, automatic, half)]
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert not all(torch.equal(tensor, states[2][name]) for name, tensor in states[0].items())
    assert all(tensor.dtype != torch.bfloat16 for tensor in states[2].values())
    assert all(tensor.dtype != torch.bfloat16 for tensor in load_file(run.bundle_path / "weights.safetensors").values())


def test_films_are_counted_through_the_epoch(train_tiny, tiny):
    steps = []
    run, _ = train_tiny("run", tiny(), on_event=lambda kind, values: steps.append(values) if kind == "step" else None)
    total = run.journal.read()[0]["n_train"]
    assert [(s["epoch"], s["done"], s["total"]) for s in steps if s["done"] == total] == [
        (1, total, total),
        (2, total, total),
    ]
    assert all(s["images_per_second"] > 0 for s in steps)
