"""A data set by its name: fetched, unpacked, counted."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hilum.data.download.archive import WORK_FOLDER, OnProgress, UnpackLimits, storage_error, unpack_zip
from hilum.data.download.credential import require_credentials
from hilum.data.download.known import KnownSet, known_set
from hilum.data.download.transfer import LARGEST_FACTOR, Archive, Patience, fetch_archive
from hilum.data.download.whole import SetCheck, check_dataset
from hilum.errors import DataError, DownloadError
from hilum.runs import FileLock

__all__ = ["Fetched", "get_dataset"]


@dataclass(frozen=True)
class Fetched:
    """What ``get_dataset`` did.

    Attributes:
        check: What the folder holds now.
        archive: What was fetched (its file is gone again); None if the set was there already.
        n_unpacked: Files written.
    """

    check: SetCheck
    archive: Archive | None = None
    n_unpacked: int = 0


def get_dataset(
    name: str,
    folder: Path,
    *,
    environment: Mapping[str, str],
    patience: Patience | None = None,
    on_progress: OnProgress = lambda _done, _total, _label: None,
) -> Fetched:
    """Fetch a data set from Kaggle into ``folder``, or see that it is there already.

    Args:
        name: A name of ``DATASETS``.
        folder: Where its files go; what an interrupted call left there is gone on with.
        environment: The process's variables; needed for the message about missing credentials.
        patience: How long to wait and how often to try.
        on_progress: Is told what is done of how much, and which step it is.

    Returns:
        What was done. The check in it may still name problems: the caller decides what they mean.

    Raises:
        UnknownNameError: No such data set.
        DataError: All films are there and only official lists are missing, which no archive is needed for.
        DownloadError: Credentials, network, checksum, or an archive that is refused.
        StorageError: No room, or the folder cannot be written.
        RunError: Another process fetches into this folder.
        MissingExtraError: kagglehub is not installed.
    """
    known = known_set(name)
    if folder.is_dir():
        check = check_dataset(folder, name, on_progress=on_progress)
        if check.is_whole:
            return Fetched(check)
        if not check.lacks_films:
            raise DataError(f"all films are in {folder}, and nothing was downloaded. {'. '.join(check.problems)}")
    require_credentials(environment)
    work, is_new = folder / WORK_FOLDER, not folder.exists()
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, f"there is no folder {folder} yet") from error
    lock = FileLock(work / "lock", purpose=f"the folder {folder}")
    try:
        archive = fetch_archive(known, work, patience=patience or Patience(), on_progress=on_progress)
        n_unpacked = _unpack(archive, folder, known, on_progress)
        archive.path.unlink()
    finally:
        _tidy(work, is_new=is_new)
        lock.release()
    return Fetched(check_dataset(folder, name, on_progress=on_progress), archive, n_unpacked)


def _tidy(work: Path, *, is_new: bool) -> None:
    """Leave nothing behind but an archive that can be gone on with."""
    if not any(work.glob("*.zip")):
        shutil.rmtree(work, ignore_errors=True)
    if is_new:
        # Stays unless it is empty.
        with suppress(OSError):
            work.parent.rmdir()


def _unpack(archive: Archive, folder: Path, known: KnownSet, on_progress: OnProgress) -> int:
    limits = UnpackLimits(
        max_files=LARGEST_FACTOR * known.n_films + 1000, max_bytes=LARGEST_FACTOR * known.archive_bytes
    )
    try:
        return unpack_zip(archive.path, folder, limits=limits, on_progress=on_progress)
    except DownloadError:
        # The same archive would be refused again: the next call fetches a new one.
        archive.path.unlink(missing_ok=True)
        raise
