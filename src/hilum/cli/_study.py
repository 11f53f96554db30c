"""Verbs that are more than one call: train with a tracker; judge a bundle and write everything down."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from hilum.cli._gallery import make_gallery
from hilum.cli._terminal import OnProgress, complain, say, table
from hilum.cli._training_view import watch_training
from hilum.findings import NO_FINDING, get_finding
from hilum.records import MEASURABLE_POSITIVES

if TYPE_CHECKING:
    from hilum.data import Manifest, PixelStore
    from hilum.inference import Predictor
    from hilum.models import Bundle
    from hilum.records import Evaluation, Interval
    from hilum.reporting import GalleryFilm
    from hilum.runs import Run
    from hilum.training import Recipe

__all__ = ["JudgeSettings", "judge_bundle", "judge_run", "show_evaluation", "track", "train_run", "write_run_report"]


def train_run(run: "Run", manifest: "Manifest", store: "PixelStore", recipe: "Recipe", *, tracker: str) -> "Bundle":
    """Train in a run folder, watched on the terminal and by the tracker."""
    from hilum.reporting import model_card
    from hilum.training import train

    track(run, tracker)
    with watch_training() as view:
        return train(manifest, store, recipe, run=run, write_card=model_card, on_event=view.on_event)


def track(run: "Run", name: str) -> None:
    """Let a tracker follow the run; ``auto`` takes MLflow where it is installed, and says where it is not."""
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
class JudgeSettings:
    """How a bundle is judged.

    Attributes:
        split: The films.
        bootstrap: Resamples for the intervals.
        seed: Of the resamples.
        allow_overlap: Whether patients of the training may be among them.
        command: The command line, for the pedigree.
    """

    split: str = "test"
    bootstrap: int = 1000
    seed: int = 0
    allow_overlap: bool = False
    command: str = ""


def judge_run(
    run: "Run", manifest: "Manifest", store: "PixelStore", settings: JudgeSettings, *, on_progress: OnProgress
) -> "Evaluation":
    """Judge a run's bundle; write evaluation, predictions, figures and report into the run, and tell its journal.

    Raises:
        RunError: The run has no bundle yet.
    """
    from hilum.errors import RunError
    from hilum.inference import Predictor
    from hilum.models import load_bundle

    if not run.bundle_path.is_dir():
        raise RunError(
            f"the run {run.folder} was not trained to its end yet: `hilum train --resume --out {run.folder}`"
        )
    predictor = Predictor(load_bundle(run.bundle_path))
    folder = run.evaluation_path.parent
    evaluation, gallery = _judge(predictor, manifest, store, folder, settings, on_progress)
    write_run_report(run, evaluation, gallery)
    for name in ("evaluation", "report"):
        path = run.evaluation_path.parent if name == "evaluation" else run.report_path
        run.journal.append("artefact", name=name, path=str(path.relative_to(run.folder)))
    run.journal.append("evaluation", split=settings.split, metrics=_metrics(evaluation))
    return evaluation


def judge_bundle(
    bundle: Path,
    manifest: "Manifest",
    store: "PixelStore",
    out: Path,
    settings: JudgeSettings,
    *,
    on_progress: OnProgress,
) -> "Evaluation":
    """Judge a bundle; write evaluation, predictions, figures and report into ``out``."""
    from hilum.inference import Predictor
    from hilum.models import load_bundle
    from hilum.reporting import write_figures, write_report

    predictor = Predictor(load_bundle(bundle))
    evaluation, gallery = _judge(predictor, manifest, store, out, settings, on_progress)
    write_figures(evaluation, out / "figures")
    write_report(out / "report.html", evaluation, gallery=gallery)
    return evaluation


def _judge(
    predictor: "Predictor",
    manifest: "Manifest",
    store: "PixelStore",
    folder: Path,
    settings: JudgeSettings,
    on_progress: OnProgress,
) -> "tuple[Evaluation, list[GalleryFilm]]":
    """Write ``evaluation.json`` and ``predictions.csv`` into ``folder``; refused films go into ``overlap.csv``."""
    from hilum.evaluation import evaluate_bundle
    from hilum.runs import write_text

    overlap = folder / "overlap.csv"
    overlap.unlink(missing_ok=True)  # of an earlier study, whose films these may not be
    evaluation, probabilities, image_ids = evaluate_bundle(
        predictor,
        manifest,
        store,
        split=settings.split,
        allow_overlap=settings.allow_overlap,
        overlap_path=overlap,
        bootstrap=settings.bootstrap,
        seed=settings.seed,
        command=settings.command,
        on_progress=on_progress,
    )
    write_text(folder / "evaluation.json", evaluation.to_json())
    write_text(folder / "predictions.csv", _probability_csv(image_ids, predictor.findings, probabilities))
    return evaluation, make_gallery(predictor, manifest, image_ids, probabilities)


def write_run_report(run: "Run", evaluation: "Evaluation", gallery: "Sequence[GalleryFilm]") -> None:
    """Write a run's figures, and its report."""
    from hilum.reporting import write_figures, write_report

    history = [event for event in run.journal.read() if event["kind"] == "epoch"]
    recipe = run.recipe_path.read_text() if run.recipe_path.is_file() else ""
    write_figures(evaluation, run.evaluation_path.parent / "figures", history=history)
    write_report(run.report_path, evaluation, history=history, gallery=gallery, recipe=recipe)


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print the table of findings, the means and the warnings."""
    rows: list[Sequence[str]] = [
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
        nothing = evaluation.no_finding.auroc
        rows.append((NO_FINDING, _interval(nothing), *[""] * 4, f"{nothing.n_positive:,}"))
    macro, measurable = evaluation.macro["auroc"], evaluation.measurable["auroc"]
    rows.append((f"mean of {macro.n_findings}", _interval(macro), *[""] * 5))
    if measurable.findings and measurable.findings != macro.findings:
        rows.append((f"mean of {measurable.n_findings}", _interval(measurable), *[""] * 4, f"≥ {MEASURABLE_POSITIVES}"))
    table(("finding", "AUROC (95 %)", "AUPRC", "sens", "spec", "threshold", "films"), rows)
    for warning in evaluation.warnings:
        say(f"mind: {warning}")


def _probability_csv(
    image_ids: Sequence[str], findings: Sequence[str], probabilities: Float[np.ndarray, "image finding"]
) -> str:
    """Return what ``hilum evaluate --predictions`` reads."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image_id", *(f"probability_{name}" for name in findings)])
    writer.writerows([image_id, *row] for image_id, row in zip(image_ids, probabilities.tolist(), strict=True))
    return text.getvalue()


def _metrics(evaluation: "Evaluation") -> dict[str, float]:
    """Return the few numbers that a tracker compares runs by."""
    means = {f"macro_{name}": metric.value for name, metric in evaluation.macro.items()}
    return means | {f"auroc/{name}": finding.auroc.value for name, finding in evaluation.findings.items()}


def _interval(metric: "Interval") -> str:
    if metric.value != metric.value:
        return "–"
    if metric.low != metric.low:
        return f"{metric.value:.3f}"
    return f"{metric.value:.3f} ({metric.low:.3f}–{metric.high:.3f})"


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"
