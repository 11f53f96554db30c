"""Open-I, the Indiana collection: reports as XML files with MeSH terms, films as PNG.

Source: Demner-Fushman et al., "Preparing a collection of radiology examinations for distribution and retrieval", JAMIA
2016.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, fromstring

from hilum.data.film_folder import FilmFolder
from hilum.data.film_table import FilmRows, make_manifest
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.findings import LABEL_SETS
from hilum.wording import count

__all__ = ["read_openi"]

_SET = LABEL_SETS["openi"]
_UNKNOWN = {"No Indexing", "Technical Quality of Image Unsatisfactory"}
_NO_VIEWS = "views are unknown in this set, and about half of its films are lateral: look at them before training"
_PATIENTS = "each report counts as a patient"


def read_openi(path: Path, *, images: Sequence[Path] = ()) -> Manifest:
    """Read Open-I's reports and films.

    Args:
        path: The folder that holds the reports (``ecgen-radiology/*.xml``), at any depth.
        images: Folders of films; by default everything below ``path``.

    Returns:
        A manifest without splits and views. A finding is present where a report's MeSH terms name it, else absent;
        reports that were not indexed have every label unknown.

    Raises:
        DataError: No report, one that cannot be read, or not a single film.
    """
    if not path.is_dir():
        raise DataError(f"there is no folder {path}: name the folder of Open-I, which holds the reports (.xml)")
    files = sorted(path.rglob("*.xml"), key=lambda file: (len(file.stem), file.stem))
    if not files:
        raise DataError(f"{path} holds no report (.xml) of Open-I: unpack NLMCXR_reports.tgz there")
    reports = [_read(file) for file in files]
    films = [(film, report) for report in reports for film in report.films]
    if not films:
        raise DataError(
            f"none of the {count(len(files), 'report')} in {path} names a film (parentImage): are they Open-I's?"
        )
    names = [film for film, _ in films]
    found = FilmFolder(list(images) or [path]).find([f"{name}.png" for name in names])
    rows = FilmRows(
        image_ids=names,
        paths=found.paths,
        patients=[report.name for _, report in films],
        studies=[report.name for _, report in films],
        targets={name: [_target(report.terms, name) for _, report in films] for name in _SET.findings},
    )
    notes = (_NO_VIEWS, _PATIENTS, *_about(reports), *found.notes())
    return make_manifest(rows, title=_SET.title, source=f"{_SET.title}: {len(files):,} reports", notes=notes)


@dataclass(frozen=True)
class _Report:
    name: str
    terms: frozenset[str]
    films: tuple[str, ...]


def _read(file: Path) -> _Report:
    content = file.read_bytes()
    if b"<!ENTITY" in content or b"<!DOCTYPE" in content:
        raise DataError(f"{file.name} defines entities, which no report of Open-I does: it was not read")
    try:
        root = fromstring(content)  # noqa: S314 - see above
    except ParseError:
        raise DataError(f"{file.name} is no readable XML: fetch it again, or take it out of the folder") from None
    mark = root.find(".//uId")
    terms = [(term.text or "").split("/")[0].strip() for term in root.iterfind(".//MeSH/major")]
    films = tuple(_film(image) for image in root.iterfind(".//parentImage"))
    name = mark.get("id", "") if mark is not None else ""
    return _Report(name or file.stem, frozenset(filter(None, terms)), tuple(filter(None, films)))


def _film(image: Element) -> str:
    return image.get("id", "")


def _target(terms: frozenset[str], finding: str) -> float:
    if not terms or terms & _UNKNOWN:
        return float("nan")
    return float(any(label in terms for label in _SET.labels_of(finding)))


def _about(reports: Sequence[_Report]) -> list[str]:
    n_without_films = sum(not report.films for report in reports)
    n_unknown = sum(not report.terms or bool(report.terms & _UNKNOWN) for report in reports)
    others = {term for report in reports for term in report.terms} - set(_SET.labels)
    notes = []
    if n_without_films:
        notes.append(f"{count(n_without_films, 'report', 'name', of=len(reports))} no film, so left out")
    if n_unknown:
        notes.append(f"{count(n_unknown, 'report', 'were')} not indexed; every label of their films is unknown")
    if others:
        notes.append(f"{len(others):,} of the set's terms left out, as no finding of hilum's")
    return notes
