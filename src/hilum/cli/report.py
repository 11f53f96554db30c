"""``hilum report``: one self-contained HTML file about a run or an evaluation."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import wrote
from hilum.errors import RunError

if TYPE_CHECKING:
    from hilum.records import BundleSpec, Evaluation
    from hilum.reporting import GalleryFilm
    from hilum.runs import Run

__all__ = ["report"]


def report(
    source: Annotated[
        Path, typer.Argument(help="A run folder that was evaluated, a folder with an evaluation.json, or that file.")
    ],
    out: Annotated[Path | None, typer.Option(help="The HTML file; beside the source by default.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="The run's manifest: its films are read again, and the gallery is drawn.")
    ] = None,
) -> None:
    """Write the report anew from what was measured; without --manifest the gallery of films is left out."""
    from hilum.records import Evaluation
    from hilum.reporting import write_report
    from hilum.runs import Run

    if source.is_dir() and not (source / "journal.jsonl").exists() and (source / "evaluation.json").is_file():
        source = source / "evaluation.json"  # what --predictions and --bundle write
    if source.is_dir():
        run = Run.open(source)
        if not run.evaluation_path.is_file():
            raise RunError(f"{source} was not evaluated yet: `hilum evaluate --run {source} --manifest … --store …`")
        evaluation = Evaluation.from_json(run.evaluation_path.read_bytes(), source=str(run.evaluation_path))
        page = write_report(
            out or run.report_path,
            evaluation,
            history=[event for event in run.journal.read() if event["kind"] == "epoch"],
            gallery=_gallery(run, manifest, evaluation) if manifest else (),
            recipe=run.read_recipe(),
            spec=_spec(run, evaluation),
        )
    elif source.is_file():
        if manifest:
            raise RunError(
                "--manifest goes with a run folder: an evaluation.json alone does not say which film was what"
            )
        evaluation = Evaluation.from_json(source.read_bytes(), source=str(source))
        page = write_report(out or source.with_name("report.html"), evaluation)
    else:
        raise RunError(f"there is no {source}: name a run folder or an evaluation.json")
    wrote(page)


def _spec(run: "Run", evaluation: "Evaluation") -> "BundleSpec | None":
    """Read what the run's bundle says of itself; None where the bundle was taken away."""
    from hilum.records import BundleSpec

    path = run.bundle_path / "bundle.json"
    if not path.is_file():
        return None
    _refuse_other(path, evaluation.pedigree.bundle_digest, run)
    return BundleSpec.from_json(path.read_bytes(), source=str(path))


def _refuse_other(path: Path, digest: str, run: "Run") -> None:
    """Refuse a file that is not the one of the evaluation; of an evaluation that does not say, any is taken."""
    from hilum.runs import file_digest

    if digest and file_digest(path) != digest:
        raise RunError(
            f"{path} is not the one that was evaluated: it was changed or written anew since. Evaluate again: "
            f"`hilum evaluate --run {run.folder} --manifest … --store …`"
        )


def _gallery(run: "Run", manifest: Path, evaluation: "Evaluation") -> "list[GalleryFilm]":
    from hilum.cli._gallery import make_gallery
    from hilum.data import read_manifest
    from hilum.evaluation import read_predictions
    from hilum.inference import Predictor
    from hilum.models import load_bundle

    path = run.evaluation_path.with_name("predictions.csv")
    _refuse_other(path, evaluation.pedigree.answers_digest, run)
    answers = read_predictions(path)
    predictor = Predictor(load_bundle(run.bundle_path))
    return make_gallery(predictor, read_manifest(manifest), answers.image_ids, answers.probabilities)
