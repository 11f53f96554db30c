"""What the data doctor found, as a page that stands alone: counts, pictures of suspects, what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from hilum.findings import title_of
from hilum.records import MEASURABLE_POSITIVES, DoctorCheck, DoctorReport, SuspectFilm
from hilum.reporting.page import film_uri, render_page
from hilum.reporting.table import Cell, Table
from hilum.runs import write_text
from hilum.wording import DASH, count, fixed, interval

__all__ = ["write_doctor"]

_SIDE_PX = 220
_SHOWN = 24
_LISTED = 100

Pictures = Mapping[str, UInt8[np.ndarray, "height width"]]


def write_doctor(path: Path, report: DoctorReport, pictures: Pictures) -> None:
    """Write ``doctor.html``, which needs no other file.

    Args:
        path: The page.
        report: What was found.
        pictures: Films by image id; suspects without one are named alone.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    page = render_page(
        "doctor.html",
        title=_headline(report),
        report=report,
        checks=[_shown(check, pictures) for check in report.checks],
        overview=_overview(report),
        shortcuts=_shortcut_table(report),
        sentences=[probe.sentence for probe in report.shortcuts],
        measurable=_measurable_table(report),
        enough=MEASURABLE_POSITIVES,
    )
    write_text(path, page)


@dataclass(frozen=True)
class _ShownFilm:
    """A suspect with its picture, and the picture of the other film of a pair; empty where there is none."""

    film: SuspectFilm
    picture: str
    other: str


@dataclass(frozen=True)
class _ShownCheck:
    """A check with the films that are shown and those that are only named."""

    check: DoctorCheck
    number: str
    films: tuple[_ShownFilm, ...]
    named: tuple[SuspectFilm, ...]
    n_unnamed: int

    @property
    def is_shortcut(self) -> bool:
        return self.check.code.startswith("shortcut_")

    @property
    def is_of_pairs(self) -> bool:
        return any(shown.film.other for shown in self.films)


def _shown(check: DoctorCheck, pictures: Pictures) -> _ShownCheck:
    films = tuple(
        _ShownFilm(film, _uri(film.image_id, pictures), _uri(film.other, pictures))
        for film in check.films[:_SHOWN]
        if film.image_id in pictures
    )
    named = check.films[:_LISTED]
    return _ShownCheck(check, f"{check.n_films:,}", films, named, max(check.n_films - len(named), 0))


def _uri(image_id: str, pictures: Pictures) -> str:
    return film_uri(pictures[image_id], _SIDE_PX) if image_id in pictures else ""


def _headline(report: DoctorReport) -> str:
    found = [
        count(n, name) for name, n in (("error", report.count("error")), ("warning", report.count("warning"))) if n
    ]
    films = f"{count(report.n_images, 'film')} of {count(report.n_patients, 'patient')}"
    return f"{' and '.join(found)} in {films}" if found else f"{films}: nothing found that would make a number wrong"


def _overview(report: DoctorReport) -> str:
    opened = f"{count(report.n_opened, 'film')} opened" if report.n_opened else "no film was opened"
    n_excluded = len({film.image_id for check in report.checks if check.excludes for film in check.films})
    return f"{opened}; {n_excluded:,} proposed to be left out (excluded.csv)."


def _shortcut_table(report: DoctorReport) -> Table:
    """Return a row per finding and a column per probe that was measured; the means below."""
    probes = [probe for probe in report.shortcuts if probe.findings]
    table = Table(tuple(probe.title for probe in probes))
    names = list(dict.fromkeys(name for probe in probes for name in probe.findings))
    for name in names:
        table.add(title_of(name), *(Cell(fixed(probe.findings.get(name, float("nan")))) for probe in probes))
    if probes:
        table.summarise("Mean", *(Cell(fixed(probe.auroc.value), interval(probe.auroc)) for probe in probes))
    return table


def _measurable_table(report: DoctorReport) -> Table:
    splits = list(dict.fromkeys(row.split for row in report.measurable))
    table = Table(tuple(words for split in splits for words in (f"{split}: with / without", "0.8 would read")))
    by_place = {(row.split, row.finding): row for row in report.measurable}
    for finding in dict.fromkeys(row.finding for row in report.measurable):
        cells = []
        for split in splits:
            row = by_place[split, finding]
            counts = f"{row.n_positive:,} / {row.n_negative:,}"
            scarce = table.noted(counts, f"fewer than {MEASURABLE_POSITIVES} films with it or without it")
            span = interval(row.expected, 2).strip("()")
            cells += [Cell(counts) if row.measurable else scarce, Cell(span or DASH)]
        table.add(title_of(finding), *cells)
    return table
