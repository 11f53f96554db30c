"""The report of a study: one HTML file that stands alone, is read on a phone and prints on A4."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hilum.records import Evaluation
from hilum.reporting.confusion import confusion_matrices
from hilum.reporting.evaluation_chart import calibration_charts, forest_chart, history_chart, pr_charts, roc_charts
from hilum.reporting.gallery import GalleryFilm, error_parts, film_card
from hilum.reporting.history import history_pictures
from hilum.reporting.page import render_page
from hilum.reporting.table import classification_rows, finding_rows
from hilum.reporting.wording import DASH, headline
from hilum.runs import write_text

__all__ = ["write_report"]


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    history: Sequence[Mapping[str, object]] = (),
    gallery: Sequence[GalleryFilm] = (),
    recipe: str = "",
) -> Path:
    """Write the report; every number in it stands in the evaluation.

    Args:
        path: The HTML file; one that lies there is replaced.
        evaluation: The study.
        history: A run's journal, or its ``epoch`` events; without any the section on training is left out.
        gallery: Films to show; without any the section is left out.
        recipe: The resolved recipe, as text; folded at the end.

    Returns:
        ``path``.

    Raises:
        StorageError: The disk is full or cannot be written; an older report is still good.
    """
    matrices = confusion_matrices(evaluation)
    pictures = history_pictures(history)
    errors = error_parts(gallery)
    page = render_page(
        "report.html",
        title=evaluation.title or "Evaluation",
        evaluation=evaluation,
        pedigree=evaluation.pedigree,
        headline=headline(evaluation),
        sections=_sections(
            training=bool(pictures), films=len(gallery) > sum(len(part.films) for part in errors), errors=bool(errors)
        ),
        forest=forest_chart(evaluation),
        forest_narrow=forest_chart(evaluation, narrow=True),
        thresholds_from=_thresholds_from(evaluation),
        finding_table=finding_rows(evaluation),
        classification_table=classification_rows(evaluation),
        roc=roc_charts(evaluation),
        pr=pr_charts(evaluation),
        calibration=calibration_charts(evaluation),
        confusion=matrices,
        confusion_note="" if all(m.defined for m in matrices) else f"{DASH} no threshold could be chosen.",
        history=[history_chart(picture) for picture in pictures],
        films=[film_card(film) for film in gallery if film.error is None],
        errors=errors,
        pedigree_lines=_pedigree_lines(evaluation),
        recipe=recipe,
    )
    write_text(path, page)
    return path


def _sections(*, training: bool, films: bool, errors: bool) -> list[tuple[str, str]]:
    """Return anchor and words of every section that is there."""
    sections = {
        ("findings", "Findings"): True,
        ("classification", "Classification table"): True,
        ("curves", "ROC"): True,
        ("precision", "Precision-recall"): True,
        ("calibration", "Calibration"): True,
        ("confusion", "Confusion"): True,
        ("history", "Training"): training,
        ("films", "Films"): films,
        ("errors", "Errors"): errors,
        ("pedigree", "Pedigree"): True,
    }
    return [section for section, there in sections.items() if there]


def _thresholds_from(evaluation: Evaluation) -> str:
    words = evaluation.pedigree.thresholds_from
    return f"chosen on {words}" if words == "validation" else words


def _pedigree_lines(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return what the numbers come from, line by line; what is unknown is said to be."""
    pedigree = evaluation.pedigree
    patients = f"{pedigree.n_patients:,}" if pedigree.n_patients else "unknown"
    lines = {
        "command": pedigree.command,
        "commit": pedigree.commit,
        "version": pedigree.version,
        "date": pedigree.date,
        "split": pedigree.split,
        "films": f"{pedigree.n_images:,}",
        "patients": patients,
        "intervals": pedigree.intervals,
        "resamples": f"{pedigree.n_bootstrap:,}",
        "seed": f"{pedigree.seed}",
        "thresholds": _thresholds_from(evaluation),
        "digest of the labels": pedigree.data_digest,
        "digest of the split": pedigree.split_digest,
        "digest of the bundle": pedigree.bundle_digest,
        "digest of the predictions": pedigree.predictions_digest,
        "schema": f"evaluation {evaluation.schema_version}",
    }
    return [(name, value or f"{DASH} not given") for name, value in lines.items()]
