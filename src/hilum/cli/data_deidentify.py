"""``hilum data deidentify``: a folder of DICOM films without whom they are of."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli._terminal import complain, follow, progress, say, wrote
from hilum.errors import InvalidValueError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.imaging import CleanFolder

__all__ = ["deidentify"]


def deidentify(
    folder: Annotated[Path, typer.Argument(help="A folder of DICOM films, with sub-folders; it stays as it is.")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the new files.")],
    key: Annotated[Path, typer.Option(help="The key that makes pseudonyms; made if it is not there. Guard it.")],
    keep_burned_in: Annotated[
        bool, typer.Option("--keep-burned-in", help="Write films with text burned into their pixels, too.")
    ] = False,
    map_: Annotated[
        Path | None, typer.Option("--map", help="Write which film became which; it names patients. Guard it.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Films read at a time.")] = 2,
) -> None:
    """Write films anew without whom they are of: PS3.15 basic profile, keyed pseudonyms, dates shifted."""
    from hilum.imaging import deidentify_folder, open_key

    if out.resolve() in key.resolve().parents:
        raise InvalidValueError(f"{key} would lie among the new films, and go where they go: keep it elsewhere")
    is_new = not key.exists()
    with progress("de-identifying") as on_progress:
        found = deidentify_folder(
            folder,
            out,
            key=open_key(key),
            keep_burned_in=keep_burned_in,
            map_file=map_,
            workers=workers,
            on_progress=on_progress,
        )
    _show(found, keep_burned_in=keep_burned_in)
    wrote(*([out] if found.n_written else []), *([key] if is_new else []), *([map_] if map_ else []))
    if found.n_written:
        follow(f"hilum data import dicom {out} --out {out.with_suffix('.parquet')}")
    elif found.n_repeated:
        say("nothing new: every film that could be written stands in the folder already")
    else:
        complain("not one film was written")
        raise typer.Exit(1)


def _show(found: "CleanFolder", *, keep_burned_in: bool) -> None:
    say(f"{count(found.n_written, 'film')} of {count(found.n_patients, 'patient')} written without whom they are of")
    if found.n_burned_in:
        what = "written as they are" if keep_burned_in else "set aside (--keep-burned-in writes them)"
        say(f"{count(found.n_burned_in, 'film')} with text burned into the pixels, {what}: look at them")
    counted = (
        (found.n_without_id, "no patient id: each of their studies counts as a patient"),
        (found.n_repeated, "a copy of a film that was written already"),
        (found.n_conflicting, "the UID of another film that was written, left out"),
    )
    for number, what in counted:
        if number:
            say(f"{count(number, 'film')} with {what}")
    if found.refused:
        reasons = ", ".join(f"{code} {number:,}" for code, number in found.refused.most_common())
        say(f"{count(found.refused.total(), 'file')} left out, since hilum cannot read them: {reasons}")
    for note in found.tree.notes():
        say(note)
