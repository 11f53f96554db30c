"""The report of a study: one HTML file that stands alone, is read on a phone and prints on A4."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hilum.records import BundleSpec, Evaluation
from hilum.reporting.checklist import Study, fill_checklists
from hilum.reporting.confusion import confusion_matrices
from hilum.reporting.evaluation_chart import (
    calibration_charts,
    decision_charts,
    forest_chart,
    history_chart,
    pr_charts,
    roc_charts,
)
from hilum.reporting.gallery import GalleryFilm, error_parts, film_card
from hilum.reporting.headline import headline
from hilum.reporting.history import history_pictures
from hilum.reporting.measure_table import (
    calibration_rows,
    film_rows,
    predictive_rows,
    published_rows,
    rank_rows,
    rate_rows,
    refer_rows,
)
from hilum.reporting.page import render_page
from hilum.reporting.subgroup import gap_chart, subgroup_parts, subgroup_rows
from hilum.reporting.summary import looks_words, summary_lines
from hilum.reporting.table import classification_rows, finding_rows
from hilum.runs import write_text
from hilum.wording import DASH

__all__ = ["write_report"]


def write_report(
    path: Path,
    evaluation: Evaluation,
    *,
    history: Sequence[Mapping[str, object]] = (),
    gallery: Sequence[GalleryFilm] = (),
    recipe: str = "",
    spec: BundleSpec | None = None,
) -> Path:
    """Write the report; every number in it stands in the evaluation.

    Args:
        path: The HTML file; one that lies there is replaced.
        evaluation: The study; what it lacks is left out.
        history: A run's journal, or its ``epoch`` events; without any the section on training is left out.
        gallery: Films to show; without any the section is left out.
        recipe: The resolved recipe, as text; folded at the end.
        spec: The bundle that answered: it fills items of the checklists that nothing else can.

    Returns:
        ``path``.

    Raises:
        StorageError: The disk is full or cannot be written; an older report is still good.
    """
    study = Study(
        evaluation,
        spec,
        errors=any(film.error is not None for film in gallery),
        heat_maps=any(film.overlay is not None for film in gallery),
    )
    parts = _first_screen(evaluation) | _measured(evaluation) | _shown(evaluation, history, gallery)
    values = parts | {"checklists": fill_checklists(study), "pedigree_lines": _pedigree_lines(evaluation)}
    page = render_page(
        "report.html",
        title=evaluation.title or "Evaluation",
        evaluation=evaluation,
        pedigree=evaluation.pedigree,
        recipe=recipe,
        sections=_sections(values),
        **values,
    )
    write_text(path, page)
    return path


def _first_screen(evaluation: Evaluation) -> dict[str, object]:
    """Return what stands on the first screen."""
    flags = [flag for flag in evaluation.red_flags if not (evaluation.leaked and flag.code == "shared_patients")]
    return {
        "headline": headline(evaluation),
        "red_flags": flags,
        "summary": summary_lines(evaluation),
        "looks": looks_words(evaluation),
        "forest": forest_chart(evaluation),
        "forest_narrow": forest_chart(evaluation, narrow=True),
        "thresholds_from": _thresholds_from(evaluation),
    }


def _measured(evaluation: Evaluation) -> dict[str, object]:
    """Return tables and pictures of what was measured; empty or None where there is nothing to show."""
    study = evaluation.subgroups if evaluation.subgroups and evaluation.subgroups.subgroups else None
    return {
        "finding_table": finding_rows(evaluation),
        "predictive_table": predictive_rows(evaluation),
        "classification_table": classification_rows(evaluation),
        "roc": roc_charts(evaluation),
        "pr": pr_charts(evaluation),
        "calibration": calibration_charts(evaluation),
        "calibration_table": calibration_rows(evaluation),
        "decision": decision_charts(evaluation),
        "refer_table": refer_rows(evaluation),
        "rank_table": rank_rows(evaluation),
        "rate_table": rate_rows(evaluation),
        "film_table": film_rows(evaluation),
        "subgroups": study,
        "gaps": gap_chart(study) if study else "",
        "gaps_narrow": gap_chart(study, narrow=True) if study else "",
        "subgroup_table": subgroup_rows(study) if study else None,
        "subgroup_parts": subgroup_parts(study) if study else [],
        "published_table": published_rows(evaluation),
        "comparable_note": evaluation.comparable_note,
    }


def _shown(
    evaluation: Evaluation, history: Sequence[Mapping[str, object]], gallery: Sequence[GalleryFilm]
) -> dict[str, object]:
    """Return confusion matrices, training and films."""
    matrices = confusion_matrices(evaluation)
    return {
        "confusion": matrices,
        "confusion_note": "" if all(m.defined for m in matrices) else f"{DASH} no threshold could be chosen.",
        "history": [history_chart(picture) for picture in history_pictures(history)],
        "films": [film_card(film) for film in gallery if film.error is None],
        "errors": error_parts(gallery),
    }


def _sections(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return anchor and words of every section that is there."""
    sections: dict[tuple[str, str], object] = {
        ("findings", "Findings"): True,
        ("predictive", "Predictive values"): values["predictive_table"],
        ("classification", "Classification table"): True,
        ("curves", "ROC"): True,
        ("precision", "Precision-recall"): True,
        ("calibration", "Calibration"): True,
        ("decision", "Net benefit"): values["decision"],
        ("refer", "Refer zones"): values["refer_table"],
        ("rank", "Intervals and rates"): values["rank_table"],
        ("whole-films", "Whole films"): values["film_table"],
        ("confusion", "Confusion"): True,
        ("subgroups", "Subgroups"): values["subgroups"],
        ("published", "Published results"): values["published_table"] or values["comparable_note"],
        ("history", "Training"): values["history"],
        ("films", "Films"): values["films"],
        ("errors", "Errors"): values["errors"],
        ("checklists", "Checklists"): True,
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
