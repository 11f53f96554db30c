"""``hilum demo``: the main job from films to report, on phantoms, in minutes and offline."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import OnProgress, clock, follow, progress, say
from hilum.errors import RunError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data import Manifest, PixelStore
    from hilum.runs import Run
    from hilum.training import Recipe

__all__ = ["demo"]

_RECIPE = "demo"
_N_FILMS = 900
_FILM_SCALE = 2
"""Phantoms are rendered at this multiple of the recipe's size, as real films are larger than a network's input."""
_SEED = 0
_FRACTIONS = (0.7, 0.15, 0.15)
_WORKERS = 2
_BOOTSTRAP = 1000
_N_STEPS = 6
_TIME_COLUMN = 100
_MARKER, _PHANTOMS, _MANIFEST, _STORE = "demo.json", "phantoms", "manifest.parquet", "store"


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The run folder; an earlier demo in it is replaced.")] = Path("runs/demo"),
    films: Annotated[int, typer.Option("--count", min=24, help="Phantoms to render.")] = _N_FILMS,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe demo; may be given again."),
    ] = None,
    tracker: Annotated[str, typer.Option(help="mlflow, none, or auto: mlflow where it is installed.")] = "auto",
) -> None:
    """Render phantoms, train on them, judge the model and write its report: everything hilum does, in minutes."""
    from hilum.training import load_recipe

    started = time.monotonic()
    recipe = load_recipe(_RECIPE, overrides=set_ or ())
    data = out / "data"
    with _empty_run(out) as run:
        _render(data, films, _FILM_SCALE * recipe.size_px)
        manifest = _divide(data)
        store = _prepare(data, manifest, recipe)
        _train(run, manifest, store, recipe, tracker)
        _judge(run, manifest, store, str(context.obj))
        _hand_over(run, manifest, time.monotonic() - started)


@contextmanager
def _empty_run(folder: Path) -> Iterator["Run"]:
    """Give the run folder, locked, without anything of an earlier demo.

    Raises:
        RunError: The folder holds something that is no demo, or another process works on it.
    """
    from hilum.runs import Run, write_text

    is_demo = (folder / _MARKER).is_file()
    if not is_demo and _strangers(folder):
        raise RunError(f"{folder} holds something that is no demo ({_strangers(folder)[0]}): choose another --out")
    with Run.create(folder, resume=is_demo) as run:
        # The journal was there before the marker and outlives it: a demo killed at any moment can be replaced.
        for path in folder.iterdir():
            if path.name not in {_MARKER, run.journal.path.name} and path.suffix != ".lock":
                _remove(path)
        run.journal.path.write_bytes(b"")
        write_text(folder / _MARKER, json.dumps({"demo": True}) + "\n")
        yield run


def _strangers(folder: Path) -> list[str]:
    """What lies in the folder besides the lock and the empty journal of a run that never began."""
    if not folder.is_dir():
        return [folder.name] if folder.exists() else []
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock" and path.stat().st_size > 0)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _render(data: Path, n_films: int, size_px: int) -> None:
    from hilum.data import write_phantoms
    from hilum.findings import NIH_FINDINGS

    step = _Step(1)
    with step.progress(f"rendering {count(n_films, 'phantom film')}") as on_progress:
        written = write_phantoms(
            data / _PHANTOMS,
            count=n_films,
            size_px=size_px,
            seed=_SEED,
            masks=True,
            workers=min(_WORKERS, os.cpu_count() or 1),
            on_progress=on_progress,
        )
    step.done(
        f"rendered {count(n_films, 'phantom film')} of {count(written.n_patients, 'patient')} at {size_px} px, "
        f"{count(len(NIH_FINDINGS), 'finding')}"
    )


def _divide(data: Path) -> "Manifest":
    from hilum.data import SPLITS, read_nih, save_split, split_by_patient

    step = _Step(2)
    manifest = split_by_patient(read_nih(data / _PHANTOMS), fractions=_FRACTIONS, seed=_SEED)
    manifest.save(data / _MANIFEST)
    save_split(manifest, data / "manifest.split.json", method="by patient")
    films = " · ".join(f"{len(manifest.rows(name)):,} {name}" for name in SPLITS)
    step.done(f"imported and split by patient: {films}, 0 patients shared")
    _consult(manifest)
    return manifest


def _consult(manifest: "Manifest") -> None:
    """Say what the doctor finds in labels and patients; opening the films as well would double the step's time."""
    from hilum.data import examine_manifest

    report, _ = examine_manifest(manifest, open_films=False)
    found = [check.code for check in report.checks if check.severity != "note"]
    say(f"    doctor: {count(len(found), 'problem')}{' ' * bool(found)}{', '.join(found)}")


