"""``hilum data merge``: several manifests into one."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from hilum.cli._terminal import follow, say, table, wrote
from hilum.cli.data_import import Out
from hilum.wording import count

__all__ = ["merge"]


def merge(
    manifests: Annotated[list[Path], typer.Argument(help="Two manifests or more.")],
    out: Out,
    repeated: Annotated[
        Literal["error", "first"],
        typer.Option(help="A film that stands in two of them: an error, or the first one is kept."),
    ] = "error",
) -> None:
    """Merge manifests; a label that a set does not have stays unknown."""
    from hilum.data import merge_manifests, read_manifest

    whole = merge_manifests([read_manifest(path) for path in manifests], repeated=repeated)
    whole.save(out)
    rows = []
    for name, part in whole.table.groupby("source", sort=False):
        known = int(part[list(whole.findings)].notna().any().sum())
        rows.append((str(name), f"{len(part):,}", f"{known}"))
    table(("source", "films", "findings"), rows)
    patients = count(whole.n_patients, "patient")
    say(f"{count(len(whole), 'film')} of {patients}, {count(len(whole.findings), 'finding')}")
    for note in whole.notes:
        say(note)
    wrote(out)
    if whole.split_digest:
        follow(f"hilum data prepare {out} --size 224 --out {out.with_suffix('.store')}")
    else:
        follow(f"hilum data split {out}")
