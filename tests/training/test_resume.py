"""Kill -9 at any moment, a full disk, another recipe: what a run that is resumed ends in."""

import dataclasses
import json
import resource
import subprocess
import sys

import pytest

from hilum.data import prepare_store
from hilum.errors import RunError, StorageError
from hilum.runs import Journal, Run

WORKER = '''
import os, random, signal, sys, time, traceback
from importlib import import_module
from pathlib import Path

import torch

from hilum.data import PixelStore, read_manifest
from hilum.models.network import import_timm
from hilum.runs import Run
from hilum.training import load_recipe, train

import_timm()
torch.set_num_threads(1)
for name in ("train", "seal"):  # the commit may move on while the test runs
    sys.modules[f"hilum.training.{name}"].versions = lambda: {"hilum": "test"}
for name in ("timm", "timm.models._manipulate", "pandas", "pyarrow.parquet", "scipy.optimize"):
    import_module(name)  # here once, not in every child
MANIFEST, STORE, RECIPE, OUT, MODE = *map(Path, sys.argv[1:5]), sys.argv[5]


def attempt(folder, arm=lambda: None, kill_after_s=None):
    """Train in a child that is killed on the way; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            arm()
            with Run.create(folder, resume=folder.exists()) as run:
                recipe = load_recipe(str(RECIPE))
                train(read_manifest(MANIFEST), PixelStore(STORE), recipe, run=run, write_card=lambda spec: "# card")
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(3)
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("an attempt failed")
    return os.WIFEXITED(status)


def die_at(number):
    """Be killed just before the file operation of this number, counted from the start of the process."""
    def arm():
        left = [number]
        def wrap(operation):
            def counted(*args, **kwargs):
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return operation(*args, **kwargs)
            return counted
        for name in ("fsync", "replace", "rename", "ftruncate", "write", "mkdir"):
            setattr(os, name, wrap(getattr(os, name)))
    return arm


started = time.monotonic()
assert attempt(OUT / "unbroken")
whole_s = time.monotonic() - started
kills = 0
if MODE.startswith("every"):
    while not attempt(OUT / "broken", die_at(kills * int(MODE.removeprefix("every")))):
        kills += 1
else:
    draw = random.Random(int(MODE))
    for number in range(2):
        folder = OUT / f"broken-{number}"
        for _ in range(4):
            # The first run is slower than later ones.
            kills += not attempt(folder, kill_after_s=draw.uniform(0, whole_s / 3))
        assert attempt(folder)
print(kills)
'''


def run_worker(films, recipe, folder, mode):
    folder.mkdir(exist_ok=True)
    (folder / "recipe.yaml").write_text(recipe)
    arguments = [films.manifest_path, films.store_path, folder / "recipe.yaml", folder, mode]
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def files_of(folder):
    """Everything that must not depend on whether the run was broken off."""
    names = ("bundle/weights.safetensors", "bundle/bundle.json", "bundle/golden.npz", "recipe.yaml")
    content = {name: (folder / name).read_bytes() for name in names}
    best = sorted((folder / "checkpoints").glob("best-*"))
    return {**content, **{path.name: path.read_bytes() for path in best}}


def events_of(folder, kind):
    clocks = {"sequence", "time", "seconds", "images_per_second"}
    lines = (folder / "journal.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [{k: v for k, v in event.items() if k not in clocks} for event in events if event["kind"] == kind]


def assert_same(broken, unbroken):
    assert files_of(broken) == files_of(unbroken)
    assert events_of(broken, "epoch") == events_of(unbroken, "epoch")
    assert events_of(broken, "start") == events_of(unbroken, "start")
    assert events_of(broken, "end") == events_of(unbroken, "end")
    assert events_of(broken, "artefact")
    rubbish = [path.name for path in (broken / "checkpoints").iterdir() if path.name.startswith(".")]
    assert not rubbish


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "every", "n_kills"),
    [
        ("ema_decay: 0.9", 1, 20),
        ("optimiser: sgd, schedule: plateau, plateau_epochs: 1, freeze_stages: 1", 4, 5),
    ],
    ids=["adamw-average", "sgd-plateau"],
)
def test_killed_before_one_file_operation_after_the_other(films, tiny_text, tmp_path, settings, every, n_kills):
    recipe = tiny_text(f"training: {{epochs: 2, {settings}, batch_size: 8, learning_rate: 0.002}}")
    assert run_worker(films, recipe, tmp_path / "w", f"every{every}") > n_kills
    assert_same(tmp_path / "w" / "broken", tmp_path / "w" / "unbroken")


@pytest.mark.slow
def test_killed_at_random_moments(films, tiny_text, tmp_path):
    recipe = tiny_text("training: {epochs: 5, batch_size: 8, ema_decay: 0.9}")
    kills = run_worker(films, recipe, tmp_path / "w", "1")
    assert kills >= 3
    for number in range(2):
        assert_same(tmp_path / "w" / f"broken-{number}", tmp_path / "w" / "unbroken")


class StoppedError(Exception):
    """Raised by a listener: the run stops as by Ctrl-C."""


