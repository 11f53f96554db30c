"""The journal of a run: one JSON line per event, appended and synced; the truth that trackers are fed from."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hilum.errors import StorageError

__all__ = ["Journal"]


class Journal:
    """Appends events to a file and reads them back.

    Every event has ``sequence`` (0, 1, ...; the order that counts, since clocks jump), ``time``
    (UTC, ISO 8601) and ``kind``. A line cut short by a crash was never an event: reading leaves it
    out, the next append removes it. One process appends at a time (the run's lock sees to it).
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Journal({self.path.name!r}, {len(self.read())} events)"

    def append(self, kind: str, **values: object) -> None:
        """Write one event and sync it to disk.

        Args:
            kind: What happened (``start``, ``epoch``, ``end``, ``artefact``, ``evaluation``).
            values: Plain values; NaN and infinities are written as ``null``.

        Raises:
            StorageError: The disk is full or cannot be written; earlier events are still good.
        """
        whole = self._whole()
        event = {"sequence": whole.count(b"\n"), "time": datetime.now(UTC).isoformat(), "kind": kind, **values}
        line = json.dumps(_plain(event), allow_nan=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _write_at(self.path, len(whole), line)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path.name}: {error.strerror or error}. "
                "What was there before is still good; free some space, then resume."
            ) from error

    def read(self) -> list[dict[str, object]]:
        """Return all events in order; empty if there are none yet."""
        return [json.loads(line) for line in self._whole().splitlines()]

    def _whole(self) -> bytes:
        """The file's content up to its last complete line."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return b""
        return content[: content.rfind(b"\n") + 1]


def _write_at(path: Path, offset: int, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    try:
        os.ftruncate(descriptor, offset)
        os.lseek(descriptor, offset, os.SEEK_SET)
        while line:
            line = line[os.write(descriptor, line) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
