"""``hilum evaluate --recalibrate``: a bundle's rules fitted anew on local films, judged, and sealed."""

from pathlib import Path
from typing import TYPE_CHECKING

from hilum.cli._terminal import follow, progress, say, table, wrote
from hilum.errors import InvalidValueError
from hilum.findings import title_of
from hilum.wording import fixed, measured

if TYPE_CHECKING:
    from hilum.cli._study import JudgeSettings
    from hilum.evaluation import RecalibrationStudy

__all__ = ["recalibrate_into"]


def recalibrate_into(
    out: Path, bundle: Path, manifest: Path, store: Path, *, split: str | None, settings: "JudgeSettings"
) -> None:
    """Write bundle, ``evaluation.json``, ``before.json``, report and model card into ``out``; print what changed.

    Raises:
        InvalidValueError: ``out`` is where the bundle lies, or a run folder.
    """
    from hilum.cli._study import count_look, show_evaluation
    from hilum.data import PixelStore, read_manifest
    from hilum.evaluation import recalibrate_bundle
    from hilum.inference import Predictor
    from hilum.models import load_bundle, reseal_bundle
    from hilum.reporting import model_card, write_card, write_figures, write_report
    from hilum.runs import Ledger, write_text

    _refuse_in_place(out, bundle)
    old = load_bundle(bundle)
    films, pixels = read_manifest(manifest), PixelStore(store)
    with progress("judging") as on_progress:
        study = recalibrate_bundle(
            Predictor(old),
            films,
            pixels,
            split=split,
            bootstrap=settings.bootstrap,
            seed=settings.seed,
            command=settings.command,
            on_progress=on_progress,
        )
    reseal_bundle(old, out / "bundle", spec=study.spec, model_card=model_card(study.spec))
    evaluation = count_look(study.after, Ledger(out))
    write_text(out / "evaluation.json", evaluation.to_json())
    write_text(out / "before.json", study.before.to_json())
    write_figures(evaluation, out / "figures")
    page = write_report(out / "report.html", evaluation, spec=study.spec)
    card = write_card(out / "MODEL_CARD.md", study.spec, evaluation)
    show_evaluation(evaluation)
    _show_change(study)
    wrote(out / "bundle", out / "evaluation.json", out / "before.json", page, card)
    follow(f"hilum predict FILM… --bundle {out / 'bundle'}")


def _refuse_in_place(out: Path, bundle: Path) -> None:
    """Refuse to put the new bundle where one lies that was trained: nothing could be compared with it any more."""
    if (out / "bundle").resolve() == bundle.resolve() or (out / "journal.jsonl").is_file():
        raise InvalidValueError(
            f"--out {out} would put the recalibrated bundle in the place of {out / 'bundle'}: expected a folder of its "
            "own for it"
        )


def _show_change(study: "RecalibrationStudy") -> None:
    rows = [
        (
            title_of(name),
            measured(study.before.findings[name].calibration.ece),
            measured(study.after.findings[name].calibration.ece),
            fixed(study.before.findings[name].operating_point.threshold, 2),
            fixed(study.spec.findings[name].threshold, 2),
        )
        for name in study.fitted
    ]
    table(("recalibrated", "ECE before", "ECE after", "threshold before", "after"), rows)
    if study.spec.recalibration:
        say(study.spec.recalibration.note)
