"""``hilum data split``: train, validation and test, always by patient."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import count, follow, say, table, wrote
from hilum.errors import InvalidValueError

if TYPE_CHECKING:
    from hilum.data import Manifest

__all__ = ["split"]


def split(
    manifest: Annotated[Path, typer.Argument(help="The manifest; its split column is written anew.")],
    official_train_val: Annotated[
        Path | None, typer.Option(help="NIH's train_val_list; validation is cut from it by patient.")
    ] = None,
    official_test: Annotated[Path | None, typer.Option(help="NIH's test_list.")] = None,
    fractions: Annotated[
        str, typer.Option(metavar="TRAIN,VALIDATION,TEST", help="Shares of the patients, used without lists or folds.")
    ] = "0.7,0.1,0.2",
    folds: Annotated[int | None, typer.Option(min=3, help="Cut the patients into this many folds instead.")] = None,
    fold: Annotated[int, typer.Option(min=0, help="The fold that is the test split.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
) -> None:
    """Divide a manifest by patient, and write down how."""
    from hilum.data import read_manifest, save_split, split_by_patient, split_folds, split_official

    whole = read_manifest(manifest)
    if official_train_val and official_test:
        parts = split_official(whole, train_validation=official_train_val, test=official_test, seed=seed)
    elif official_train_val or official_test:
        raise InvalidValueError("the official split needs both lists: --official-train-val and --official-test")
    elif folds:
        parts = split_folds(whole, folds=folds, fold=fold, seed=seed)
    else:
        parts = split_by_patient(whole, fractions=_shares(fractions), seed=seed)
    parts.save(manifest)
    description = manifest.with_suffix(".split.json")
    save_split(parts, description)
    _show(parts)
    wrote(manifest, description)
    follow(f"hilum data prepare {manifest} --size 224 --out {manifest.with_suffix('.store')}")


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidValueError(f"--fractions {text!r}: expected three numbers such as 0.7,0.1,0.2") from None
    return train, validation, test


def _show(manifest: "Manifest") -> None:
    rows = []
    for name in ("train", "validation", "test"):
        part = manifest.table.iloc[manifest.rows(name)]
        rows.append((name, f"{len(part):,}", f"{part['patient_id'].nunique():,}"))
    table(("split", "films", "patients"), rows)
    say("0 patients shared")
    left_out = len(manifest) - int(manifest.table["split"].notna().sum())
    if left_out:
        say(f"{count(left_out, 'film')} in no split: they stand in none of the lists and are left out")
    for note in manifest.notes:
        say(note)
