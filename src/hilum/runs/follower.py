"""The process that ships a run's journal while the run goes on, started by the MLflow tracker.

It is a process of its own so that training neither waits for a tracker nor falls with it. What it cannot ship stays
in the journal for ``hilum runs sync``.
"""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from hilum.errors import HilumError, RunError
from hilum.runs.lock import FileLock
from hilum.runs.mlflow_store import connect
from hilum.runs.run import Run
from hilum.runs.shipping import Destination, Note, Shipper

__all__ = ["Leash", "follow", "main"]

_ORDERS = 0  # standard input
_NICENESS = 10
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0
_LAST_PAUSES_S = (0.0, 2.0, 8.0)  # before the tries that are left when the run's process is gone
_LONGEST_FAREWELL_S = 600


class Leash:
    """Tells when the run's process has let go: it wrote to the pipe, closed it, or is dead, however it died."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parent = os.getppid()

    def ended_within(self, seconds: float) -> bool:
        """Wait at most ``seconds``; return whether the run's process has let go."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(ready) or os.getppid() != self._parent


def follow(run: Run, connect_: Callable[[], Destination], *, ended_within: Callable[[float], bool], note: Note) -> None:
    """Ship a run's events until its process lets go, then once more.

    Never raises for what a tracker or the disk does: it is noted and tried again, at growing pauses.

    Args:
        run: The run.
        connect_: Opens the destination; called again after a failure.
        ended_within: Waits so many seconds at most; says whether the run's process has let go.
        note: Told, in a sentence, what went wrong.
    """
    try:
        lock = _wait_for_lock(run, ended_within)
    except HilumError as error:
        return note(str(error))
    with lock:
        courier = _Courier(run, connect_, note)
        pause = _PAUSE_S
        while not ended_within(pause):
            pause = _PAUSE_S if courier.attempt(ended=False) else min(2 * pause, _LONGEST_PAUSE_S)
        for pause in _LAST_PAUSES_S:
            time.sleep(pause)
            if courier.attempt(ended=True):
                return None
    return note("given up; `hilum runs sync` ships the rest")


def main() -> None:
    """Follow the run that the first line on standard input names, for as long as standard input stays open."""
    with open(_ORDERS, "rb", buffering=0, closefd=False) as stream:  # unbuffered: the rest of the pipe is the leash
        order = json.loads(stream.readline())
    os.nice(_NICENESS)
    leash = Leash(_ORDERS)

    def ended_within(seconds: float) -> bool:
        ended = leash.ended_within(seconds)
        if ended:
            signal.alarm(_LONGEST_FAREWELL_S)  # a tracker that hangs does not keep this process for ever
        return ended

    follow(Run.open(Path(order["folder"])), lambda: connect(order["uri"]), ended_within=ended_within, note=_write)


class _Courier:
    """Tries to ship; connects anew after a failure; says the same thing once."""

    def __init__(self, run: Run, connect_: Callable[[], Destination], note: Note) -> None:
        self._run = run
        self._connect = connect_
        self._note = note
        self._shipper: Shipper | None = None
        self._said = ""

    def attempt(self, *, ended: bool) -> bool:
        try:
            self._shipper = self._shipper or Shipper(self._run, self._connect(), note=self._note)
            self._shipper.ship(ended=ended)
        except HilumError as error:
            self._shipper = None
            if str(error) != self._said:
                self._note(str(error))
            self._said = str(error)
            return False
        self._said = ""
        return True


def _wait_for_lock(run: Run, ended_within: Callable[[float], bool]) -> FileLock:
    """Take the run's tracker lock; another follower that says its last word is waited for."""
    patience = len(_LAST_PAUSES_S)
    while True:
        try:
            return FileLock(run.tracker_lock_path, purpose=f"the tracking of {run.folder.resolve().name}")
        except RunError:
            if ended_within(_PAUSE_S):
                patience -= 1
                if not patience:
                    raise
                time.sleep(_PAUSE_S)


def _write(sentence: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
