"""The pixel store: every film decoded once, at one size, in one memory-mapped file.

While it is made it lies in ``<folder>.partial``: pixels in a file of full length from the start (a full disk shows at
once, not in the middle), one byte per film that says whether its pixels are on disk, and a stamp of the file they came
from. A process that is killed leaves all three; the next one goes on where they end, with films that have changed
decoded anew. The finished folder appears by a rename, whole.

Films are decoded in processes that can be thrown away, however few they are: a hostile one must not reach this process.
"""

import csv
import hashlib
import io
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from hilum.data.manifest import Manifest
from hilum.errors import DataError, ImageRefusedError, InvalidValueError, StorageError, TooManyProblemsError
from hilum.imaging import FilmReader, ResizeRule
from hilum.runs import FileLock, file_stamp, write_text

__all__ = ["PixelStore", "Problem", "prepare_store"]

OnProgress = Callable[[int, int], None]

_SCHEMA = 1
_STORE, _PIXELS, _PROBLEMS = "store.json", "pixels.u8", "problems.csv"
_STATE, _IDENTITY, _LOCK = "state.bin", "identity", "prepare.lock"
"""What only an unfinished store holds."""
_READY, _PROBLEM = 1, 2
"""What became of a film; 0 until it was tried."""
_FILM = np.dtype([("state", "u1"), ("stamp", "<u8")])
"""What ``state.bin`` holds of each film; the stamp is of the file that was tried."""
_BLOCK = 256
_SAMPLE_FOR_STATISTICS = 4096
_SAMPLE_FOR_REUSE = 8


@dataclass(frozen=True)
class Problem:
    """A film that could not be read: its image id, the refusal's stable code, and the sentence."""

    image_id: str
    code: str
    reason: str


class PixelStore:
    """All films of a manifest as squares of one size, read without decoding.

    Attributes:
        folder: Where it lies.
        size_px: Side of the squares.
        rule: How films became squares: ``pad`` or ``stretch``.
        digest: sha256 of what is in it: names, size, rule and a checksum of every film's pixels.
        image_ids: Names of the films, a row each; those that could not be read keep their row.
        problems: The films that could not be read.
    """

    def __init__(self, folder: Path) -> None:
        """Open a finished store.

        Raises:
            DataError: The folder is none, or it was not finished, or its files do not fit together.
        """
        unfinished = _partial(folder)
        if not (folder / _STORE).is_file():
            hint = f"; {unfinished.name} is not finished: run `hilum data prepare` again" if unfinished.is_dir() else ""
            raise DataError(f"there is no pixel store in {folder}{hint}. `hilum data prepare` makes one.")
        facts = _read_facts(folder)
        self.folder = folder
        self.size_px = facts.size_px
        self.rule = facts.rule
        self.digest = facts.digest
        self.image_ids = facts.image_ids
        self.problems = facts.problems
        self._checksums = facts.checksums
        shape = (len(self.image_ids), self.size_px, self.size_px)
        if (folder / _PIXELS).stat().st_size != shape[0] * shape[1] * shape[2]:
            raise DataError(f"the pixel store {folder} is damaged ({_PIXELS} has another length): prepare it anew.")
        self._pixels: UInt8[np.ndarray, "image size size"] = np.memmap(folder / _PIXELS, np.uint8, "r", shape=shape)

    def __repr__(self) -> str:
        return (
            f"PixelStore({str(self.folder)!r}, {self.n_images:,} films at {self.size_px} px, "
            f"{len(self.problems)} problems)"
        )

    @property
    def n_images(self) -> int:
        """Films that can be read from it."""
        return len(self.image_ids) - len(self.problems)

    @cached_property
    def unreadable(self) -> frozenset[str]:
        """Image ids of the films that could not be read; a film in neither was left out when the store was made."""
        return frozenset(problem.image_id for problem in self.problems)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.image_ids) if name not in self.unreadable}

    @cached_property
    def _is_problem(self) -> Bool[np.ndarray, " image"]:
        return np.array([name not in self._row_of for name in self.image_ids], dtype=bool)

    def rows_of(self, image_ids: Iterable[str]) -> Int64[np.ndarray, " image"]:
        """Return the row of each film, -1 where the store has no pixels for it."""
        return np.array([self._row_of.get(name, -1) for name in image_ids], dtype=np.int64)

    def read(self, rows: Sequence[int] | Int64[np.ndarray, " row"]) -> UInt8[np.ndarray, "image size size"]:
        """Return the pixels of ``rows``, dense tissue bright.

        Raises:
            InvalidValueError: A row is out of range or holds no film; -1 is not the last row.
        """
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and (rows.min() < 0 or rows.max() >= len(self.image_ids)):
            raise InvalidValueError(
                f"rows must lie in 0 .. {len(self.image_ids) - 1}, got {rows.min()} .. {rows.max()}"
            )
        absent = self._is_problem[rows]
        if absent.any():
            name = self.image_ids[int(rows[absent][0])]
            raise InvalidValueError(f"{name} could not be read when the store was made: rows_of gives -1 for it")
        return np.array(self._pixels[rows])

    def statistics(self, rows: Int64[np.ndarray, " row"]) -> tuple[float, float]:
        """Return mean and standard deviation of pixels in [0, 1], over up to 4,096 of ``rows``, evenly spread."""
        if len(rows) == 0:
            raise InvalidValueError("statistics need at least one film, got none")
        chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE_FOR_STATISTICS)).round().astype(np.int64)]
        histogram = sum(np.bincount(self._pixels[row].ravel(), minlength=256) for row in chosen)
        shares = np.asarray(histogram, dtype=float) / np.sum(histogram)
        levels = np.arange(256) / 255
        mean = float(shares @ levels)
        return mean, float(np.sqrt(shares @ (levels - mean) ** 2))

    def verify(self) -> None:
        """Read every film and compare it with its checksum; raises DataError naming the first that differs."""
        for name, row in self._row_of.items():
            if zlib.crc32(self._pixels[row]) != self._checksums[row]:
                raise DataError(f"the pixel store {self.folder} is damaged at {name}: prepare it anew.")


