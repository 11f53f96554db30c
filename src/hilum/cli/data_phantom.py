"""``hilum data phantom``: made-up films with known truth, in NIH's own layout."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hilum.cli._terminal import follow, progress, say, wrote
from hilum.wording import count

__all__ = ["phantom"]


def phantom(
    out: Annotated[Path, typer.Argument(help="The folder to write: label file, images/, boxes.")],
    films: Annotated[int, typer.Option("--count", min=1, help="Films to render.")] = 900,
    size: Annotated[int, typer.Option(min=64, help="Side of the films, in pixels.")] = 256,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same bytes.")] = 0,
    prevalence: Annotated[
        Literal["nih", "balanced"], typer.Option(help="nih: as rare as in ChestX-ray14; balanced: all about alike.")
    ] = "balanced",
    label_noise: Annotated[float, typer.Option(min=0, max=0.5, help="Share of labels turned to the wrong side.")] = 0.0,
    dicom: Annotated[bool, typer.Option("--dicom", help="Write DICOM files instead of PNG.")] = False,
    masks: Annotated[bool, typer.Option("--masks", help="Write a mask per film and finding, too.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render.")] = 2,
) -> None:
    """Render phantom films from first principles, with targets, boxes and several films per patient."""
    from hilum.data import write_phantoms

    with progress(f"rendering {count(films, 'phantom film')}") as on_progress:
        write_phantoms(
            out,
            count=films,
            size_px=size,
            seed=seed,
            prevalence=prevalence,
            label_noise=label_noise,
            dicom=dicom,
            masks=masks,
            workers=workers,
            on_progress=on_progress,
        )
    say("Phantoms are made-up films: a model trained on them knows nothing about people.")
    wrote(out)
    follow(f"hilum data import nih {out} --out {out / 'manifest.parquet'}")
