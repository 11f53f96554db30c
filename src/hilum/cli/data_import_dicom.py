"""``hilum data import dicom``: any folder of DICOM into one manifest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.cli._terminal import follow, progress, say, wrote
from hilum.cli.data_import import FindingColumns, LabelColumn, Out, column_pairs
from hilum.errors import InvalidValueError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data import DicomLabels

__all__ = ["import_dicom"]


def import_dicom(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM, with sub-folders; other files may lie there.")],
    out: Out,
    key: Annotated[
        Path | None,
        typer.Option(
            help="Patients become pseudonyms by this key, made if it is not there; de-identified films keep theirs."
        ),
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="A CSV file with labels; needs --join.")] = None,
    join: Annotated[
        str | None,
        typer.Option(metavar="COLUMN=KIND", help="What names a row's film: sop_uid, file, study_uid or accession."),
    ] = None,
    label_column: LabelColumn = None,
    finding_columns: FindingColumns = None,
    without_id: Annotated[
        Literal["refuse", "study", "skip"],
        typer.Option(help="Films without patient id: an error, each study a patient, or left out."),
    ] = "refuse",
    repeated: Annotated[
        Literal["error", "first"],
        typer.Option(help="Films of one UID with different pixels: an error, or the first by path is kept."),
    ] = "error",
    workers: Annotated[int, typer.Option(min=1, help="Headers read at a time.")] = 2,
) -> None:
    """Import any folder of DICOM by its headers, with labels from a CSV file."""
    from hilum.data import read_dicom
    from hilum.imaging import open_key

    joined = _labels(labels, join, label_column, finding_columns or [])
    is_new = key is not None and not key.exists()
    with progress("reading headers") as on_progress:
        manifest = read_dicom(
            folder,
            key=open_key(key) if key else None,
            labels=joined,
            without_id=without_id,
            repeated=repeated,
            workers=workers,
            on_progress=on_progress,
        )
    manifest.save(out)
    patients = count(manifest.n_patients, "patient")
    say(f"{count(len(manifest), 'film')} of {patients}, {count(len(manifest.findings), 'finding')}")
    for note in manifest.notes:
        say(note)
    wrote(out, *([key] if key and is_new else []))
    follow(f"hilum data split {out}")


def _labels(
    labels: Path | None, join: str | None, label_column: str | None, finding_columns: list[str]
) -> "DicomLabels | None":
    from hilum.data import JOINS, DicomLabels

    if labels is None:
        if join or label_column or finding_columns:
            raise InvalidValueError("--join, --label-column and --finding-columns are about --labels, which is missing")
        return None
    column, _, kind = (join or "").rpartition("=")
    if not column:
        raise InvalidValueError(
            f"--labels needs --join COLUMN=KIND, for instance uid=sop_uid; kinds: {', '.join(JOINS)}"
        )
    pairs = column_pairs(finding_columns)
    return DicomLabels(labels, column, kind, label_column=label_column, finding_columns=pairs)
