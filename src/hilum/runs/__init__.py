"""Run folders: atomic files, the journal that is the truth, the lock, seeds, versions and trackers."""

from hilum.runs.atomic import atomic_path, file_digest, write_bytes, write_text

__all__ = ["atomic_path", "file_digest", "write_bytes", "write_text"]
