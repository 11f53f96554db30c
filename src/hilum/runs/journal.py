"""The journal of a run: one JSON line per event, appended and synced; the truth that trackers are fed from."""

import fcntl
import json
import math
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hilum.errors import InvalidValueError, RunError, StorageError

__all__ = ["Journal"]


class Journal:
    """Appends events to a file and reads them back.

    Every event has ``sequence`` (0, 1, ...; the order that counts, since clocks jump), ``time``
    (UTC, ISO 8601) and ``kind``. A line cut short by a crash was never an event: reading leaves it
    out, the next append removes it. Processes that append at the same time wait for one another.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Journal({self.path.name!r}, {len(_lines(self._content()))} events)"

    def append(self, kind: str, **values: object) -> None:
        """Write one event and sync it to disk.

        Args:
            kind: What happened (``start``, ``epoch``, ``end``, ``artefact``, ``evaluation``).
            values: Plain values; NaN and infinities are written as ``null``.

        Raises:
            InvalidValueError: A value is not plain, or is called ``sequence`` or ``time``; nothing was written.
            StorageError: The disk is full or cannot be written; earlier events are still good.
        """
        event = _event(kind, values)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _append(self.path, event)
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path.name}: {error.strerror or error}. "
                "What was there before is still good; free some space, then resume."
            ) from error

    def read(self) -> list[dict[str, object]]:
        """Return all events in order; empty if there are none yet.

        Raises:
            RunError: The file cannot be read, or a line of it is damaged.
        """
        return [self._parse(number, line) for number, line in enumerate(_lines(self._content()), start=1)]

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise RunError(f"cannot read {self.path}: {error.strerror}.") from error

    def _parse(self, number: int, line: bytes) -> dict[str, object]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or "kind" not in event:
            raise RunError(
                f"{self.path}: line {number} is damaged, it is no event. Something other than hilum wrote to the file, "
                "or the disk is failing: restore it from a copy, or cut it off before that line."
            )
        return event


def _event(kind: str, values: Mapping[str, object]) -> dict[str, object]:
    taken = {"sequence", "time"} & values.keys()
    if taken:
        raise InvalidValueError(f"an event's {min(taken)} is set by the journal; call the value something else")
    event = {name: _plain(name, value) for name, value in values.items()}
    return {"time": datetime.now(UTC).isoformat(), "kind": kind, **event}


def _append(path: Path, event: Mapping[str, object]) -> None:
    """Write behind the last complete line, with the file locked against other appends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with open(descriptor, "r+b", buffering=0) as stream:  # noqa: PTH123 - a descriptor
        fcntl.flock(stream, fcntl.LOCK_EX)
        lines = _lines(stream.read())
        line = json.dumps({"sequence": len(lines), **event}, allow_nan=False).encode() + b"\n"
        stream.seek(sum(len(line) + 1 for line in lines))
        stream.truncate()
        while line:
            line = line[stream.write(line) :]
        os.fsync(descriptor)


def _lines(content: bytes) -> list[bytes]:
    """The complete lines."""
    return content.split(b"\n")[:-1]


def _plain(name: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(f"{name}.{key}", item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_plain(name, item) for item in value]
    raise InvalidValueError(
        f"event value {name} is a {type(value).__name__}: expected text, a number, a list or a mapping"
    )
