"""``excluded.csv``: what the doctor proposes to leave out; a line deleted is a film kept."""

import codecs
import csv
import io
from collections.abc import Mapping
from pathlib import Path

from hilum.data.label_table import read_label_table
from hilum.data.manifest import Manifest
from hilum.errors import DataError
from hilum.records import DoctorReport
from hilum.runs import file_digest, write_text

__all__ = ["exclude_films", "proposed_exclusions", "read_exclusions", "write_exclusions"]

_COLUMNS = ("image_id", "code", "reason")


def proposed_exclusions(report: DoctorReport) -> dict[str, tuple[str, str]]:
    """Return code and reason per film that a check proposes to leave out; of several checks the gravest counts."""
    proposed: dict[str, tuple[str, str]] = {}
    for check in report.checks:
        if check.excludes:
            for film in check.films:
                other = f" (as {film.other})" if film.other else ""
                reason = f"{check.title}{other}{f': {film.detail}' if film.detail else ''}"
                proposed.setdefault(film.image_id, (check.code, reason))
    return proposed


def write_exclusions(path: Path, proposed: Mapping[str, tuple[str, str]], *, only_over: str | None = None) -> Path:
    """Write a line per film: ``image_id``, ``code``, ``reason``.

    Args:
        path: ``excluded.csv``.
        proposed: Code and reason per film.
        only_over: ``runs.file_digest`` of the one content that may be written over: what the doctor itself wrote last.
            None writes over everything.

    Returns:
        ``path``; or ``excluded.new.csv`` beside it, where another content than ``only_over`` says was kept.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((image_id, code, reason) for image_id, (code, reason) in proposed.items())
    content, beside = buffer.getvalue(), path.with_name(f"{path.stem}.new{path.suffix}")
    is_kept = only_over is not None and path.is_file() and file_digest(path) != only_over
    if is_kept and path.read_bytes() != content.encode():
        write_text(beside, content)
        return beside
    write_text(path, content)
    beside.unlink(missing_ok=True)
    return path


def read_exclusions(path: Path) -> dict[str, str]:
    """Return the reason per film of a file that :func:`write_exclusions` wrote, or one with a column ``image_id``.

    Returns:
        Empty if the file has a header alone: nothing is left out.

    Raises:
        DataError: There is no such file, or it has no column ``image_id``.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}: `hilum data doctor` writes an excluded.csv")
    if path.read_bytes().removeprefix(codecs.BOM_UTF8).strip() == ",".join(_COLUMNS).encode():
        return {}
    table = read_label_table(path)
    reasons = table.optional("reason" if "reason" in table.columns else None)
    return dict(zip(table.column("image_id"), reasons, strict=True))


def exclude_films(manifest: Manifest, path: Path) -> Manifest:
    """Return the manifest without the films of an exclusion file; its notes say how many, and by which file.

    Raises:
        DataError: A film is not in the manifest (the nearest is named), none is left, or the file cannot be read.
    """
    excluded = read_exclusions(path)
    try:
        return manifest.without(excluded, reason=f"by {path.name}")
    except DataError as error:
        raise DataError(f"{path.name}: {error} Delete its line, or examine the films anew.") from None
