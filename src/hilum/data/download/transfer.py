"""An archive from Kaggle to the disk: in pieces, with patience, each byte once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hilum.data.download.archive import OnProgress, gigabytes, require_room, storage_error
from hilum.data.download.known import KnownSet
from hilum.data.download.partial import Announced, PartialArchive
from hilum.errors import DownloadError

if TYPE_CHECKING:
    from requests import Response

    from hilum.data.download.kaggle import Kaggle

__all__ = ["Archive", "Patience", "fetch_archive"]

LARGEST_FACTOR = 3
"""How many times its known size an archive may have, and its files unpacked."""

_MIB = 1 << 20
_WORTHWHILE_BYTES = _MIB

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long to wait and how often to try.

    Attributes:
        timeout_s: Longest wait for the next byte.
        attempts: Failures in a row, without a MiB in between, after which the download ends.
        first_pause_s: Pause after the first failure; each further one is twice as long.
        longest_pause_s: No pause is longer.
    """

    timeout_s: float = 30.0
    attempts: int = 8
    first_pause_s: float = 0.25
    longest_pause_s: float = 60.0


@dataclass(frozen=True)
class Archive:
    """An archive that is here.

    Attributes:
        path: The zip file.
        version: Kaggle's number of it.
        n_bytes: Its size.
        n_fetched: Bytes that came over the network this time.
        n_cuts: How often the connection was cut, and gone on with.
        is_verified: Whether a checksum was announced, and matched.
    """

    path: Path
    version: int
    n_bytes: int
    n_fetched: int
    n_cuts: int
    is_verified: bool


def fetch_archive(known: KnownSet, work: Path, *, patience: Patience, on_progress: OnProgress) -> Archive:
    """Download the newest version of a data set into ``work``; goes on where an earlier process stopped.

    Raises:
        DownloadError: Kaggle does not give it, is not there, or the checksum differs (the archive is then taken away).
        StorageError: No room for it, or the disk was full on the way; what is here stays.
    """
    from hilum.data.download.kaggle import Kaggle

    with Kaggle(timeout_s=patience.timeout_s) as kaggle:
        version, _ = _with_patience(lambda: kaggle.current_version(known), patience)
        partial = PartialArchive(work, version)
        partial.read_again(lambda done, total: on_progress(done // _MIB, total // _MIB, "checking, MiB"))
        transfer = _Transfer(known, version, kaggle, partial, on_progress)
        _, n_cuts = _with_patience(transfer.go_on, patience, transfer)
    sound = partial.is_sound()
    if sound is False:
        partial.restart()
        raise DownloadError(
            "the archive's checksum is not the one that was announced: it was damaged on the way, and was taken away. "
            "Run the same command again"
        )
    return Archive(partial.path, version, partial.size, transfer.n_fetched, n_cuts, bool(sound))


class _Transfer:
    """What one process fetches of an archive."""

    def __init__(
        self, known: KnownSet, version: int, kaggle: "Kaggle", partial: PartialArchive, on_progress: OnProgress
    ) -> None:
        self.partial = partial
        self.n_fetched = 0
        self._known, self._version, self._kaggle, self._on_progress = known, version, kaggle, on_progress

    def go_on(self) -> None:
        """Fetch what is missing; raises Interrupted when that ends before the archive does."""
        from hilum.data.download.kaggle import Interrupted, announced

        if self.partial.is_whole:
            return
        response = self._kaggle.open_archive(self._known, self._version, start=self.partial.size)
        if response is None:
            self.partial.restart()
            raise Interrupted("the archive is another one than a moment ago")
        with response:
            facts = announced(response)
            if facts.first_byte == 0:
                self._refuse_other_content(facts, response.headers.get("Content-Type", ""))
                self.partial.restart(facts)
            elif facts.first_byte != self.partial.size or not facts.is_same_archive(self.partial.announced):
                self.partial.restart()
                raise Interrupted("the archive is another one than a moment ago")
            self._write(response, facts.n_bytes or self._known.archive_bytes)
        if facts.n_bytes and not self.partial.is_whole:
            raise Interrupted("the connection was cut")

    def _refuse_other_content(self, facts: Announced, content_type: str) -> None:
        if content_type.startswith("text/html"):
            raise DownloadError(
                "a web page came instead of the archive: is there a login page of this network, or a proxy, in between?"
            )
        if (facts.n_bytes or 0) > LARGEST_FACTOR * self._known.archive_bytes:
            raise DownloadError(
                f"the archive has {gigabytes(facts.n_bytes or 0)}, expected about "
                f"{gigabytes(self._known.archive_bytes)}: this is not the data set that hilum knows"
            )

    def _write(self, response: "Response", total: int) -> None:
        from hilum.data.download.kaggle import chunks

        done = self.partial.size
        # Once for the archive, once for the files that it holds: films hardly shrink.
        require_room(self.partial.path.parent, 2 * total - done, what="the rest of the archive and its unpacked files")
        try:
            with self.partial.path.open("ab") as stream:
                for chunk in chunks(response):
                    stream.write(chunk)
                    self.partial.seen(chunk)
                    self.n_fetched += len(chunk)
                    done += len(chunk)
                    if done > LARGEST_FACTOR * self._known.archive_bytes:
                        raise DownloadError("the archive does not end: this is not the data set that hilum knows")
                    self._on_progress(done // _MIB, total // _MIB, "downloading, MiB")
        except OSError as error:
            raise storage_error(error, f"{gigabytes(self.partial.size)} of the archive are here and kept") from error


def _with_patience(
    action: Callable[[], Answer], patience: Patience, transfer: _Transfer | None = None
) -> tuple[Answer, int]:
    """Repeat ``action`` until it is not interrupted; returns its answer and how often it was."""
    from hilum.data.download.kaggle import Interrupted

    in_a_row = n_cuts = before = 0
    while True:
        try:
            return action(), n_cuts
        except Interrupted as interruption:
            n_cuts += 1
            fetched = transfer.n_fetched if transfer else 0
            in_a_row = 1 if fetched - before >= _WORTHWHILE_BYTES else in_a_row + 1
            before = fetched
            if in_a_row >= patience.attempts:
                kept = f" {gigabytes(transfer.partial.size)} of the archive are here and kept." if transfer else ""
                raise DownloadError(
                    f"the download stopped {in_a_row} times in a row: {interruption}.{kept} Run the same command "
                    "again: it goes on there"
                ) from interruption
            time.sleep(min(patience.longest_pause_s, patience.first_pause_s * 2 ** (in_a_row - 1)))
