"""A zip archive unpacked with care: nothing outside the folder, no links, no bombs; can be gone on with.

Kaggle's own client unpacks with ``zipfile.extractall``, which knows no limits and starts anew after an interruption.
"""

import errno
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hilum.errors import DownloadError, StorageError

__all__ = ["WORK_FOLDER", "UnpackLimits", "gigabytes", "require_room", "storage_error", "unpack_zip"]

WORK_FOLDER = ".hilum-download"
"""Holds the archive while it is downloaded and unpacked; taken away afterwards."""

_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}

OnProgress = Callable[[int, int, str], object]


@dataclass(frozen=True)
class UnpackLimits:
    """How much an archive may hold.

    Attributes:
        max_files: Files.
        max_bytes: Bytes of all files together, unpacked.
        max_ratio: Unpacked bytes per packed byte, of the archive and of each file above 1 MiB. Films hardly shrink
            (ratio 1.0), label files by 10; a bomb by 1000.
    """

    max_files: int
    max_bytes: int
    max_ratio: float = 100.0


def unpack_zip(archive: Path, folder: Path, *, limits: UnpackLimits, on_progress: OnProgress) -> int:
    """Unpack ``archive`` into ``folder``; what an earlier call has unpacked stays (its checksum is compared).

    Every name is looked at before the first file is written. A file appears under its name once it is whole.

    Returns:
        The number of files written.

    Raises:
        DownloadError: No zip archive, a damaged one, or one that is refused: a path that leaves the folder, a link,
            an encrypted file, a name that stands twice, or more than ``limits`` allows.
        StorageError: The disk has no room, or cannot be written; the archive is kept.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(opened.infolist(), archive.stat().st_size, limits)
            missing = _missing(members, folder, on_progress)
            require_room(folder, sum(member.file_size for member in missing), what="the unpacked files")
            for done, member in enumerate(missing, start=1):
                _write(opened, member, folder / member.filename)
                on_progress(done, len(missing), "unpacking, files")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DownloadError(
            f"the archive is no zip file that can be unpacked ({error}). Run the same command again; if it happens "
            "twice, fetch the data set by hand and check it with --from"
        ) from error
    return len(missing)


def require_room(folder: Path, n_bytes: int, *, what: str) -> None:
    """Raise StorageError, with what is needed and what there is, unless ``n_bytes`` are free for ``what``."""
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise StorageError(
            f"{what} need {gigabytes(n_bytes)} in {folder}, and {gigabytes(free)} are free: free "
            f"{gigabytes(n_bytes - free)} there, or choose a folder on another disk (--out). What is there is kept"
        )


def gigabytes(n_bytes: int) -> str:
    """Return ``45.1 GB``, or ``12.3 MB`` for less than one of them."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:,.1f} MB"


def storage_error(error: OSError, what: str) -> StorageError:
    """Say what could not be written, and that the work can be gone on with."""
    if error.errno in _FULL:
        return StorageError(f"the disk is full: {what}. Free some space and run the same command again: it goes on")
    return StorageError(f"cannot write ({error.strerror or 'unknown reason'}): {what}. Choose another folder (--out)")


def _checked(members: Sequence[zipfile.ZipInfo], packed: int, limits: UnpackLimits) -> list[zipfile.ZipInfo]:
    seen: set[str] = set()
    for member in members:
        reason = _reason(member, limits) or ("stands in it twice" if member.filename.casefold() in seen else None)
        if reason:
            raise _refused(f"{member.filename[:120]!r} {reason}")
        seen.add(member.filename.casefold())
    files = [member for member in members if not member.is_dir()]
    unpacked = sum(member.file_size for member in files)
    if len(files) > limits.max_files:
        raise _refused(f"it holds {len(files):,} files, expected at most {limits.max_files:,}")
    if unpacked > limits.max_bytes:
        raise _refused(f"it unpacks to {gigabytes(unpacked)}, expected at most {gigabytes(limits.max_bytes)}")
    if unpacked > max(_SMALL_BYTES, limits.max_ratio * packed):
        raise _refused(f"it unpacks to more than {limits.max_ratio:g} times its size")
    return files


def _reason(member: zipfile.ZipInfo, limits: UnpackLimits) -> str | None:
    """Say why one entry is refused, or None."""
    # As it stands in the archive: zipfile itself cuts a name at its first NUL.
    name, parts = member.orig_filename, PurePosixPath(member.filename).parts
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not parts or name.startswith("/") or ".." in parts or any(sign in name for sign in "\\:\0"):
        return "leads outside the folder"
    if parts[0] == WORK_FOLDER:
        return "would replace the archive itself"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a device, not a file"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.file_size > max(_SMALL_BYTES, limits.max_ratio * member.compress_size):
        return f"unpacks to more than {limits.max_ratio:g} times its size"
    return None


def _refused(reason: str) -> DownloadError:
    return DownloadError(
        f"the archive is refused: {reason}. Nothing of it was unpacked. This is not the data set that hilum knows: "
        "fetch it by hand, look into it, and check it with --from"
    )


def _missing(members: Sequence[zipfile.ZipInfo], folder: Path, on_progress: OnProgress) -> list[zipfile.ZipInfo]:
    missing = []
    for done, member in enumerate(members, start=1):
        if not _is_there(folder / member.filename, member):
            missing.append(member)
        if len(missing) < done:
            on_progress(done, len(members), "looking for files that are there already")
    return missing


def _is_there(path: Path, member: zipfile.ZipInfo) -> bool:
    try:
        if path.stat().st_size != member.file_size:
            return False
        checksum = 0
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                checksum = zlib.crc32(chunk, checksum)
    except OSError:
        return False
    return checksum == member.CRC


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # zipfile gives at most the bytes that the archive announces, and compares their checksum at the end.
        with archive.open(member) as source, partial.open("wb") as written:
            shutil.copyfileobj(source, written, _CHUNK_BYTES)
        partial.replace(target)
    except OSError as error:
        raise storage_error(error, "the archive is here and kept, unpacked in part") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
