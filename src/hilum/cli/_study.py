"""Verbs that are more than one call: train with a tracker, judge a bundle and write everything down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.cli._terminal import OnProgress, complain
from hilum.cli._training_view import watch_training
from hilum.findings import NO_FINDING, get_finding

if TYPE_CHECKING:
    import numpy as np

    from hilum.data import Manifest, PixelStore
    from hilum.inference import Predictor
    from hilum.models import Bundle
    from hilum.records import Evaluation
    from hilum.reporting import GalleryFilm
    from hilum.runs import Run
    from hilum.training import Recipe

__all__ = ["Judged", "judge", "show_evaluation", "train_run", "write_run_report"]

_GALLERY_FILMS = 12


def train_run(
    manifest: "Manifest", store: "PixelStore", recipe: "Recipe", folder: Path, *, resume: bool, tracker: str
) -> "Bundle":
    """Train in a run folder, watched on the terminal and by the tracker."""
    from hilum.reporting import model_card
    from hilum.runs import Run
    from hilum.training import train

    with Run.create(folder, resume=resume) as run, watch_training() as view:
        _track(run, tracker)
        return train(manifest, store, recipe, run=run, write_card=model_card, on_event=view.on_event)


def _track(run: "Run", name: str) -> None:
    from hilum.errors import MissingExtraError
    from hilum.runs import get_tracker

    if name != "auto":
        get_tracker(name).start(run)
        return
    try:
        get_tracker("mlflow").start(run)
    except MissingExtraError as error:
        complain(f"not tracked in MLflow: {error}")


@dataclass(frozen=True)
class Judged:
    """A bundle's evaluation on a split, and the gallery that goes with it."""

    evaluation: "Evaluation"
    gallery: "list[GalleryFilm]"


def judge(
    predictor: "Predictor",
    manifest: "Manifest",
    store: "PixelStore",
    *,
    folder: Path,
    split: str,
    command: str,
    bootstrap: int,
    seed: int,
    allow_overlap: bool,
    on_progress: OnProgress | None,
) -> Judged:
    """Evaluate a bundle on a split; write ``evaluation.json``, ``predictions.csv`` and the figures into ``folder``."""
    from hilum.evaluation import evaluate_bundle
    from hilum.runs import write_text

    evaluation, probabilities, image_ids = evaluate_bundle(
        predictor,
        manifest,
        store,
        split=split,
        allow_overlap=allow_overlap,
        overlap_path=folder / "overlap.csv",
        bootstrap=bootstrap,
        seed=seed,
        command=command,
        on_progress=on_progress,
    )
    write_text(folder / "evaluation.json", evaluation.to_json())
    write_text(folder / "predictions.csv", _probability_csv(image_ids, predictor.findings, probabilities))
    gallery = _gallery(predictor, manifest, store, image_ids, probabilities)
    return Judged(evaluation, gallery)


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print the table of findings and the means."""
    from hilum.cli._terminal import say, table

    rows = [
        (
            get_finding(name).title,
            _interval(finding.auroc),
            _number(finding.auprc.value),
            _number(finding.operating_point.sensitivity.value),
            _number(finding.operating_point.specificity.value),
            _number(finding.operating_point.threshold),
            f"{finding.auroc.n_positive:,}",
        )
        for name, finding in evaluation.findings.items()
    ]
    if evaluation.no_finding:
        rows.append((NO_FINDING, _interval(evaluation.no_finding.auroc), *[""] * 5))
    macro = evaluation.macro["auroc"]
    rows.append((f"mean of {macro.n_findings}", _interval(macro), *[""] * 5))
    table(("finding", "AUROC (95 %)", "AUPRC", "sens", "spec", "threshold", "n"), rows)
    for warning in evaluation.warnings:
        say(f"mind: {warning}")


def write_run_report(run: "Run", evaluation: "Evaluation", gallery: "Sequence[GalleryFilm]") -> Path:
    """Write a run's report and figures, and tell the tracker of both."""
    from hilum.reporting import write_figures, write_report

    history = [event for event in run.journal.read() if event["kind"] == "epoch"]
    recipe = run.recipe_path.read_text() if run.recipe_path.is_file() else ""
    page = write_report(run.report_path, evaluation, history=history, gallery=gallery, recipe=recipe)
    write_figures(evaluation, run.evaluation_path.parent / "figures", history=history)
    return page


def _interval(metric: "Interval") -> str:
    if metric.value != metric.value:
        return "–"
    return f"{metric.value:.3f} ({metric.low:.3f}–{metric.high:.3f})"


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"
