"""``hilum data describe``: what one looks at first in a data set."""

from pathlib import Path
from typing import Annotated

import typer

from hilum.cli._terminal import say, table, wrote
from hilum.findings import title_of
from hilum.wording import count

__all__ = ["describe"]


def describe(
    manifest: Annotated[Path, typer.Argument(help="The manifest to look at.")],
    out: Annotated[Path, typer.Option(help="The folder for describe.html, its pictures and its numbers.")],
    sample: Annotated[int, typer.Option(min=1, help="Films that are opened for pictures and grey values.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other films.")] = 0,
) -> None:
    """Count findings, views, ages and splits; show films, grey values and what augmentation does to them."""
    from hilum.data import describe_manifest, preview_augmentation, read_manifest
    from hilum.reporting import write_description

    films = read_manifest(manifest)
    description, samples = describe_manifest(films, sample=sample, seed=seed)
    page = write_description(description, samples, preview_augmentation(films, seed=seed), out)
    say(f"{count(description.n_images, 'film')} of {count(description.n_patients, 'patient')}")
    share = 100 / max(description.n_images, 1)
    rows = [
        (title_of(name), f"{n:,}", f"{n * share:.1f} %", f"{description.unknown.get(name, 0):,}")
        for name, n in description.positives.items()
    ]
    table(("finding", "films", "share", "unknown"), rows)
    wrote(page)