@dataclass(frozen=True)
class _Facts:
    """What ``store.json`` and ``problems.csv`` say."""

    size_px: int
    rule: ResizeRule
    digest: str
    image_ids: tuple[str, ...]
    checksums: tuple[int, ...]
    problems: tuple[Problem, ...]


def _read_facts(folder: Path) -> _Facts:
    try:
        facts = json.loads((folder / _STORE).read_text())
        version = facts["schema_version"]
        problems = tuple(_read_problems(folder / _PROBLEMS))
        (folder / _PIXELS).stat()
        names = ("size_px", "rule", "digest", "image_ids", "checksums")
        size_px, rule, digest, image_ids, checksums = (facts[name] for name in names)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"the pixel store {folder} is damaged ({type(error).__name__}): prepare it anew.") from None
    if version != _SCHEMA:
        raise DataError(f"the pixel store {folder} was made by another version of hilum: prepare it anew.")
    return _Facts(size_px, rule, digest, tuple(image_ids), tuple(checksums), problems)


def prepare_store(
    manifest: Manifest,
    folder: Path,
    *,
    size_px: int,
    rule: ResizeRule = "pad",
    workers: int | None = None,
    max_problem_share: float = 0.01,
    on_progress: OnProgress | None = None,
) -> PixelStore:
    """Decode every film of a manifest into a pixel store; goes on where an earlier attempt stopped.

    Args:
        manifest: The films.
        folder: The store to make. One of the same films, size and rule that is there already is returned after a look
            at a few films (another set may have the same names), and at those that could not be read: mended ones are
            put in.
        size_px: Side of the squares.
        rule: ``pad`` keeps the aspect ratio, ``stretch`` fills the square.
        workers: Processes that decode, about 100 MB each; None takes one for each processor core that this process
            may use. Memory does not grow with the number of films.
        max_problem_share: Stop when more than this share of the films cannot be read.
        on_progress: Told of films done and films in all.

    Raises:
        TooManyProblemsError: Too many films could not be read; ``problems.csv`` in the unfinished folder lists them.
        DataError: ``folder`` holds something else, or its films have changed since.
        StorageError: The disk is full or cannot be written; a run after making room goes on.
    """
    workers = len(os.sched_getaffinity(0)) if workers is None else workers
    if size_px < 1 or workers < 1 or not 0 <= max_problem_share <= 1:
        raise InvalidValueError(
            f"size_px and workers must be at least 1 and max_problem_share lie in [0, 1]; "
            f"got {size_px}, {workers}, {max_problem_share}"
        )
    order = _Order(manifest.table["image_id"].tolist(), manifest.paths(), size_px, rule)
    try:
        with FilmReader(workers) as reader:
            if folder.exists():
                store = _reuse(folder, order, reader)
                if not _is_mended(store, order, reader):
                    return store
                _reopen(store, order)
            _make(folder, order, reader, max_problem_share, on_progress)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"cannot write the pixel store {folder.name}: {error.strerror}. It needs {order.n_bytes / 2**20:,.0f} MiB; "
            "what is decoded so far is kept: free some space and run the same command again."
        ) from error
    return PixelStore(folder)


