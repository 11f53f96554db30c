"""``hilum data prepare``: decode every film once into the pixel store."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hilum.cli._terminal import follow, progress, say, wrote
from hilum.wording import count

__all__ = ["prepare"]


def prepare(
    manifest: Annotated[Path, typer.Argument(help="The manifest whose films are prepared.")],
    out: Annotated[
        Path, typer.Option(help="The folder of the pixel store; going on after an interruption is automatic.")
    ],
    size: Annotated[int, typer.Option(min=16, help="Side of the square films, in pixels.")] = 224,
    rule: Annotated[
        Literal["pad", "stretch"], typer.Option(help="pad keeps the aspect ratio; stretch fills the square.")
    ] = "pad",
    max_problems: Annotated[
        float, typer.Option(min=0, max=1, help="Stop when more than this share of the films cannot be read.")
    ] = 0.01,
    exclude: Annotated[
        Path | None, typer.Option(help="An excluded.csv of `hilum data doctor`: its films are not prepared.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that decode; without it, one for each processor core.")
    ] = None,
) -> None:
    """Decode all films of a manifest into one memory-mapped file."""
    from hilum.data import exclude_films, prepare_store, read_manifest

    films = read_manifest(manifest)
    if exclude:
        n_listed = len(films)
        films = exclude_films(films, exclude)
        say(f"{count(n_listed - len(films), 'film')} left out by {exclude}")
    with progress(f"preparing {count(len(films), 'film')} at {size} px") as on_progress:
        store = prepare_store(
            films,
            out,
            size_px=size,
            rule=rule,
            workers=workers,
            max_problem_share=max_problems,
            on_progress=on_progress,
        )
    mebibytes = store.n_images * size * size / 2**20
    say(f"store of {count(store.n_images, 'film')}, {mebibytes:,.0f} MiB, {count(len(store.problems), 'problem')}")
    if len(store.problems):
        say(f"what could not be read, and why: {out / 'problems.csv'}")
    wrote(out)
    follow(f"hilum train --manifest {manifest} --store {out} --recipe NAME --out runs/NAME", "hilum train --list")
