"""``hilum runs``: what was trained so far, and the tracker."""

import subprocess
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli._terminal import say, spark, table
from hilum.wording import count

__all__ = ["list_all", "show", "sync", "ui"]

Root = Annotated[Path, typer.Option("--root", help="The folder that holds the run folders.")]


def list_all(root: Root = Path("runs")) -> None:
    """List the runs, newest first."""
    from hilum.runs import list_runs

    found = list_runs(root)
    rows = [
        (
            run.name,
            run.status,
            run.recipe,
            run.started[:16].replace("T", " "),
            f"{run.epochs}",
            "–" if run.best_auroc is None else f"{run.best_auroc:.3f}",
        )
        for run in found
    ]
    if rows:
        table(("run", "status", "recipe", "started (UTC)", "epochs", "best AUROC"), rows, words=("status", "recipe"))
    else:
        say(f"no run in {root}. `hilum train` makes one, `hilum demo` a small one.")


def show(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Show a run's epochs and what it holds."""
    from hilum.runs import Run

    opened = Run.open(run)
    epochs = [event for event in opened.journal.read() if event["kind"] == "epoch"]
    rows = [
        (f"{e['epoch']}", _number(e["train_loss"]), _number(e["validation_loss"]), _number(e["validation_auroc"]))
        for e in epochs
    ]
    say(f"{run.name}   {count(len(epochs), 'epoch')}   {spark([_value(e['validation_auroc']) for e in epochs])}")
    table(("epoch", "train loss", "validation loss", "validation AUROC"), rows)
    for name, path in (
        ("recipe", opened.recipe_path),
        ("bundle", opened.bundle_path),
        ("evaluation", opened.evaluation_path),
        ("report", opened.report_path),
    ):
        say(f"{name:<11}{path if path.exists() else '–'}")


def ui(
    root: Root = Path("runs"), port: Annotated[int, typer.Option(min=1, max=65535, help="On this machine only.")] = 5000
) -> None:
    """Open MLflow's page over the runs, on this machine only, until Ctrl-C."""
    from hilum.runs import tracker_ui_command

    command = tracker_ui_command(root, port=port)
    say(f"MLflow over {root} → http://127.0.0.1:{port}   (Ctrl-C ends it)")
    raise typer.Exit(subprocess.call(command))  # noqa: S603 - our own interpreter


def sync(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    uri: Annotated[str | None, typer.Option(help="MLflow's tracking URI; the local store by default.")] = None,
) -> None:
    """Ship to MLflow what has not been shipped yet; nothing twice."""
    from hilum.runs import sync_run

    say(f"shipped {count(sync_run(run, uri=uri), 'event')}")


def _value(value: object) -> float:
    return float("nan") if value is None else float(str(value))


def _number(value: object) -> str:
    return "–" if value is None else f"{_value(value):.3f}"
