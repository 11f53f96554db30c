"""One process per run: a lock that the kernel lets go of when its holder dies, however it dies."""

import fcntl
import json
import os
from pathlib import Path
from typing import Self

from hilum.errors import RunError, StorageError

__all__ = ["FileLock", "is_locked"]


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
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise StorageError(f"cannot write {path.name}: {error.strerror}. Choose another folder.") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            holder = _holder(path).get("pid", "unknown")
            raise RunError(
                f"{purpose} is in use by process {holder}. Wait for it, stop it, or choose another folder."
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, json.dumps({"pid": os.getpid(), "boot_id": _boot_id()}).encode())

    def release(self) -> None:
        """Let go; a second call does nothing."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_locked(path: Path) -> bool:
    """Whether the holder named in the lock file is alive; does not touch the lock itself."""
    holder = _holder(path)
    if holder.get("boot_id") != _boot_id():
        return False
    try:
        os.kill(int(str(holder["pid"])), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


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
