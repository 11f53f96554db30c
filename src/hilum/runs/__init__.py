"""Run folders: atomic files, the journal that is the truth, the lock, versions and trackers."""

from hilum.runs.atomic import atomic_path, file_digest, write_bytes, write_text
from hilum.runs.journal import Journal
from hilum.runs.lock import FileLock
from hilum.runs.run import Run, RunSummary, list_runs
from hilum.runs.version import versions

__all__ = [
    "FileLock",
    "Journal",
    "Run",
    "RunSummary",
    "atomic_path",
    "file_digest",
    "list_runs",
    "versions",
    "write_bytes",
    "write_text",
]
