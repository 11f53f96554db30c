"""``hilum data import``: a data set's labels and films into one manifest."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hilum.cli._terminal import follow, progress, say, wrote
from hilum.errors import InvalidValueError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data import Manifest

__all__ = ["IMPORTS", "FindingColumns", "LabelColumn", "Out", "column_pairs", "import_chestmnist", "import_csv"]


def _parquet(out: Path) -> Path:
    if out.suffix != ".parquet":
        raise InvalidValueError(
            f"--out {out}: expected a file that ends in .parquet, by which every verb knows a manifest"
        )
    return out


Out = Annotated[Path, typer.Option("--out", help="The manifest to write (.parquet).", callback=_parquet)]
LabelColumn = Annotated[str | None, typer.Option(help="A column such as 'Effusion|Mass', or 'No Finding' alone.")]
FindingColumns = Annotated[
    list[str] | None,
    typer.Option(metavar="FINDING=COLUMN", help="A column of 1, 0 or nothing (unknown); may be given again."),
]
Images = Annotated[list[Path] | None, typer.Option(help="A folder of films; may be given again.")]
Uncertain = Annotated[
    Literal["ignore", "zero", "one", "smooth"],
    typer.Option(
        help="What an uncertain label (-1) counts as: unknown, absent, present, or a soft target in training."
    ),
]
Blank = Annotated[
    Literal["unknown", "zero"], typer.Option(help="What a label that the report does not mention counts as.")
]


def _verb(name: str, about: str, path_help: str) -> Callable[..., None]:
    """Return the verb of a set whose labels are all certain."""

    def verb(
        path: Annotated[Path, typer.Argument(help=path_help)],
        out: Out,
        images: Images = None,
    ) -> None:
        from hilum.data import READERS

        _finish(READERS[name].read(path, images=images or ()), out)

    verb.__doc__ = about
    return verb


def _uncertain_verb(name: str, about: str, path_help: str) -> Callable[..., None]:
    """Return the verb of a set with uncertain and blank labels."""

    def verb(
        path: Annotated[Path, typer.Argument(help=path_help)],
        out: Out,
        images: Images = None,
        uncertain: Uncertain = "ignore",
        blank: Blank = "unknown",
    ) -> None:
        from hilum.data import READERS

        _finish(READERS[name].read(path, images=images or (), uncertain=uncertain, blank=blank), out)

    verb.__doc__ = about
    return verb


def import_chestmnist(
    path: Annotated[Path, typer.Argument(help="chestmnist.npz, or a larger one (chestmnist_224.npz).")],
    out: Out,
    films: Annotated[
        Path | None, typer.Option(help="The folder that films are unpacked to; by default beside the manifest.")
    ] = None,
) -> None:
    """Import ChestMNIST; its films are unpacked as PNG files."""
    from hilum.data import read_chestmnist

    folder = films or out.with_suffix(".films")
    with progress("unpacking") as on_progress:
        manifest = read_chestmnist(path, films=folder, on_progress=on_progress)
    _finish(manifest, out, folder)


def import_csv(
    file: Annotated[Path, typer.Argument(help="A CSV file with one row per film.")],
    images: Annotated[Path, typer.Option(help="The folder that the paths in the file start from.")],
    path_column: Annotated[str, typer.Option(help="The column that names the film's file.")],
    patient_column: Annotated[str, typer.Option(help="The column that tells patients apart; splits go by it.")],
    out: Out,
    label_column: LabelColumn = None,
    finding_columns: FindingColumns = None,
    view_column: Annotated[str | None, typer.Option(help="The column with PA, AP ...")] = None,
    sex_column: Annotated[str | None, typer.Option(help="The column with M or F.")] = None,
    age_column: Annotated[str | None, typer.Option(help="The column with ages, such as 60, 060Y or 018M.")] = None,
    study_column: Annotated[str | None, typer.Option(help="The column that tells studies apart.")] = None,
    source_column: Annotated[str | None, typer.Option(help="The column with the hospital or device.")] = None,
) -> None:
    """Import your own films: a CSV file with columns you name, and a folder."""
    from hilum.data import read_csv

    optional = {
        "view": view_column,
        "sex": sex_column,
        "age_years": age_column,
        "study_id": study_column,
        "source": source_column,
    }
    manifest = read_csv(
        file,
        images=images,
        path_column=path_column,
        patient_column=patient_column,
        label_column=label_column,
        finding_columns=column_pairs(finding_columns or []),
        optional_columns={name: column for name, column in optional.items() if column},
    )
    _finish(manifest, out)


IMPORTS: dict[str, Callable[..., None]] = {
    "nih": _verb(
        "nih",
        "Import ChestX-ray14, whole or a part of it, in NIH's own layout.",
        "NIH's folder, or its label file (Data_Entry_2017, sample_labels).",
    ),
    "nih-sample": _verb(
        "nih-sample",
        "Import the sample of ChestX-ray14 that Kaggle has, 5,606 films.",
        "The sample's folder, or its sample_labels.csv.",
    ),
    "nih-google": _verb(
        "nih-google",
        "Import films of ChestX-ray14 with the labels that Google's radiologists agreed on.",
        "The label file, or the folder that holds it.",
    ),
    "chexpert": _uncertain_verb(
        "chexpert",
        "Import CheXpert, small or full size.",
        "The set's folder (train.csv, valid.csv), or one of the two.",
    ),
    "mimic": _uncertain_verb(
        "mimic",
        "Import MIMIC-CXR-JPG.",
        "The set's folder (mimic-cxr-2.0.0-chexpert.csv.gz, -metadata, -split).",
    ),
    "padchest": _verb("padchest", "Import PadChest.", "The set's folder, or its label file (PADCHEST_...csv)."),
    "vindr": _verb(
        "vindr",
        "Import VinDr-CXR; the majority of a film's readers decides.",
        "The set's folder, or a label file (image_labels_train.csv; Kaggle's train.csv).",
    ),
    "rsna": _verb(
        "rsna",
        "Import the films of RSNA's pneumonia challenge.",
        "The set's folder, or its stage_2_train_labels.csv.",
    ),
    "siim": _verb(
        "siim",
        "Import the films of SIIM-ACR's pneumothorax challenge.",
        "The set's folder, or its label file (stage_2_train.csv, train-rle.csv).",
    ),
    "openi": _verb(
        "openi",
        "Import Open-I, the Indiana collection.",
        "The folder that holds the reports (.xml) and the films.",
    ),
    "chestx-det10": _verb(
        "chestx-det10", "Import ChestX-Det10.", "The set's folder (train.json, test.json), or one of the two."
    ),
    "chestmnist": import_chestmnist,
    "csv": import_csv,
}
"""The verbs below ``hilum data import``."""


def column_pairs(texts: list[str]) -> dict[str, str] | None:
    """Return finding to column from ``--finding-columns``; None if there is none."""
    for text in texts:
        if "=" not in text:
            raise InvalidValueError(
                f"--finding-columns {text!r}: expected FINDING=COLUMN, for instance Effusion=effusion"
            )
    pairs = dict(text.split("=", 1) for text in texts)
    if len(pairs) < len(texts):
        raise InvalidValueError("--finding-columns names a finding twice: one column for each, please")
    return pairs or None


def _finish(manifest: "Manifest", out: Path, *folders: Path) -> None:
    manifest.save(out)
    patients = manifest.table["patient_id"].nunique()
    say(f"{count(len(manifest), 'film')} of {count(patients, 'patient')}, {count(len(manifest.findings), 'finding')}")
    for note in manifest.notes:
        say(note)
    wrote(*folders, out)
    if manifest.split_digest:
        follow(f"hilum data prepare {out} --size 224 --out {out.with_suffix('.store')}")
    else:
        follow(f"hilum data split {out}")
