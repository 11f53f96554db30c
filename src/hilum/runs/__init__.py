"""Run folders: atomic files, the journal that is the truth, lock, versions, trackers; and the memory of the process."""

from hilum.runs.atomic import atomic_path, file_digest, file_stamp, write_bytes, write_text
from hilum.runs.journal import Journal
from hilum.runs.ledger import Ledger
from hilum.runs.lock import FileLock
from hilum.runs.memory import keep_freed_memory
from hilum.runs.run import Run, RunSummary, list_runs
from hilum.runs.tracker import TRACKERS, MlflowTracker, NoTracker, Tracker, get_tracker, sync_run, tracker_ui_command
from hilum.runs.version import versions

__all__ = [
    "TRACKERS",
    "FileLock",
    "Journal",
    "Ledger",
    "MlflowTracker",
    "NoTracker",
    "Run",
    "RunSummary",
    "Tracker",
    "atomic_path",
    "file_digest",
    "file_stamp",
    "get_tracker",
    "keep_freed_memory",
    "list_runs",
    "sync_run",
    "tracker_ui_command",
    "versions",
    "write_bytes",
    "write_text",
]
