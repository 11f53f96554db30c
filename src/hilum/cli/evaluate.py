"""``hilum evaluate``: how good a bundle, or a file of predictions, is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from hilum.cli._option import refuse_idle
from hilum.cli._prevalence import parse_prevalences
from hilum.cli._terminal import follow, progress, say, wrote
from hilum.errors import InvalidValueError

if TYPE_CHECKING:
    from hilum.cli._study import JudgeSettings

__all__ = ["evaluate"]


def evaluate(
    context: typer.Context,
    run: Annotated[Path | None, typer.Option(help="A run folder: its bundle is evaluated, its report written.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="A bundle that lies elsewhere; needs --out.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="The manifest with the films to judge on, split.")] = None,
    store: Annotated[Path | None, typer.Option(help="The pixel store of its films.")] = None,
    predictions: Annotated[Path | None, typer.Option(help="Instead of a bundle: a CSV file of probabilities.")] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="For --predictions: NIH's label file, a manifest, or the labels of another public set."),
    ] = None,
    fit_on: Annotated[
        Path | None,
        typer.Option(help="For --predictions: those of other films, to fit calibration and thresholds on."),
    ] = None,
    cross_fit: Annotated[
        int | None,
        typer.Option(min=2, help="For --predictions: fit on the judged films, in folds of patients."),
    ] = None,
    prevalence: Annotated[
        str, typer.Option(help="How common findings are where you are, for predictive values: Effusion=0.05,Mass=0.01.")
    ] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for evaluation.json and report.html.")] = None,
    split: Annotated[str | None, typer.Option(help="The split to judge on; test if not given.")] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Judge on training patients too; the report says so in red.")
    ] = False,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Resamples of the patients, for the intervals; 0 for none.")
    ] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resamples.")] = 0,
    recalibrate: Annotated[
        bool,
        typer.Option(
            "--recalibrate",
            help="Fit a bundle's calibration and thresholds on --manifest's films; new bundle in --out.",
        ),
    ] = False,
    tracker: Annotated[
        str | None,
        typer.Option(help="Who is told of a run's evaluation: mlflow, none, or auto (if not given): mlflow if there."),
    ] = None,
) -> None:
    """Judge on films never used in training: AUROC and AUPRC with intervals by patient, the table at the thresholds."""
    from hilum.cli._study import JudgeSettings

    prevalences = parse_prevalences(prevalence)
    settings = JudgeSettings(split or "test", bootstrap, seed, allow_overlap, str(context.obj), prevalences)
    of_bundles = {
        "--run": run,
        "--bundle": bundle,
        "--manifest": manifest,
        "--store": store,
        "--split": split,
        "--allow-overlap": allow_overlap,
        "--recalibrate": recalibrate,
    }
    if predictions:
        refuse_idle({**of_bundles, "--tracker": tracker}, "--predictions", "it goes with --labels and --out alone")
        if not out:
            raise InvalidValueError(
                "--predictions needs --labels (NIH's label file, a manifest, another set's, or columns "
                "target_<Finding> in the file itself) and --out (a folder)"
            )
        _evaluate_file(predictions, labels, out, settings, fit_on=fit_on, folds=cross_fit or 0)
        return
    if not manifest or not store or bool(run) == bool(bundle):
        raise InvalidValueError(
            "expected --run RUN, or --bundle BUNDLE --out DIR, each with --manifest and --store; "
            "or --predictions with --labels and --out"
        )
    refuse_idle({"--labels": labels}, "a bundle", "its films' labels stand in --manifest")
    refuse_idle({"--fit-on": fit_on, "--cross-fit": cross_fit}, "a bundle", "it has its own; --recalibrate fits anew")
    if recalibrate:
        refuse_idle(
            {"--allow-overlap": allow_overlap, "--tracker": tracker, "--prevalence": prevalence or None},
            "--recalibrate",
            "it makes a new bundle from films of other patients",
        )
        if not out:
            raise InvalidValueError("--recalibrate needs --out, the folder for the new bundle and its report")
        _recalibrate(run, bundle, manifest, store, out, split, settings)
        return
    if run:
        if out:
            raise InvalidValueError("--out goes with --bundle; a run keeps its evaluation in its own folder")
        _evaluate_run(run, manifest, store, settings, tracker or "auto")
    elif bundle:
        if not out:
            raise InvalidValueError("--bundle needs --out, the folder for evaluation.json and report.html")
        refuse_idle({"--tracker": tracker}, "--bundle", "only a run is tracked")
        _evaluate_bundle(bundle, manifest, store, out, settings)


def _evaluate_run(folder: Path, manifest: Path, store: Path, settings: "JudgeSettings", tracker: str) -> None:
    from hilum.cli._study import judge_run, show_evaluation, track
    from hilum.data import PixelStore, read_manifest
    from hilum.runs import Run

    Run.open(folder)
    films, pixels = read_manifest(manifest), PixelStore(store)
    with Run.create(folder, resume=True) as run, progress("judging") as on_progress:
        track(run, tracker)
        evaluation = judge_run(run, films, pixels, settings, on_progress=on_progress)
    show_evaluation(evaluation)
    beside = (run.evaluation_path.with_name(name) for name in ("predictions.csv", "MODEL_CARD.md"))
    wrote(run.evaluation_path, *beside, run.report_path)
    follow(
        f"hilum predict FILM… --bundle {run.bundle_path}", f"hilum explain FILM… --bundle {run.bundle_path} --out DIR"
    )


def _recalibrate(
    run: Path | None,
    bundle: Path | None,
    manifest: Path,
    store: Path,
    out: Path,
    split: str | None,
    settings: "JudgeSettings",
) -> None:
    from hilum.cli._recalibrate import recalibrate_into
    from hilum.cli._study import bundle_of
    from hilum.runs import Run

    source = bundle_of(Run.open(run)) if run else cast("Path", bundle)
    recalibrate_into(out, source, manifest, store, split=split, settings=settings)


def _evaluate_bundle(bundle: Path, manifest: Path, store: Path, out: Path, settings: "JudgeSettings") -> None:
    from hilum.cli._study import judge_bundle, show_evaluation
    from hilum.data import PixelStore, read_manifest

    films, pixels = read_manifest(manifest), PixelStore(store)
    with progress("judging") as on_progress:
        evaluation = judge_bundle(bundle, films, pixels, out, settings, on_progress=on_progress)
    show_evaluation(evaluation)
    wrote(*(out / name for name in ("evaluation.json", "predictions.csv", "report.html", "MODEL_CARD.md")))


def _evaluate_file(
    predictions: Path, labels: Path | None, out: Path, settings: "JudgeSettings", *, fit_on: Path | None, folds: int
) -> None:
    from hilum.cli._study import count_look, show_evaluation
    from hilum.evaluation import evaluate_predictions
    from hilum.reporting import write_figures, write_report
    from hilum.runs import Ledger, write_text

    evaluation = evaluate_predictions(
        predictions,
        labels,
        fit_on=fit_on,
        folds=folds,
        prevalences=settings.prevalences,
        predictions_path=out / "predictions.csv",
        bootstrap=settings.bootstrap,
        seed=settings.seed,
        command=settings.command,
    )
    evaluation = count_look(evaluation, Ledger(out))
    write_text(out / "evaluation.json", evaluation.to_json())
    write_figures(evaluation, out / "figures")
    page = write_report(out / "report.html", evaluation)
    show_evaluation(evaluation)
    for reason, n in evaluation.counts.items():
        if n:
            say(f"{n:,} {reason if n != 1 else reason.replace('films', 'film', 1)}")
    wrote(out / "evaluation.json", out / "predictions.csv", page)
