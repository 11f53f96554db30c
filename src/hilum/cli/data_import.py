"""``hilum data import``: a data set's labels and films into one manifest."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import count, follow, say, wrote
from hilum.errors import InvalidValueError

if TYPE_CHECKING:
    from hilum.data import Manifest

__all__ = ["import_csv", "import_nih"]

Out = Annotated[Path, typer.Option("--out", help="The manifest to write (.parquet).")]


def import_nih(
    folder: Annotated[Path, typer.Argument(help="NIH's folder, or its label file (Data_Entry_2017, sample_labels).")],
    out: Out,
    images: Annotated[list[Path] | None, typer.Option(help="A folder of films; may be given again.")] = None,
) -> None:
    """Import ChestX-ray14, whole or a part of it, in NIH's own layout."""
    from hilum.data import read_nih

    _finish(read_nih(folder, images=images or ()), out)


def import_csv(
    file: Annotated[Path, typer.Argument(help="A CSV file with one row per film.")],
    images: Annotated[Path, typer.Option(help="The folder that the paths in the file start from.")],
    path_column: Annotated[str, typer.Option(help="The column that names the film's file.")],
    patient_column: Annotated[str, typer.Option(help="The column that tells patients apart; splits go by it.")],
    out: Out,
    label_column: Annotated[
        str | None, typer.Option(help="A column such as 'Effusion|Mass', or 'No Finding' alone.")
    ] = None,
    finding_columns: Annotated[
        list[str] | None,
        typer.Option(metavar="FINDING=COLUMN", help="A column of 1, 0 or nothing (unknown); may be given again."),
    ] = None,
    view_column: Annotated[str | None, typer.Option(help="The column with PA, AP ...")] = None,
    sex_column: Annotated[str | None, typer.Option(help="The column with M or F.")] = None,
    age_column: Annotated[str | None, typer.Option(help="The column with ages, such as 60, 060Y or 018M.")] = None,
    study_column: Annotated[str | None, typer.Option(help="The column that tells studies apart.")] = None,
) -> None:
    """Import your own films: a CSV file with columns you name, and a folder."""
    from hilum.data import read_csv

    optional = {"view": view_column, "sex": sex_column, "age_years": age_column, "study_id": study_column}
    manifest = read_csv(
        file,
        images=images,
        path_column=path_column,
        patient_column=patient_column,
        label_column=label_column,
        finding_columns=_pairs(finding_columns or []),
        optional_columns={name: column for name, column in optional.items() if column},
    )
    _finish(manifest, out)


def _pairs(texts: list[str]) -> dict[str, str] | None:
    for text in texts:
        if "=" not in text:
            raise InvalidValueError(
                f"--finding-columns {text!r}: expected FINDING=COLUMN, for instance Effusion=effusion"
            )
    return dict(text.split("=", 1) for text in texts) or None


def _finish(manifest: "Manifest", out: Path) -> None:
    manifest.save(out)
    patients = manifest.table["patient_id"].nunique()
    say(f"{count(len(manifest), 'film')} of {count(patients, 'patient')}, {len(manifest.findings)} findings")
    for note in manifest.notes:
        say(note)
    wrote(out)
    follow(f"hilum data split {out}")