def _prepare(data: Path, manifest: "Manifest", recipe: "Recipe") -> "PixelStore":
    from hilum.data import prepare_store

    step = _Step(3)
    films = f"{count(len(manifest), 'film')} at {recipe.size_px} px"
    with step.progress(f"preparing {films}") as on_progress:
        store = prepare_store(
            manifest,
            data / _STORE,
            size_px=recipe.size_px,
            rule=recipe.resize,
            workers=_WORKERS,
            on_progress=on_progress,
        )
    mebibytes = len(manifest) * recipe.size_px**2 / 2**20
    step.done(f"prepared {films}: store of {mebibytes:,.0f} MiB, {count(len(store.problems), 'problem')}")
    return store


def _train(run: "Run", manifest: "Manifest", store: "PixelStore", recipe: "Recipe", tracker: str) -> None:
    from hilum.cli._study import train_run

    step = _Step(4)
    say(f"4/{_N_STEPS} training {recipe.model.backbone} for {count(recipe.training.epochs, 'epoch')}")
    train_run(run, manifest, store, recipe, tracker=tracker)
    end = next(event for event in run.journal.read() if event["kind"] == "end")
    step.done(
        f"trained: epoch {end['best_epoch']} kept, validation AUROC {float(str(end['best_auroc'])):.3f}; "
        "calibrated, thresholds chosen on validation"
    )


def _judge(run: "Run", manifest: "Manifest", store: "PixelStore", command: str) -> None:
    from hilum.cli._study import JudgeSettings, judge_run, show_evaluation

    step = _Step(5)
    settings = JudgeSettings(bootstrap=_BOOTSTRAP, seed=_SEED, command=command)
    with step.progress("judging the test films") as on_progress:
        evaluation = judge_run(run, manifest, store, settings, on_progress=on_progress)
    step.done(f"judged on {count(len(manifest.rows('test')), 'test film')} never used before")
    show_evaluation(evaluation)


def _hand_over(run: "Run", manifest: "Manifest", seconds: float) -> None:
    film = manifest.paths()[int(manifest.rows("test")[0])]
    film = film.relative_to(Path.cwd()) if film.is_relative_to(Path.cwd()) else film
    say(f"6/{_N_STEPS} report → {run.report_path}   bundle → {run.bundle_path}   (open the first)")
    say(f"done in {clock(seconds)}")
    say()
    follow(
        f"hilum predict {film} --bundle {run.bundle_path}",
        f"hilum explain {film} --bundle {run.bundle_path} --out {run.folder / 'maps'}",
        f"hilum localise --run {run.folder} --manifest {run.folder / 'data' / _MANIFEST}",
        f"hilum runs ui --root {run.folder.parent}",
    )
    say("Phantoms are made-up films: this model knows nothing about people. Not a medical device.")


class _Step:
    """One numbered step: a bar while it runs, a line with its time when it is done."""

    def __init__(self, number: int) -> None:
        self._name = f"{number}/{_N_STEPS}"
        self._started = time.monotonic()

    def progress(self, label: str) -> AbstractContextManager[OnProgress]:
        return progress(f"{self._name} {label}", transient=True)

    def done(self, sentence: str) -> None:
        say(f"{self._name} {sentence:<{_TIME_COLUMN}} {clock(time.monotonic() - self._started):>6}")
