"""Checks of the films themselves: missing, refused, flagged, lateral, turned, inverted, unlike the others."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hilum.data.doctor.examination import MOST_NAMED, Examination, found
from hilum.data.film_table import is_lateral
from hilum.imaging import FLAGS, REFUSALS
from hilum.records import DoctorCheck, Severity, SuspectFilm
from hilum.wording import count

__all__ = ["flagged_films", "lateral_films", "missing_films", "refused_films", "strange_poses"]

_REFUSED_TITLES = {
    "truncated": "films cut short",
    "undecodable": "corrupt films",
    "empty": "empty files",
    "colour": "films in colour",
    "multi_frame": "files of several films",
    "format": "files that are no films",
    "view": "lateral films, by their header",
    "not_a_chest_radiograph": "blank films",
    "too_costly": "films that cost too much to decode",
}


@dataclass(frozen=True)
class _FlagRule:
    """How grave a flag is in a data set, and what to do."""

    title: str
    severity: Severity
    fix: str


_LOOK = "Look at them: the page shows the first. Export them right, or leave them out."

_FLAG_RULES = {
    # Of single films; the set's own judge, which knows its films, does not agree, or they would be named by their pose.
    "polarity": _FlagRule("films that look inverted, taken alone", "note", _LOOK),
    "polarity_header": _FlagRule("headers that contradict themselves about polarity", "warning", _LOOK),
    "turned": _FlagRule("films that look turned, taken alone", "note", _LOOK),
    "mirrored": _FlagRule("films said to be mirrored", "note", _LOOK),
    "unlike_chest": _FlagRule("films unlike a frontal chest film, taken alone", "warning", _LOOK),
    "burned_in": _FlagRule(
        "text in the pixels, by the header",
        "warning",
        "It may name patients: look at them before you pass them on. `hilum data deidentify` cannot wash pixels.",
    ),
    "burned_in_text": _FlagRule(
        "text in the pixels",
        "note",
        "Most are markers (PORTABLE, times, a side), which a network can read: see the shortcut audit. Some may name "
        "patients: look at them before you pass films on; `hilum data deidentify` sets them aside.",
    ),
    "colour_marks": _FlagRule(
        "coloured marks",
        "warning",
        "Marks are drawn where a finding is: a network learns the mark. Take the originals.",
    ),
    "collimated": _FlagRule(
        "wide borders around the exposed field", "note", "Compare the shortcut audit's borders: they may tell the ward."
    ),
    "small": _FlagRule("films too small for most findings", "note", "Take the originals where you have them."),
    "age": _FlagRule("children and ages that cannot be, by the header", "note", "Report them apart."),
}


_SAME_AS = {"inverted": "polarity", "upside_down": "turned", "sideways": "turned"}
"""Poses to the flag that says the same; a film is named once, by its pose."""


def missing_films(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that the manifest lists and the disk does not hold."""
    there = examination.on_disk
    if there is None:
        return
    rows = np.flatnonzero(~there)
    all_gone = not there.any()
    yield from found(
        examination,
        rows,
        severity="warning",
        words=(
            "missing",
            "missing films",
            "{n} {are} not there" + (": not one film was found, labels alone were examined." if all_gone else "."),
            "Copy them to where the manifest expects them, or import anew with the right folder (--images).",
        ),
        excludes=not all_gone,
    )


