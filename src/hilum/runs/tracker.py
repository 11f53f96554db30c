"""Trackers: programs that show runs side by side. They are fed from the journal, which is the truth."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Protocol

from hilum.errors import MissingExtraError, RunError, UnknownNameError
from hilum.runs.lock import FileLock
from hilum.runs.mlflow_store import connect, local_store_uri
from hilum.runs.run import Run
from hilum.runs.shipping import Shipper

__all__ = ["TRACKERS", "MlflowTracker", "NoTracker", "Tracker", "get_tracker", "sync_run", "tracker_ui_command"]

_LOG = "tracker.log"
_FOLLOWER = ("-m", "hilum.runs.follower")


class Tracker(Protocol):
    """Something that is told of a run while it goes on."""

    def start(self, run: Run) -> None:
        """Begin to tell of ``run``, until it is closed; returns at once, and nothing it does later reaches the run.

        Raises:
            MissingExtraError: The tracker's package is not installed.
        """


class NoTracker:
    """Tells nobody; the journal has it all."""

    def start(self, run: Run) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class MlflowTracker:
    """Ships a run to MLflow from a process of its own; training neither waits for it nor falls with it.

    Attributes:
        uri: MLflow's tracking URI; ``mlflow.db`` beside the run folder if None.
    """

    uri: str | None = None

    def start(self, run: Run) -> None:
        """Begin to ship ``run``, until it is closed or this process ends, however it ends.

        Whatever fails later stands in ``tracker.log`` in the run folder, and can be made good by :func:`sync_run`.

        Raises:
            MissingExtraError: MLflow is not installed.
        """
        _need_mlflow()
        order = {"folder": str(run.folder.resolve()), "uri": _uri(run, self.uri)}
        theirs, ours = os.pipe()
        try:
            process = _start_follower(theirs, run.folder / _LOG)
        except OSError:  # no room for a process or its log: the journal has it all
            os.close(ours)
            return
        finally:
            os.close(theirs)
        # Not on the command line, which everybody on the machine can read: a URI may hold a password.
        with suppress(OSError):
            os.write(ours, json.dumps(order).encode() + b"\n")
        run.at_close(partial(_let_go, ours))
        Thread(target=process.wait, name="hilum tracker", daemon=True).start()


TRACKERS: dict[str, Tracker] = {
    "mlflow": MlflowTracker(),
    "none": NoTracker(),
}


def get_tracker(name: str) -> Tracker:
    """Return the tracker called ``name``; raises UnknownNameError with the nearest name."""
    try:
        return TRACKERS[name]
    except KeyError:
        raise UnknownNameError("tracker", name, TRACKERS) from None


def sync_run(folder: Path, *, uri: str | None = None) -> int:
    """Ship to MLflow what has not been shipped yet; nothing twice.

    Args:
        folder: A run folder.
        uri: MLflow's tracking URI; ``mlflow.db`` beside the run folder if None.

    Returns:
        Number of events shipped; 0 if MLflow has them all.

    Raises:
        MissingExtraError: MLflow is not installed.
        RunError: ``folder`` is no run folder, MLflow does not answer, or another process ships this run.
        StorageError: The disk is full or cannot be written.
    """
    _need_mlflow()
    run = Run.open(folder)
    with FileLock(run.tracker_lock_path, purpose=f"the tracking of {run.folder.resolve().name}"):
        shipper = Shipper(run, connect(_uri(run, uri)), note=partial(_add_line, folder / _LOG))
        return shipper.ship(ended=not run.is_active)


def tracker_ui_command(root: Path, *, port: int) -> list[str]:
    """Return the command that serves MLflow's page over the runs in ``root``, to this machine only.

    Args:
        root: The folder that holds the run folders.
        port: Where it listens, on 127.0.0.1.

    Raises:
        MissingExtraError: MLflow is not installed.
        RunError: There is no such folder.
    """
    _need_mlflow()
    if not root.is_dir():
        raise RunError(f"there is no folder {root}. `hilum train` makes it; --root names another one.")
    artefacts = (root.resolve() / "mlartifacts").as_uri()
    switches = ["MLFLOW_DISABLE_TELEMETRY=true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false"]
    store = ["--backend-store-uri", local_store_uri(root), "--default-artifact-root", artefacts, "--no-serve-artifacts"]
    listen = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    return ["env", *switches, sys.executable, "-P", "-m", "mlflow", "server", *store, *listen]


def _uri(run: Run, uri: str | None) -> str:
    return uri or local_store_uri(run.folder.resolve().parent)


def _need_mlflow() -> None:
    if find_spec("mlflow") is None:
        raise MissingExtraError("mlflow", "track")


def _start_follower(leash: int, log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as stream:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", *_FOLLOWER],
            stdin=leash,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C ends the run; its last events are shipped all the same
        )


def _let_go(leash: int) -> None:
    """Tell the follower to ship once more and end; a word, since a copy of the pipe may live on in a forked process."""
    with suppress(OSError):
        os.write(leash, b"\n")
    os.close(leash)


def _add_line(path: Path, sentence: str) -> None:
    with suppress(OSError), path.open("a") as stream:
        stream.write(f"{sentence}\n")
