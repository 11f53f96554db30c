"""Run folders: atomic files, the journal that is the truth, the lock, versions and trackers."""

from hilum.runs.atomic import atomic_path, file_digest, write_bytes, write_text
from hilum.runs.journal import Journal
from hilum.runs.lock import FileLock
from hilum.runs.run import Run, RunSummary, list_runs
from hilum.runs.tracker import TRACKERS, MlflowTracker, NoTracker, Tracker, get_tracker, sync_run, tracker_ui_command
from hilum.runs.version import versions

__all__ = [
    "TRACKERS",
    "FileLock",
    "Journal",
    "MlflowTracker",
    "NoTracker",
    "Run",
    "RunSummary",
    "Tracker",
    "atomic_path",
    "file_digest",
    "get_tracker",
    "list_runs",
    "sync_run",
    "tracker_ui_command",
    "versions",
    "write_bytes",
    "write_text",
]
