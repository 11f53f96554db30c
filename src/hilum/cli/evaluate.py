"""``hilum evaluate``: how good a bundle, or a file of predictions, is."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hilum.cli._terminal import follow, progress, say, wrote
from hilum.errors import InvalidValueError

__all__ = ["evaluate"]


def evaluate(
    run: Annotated[Path | None, typer.Option(help="A run folder: its bundle is evaluated, its report written.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="A bundle that lies elsewhere; needs --out.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="The manifest with the films to judge on.")] = None,
    store: Annotated[Path | None, typer.Option(help="Its pixel store.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Instead of a bundle: a CSV file of probabilities.")] = None,
    labels: Annotated[Path | None, typer.Option(help="For --predictions: NIH's label file or a manifest.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and report.html.")] = None,
    split: Annotated[str, typer.Option(help="The split to judge on.")] = "test",
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Judge on training patients too; the report says so in red.")
    ] = False,
    bootstrap: Annotated[int, typer.Option(min=0, help="Replicates for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the replicates.")] = 0,
) -> None:
    """Judge on films never used in training: AUROC and AUPRC with intervals by patient, the table at the thresholds."""
    command = shlex.join(["hilum", *sys.argv[1:]])
    if predictions:
        if not labels or not out:
            raise InvalidValueError(
                "--predictions needs --labels (NIH's label file or a manifest) and --out (a folder)"
            )
        _evaluate_file(predictions, labels, out, bootstrap=bootstrap, seed=seed, command=command)
        return
    if not manifest or not store or (not run and not (bundle and out)):
        raise InvalidValueError(
            "expected --run (or --bundle and --out) with --manifest and --store, or --predictions with --labels and --out"
        )
    from hilum.cli._study import judge_bundle, judge_run, show_evaluation
    from hilum.data import PixelStore, read_manifest

    films, pixels = read_manifest(manifest), PixelStore(store)
    settings = {"split": split, "bootstrap": bootstrap, "seed": seed, "allow_overlap": allow_overlap}
    with progress("evaluating") as on_progress:
        if run:
            evaluation, page = judge_run(run, films, pixels, command=command, on_progress=on_progress, **settings)
        else:
            evaluation, page = judge_bundle(
                bundle, films, pixels, out, command=command, on_progress=on_progress, **settings
            )
    show_evaluation(evaluation)
    wrote(page)
    if run:
        follow(
            f"hilum predict FILM… --bundle {run / 'bundle'}", f"hilum explain FILM… --bundle {run / 'bundle'} --out DIR"
        )


def _evaluate_file(predictions: Path, labels: Path, out: Path, *, bootstrap: int, seed: int, command: str) -> None:
    from hilum.cli._study import show_evaluation
    from hilum.evaluation import evaluate_predictions
    from hilum.reporting import write_report
    from hilum.runs import write_text

    evaluation = evaluate_predictions(predictions, labels, bootstrap=bootstrap, seed=seed, command=command)
    write_text(out / "evaluation.json", evaluation.to_json())
    page = write_report(out / "report.html", evaluation)
    show_evaluation(evaluation)
    for reason, n in evaluation.counts.items():
        say(f"{n:,} {reason}")
    wrote(out / "evaluation.json", page)
