"""Verbs that are more than one call: train with a tracker; judge a bundle and write everything down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.cli._gallery import make_gallery
from hilum.cli._terminal import OnProgress, complain, mind, show_flags, table
from hilum.cli._training_view import watch_training
from hilum.findings import NO_FINDING, title_of
from hilum.records import MEASURABLE_POSITIVES
from hilum.wording import fixed, measured

if TYPE_CHECKING:
    from hilum.data import Manifest, PixelStore
    from hilum.inference import Predictor
    from hilum.models import Bundle
    from hilum.records import BundleSpec, Evaluation
    from hilum.reporting import GalleryFilm
    from hilum.runs import Ledger, Run
    from hilum.training import Recipe

__all__ = [
    "JudgeSettings",
    "bundle_of",
    "count_look",
    "judge_bundle",
    "judge_run",
    "show_evaluation",
    "track",
    "train_run",
    "write_run_report",
]


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
    """How a bundle, or a file of predictions, is judged.

    Attributes:
        split: Of a bundle, the films of the manifest.
        bootstrap: Resamples for the intervals.
        seed: Of the resamples.
        allow_overlap: Of a bundle, whether patients of the training may be among them.
        command: The command line, for the pedigree.
        prevalences: How common findings are where the user is.
    """

    split: str = "test"
    bootstrap: int = 1000
    seed: int = 0
    allow_overlap: bool = False
    command: str = ""
    prevalences: Mapping[str, float] = field(default_factory=dict)


def bundle_of(run: "Run") -> Path:
    """Return where a run's bundle lies.

    Raises:
        RunError: The run has no bundle yet.
    """
    from hilum.errors import RunError

    if not run.bundle_path.is_dir():
        raise RunError(
            f"the run {run.folder} was not trained to its end yet: `hilum train --resume --out {run.folder}`"
        )
    return run.bundle_path


def judge_run(
    run: "Run", manifest: "Manifest", store: "PixelStore", settings: JudgeSettings, *, on_progress: OnProgress
) -> "Evaluation":
    """Judge a run's bundle; write evaluation, predictions, figures and report into the run, and tell its journal.

    Raises:
        RunError: The run has no bundle yet.
    """
    from hilum.inference import Predictor
    from hilum.models import load_bundle
    from hilum.runs import Ledger

    predictor = Predictor(load_bundle(bundle_of(run)))
    folder = run.evaluation_path.parent
    evaluation, gallery = _judge(predictor, manifest, store, folder, settings, on_progress, ledger=Ledger(run.folder))
    write_run_report(run, evaluation, gallery, spec=predictor.bundle.spec)
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
    from hilum.reporting import write_card, write_figures, write_report
    from hilum.runs import Ledger

    predictor = Predictor(load_bundle(bundle))
    evaluation, gallery = _judge(predictor, manifest, store, out, settings, on_progress, ledger=Ledger(out))
    write_figures(evaluation, out / "figures")
    write_report(out / "report.html", evaluation, gallery=gallery, spec=predictor.bundle.spec)
    write_card(out / "MODEL_CARD.md", predictor.bundle.spec, evaluation)
    return evaluation


def _judge(
    predictor: "Predictor",
    manifest: "Manifest",
    store: "PixelStore",
    folder: Path,
    settings: JudgeSettings,
    on_progress: OnProgress,
    *,
    ledger: "Ledger",
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
        predictions_path=folder / "predictions.csv",
        prevalences=settings.prevalences,
        qualities=True,
        bootstrap=settings.bootstrap,
        seed=settings.seed,
        command=settings.command,
        on_progress=on_progress,
    )
    evaluation = count_look(evaluation, ledger)
    write_text(folder / "evaluation.json", evaluation.to_json())
    return evaluation, make_gallery(predictor, manifest, image_ids, probabilities)


def count_look(evaluation: "Evaluation", ledger: "Ledger") -> "Evaluation":
    """Write down that these films were looked at, and say in the evaluation how often that was."""
    pedigree = evaluation.pedigree
    return evaluation.model_copy(update={"looks": ledger.record(pedigree.data_digest, pedigree.split)})


def write_run_report(
    run: "Run", evaluation: "Evaluation", gallery: "Sequence[GalleryFilm]", *, spec: "BundleSpec"
) -> None:
    """Write a run's figures, its report, and the bundle's model card with what was measured."""
    from hilum.reporting import write_card, write_figures, write_report

    history = [event for event in run.journal.read() if event["kind"] == "epoch"]
    recipe = run.read_recipe()
    write_figures(evaluation, run.evaluation_path.parent / "figures", history=history)
    write_report(run.report_path, evaluation, history=history, gallery=gallery, recipe=recipe, spec=spec)
    write_card(run.evaluation_path.with_name("MODEL_CARD.md"), spec, evaluation)


def show_evaluation(evaluation: "Evaluation") -> None:
    """Print the red flags, the table of findings, the means and the warnings."""
    show_flags(evaluation.red_flags)
    rows: list[Sequence[str]] = [
        (
            title_of(name),
            measured(finding.auroc),
            fixed(finding.auprc.value, 2),
            fixed(finding.operating_point.sensitivity.value, 2),
            fixed(finding.operating_point.specificity.value, 2),
            fixed(finding.operating_point.threshold, 2),
            f"{finding.auroc.n_positive:,}",
        )
        for name, finding in evaluation.findings.items()
    ]
    if evaluation.no_finding:
        nothing = evaluation.no_finding.auroc
        rows.append((NO_FINDING, measured(nothing), *[""] * 4, f"{nothing.n_positive:,}"))
    macro, measurable = evaluation.macro["auroc"], evaluation.measurable["auroc"]
    rows.append((f"mean of {macro.n_findings}", measured(macro), *[""] * 5))
    if measurable.findings and measurable.findings != macro.findings:
        rows.append((f"mean of {measurable.n_findings}", measured(measurable), *[""] * 4, f"≥ {MEASURABLE_POSITIVES}"))
    table(("finding", "AUROC (95 %)", "AUPRC", "sens", "spec", "threshold", "films"), rows)
    mind(evaluation.warnings)
    if evaluation.looks > 1:
        mind([f"look {evaluation.looks} at these films in this folder: what is chosen by looking flatters."])


def _metrics(evaluation: "Evaluation") -> dict[str, float]:
    """Return the few numbers that a tracker compares runs by."""
    means = {f"macro_{name}": metric.value for name, metric in evaluation.macro.items()}
    return means | {f"auroc/{name}": finding.auroc.value for name, finding in evaluation.findings.items()}
