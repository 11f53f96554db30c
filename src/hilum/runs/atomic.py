"""Files that are either the old ones or the new ones, never something between.

A temporary file beside the target is written, synced, renamed over it, and the folder
is synced too; a full disk, a kill or a crash leaves what was there before.
"""

import hashlib
import os
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hilum.errors import StorageError

__all__ = ["atomic_path", "file_digest", "file_stamp", "write_bytes", "write_text"]


@contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; on success it replaces ``target``.

    Args:
        target: The file to write; its folder is made if it is missing.

    Yields:
        The path to write to. Its name ends as ``target``'s does, since writers look at endings.

    Raises:
        StorageError: The disk is full or cannot be written; ``target`` is what it was.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".partial-", suffix=target.name)
    except OSError as error:
        raise StorageError(
            f"cannot write {target.name}: {error.strerror}. Nothing was changed; choose another folder."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"cannot write {target.name}: {error.strerror or error}. What was there before is still good; "
            "free some space or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes) -> None:
    """Write ``content`` to ``target`` atomically; raises StorageError and leaves the old file if it cannot."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, content: str) -> None:
    """Write text as UTF-8 to ``target`` atomically; raises StorageError and leaves the old file if it cannot."""
    write_bytes(target, content.encode())


def file_digest(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_stamp(path: Path) -> int:
    """Return a number of 64 bits that changes when a file's size or time of change does; 0 where there is none."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return 0
    return zlib.crc32(b"%d" % facts.st_size) << 32 | zlib.crc32(b"%d" % facts.st_mtime_ns) or 1


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
