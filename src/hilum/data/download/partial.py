"""An archive on its way: what is here of it, and what the server said about the whole."""

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from hilum.runs import write_text

__all__ = ["Announced", "PartialArchive"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Announced:
    """What a server says about an archive.

    Attributes:
        n_bytes: Its size; None if unknown.
        md5: Its MD5 in base64; None if unknown.
        etag: A mark of this very content; None if unknown.
        first_byte: Where the bytes of this answer start; 0 if all of them come.
    """

    n_bytes: int | None = None
    md5: str | None = None
    etag: str | None = None
    first_byte: int = 0

    def is_same_archive(self, other: "Announced | None") -> bool:
        """Say whether both speak of the same bytes."""
        if other is None or self.n_bytes != other.n_bytes or self.md5 != other.md5:
            return False
        return self.md5 is not None or self.etag == other.etag


class PartialArchive:
    """The file that grows, and beside it what was announced; both outlive the process."""

    def __init__(self, folder: Path, version: int) -> None:
        """Look at what an earlier process left; archives of other versions are taken away."""
        self.path = folder / f"version-{version}.zip"
        self._facts = self.path.with_suffix(".json")
        self.announced: Announced | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)
        for left in folder.glob("version-*"):
            if left not in (self.path, self._facts):
                left.unlink()
        with suppress(OSError, ValueError, TypeError):
            self.announced = Announced(**json.loads(self._facts.read_text("utf-8")))
        if self.announced is None or (self.announced.n_bytes or self.size) < self.size:
            self.restart()

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def is_whole(self) -> bool:
        """Whether as many bytes are here as were announced."""
        return self.announced is not None and self.announced.n_bytes == self.size > 0

    def restart(self, announced: Announced | None = None) -> None:
        """Forget what is here, and remember what is announced now."""
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
        self.announced = announced
        self._md5 = hashlib.md5(usedforsecurity=False)
        if announced:
            write_text(self._facts, json.dumps(asdict(announced)))

    def read_again(self, on_progress: Callable[[int, int], object]) -> None:
        """Take what an earlier process left into the checksum."""
        total, done = self.size, 0
        if total:
            with self.path.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    self._md5.update(chunk)
                    done += len(chunk)
                    on_progress(done, total)

    def seen(self, chunk: bytes) -> None:
        """Take a piece that was appended to the file into the checksum."""
        self._md5.update(chunk)

    def is_sound(self) -> bool | None:
        """Compare the checksum: True or False; None if none was announced."""
        if self.announced is None or self.announced.md5 is None:
            return None
        return base64.b64encode(self._md5.digest()).decode() == self.announced.md5