@dataclass(frozen=True)
class _Order:
    """What is to be made."""

    image_ids: list[str]
    paths: list[Path]
    size_px: int
    rule: ResizeRule

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.image_ids), self.size_px, self.size_px

    @property
    def n_bytes(self) -> int:
        return len(self.image_ids) * self.size_px**2

    @property
    def identity(self) -> str:
        text = json.dumps([_SCHEMA, self.image_ids, self.size_px, self.rule])
        return hashlib.sha256(text.encode()).hexdigest()

    def films(
        self, reader: FilmReader, rows: Iterable[int], on_read: Callable[[int], None] | None = None
    ) -> Iterator[UInt8[np.ndarray, "size size"] | ImageRefusedError]:
        """Yield the squares of ``rows``; ``on_read`` hears of each just before it is read."""

        def paths() -> Iterator[Path]:
            for row in rows:
                if on_read:
                    on_read(row)
                yield self.paths[row]

        return reader.squares(paths(), self.size_px, rule=self.rule)


def _partial(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.partial")


def _make(
    folder: Path, order: _Order, reader: FilmReader, max_problem_share: float, on_progress: OnProgress | None
) -> None:
    unfinished = _partial(folder)
    unfinished.mkdir(parents=True, exist_ok=True)
    with FileLock(unfinished / _LOCK, purpose=f"the pixel store {folder.name}"):
        if folder.exists():  # another process has just made it
            (unfinished / _LOCK).unlink()
            unfinished.rmdir()
            _reuse(folder, order, reader)
            return
        _allocate(unfinished, order)
        problems = _decode_all(unfinished, order, reader, max_problem_share, on_progress)
        _seal(unfinished, order, problems)
        unfinished.rename(folder)
        for name in (_STATE, _IDENTITY, _LOCK):
            (folder / name).unlink()


def _reuse(folder: Path, order: _Order, reader: FilmReader) -> PixelStore:
    if (folder / _STORE).is_file():
        store = PixelStore(folder)
        if (list(store.image_ids), store.size_px, store.rule) == (order.image_ids, order.size_px, order.rule):
            _check_films(store, order, reader)
            return store
        raise DataError(
            f"{folder} holds a pixel store of other films, another size or another rule ({store!r}): "
            "choose another folder, or remove it."
        )
    raise DataError(f"{folder} exists and is no pixel store: choose another folder.")


def _check_films(store: PixelStore, order: _Order, reader: FilmReader) -> None:
    """Decode a few films anew; raises DataError naming the first that differs. Films that were put away are let be."""
    rows = store.rows_of(order.image_ids)
    rows = rows[rows >= 0]
    rows = np.unique(rows[np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE_FOR_REUSE)).astype(np.int64)])
    for row, film in zip(rows, order.films(reader, rows), strict=True):
        if not isinstance(film, ImageRefusedError) and (film != store.read([row])[0]).any():
            raise DataError(
                f"{order.image_ids[row]} is another film now than when the pixel store {store.folder} was made: "
                "choose another folder, or remove it."
            )


def _is_mended(store: PixelStore, order: _Order, reader: FilmReader) -> bool:
    """Whether a film that could not be read can be read now."""
    problems = np.flatnonzero(store.rows_of(order.image_ids) < 0)
    return any(not isinstance(film, ImageRefusedError) for film in order.films(reader, problems))


def _reopen(store: PixelStore, order: _Order) -> None:
    """Make a finished store an unfinished one that lacks the films which could not be read."""
    films = np.zeros(len(order.image_ids), _FILM)
    films["state"] = np.where(store.rows_of(order.image_ids) < 0, _PROBLEM, _READY)
    films["stamp"] = [file_stamp(path) for path in order.paths]
    with FileLock(store.folder / _LOCK, purpose=f"the pixel store {store.folder.name}"):
        (store.folder / _STATE).write_bytes(films.tobytes())
        write_text(store.folder / _IDENTITY, order.identity)
        store.folder.rename(_partial(store.folder))  # the lock goes with it


def _allocate(unfinished: Path, order: _Order) -> None:
    """Take the disk space, unless an attempt at the very same store took it before."""
    marker = unfinished / _IDENTITY
    lengths = {_PIXELS: order.n_bytes, _STATE: len(order.image_ids) * _FILM.itemsize}
    if (
        marker.is_file()
        and marker.read_text() == order.identity
        and all((unfinished / name).is_file() for name in lengths)
        and all((unfinished / name).stat().st_size == length for name, length in lengths.items())
    ):
        return
    _clear(unfinished)
    try:
        for name, length in lengths.items():
            with (unfinished / name).open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, length)
    except OSError:
        _clear(unfinished)  # half a file would only make the full disk fuller
        raise
    write_text(marker, order.identity)


