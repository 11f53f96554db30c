"""One process per run: a lock that the kernel lets go of when its holder dies, however it dies."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Self

from hilum.errors import RunError, StorageError

__all__ = ["FileLock", "is_locked"]

_SECOND_LOOK_S = 0.05


class FileLock:
    """An exclusive lock on a file, held from construction to :meth:`release`.

    The file names its holder (process and boot of the machine), so that others can say who holds it.
    A lock left behind by a killed process or a crashed machine is taken over without asking.
    """

    def __init__(self, path: Path, *, purpose: str) -> None:
        """Take the lock.

        Args:
            path: The lock file; its folder must exist.
            purpose: What the lock guards, for the message (``the run demo``).

        Raises:
            RunError: Another process holds it.
            StorageError: The file cannot be written.
        """
        self._descriptor = -1
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            _lock(self._descriptor)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, json.dumps({"pid": os.getpid(), "boot_id": _boot_id()}).encode())
        except BlockingIOError:
            self._close()
            holder = _holder(path).get("pid", "unknown")
            raise RunError(
                f"{purpose} is in use by process {holder}. Wait for it, stop it, or choose another folder."
            ) from None
        except OSError as error:
            self._close()
            raise StorageError(f"cannot write {path.name}: {error.strerror}. Choose another folder.") from error

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock; False if there is no such file."""
    if not _holder(path):
        return False
    # The named process may be gone and its number given to another: only the kernel knows.
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(descriptor: int) -> None:
    """Lock, or raise BlockingIOError; looks twice, since :func:`is_locked` may hold the file for a moment."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_SECOND_LOOK_S)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(path: Path) -> dict[str, object]:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) and "pid" in holder else {}


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown boot"
