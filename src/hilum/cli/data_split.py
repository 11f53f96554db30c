"""``hilum data split``: train, validation and test, always by patient."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hilum.cli._terminal import follow, say, table, wrote
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
        str, typer.Option(metavar="TRAIN,VALIDATION,TEST", help="Shares of the films; no patient is cut in two.")
    ] = "0.7,0.1,0.2",
    folds: Annotated[int | None, typer.Option(min=3, help="Cut the patients into this many folds instead.")] = None,
    fold: Annotated[int, typer.Option(min=0, help="The fold that is the test split.")] = 0,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A .split.json written earlier: the same split again.")
    ] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="An excluded.csv of `hilum data doctor`: its films are in no split.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another split.")] = 0,
) -> None:
    """Divide a manifest by patient, and write down how."""
    from hilum.data import exclude_films, read_manifest, save_split

    if bool(official_train_val) != bool(official_test):
        raise InvalidValueError("the official split needs both lists: --official-train-val and --official-test")
    if sum(map(bool, (official_train_val, folds, from_))) > 1:
        raise InvalidValueError("choose one way to split: the official lists, --folds or --from")
    before = read_manifest(manifest)
    everything = before.with_splits([None] * len(before))
    whole = exclude_films(everything, exclude) if exclude else everything
    if official_train_val and official_test:
        parts = _official(whole, official_train_val, official_test, seed)
    elif folds:
        parts = _folds(whole, folds, fold, seed)
    elif from_:
        parts = _from_file(whole, from_)
    else:
        parts = _by_patient(whole, _shares(fractions), seed)
    if exclude:
        parts = _put_back(everything, parts, exclude)
    parts.manifest.save(manifest)
    description = manifest.with_suffix(".split.json")
    save_split(parts.manifest, description, method=parts.method)
    _show(parts.manifest)
    if before.split_digest not in {"", parts.manifest.split_digest}:
        say(f"the split that stood in the manifest ({_counts(before)}) was replaced")
    wrote(manifest, description)
    follow(f"hilum data prepare {manifest} --size 224 --out {manifest.with_suffix('.store')}")


class _Parts(NamedTuple):
    """A split manifest and how it was split, in words."""

    manifest: "Manifest"
    method: str


def _put_back(everything: "Manifest", parts: _Parts, exclude: Path) -> _Parts:
    """Return the whole manifest, the films that were left out in no split: another split may take them in again."""
    split_of = dict(zip(parts.manifest.table["image_id"], parts.manifest.table["split"], strict=True))
    splits = [split_of.get(image_id) for image_id in everything.table["image_id"]]
    notes = parts.manifest.notes[len(everything.notes) :]
    return _Parts(everything.with_splits(splits, notes=notes), f"{parts.method}; without the films of {exclude.name}")


def _official(whole: "Manifest", train_validation: Path, test: Path, seed: int) -> _Parts:
    from hilum.data import split_official

    parts = split_official(whole, train_validation=train_validation, test=test, seed=seed)
    return _Parts(parts, f"official lists {train_validation.name} and {test.name}, validation cut with seed {seed}")


def _folds(whole: "Manifest", folds: int, fold: int, seed: int) -> _Parts:
    from hilum.data import split_folds

    return _Parts(split_folds(whole, folds=folds, fold=fold, seed=seed), f"fold {fold} of {folds}, seed {seed}")


def _from_file(whole: "Manifest", path: Path) -> _Parts:
    from hilum.data import split_from_file

    return _Parts(split_from_file(whole, path), f"as {path.name} says")


def _by_patient(whole: "Manifest", fractions: tuple[float, float, float], seed: int) -> _Parts:
    from hilum.data import split_by_patient

    method = f"fractions {', '.join(f'{share:g}' for share in fractions)} by patient, seed {seed}"
    return _Parts(split_by_patient(whole, fractions=fractions, seed=seed), method)


def _shares(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError:
        raise InvalidValueError(f"--fractions {text!r}: expected three numbers such as 0.7,0.1,0.2") from None
    return train, validation, test


def _counts(manifest: "Manifest") -> str:
    return ", ".join(f"{name} {len(manifest.rows(name)):,}" for name in ("train", "validation", "test"))


def _show(manifest: "Manifest") -> None:
    rows = []
    for name in ("train", "validation", "test"):
        part = manifest.table.iloc[manifest.rows(name)]
        rows.append((name, f"{len(part):,}", f"{part['patient_id'].nunique():,}"))
    table(("split", "films", "patients"), rows)
    say("0 patients shared")
    for note in manifest.split_notes:
        say(note)
