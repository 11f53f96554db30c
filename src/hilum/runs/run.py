"""The run folder: one place for everything a training run leaves behind."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hilum.errors import RunError, StorageError
from hilum.runs.journal import Journal
from hilum.runs.lock import FileLock, is_locked

__all__ = ["Run", "RunSummary", "list_runs"]

_JOURNAL = "journal.jsonl"
_LOCK = "run.lock"
_TRACKER_LOCK = "tracker.lock"


class Run:
    """A run folder. Made by :meth:`create` (to write, holds the lock) or :meth:`open` (to read)."""

    def __init__(self, folder: Path, *, lock: FileLock | None = None) -> None:
        self.folder = folder
        self.journal = Journal(folder / _JOURNAL)
        self._lock = lock
        self._at_close: list[Callable[[], None]] = []

    @classmethod
    def create(cls, folder: Path, *, resume: bool = False) -> Self:
        """Start a run in a new folder, or go on with one.

        Args:
            folder: New or empty; with ``resume`` the folder of an earlier run.
            resume: Go on where the run in ``folder`` stopped.

        Raises:
            RunError: The folder holds a run already, is no run folder, is damaged, or another process works on it.
            StorageError: The folder cannot be written.
        """
        _refuse(folder, resume=resume)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / _LOCK, purpose=f"the run {folder.name}")
        except OSError as error:
            raise _unwritable(folder, error) from error
        run = cls(folder, lock=lock)
        try:
            _refuse(folder, resume=resume)  # another process may have been here before the lock
            run.journal.path.touch()
            _sweep(run.checkpoint_path)
        except RunError:
            run.close()
            raise
        except OSError as error:
            run.close()
            raise _unwritable(folder, error) from error
        return run

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Look into a run without locking it; raises RunError if ``folder`` is no run folder."""
        if not (folder / _JOURNAL).is_file():
            raise RunError(f"{folder} is not a run folder: it has no {_JOURNAL}. `hilum runs list` shows the runs.")
        return cls(folder)

    @property
    def recipe_path(self) -> Path:
        """The resolved recipe."""
        return self.folder / "recipe.yaml"

    def read_recipe(self) -> str:
        """Return the recipe as it stands there, what is no text with marks in its place; empty where there is none."""
        return self.recipe_path.read_text("utf-8", errors="replace") if self.recipe_path.is_file() else ""

    @property
    def checkpoint_path(self) -> Path:
        """The folder of checkpoints."""
        return self.folder / "checkpoints"

    @property
    def bundle_path(self) -> Path:
        """The bundle that training writes."""
        return self.folder / "bundle"

    @property
    def evaluation_path(self) -> Path:
        """The evaluation of the bundle."""
        return self.folder / "evaluation" / "evaluation.json"

    @property
    def report_path(self) -> Path:
        """The report."""
        return self.folder / "report.html"

    @property
    def tracker_lock_path(self) -> Path:
        """The lock of whoever ships the journal to a tracker."""
        return self.folder / _TRACKER_LOCK

    @property
    def is_active(self) -> bool:
        """Whether a living process works on it."""
        return is_locked(self.folder / _LOCK)

    def at_close(self, action: Callable[[], None]) -> None:
        """Have ``action`` called once when the run is closed, after its lock is let go."""
        self._at_close.append(action)

    def close(self) -> None:
        """Let go of the lock, and of those who follow the run; a second call does nothing."""
        if self._lock:
            self._lock.release()
        while self._at_close:
            self._at_close.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"


@dataclass(frozen=True)
class RunSummary:
    """One line about a run.

    Attributes:
        name: Name of the folder.
        folder: The folder.
        status: ``running``, ``finished``, ``stopped`` (to be resumed), or ``damaged`` (its journal cannot be read).
        recipe: Name of the recipe; empty before training started.
        started: ISO time; empty before training started.
        epochs: Epochs trained.
        best_auroc: Best mean AUROC on validation; None before the first epoch.
    """

    name: str
    folder: Path
    status: str
    recipe: str
    started: str
    epochs: int
    best_auroc: float | None


def list_runs(root: Path) -> list[RunSummary]:
    """Return the runs directly below ``root``, newest first; empty if there are none."""
    folders = [path.parent for path in root.glob(f"*/{_JOURNAL}")]
    return sorted((_summary(Run.open(folder)) for folder in folders), key=lambda run: run.started, reverse=True)


def _summary(run: Run) -> RunSummary:
    try:
        events, damaged = run.journal.read(), False
    except RunError:
        events, damaged = [], True
    starts = [event for event in events if event["kind"] == "start"]
    epochs = {event.get("epoch"): event.get("validation_auroc") for event in events if event["kind"] == "epoch"}
    scores = [score for score in epochs.values() if isinstance(score, int | float)]
    ended = any(event["kind"] == "end" for event in events)
    recipe = starts[0].get("recipe") if starts else {}
    return RunSummary(
        name=run.folder.name,
        folder=run.folder,
        status="damaged" if damaged else "running" if run.is_active else "finished" if ended else "stopped",
        recipe=str(recipe.get("name", "")) if isinstance(recipe, dict) else "",
        started=str(starts[0].get("time", "")) if starts else "",
        epochs=len(epochs),
        best_auroc=max(scores, default=None),
    )


def _refuse(folder: Path, *, resume: bool) -> None:
    """Raise RunError if no run can start, or go on, in ``folder``."""
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file, a run needs a folder. Choose another name.")
    if not folder.is_dir():
        if resume:
            raise RunError(f"there is no run in {folder} to resume. Leave --resume out to start one.")
        return
    journal = Journal(folder / _JOURNAL)
    if journal.read() and not resume:
        raise RunError(f"{folder} holds a run already. --resume goes on with it; or choose another folder.")
    strangers = sorted(path.name for path in folder.iterdir() if path.name != _LOCK)
    if strangers and not journal.path.exists():
        raise RunError(f"{folder} is not empty and holds no run (found {strangers[0]}). Choose another folder.")


def _sweep(folder: Path) -> None:
    """Remove what a killed process left half-written; only the lock's holder writes there."""
    for path in folder.glob(".partial-*"):
        path.unlink()


def _unwritable(folder: Path, error: OSError) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError(f"cannot write to {folder}: {error.strerror}. Choose another folder.")
