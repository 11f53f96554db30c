"""The examination: everything that is looked for in a data set, and what was found."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from hilum.data.doctor.examination import Check, Examination
from hilum.data.doctor.films import flagged_films, lateral_films, missing_films, refused_films, strange_poses
from hilum.data.doctor.labels import (
    children,
    impossible_ages,
    label_version,
    no_known_label,
    other_labels,
    read_faults,
    same_labels,
)
from hilum.data.doctor.measurable import count_measurable, few_positives
from hilum.data.doctor.pairs import duplicate_films, duplicates_in_conflict
from hilum.data.doctor.patients import (
    age_jumps,
    bundle_apart,
    known_to_bundle,
    patients_alike,
    several_sexes,
    strange_splits,
    torn_patients,
)
from hilum.data.doctor.shortcut import audit_shortcuts, shortcut_checks
from hilum.data.doctor.subject import Subject, subject_of
from hilum.data.manifest import Manifest
from hilum.errors import ImageRefusedError
from hilum.records import DoctorReport

__all__ = ["CHECKS", "OnStage", "examine_manifest"]

OnStage = Callable[[int, int, str], None]
"""Is told how far a stage is, and its name."""

_SHOWN = 24
"""Films, or pairs, of a check that are shown as pictures."""
_PICTURE_PX = 220
_GRAVITY = {"error": 0, "warning": 1, "note": 2}

CHECKS: dict[str, Check] = {
    "patients_in_two_splits": Check("patients in two splits", torn_patients),
    "patients_of_training": Check(
        "patients a bundle was trained on", known_to_bundle, needs="bundle", passed=bundle_apart
    ),
    "label_file": Check("lines a label file may not have", read_faults),
    "label_version": Check("labels of NIH's first release", label_version),
    "other_labels": Check("labels that differ from another manifest", other_labels, needs="other", passed=same_labels),
    "no_label": Check("films without any label", no_known_label),
    "few_positives": Check("findings too rare to measure", few_positives),
    "impossible_ages": Check("ages that cannot be", impossible_ages),
    "children": Check("children", children),
    "patients_alike": Check("patient ids that are nearly the same", patients_alike),
    "several_sexes": Check("patients of two sexes", several_sexes),
    "age_jumps": Check("ages that do not fit together", age_jumps),
    "no_split": Check("films in no split", strange_splits),
    "lateral": Check("lateral films", lateral_films),
    "missing": Check("missing films", missing_films, needs="disk"),
    "refused": Check("films that cannot be read rightly", refused_films, needs="films"),
    "flagged": Check("films with a mark", flagged_films, needs="films"),
    "poses": Check("films inverted, turned or unlike the others", strange_poses, needs="films"),
    "duplicates": Check("the same film twice", duplicate_films, needs="films"),
    "duplicates_in_conflict": Check("the same film with other labels", duplicates_in_conflict, needs="films"),
}
"""Everything that is looked for, by name; probes for shortcuts stand in ``PROBES``."""

_WHY_NOT = {
    "disk": "nobody looked for the films",
    "films": "films were not opened",
    "bundle": "no bundle was given (--bundle)",
    "other": "no other manifest was given (--against)",
    "labels": "",
}


def examine_manifest(
    manifest: Manifest | Subject,
    *,
    open_films: bool = True,
    workers: int = 2,
    bundle_patients: Iterable[str] | None = None,
    against: Subject | None = None,
    cache: Path | None = None,
    on_progress: OnStage | None = None,
) -> tuple[DoctorReport, dict[str, UInt8[np.ndarray, "height width"]]]:
    """Look for everything that would make a number measured on these films wrong.

    Args:
        manifest: What is examined: a manifest, or what :func:`read_subject` read.
        open_films: Whether films are opened; without, labels and patients alone are examined.
        workers: Processes that decode.
        bundle_patients: ``training_patients`` of a bundle that is to be tested on these films.
        against: Another manifest of the same films, to compare labels with.
        cache: A file that remembers opened films, so that those that did not change are opened once.
        on_progress: Told how far each stage is.

    Returns:
        What was found, and small pictures of the first films of each check by image id.
    """
    subject = manifest if isinstance(manifest, Subject) else subject_of(manifest)
    tell = on_progress or (lambda _done, _total, _stage: None)
    examination = Examination(
        subject,
        bundle_patients=None if bundle_patients is None else frozenset(bundle_patients),
        other=against,
    )
    if open_films:
        examination = _open(examination, workers, cache, tell)
    made = {name: tuple(entry.find(examination)) for name, entry in CHECKS.items() if examination.has(entry.needs)}
    shortcuts = tuple(audit_shortcuts(examination, on_progress=_stage(tell, "probing for shortcuts")))
    found = [check for checks in (*made.values(), shortcut_checks(shortcuts)) for check in checks]
    found.sort(key=lambda check: _GRAVITY[check.severity])
    report = DoctorReport(
        source=subject.manifest.source,
        manifest_digest=subject.manifest.digest,
        n_images=len(subject.manifest),
        n_patients=subject.manifest.n_patients,
        n_opened=0 if examination.thumbnails is None else int(examination.thumbnails.readable.sum()),
        phantom=subject.manifest.phantom,
        checks=tuple(found),
        passed=tuple(CHECKS[name].praise(examination) for name, checks in made.items() if not checks),
        not_made={entry.title: _WHY_NOT[entry.needs] for name, entry in CHECKS.items() if name not in made},
        shortcuts=shortcuts,
        measurable=count_measurable(subject),
    )
    return report, _pictures(report, examination, workers, tell)


def _open(examination: Examination, workers: int, cache: Path | None, tell: OnStage) -> Examination:
    """Open every film once, and look at all of them side by side."""
    from hilum.data.doctor.duplicates import find_duplicates
    from hilum.data.doctor.pose import judge_poses
    from hilum.data.doctor.thumbnails import collect_thumbnails

    manifest = examination.subject.manifest
    on_disk: Bool[np.ndarray, " image"] = np.array([path.is_file() for path in manifest.paths()], dtype=bool)
    if not on_disk.any():
        return replace(examination, on_disk=on_disk)
    thumbnails = collect_thumbnails(manifest, workers=workers, cache=cache, on_progress=_stage(tell, "opening films"))
    return replace(
        examination,
        on_disk=on_disk,
        thumbnails=thumbnails,
        poses=judge_poses(thumbnails),
        duplicates=find_duplicates(thumbnails, on_progress=_stage(tell, "looking for films that stand twice")),
    )


def _stage(tell: OnStage, name: str) -> Callable[[int, int], None]:
    return lambda done, total: tell(done, total, name)


def _pictures(
    report: DoctorReport, examination: Examination, workers: int, tell: OnStage
) -> dict[str, UInt8[np.ndarray, "height width"]]:
    """Read again, larger, the first films of every check."""
    from hilum.imaging import FilmReader

    if examination.thumbnails is None:
        return {}
    named = [name for check in report.checks for film in check.films[:_SHOWN] for name in (film.image_id, film.other)]
    table = examination.subject.manifest.table
    readable = set(table["image_id"].to_numpy(dtype=object)[examination.thumbnails.readable])
    wanted = [name for name in dict.fromkeys(named) if name in readable]
    paths: Mapping[str, str] = dict(zip(table["image_id"], table["path"], strict=True))
    pictures = {}
    with FilmReader(workers=workers) as reader:
        squares = reader.squares([Path(paths[name]) for name in wanted], _PICTURE_PX)
        for done, (name, square) in enumerate(zip(wanted, squares, strict=True), start=1):
            if not isinstance(square, ImageRefusedError):
                pictures[name] = square
            tell(done, len(wanted), "reading pictures")
    return pictures