def stop_at(kind, count):
    seen = []

    def on_event(name, values):
        seen.append(name)
        if seen.count(kind) == count and name == kind:
            raise StoppedError

    return on_event


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("start", 1), ("step", 1), ("step", 6), ("epoch", 1), ("epoch", 2)])
def test_a_run_that_was_stopped_ends_with_the_same_bundle(train_tiny, tiny, tmp_path, kind, count):
    _, unbroken = train_tiny("unbroken", tiny())
    with pytest.raises(StoppedError):
        train_tiny("broken", tiny(), on_event=stop_at(kind, count))
    events = []
    _, resumed = train_tiny("broken", tiny(), resume=True, on_event=lambda kind, values: events.append(kind))
    assert resumed.digest == unbroken.digest
    assert_same(tmp_path / "broken", tmp_path / "unbroken")
    assert ("resume" in events) == (kind == "epoch" or count > 5)
    assert "start" not in events


@pytest.mark.slow
def test_a_finished_run_is_returned_at_once(train_tiny, tiny, monkeypatch):
    run, bundle = train_tiny("run", tiny())
    journal = run.journal.path.read_bytes()
    monkeypatch.setattr(sys.modules["hilum.training.train"], "build_model", None)
    _, again = train_tiny("run", tiny(), resume=True)
    assert again.digest == bundle.digest
    assert run.journal.path.read_bytes() == journal


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", [1_000_000, 10_000_000], ids=["the best does not fit", "the last does not fit"])
def test_a_disk_that_is_full_leaves_a_run_that_goes_on(train_tiny, tiny, tmp_path, n_bytes):
    _, unbroken = train_tiny("unbroken", tiny("training.epochs=3"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    kept = {}

    def fill_the_disk(kind, values):
        if kind == "step" and values["epoch"] == 2 and not kept:
            kept.update(files_below(tmp_path / "full" / "checkpoints"))
            resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))

    try:
        with pytest.raises(StorageError, match=r"cannot write (best-2|last)\.safetensors.*still good; free some space"):
            train_tiny("full", tiny("training.epochs=3"), on_event=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(kept) == 2
    after = files_below(tmp_path / "full" / "checkpoints")
    assert {name: after[name] for name in kept} == kept
    _, resumed = train_tiny("full", tiny("training.epochs=3"), resume=True)
    assert resumed.digest == unbroken.digest
    assert_same(tmp_path / "full", tmp_path / "unbroken")


def files_below(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_a_journal_that_could_not_be_written_is_made_good(train_tiny, tiny, tmp_path, monkeypatch):
    train_tiny("unbroken", tiny())
    append = Journal.append

    def full(journal, kind, **values):
        if kind == "epoch" and values["epoch"] == 2:
            raise StorageError("the disk is full")
        append(journal, kind, **values)

    monkeypatch.setattr(Journal, "append", full)
    with pytest.raises(StorageError):
        train_tiny("full", tiny())
    monkeypatch.setattr(Journal, "append", append)
    assert len(events_of(tmp_path / "full", "epoch")) == 1
    train_tiny("full", tiny(), resume=True)
    assert_same(tmp_path / "full", tmp_path / "unbroken")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("training.epochs=7", r"another recipe \(training.epochs was 2, is 7\)"),
        ("model.dropout=0.0", r"another recipe \(model.dropout was 0.2, is 0.0\)"),
        ("findings=[Effusion]", r"another recipe \(findings was .*, is \['Effusion'\]\)"),
    ],
)
def test_another_recipe_is_refused(train_tiny, tiny, override, words):
    with pytest.raises(StoppedError):
        train_tiny("run", tiny(), on_event=stop_at("epoch", 1))
    with pytest.raises(RunError, match=f"the run run was started with {words}: resume it with what it was"):
        train_tiny("run", tiny(override), resume=True)


@pytest.mark.slow
def test_other_films_are_refused(train_tiny, tiny, films, tmp_path):
    with pytest.raises(StoppedError):
        train_tiny("run", tiny(), on_event=stop_at("start", 1))
    splits = films.manifest.table["split"].replace("test", "train")
    with pytest.raises(RunError, match="started with another split: "):
        train_tiny("run", tiny(), resume=True, manifest=films.manifest.with_splits(splits))
    rows = [row for row in range(len(films.manifest)) if row != films.manifest.rows("test")[0]]
    fewer = dataclasses.replace(films.manifest, table=films.manifest.table.iloc[rows])
    store = prepare_store(fewer, tmp_path / "fewer", size_px=64, workers=1)
    with pytest.raises(RunError, match="started with another pixel store: "):
        train_tiny("run", tiny(), resume=True, store=store)
    with pytest.raises(RunError, match="started with another manifest: "):
        train_tiny("run", tiny(), resume=True, manifest=fewer)


@pytest.mark.slow
def test_a_damaged_checkpoint_says_so(train_tiny, tiny, tmp_path):
    with pytest.raises(StoppedError):
        train_tiny("run", tiny(), on_event=stop_at("epoch", 1))
    last = Run.open(tmp_path / "run").checkpoint_path / "last.safetensors"
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.raises(RunError, match=r"the checkpoint last\.safetensors cannot be read .*start the run anew"):
        train_tiny("run", tiny(), resume=True)
