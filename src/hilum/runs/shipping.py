"""From the journal to a tracker, each event once: how far it came stands in a small file in the run folder."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from hilum.errors import RunError
from hilum.runs.atomic import write_text
from hilum.runs.run import Run
from hilum.runs.shipment import Shipment, shipment_of, time_ms

__all__ = ["Destination", "Note", "RefusedError", "Shipper"]

_MEMORY = "shipped.json"
# Tables may name films, and films name patients: they stay in the run folder.
_STAYS_IN_THE_FOLDER = frozenset({".csv", ".parquet", ".jsonl", ".dcm"})
# A report shows films: it goes to a tracker on this machine, to no other.
_STAYS_ON_THIS_MACHINE = frozenset({".html"})

Note = Callable[[str], None]


class RefusedError(RunError):
    """A tracker takes this event now or never: trying again is of no use."""


class Destination(Protocol):
    """Where events go. Every method raises RunError if it failed and may be tried again, RefusedError if it may not.

    Attributes:
        name: What the memory file calls it; holds no address and no password.
        is_local: Whether it keeps everything on this machine.
    """

    name: str
    is_local: bool

    def open_run(self, known_id: str, *, name: str, key: str, started_ms: int) -> str:
        """Return the id of the run ``known_id``; if that is gone, of the run with ``key``; else of a new one."""

    def log(self, run_id: str, shipment: Shipment) -> None:
        """Take parameters, metrics and tags; taking the same ones again changes nothing."""

    def log_file(self, run_id: str, path: Path, folder: str) -> None:
        """Take one file into ``folder`` (empty for the top); taking it again replaces it."""

    def mark(self, run_id: str, status: str, ended_ms: int | None) -> None:
        """Set the status: ``RUNNING``, ``FINISHED`` or ``KILLED``."""


@dataclass(frozen=True)
class _Memory:
    """How far one run came at one destination.

    Attributes:
        key: Digest of the journal's first event; another journal is another run.
        run_id: The destination's name for the run.
        events: Number of events it has.
        status: As the destination was told last.
    """

    key: str
    run_id: str = ""
    events: int = 0
    status: str = "RUNNING"


class Shipper:
    """Carries a run's events to one destination.

    A kill between sending and remembering sends one event again, which a destination takes as the same one:
    nothing is missing there and nothing stands there twice.
    """

    def __init__(self, run: Run, destination: Destination, *, note: Note) -> None:
        """Prepare; nothing is sent yet.

        Args:
            run: The run; whoever ships it holds its tracker lock.
            destination: Where events go.
            note: Told, in a sentence, what was left out and why.
        """
        self._run = run
        self._destination = destination
        self._note = note
        self._memory: _Memory | None = None

    def ship(self, *, ended: bool) -> int:
        """Send the events that were not sent yet.

        Args:
            ended: Whether the run's process is gone; a run without an end is then marked as killed.

        Returns:
            Number of events sent; those that trackers are not told of count too.

        Raises:
            RunError: The destination failed, or the journal is damaged; what was sent is remembered.
            StorageError: The memory file cannot be written.
        """
        events = self._run.journal.read()
        if not events:
            return 0
        memory = self._memory or self._open(events[0])
        before = memory.events
        for event in events[before:]:
            self._send(memory.run_id, event)
            memory = self._remember(replace(memory, events=memory.events + 1))
        self._mark(memory, events, ended=ended)
        return memory.events - before

    def _open(self, first: Mapping[str, object]) -> _Memory:
        key = hashlib.sha256(json.dumps(first, sort_keys=True).encode()).hexdigest()
        memory = self._recall()
        if memory.key != key:
            memory = _Memory(key)
        name = self._run.folder.resolve().name
        run_id = self._destination.open_run(memory.run_id, name=name, key=key, started_ms=time_ms(first))
        return self._remember(memory if run_id == memory.run_id else _Memory(key, run_id))

    def _send(self, run_id: str, event: Mapping[str, object]) -> None:
        shipment = shipment_of(event)
        try:
            if shipment.params or shipment.metrics or shipment.tags:
                self._destination.log(run_id, shipment)
            for path, folder in self._files(shipment.artefact):
                self._destination.log_file(run_id, path, folder)
        except RefusedError as error:
            self._note(f"event {event.get('sequence')} ({event.get('kind')}) left out: {error}")

    def _files(self, artefact: str) -> Iterator[tuple[Path, str]]:
        """Yield an artefact's files that may leave, and the folder each belongs in."""
        if not artefact:
            return
        root = self._run.folder.resolve()
        path = (root / artefact).resolve()
        if root not in path.parents or not path.exists():
            self._note(f"artefact {artefact} left out: it is not in the run folder")
            return
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_symlink() or not file.is_file() or file.name.startswith("."):
                continue
            if file.suffix.lower() in _STAYS_IN_THE_FOLDER | (
                frozenset() if self._destination.is_local else _STAYS_ON_THIS_MACHINE
            ):
                self._note(f"{file.name} left out: it may name films, which do not leave")
                continue
            folder = file.relative_to(root).parent.as_posix()
            yield file, "" if folder == "." else folder

    def _mark(self, memory: _Memory, events: Sequence[Mapping[str, object]], *, ended: bool) -> None:
        ends = [event for event in events if event["kind"] == "end"]
        status = "FINISHED" if ends else "KILLED" if ended else "RUNNING"
        if status == memory.status:
            return
        ended_ms = None if status == "RUNNING" else time_ms((ends or events)[-1])
        try:
            self._destination.mark(memory.run_id, status, ended_ms)
        except RefusedError as error:
            self._note(f"status {status} left out: {error}")
        self._remember(replace(memory, status=status))

    def _recall(self) -> _Memory:
        try:
            stored = self._memories()[self._destination.name]
            return _Memory(str(stored["key"]), str(stored["run_id"]), int(str(stored["events"])), str(stored["status"]))
        except (KeyError, TypeError, ValueError):
            return _Memory("")

    def _remember(self, memory: _Memory) -> _Memory:
        memories = {**self._memories(), self._destination.name: asdict(memory)}
        write_text(self._run.folder / _MEMORY, json.dumps(memories, indent=1))
        self._memory = memory
        return memory

    def _memories(self) -> dict[str, dict[str, object]]:
        try:
            found = json.loads((self._run.folder / _MEMORY).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
