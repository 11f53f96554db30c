"""``hilum data get``: a public data set from Kaggle, unpacked and counted."""

import os
import shlex
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Self

import typer

from hilum.cli._terminal import OnProgress, follow, progress, say, table, wrote
from hilum.errors import DataError
from hilum.wording import count

if TYPE_CHECKING:
    from hilum.data import KnownSet, SetCheck

__all__ = ["get"]


def get(
    name: Annotated[str, typer.Argument(help="nih-sample (5,606 films, 4.5 GB) or nih (112,120 films, 45 GB).")],
    out: Annotated[Path | None, typer.Option(help="The folder for its files; the data set's name by default.")] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A folder you fetched yourself: count it, use no network.")
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Longest wait for the next byte, in seconds.")] = 30.0,
    attempts: Annotated[int, typer.Option(min=1, help="Failures in a row after which the download ends.")] = 8,
) -> None:
    """Fetch a public data set from Kaggle with your own account, unpack it, and count what came."""
    from hilum.data import DATASETS, Patience, check_dataset, get_dataset, known_set

    known = known_set(name)
    folder = from_ or out or Path(name)
    if from_:
        with _Steps() as on_progress:
            check = check_dataset(folder, name, on_progress=on_progress)
        _finish(name, known, check, folder)
        return
    say(f"{name}: {known.title}, {count(known.n_films, 'film')}, about {known.archive_bytes / 1e9:.1f} GB")
    say(f"from Kaggle ({DATASETS[name].handle}), with your account there; no other verb uses the network")
    with _Steps() as on_progress:
        fetched = get_dataset(
            name,
            folder,
            environment=os.environ,
            patience=Patience(timeout_s=timeout, attempts=attempts),
            on_progress=on_progress,
        )
    if fetched.archive is None:
        say(f"{folder} holds it already: nothing was downloaded")
    else:
        _tell_of_archive(fetched.archive.n_fetched, fetched.archive.n_cuts, verified=fetched.archive.is_verified)
        wrote(folder)
    _finish(name, known, fetched.check, folder)


def _tell_of_archive(n_fetched: int, n_cuts: int, *, verified: bool) -> None:
    say(f"fetched {n_fetched / 1e6:,.1f} MB" + (f"; gone on with after {count(n_cuts, 'cut')}" if n_cuts else ""))
    say(
        "the checksum of the archive is right, and those of its files"
        if verified
        else "no checksum of the archive was announced; those of its files are right"
    )


def _finish(name: str, known: "KnownSet", check: "SetCheck", folder: Path) -> None:
    """Tell what the folder holds, under which terms, and what comes next; raises DataError if it is not whole."""
    rows = [(what, f"{found:,}", f"{expected:,}") for what, found, expected in check.counts]
    table(("part", "found", "expected"), rows)
    for note in check.notes:
        say(note)
    if not check.is_whole:
        raise DataError(f"{folder} does not hold the whole set: {'; '.join(check.problems)}")
    say(f"terms: {known.licence}")
    say(f"cite: {known.citation}")
    source = [str(check.label_file), *(word for place in check.film_folders for word in ("--images", str(place)))]
    words = ["hilum", "data", "import", name, *source, "--out", f"{folder}.parquet"]
    follow(shlex.join(words))


class _Steps:
    """Progress of several steps, each with a bar and a time left of its own."""

    def __init__(self) -> None:
        self._label = ""
        self._bar: OnProgress | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    def __call__(self, done: int, total: int, label: str) -> None:
        if label != self._label or self._bar is None:
            self._open.close()
            self._label, self._bar = label, self._open.enter_context(progress(label))
        self._bar(done, total)