def _clear(unfinished: Path) -> None:
    for path in unfinished.iterdir():
        if path.name != _LOCK:
            path.unlink()


def _decode_all(
    unfinished: Path, order: _Order, reader: FilmReader, max_problem_share: float, on_progress: OnProgress | None
) -> list[Problem]:
    """Fill in what is missing, block by block: pixels reach the disk before the bytes that vouch for them.

    The files are written, not mapped: a disk that fails is an error here, and no mapped page counts as memory.
    """
    problems: list[Problem] = []
    allowed = max_problem_share * len(order.image_ids)
    with (
        (unfinished / _PIXELS).open("r+b", buffering=0) as pixels,
        (unfinished / _STATE).open("r+b", buffering=0) as states,
    ):
        films = np.frombuffer(states.read(), _FILM).copy()
        pending = np.flatnonzero((films["state"] != _READY) | _has_changed(films, order))
        done = len(films) - len(pending)

        def stamp(row: int) -> None:
            films["stamp"][row] = file_stamp(order.paths[row])

        squares = order.films(reader, pending, stamp)
        for block in _blocks(pending):
            results = [_keep(next(squares), order, pixels.fileno(), int(row)) for row in block]
            problems += [problem for problem in results if problem]
            os.fdatasync(pixels.fileno())
            films["state"][block] = [_PROBLEM if problem else _READY for problem in results]
            first, last = int(block[0]), int(block[-1])
            _write_at(states.fileno(), films[first : last + 1].tobytes(), first * _FILM.itemsize)
            os.fdatasync(states.fileno())
            done += len(block)
            if on_progress:
                on_progress(done, len(films))
            if len(problems) > allowed:
                _write_problems(unfinished / _PROBLEMS, problems)
                raise _too_many(problems, done, max_problem_share, unfinished / _PROBLEMS)
    return problems


def _has_changed(films: np.ndarray, order: _Order) -> Bool[np.ndarray, " image"]:
    """Whether the file a film came from is another one now; one that was put away is let be."""
    if not films["stamp"].any():
        return np.zeros(len(films), dtype=bool)
    now = np.array([file_stamp(path) for path in order.paths], dtype=np.uint64)
    return np.asarray((now != films["stamp"]) & (now != 0))


def _blocks(rows: Int64[np.ndarray, " row"]) -> Iterator[Int64[np.ndarray, " row"]]:
    for start in range(0, len(rows), _BLOCK):
        yield rows[start : start + _BLOCK]


def _keep(
    film: UInt8[np.ndarray, "size size"] | ImageRefusedError, order: _Order, descriptor: int, row: int
) -> Problem | None:
    if isinstance(film, ImageRefusedError):
        return Problem(order.image_ids[row], film.code, film.sentence)
    _write_at(descriptor, film.tobytes(), row * order.size_px**2)
    return None


def _write_at(descriptor: int, content: bytes, offset: int) -> None:
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def _too_many(problems: Sequence[Problem], done: int, allowed: float, path: Path) -> TooManyProblemsError:
    codes = ", ".join(f"{n} {code}" for code, n in Counter(problem.code for problem in problems).most_common())
    return TooManyProblemsError(
        f"{len(problems)} of the first {done:,} films cannot be read ({codes}); more than the {allowed:.1%} allowed. "
        f"{path} lists them. Mend the films and run the same command again, or raise --max-problems."
    )


def _seal(unfinished: Path, order: _Order, problems: Sequence[Problem]) -> None:
    """Write what makes a folder of pixels a store."""
    _write_problems(unfinished / _PROBLEMS, problems)
    with (unfinished / _PIXELS).open("rb") as stream:
        checksums = [zlib.crc32(stream.read(order.size_px**2)) for _ in order.image_ids]
    facts = {
        "schema_version": _SCHEMA,
        "size_px": order.size_px,
        "rule": order.rule,
        "digest": hashlib.sha256(json.dumps([order.identity, checksums]).encode()).hexdigest(),
        "n_problems": len(problems),
        "image_ids": order.image_ids,
        "checksums": checksums,
    }
    write_text(unfinished / _STORE, json.dumps(facts))


def _write_problems(path: Path, problems: Sequence[Problem]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image_id", "code", "reason"))
    writer.writerows((problem.image_id, problem.code, problem.reason) for problem in problems)
    write_text(path, text.getvalue())


def _read_problems(path: Path) -> Iterator[Problem]:
    with path.open(newline="") as stream:
        yield from (Problem(row["image_id"], row["code"], row["reason"]) for row in csv.DictReader(stream))