def refused_films(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that hilum does not answer for: corrupt, cut short, blank, in colour, of another body part ..."""
    problems = examination.thumbnails.problems if examination.thumbnails else {}
    by_code: dict[str, list[int]] = defaultdict(list)
    for row, (code, _) in sorted(problems.items()):
        by_code[code].append(row)
    # The advice stands once, as what to do.
    reasons = {row: said.removesuffix(REFUSALS.get(code, "")).rstrip() for row, (code, said) in problems.items()}
    for code in sorted(by_code, key=lambda name: -len(by_code[name])):
        if code == "missing":
            continue
        yield from found(
            examination,
            by_code[code],
            severity="warning",
            words=(
                f"refused_{code}",
                _REFUSED_TITLES.get(code, f"refused films ({code})"),
                "{n} {are} refused: " + _braced(reasons[by_code[code][0]]),
                REFUSALS.get(code, "Export them anew."),
            ),
            details=lambda row: reasons[row],
            excludes=True,
        )


def _braced(text: str) -> str:
    return text.replace("{", "(").replace("}", ")")


def lateral_films(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that the view column calls lateral."""
    views = examination.subject.manifest.table["view"].fillna("").astype(str).str.strip().str.upper().tolist()
    yield from found(
        examination,
        [row for row, view in enumerate(views) if is_lateral(view)],
        severity="warning",
        words=(
            "lateral",
            "lateral films",
            "{n} {are} lateral by the view column; hilum answers for frontal films alone.",
            "Leave them out.",
        ),
        details=lambda row: views[row],
        excludes=True,
    )


def flagged_films(examination: Examination) -> Iterator[DoctorCheck]:
    """Films that were read, with something a reader should know (``imaging.FLAGS``): text in the pixels, marks ..."""
    flags = examination.thumbnails.flags if examination.thumbnails else []
    by_code: dict[str, list[int]] = defaultdict(list)
    seen = {(_SAME_AS.get(suspect.kind), suspect.row) for suspect in examination.poses}
    for row, codes in enumerate(flags):
        for code in codes:
            if (code, row) not in seen:
                by_code[code].append(row)
    for code, rule in _FLAG_RULES.items():
        yield from found(
            examination,
            by_code.get(code, []),
            severity=rule.severity,
            words=(f"flag_{code}", rule.title, "{n}. " + FLAGS.get(code, ""), rule.fix),
        )
    yield from _harmless(examination, {code: rows for code, rows in by_code.items() if code not in _FLAG_RULES})


def _harmless(examination: Examination, by_code: dict[str, list[int]]) -> Iterator[DoctorCheck]:
    if not by_code:
        return
    rows = sorted({row for rows in by_code.values() for row in rows})
    counts = ", ".join(
        f"{code} {len(rows):,}" for code, rows in sorted(by_code.items(), key=lambda item: -len(item[1]))
    )
    yield from found(
        examination,
        rows,
        severity="note",
        words=(
            "flags",
            "marks that need nothing done",
            f"{{n}} with a mark of little weight ({counts}).",
            "`hilum data doctor FILM` says what each means.",
        ),
    )


_POSES: dict[str, tuple[str, Severity, str, bool]] = {
    "inverted": ("films that look inverted", "warning", "dense tissue dark", True),
    "upside_down": ("films upside down", "warning", "turned by 180 degrees", True),
    "sideways": ("films on their side", "warning", "turned by 90 degrees", True),
    "mirrored": (
        "films that look mirrored",
        "note",
        "heart on the other side: a mirrored copy, or situs inversus",
        False,
    ),
    "unlike_the_others": (
        "films unlike all others",
        "note",
        "lateral, another part of the body, or a bad exposure",
        False,
    ),
}


def strange_poses(examination: Examination) -> Iterator[DoctorCheck]:
    """Films whose pixels look inverted, upside down, on their side, mirrored, or unlike all others."""
    image_ids = examination.subject.image_ids
    for kind, (title, severity, meaning, excludes) in _POSES.items():
        suspects = sorted((one for one in examination.poses if one.kind == kind), key=lambda one: -one.confidence)
        if not suspects:
            continue
        yield DoctorCheck(
            code=f"pose_{kind}",
            title=title,
            severity=severity,
            sentence=f"{count(len(suspects), 'film')} of those that could be opened, by the pixels: {meaning}.",
            fix=f"{_LOOK} Some may be right as they are." if excludes else _LOOK,
            n_films=len(suspects),
            films=tuple(
                SuspectFilm(image_id=image_ids[one.row], detail=f"confidence {one.confidence:.2f}")
                for one in (suspects if excludes else suspects[:MOST_NAMED])
            ),
            excludes=excludes,
        )
