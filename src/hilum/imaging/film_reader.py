"""Films read in processes that can be thrown away: a hostile or broken one costs itself alone.

A decoder that hangs, dies or outgrows its limits is ended and replaced; its film is refused with ``too_costly``.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import BoundedSemaphore, Lock
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from jaxtyping import UInt8

from hilum.errors import HilumError, ImageRefusedError, InvalidValueError, MissingExtraError
from hilum.imaging.decode_message import Message, MessageError, Record, TooLateError, pack, receive, write_all
from hilum.imaging.decode_task import film_record, read_record, square_record
from hilum.imaging.refusal import LARGEST_PIXELS, REFUSALS, refuse
from hilum.imaging.square import ResizeRule
from hilum.records import Image, ImageFacts

__all__ = ["FilmReader", "ReadLimits", "SquareFilm"]

_AHEAD = 2
"""Films a worker may be ahead of who reads the results."""
_START_S = 120.0
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START")
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_LONGEST_SENTENCE = 400
_CLOSED = "this FilmReader is closed: make another one"
_ENDLESS = "Decoding it does not come to an end."


@dataclass(frozen=True)
class ReadLimits:
    """What reading one film may cost, beyond what an idle decoder holds.

    Processor time counts, so a busy machine refuses no film that an idle one reads.

    Attributes:
        cpu_s: Seconds of processor time until the header has been read.
        memory_bytes: Bytes until then, beside the file itself, which may be held three times over.
        cpu_s_per_megapixel: Seconds more for each million pixels that the header promises.
        bytes_per_pixel: Bytes more for each of these pixels.
        patience: Wall time, as a multiple of the processor time: for decoders that sleep, and slow disks.
    """

    cpu_s: float = 1.5
    memory_bytes: int = 256 * 2**20
    cpu_s_per_megapixel: float = 1.0
    bytes_per_pixel: int = 96
    patience: float = 10.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not value > 0:
                raise InvalidValueError(f"{name} must be above 0, got {value}")


class SquareFilm(NamedTuple):
    """A film as a network takes it, with what is known about the file."""

    pixels: UInt8[np.ndarray, "size_px size_px"]
    facts: ImageFacts


class FilmReader:
    """Reads films in a few processes of their own; a context manager, and safe to use from several threads.

    Example::

        with FilmReader(workers=4) as reader:
            image = reader.read(path)
            for square in reader.squares(paths, 320):
                ...
    """

    def __init__(self, workers: int = 2, limits: ReadLimits | None = None) -> None:
        """Start nothing yet: a decoder starts when there is a film for it, and lives until :meth:`close`.

        Args:
            workers: Decoders at most; each takes 60 MB when idle.
            limits: What one film may cost; None takes what every film of up to 36 million pixels needs.
        """
        if workers < 1:
            raise InvalidValueError(f"workers must be at least 1, got {workers}")
        self._workers = workers
        self._limits = limits or ReadLimits()
        self._idle: list[_Decoder] = []
        self._busy: set[_Decoder] = set()
        self._lock = Lock()
        self._free = BoundedSemaphore(workers)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, path: Path) -> Image:
        """Read a film as :func:`hilum.imaging.read_image` does, bit for bit.

        Raises:
            ImageRefusedError: As ``read_image``; or ``too_costly``.
            MissingExtraError: A DICOM file, and pydicom is not installed.
        """
        return _image(self._ask(_name(read_record), path, {}))

    def squares(
        self, paths: Iterable[Path], size_px: int, *, rule: ResizeRule = "pad"
    ) -> Iterator[UInt8[np.ndarray, "size_px size_px"] | ImageRefusedError]:
        """Yield each film as a square (:func:`hilum.imaging.read_square`) or its refusal, in the order of ``paths``.

        Raises:
            InvalidValueError: ``size_px`` below 1, or an unknown rule.
            MissingExtraError: A DICOM file, and pydicom is not installed.
        """
        for answer in self.map(square_record, paths, options=_square_options(size_px, rule)):
            yield answer if isinstance(answer, ImageRefusedError) else _square(answer, size_px)

    def films(
        self, paths: Iterable[Path], size_px: int, *, rule: ResizeRule = "pad"
    ) -> Iterator[SquareFilm | ImageRefusedError]:
        """Yield each film as a square with its facts, or its refusal, in the order of ``paths``.

        Raises:
            InvalidValueError: ``size_px`` below 1, or an unknown rule.
            MissingExtraError: A DICOM file, and pydicom is not installed.
        """
        for answer in self.map(film_record, paths, options=_square_options(size_px, rule)):
            yield answer if isinstance(answer, ImageRefusedError) else _film(answer, size_px)

    def map(
        self, task: Callable[..., Record], paths: Iterable[Path], *, options: Mapping[str, Any] | None = None
    ) -> Iterator[Record | ImageRefusedError]:
        """Yield what ``task`` makes of each film, or its refusal, in the order of ``paths``.

        At most a few films are under way, so memory does not grow with their number.

        Args:
            task: A function of a module that can be imported (not of a script, nor inside another function), from a
                path to a **plain record**: a dict of names to values of JSON (None, bool, int, float, str, lists,
                dicts with text keys) or, at the top level, NumPy arrays of bool, uint8, uint16, uint64, int32, int64,
                float32 or float64; at most 1 MiB of JSON. Nothing is pickled: a film may own its decoder. Its module
                should be light: every decoder imports it. It may raise ImageRefusedError.
            paths: The films.
            options: Keyword arguments of ``task``, values of JSON.

        Raises:
            InvalidValueError: ``task`` cannot be named by module and function.
            MissingExtraError: A DICOM file, and pydicom is not installed.
        """
        name = _name(task)
        with ThreadPoolExecutor(self._workers, thread_name_prefix="film-reader") as pool:
            ahead: deque[Future[Record | ImageRefusedError]] = deque()
            try:
                for path in paths:
                    ahead.append(pool.submit(self._ask_or_refuse, name, path, dict(options or {})))
                    if len(ahead) > _AHEAD * self._workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            except KeyboardInterrupt:
                self.close()  # waits for no film
                raise
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the decoders; reading afterwards raises InvalidValueError."""
        with self._lock:
            self._closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for decoder in busy:
            decoder.end()  # who waits for it hears of it, and shuts it
        for decoder in idle:
            decoder.shut()

    def _ask_or_refuse(self, task: str, path: Path, options: Mapping[str, Any]) -> Record | ImageRefusedError:
        try:
            return self._ask(task, path, options)
        except ImageRefusedError as error:
            return error

    def _ask(self, task: str, path: Path, options: Mapping[str, Any]) -> Record:
        with self._free:
            while True:
                decoder = self._take()
                n_before = decoder.n_films
                try:
                    return decoder.ask(task, path, options)
                except (_CrashError, HilumError) as error:
                    if self._closed:
                        raise InvalidValueError(_CLOSED) from None
                    if not isinstance(error, _CrashError):
                        raise
                    # The film before may have broken the decoder: each gets a fresh one before it is refused.
                    if n_before == 0:
                        raise error.refusal from None
                finally:
                    self._give(decoder)

    def _take(self) -> "_Decoder":
        with self._lock:
            if self._closed:
                raise InvalidValueError(_CLOSED)
            decoder = self._idle.pop() if self._idle else _Decoder(self._limits)
            self._busy.add(decoder)
            return decoder

    def _give(self, decoder: "_Decoder") -> None:
        with self._lock:
            self._busy.discard(decoder)
            keep = decoder.is_alive and not self._closed
            if keep:
                self._idle.append(decoder)
        if not keep:
            decoder.shut()


class _CrashError(Exception):
    """A decoder ended amid its work."""

    def __init__(self, refusal: ImageRefusedError) -> None:
        super().__init__()
        self.refusal = refusal


class _Decoder:
    """One process that decodes."""

    def __init__(self, limits: ReadLimits) -> None:
        self._limits = limits
        self._is_ready = False
        self.n_films = 0
        self.is_alive = True
        self._end_lock = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "hilum.imaging.decode_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            bufsize=0,
            process_group=0,  # Ctrl-C is for hilum, which ends its decoders itself
        )

    @property
    def _output(self) -> int:
        assert self._process.stdout  # noqa: S101 - it is a pipe
        return self._process.stdout.fileno()

    def ask(self, task: str, path: Path, options: Mapping[str, Any]) -> Record:
        """Return what ``task`` makes of a film.

        Raises:
            ImageRefusedError: The film's own refusal, or ``too_costly``.
            MissingExtraError: An optional package is absent.
            _CrashError: The decoder ended.
        """
        if not self._is_ready:
            self._start(task)
        asked = {"task": task, "path": str(path.absolute()), "options": options}  # its folder is that of its start
        deadline = monotonic() + self._limits.cpu_s * self._limits.patience
        try:
            self._send(Message("ask", asked))
            answer = receive(self._output, deadline)
            if answer is not None and answer.kind == "pixels":
                deadline += self._extra_s(answer)
                answer = self._last_of(answer, deadline)
        except TooLateError:
            self.end()
            raise refuse("too_costly", _ENDLESS) from None
        except (MessageError, OSError):
            answer = None
        if answer is None:
            self.end()
            raise self._ended()
        self.n_films += 1
        return self._record(answer)

    def _start(self, task: str) -> None:
        """Wait until it is ready; its modules are loaded before the limits of films apply."""
        try:
            self._send(Message("start", {"tasks": [task], "limits": dataclasses.asdict(self._limits)}))
            ready = receive(self._output, monotonic() + _START_S)
        except (OSError, MessageError, TooLateError):
            ready = None
        if ready is None or ready.kind != "ready":
            self.end()
            raise HilumError(
                f"a decoder did not start (exit status {self._process.returncode}): "
                f"`{Path(sys.executable).name} -m hilum.imaging.decode_worker < /dev/null` should end quietly."
            )
        self._is_ready = True

    def _last_of(self, answer: Message | None, deadline: float) -> Message | None:
        while answer is not None and answer.kind == "pixels":
            answer = receive(self._output, deadline)
        return answer

    def _extra_s(self, answer: Message) -> float:
        n_pixels = answer.values.get("n_pixels")
        if not isinstance(n_pixels, int) or not 0 <= n_pixels <= LARGEST_PIXELS:
            raise MessageError("pixels that cannot be")
        return self._limits.cpu_s_per_megapixel * self._limits.patience * n_pixels / 1e6

    def _record(self, answer: Message) -> Record:
        values = answer.values
        if answer.kind == "record":
            return {**values, **answer.arrays}
        if answer.kind == "missing_extra":
            raise MissingExtraError(str(values.get("package")), str(values.get("extra")))
        code = values.get("code")
        if answer.kind != "refused" or code not in REFUSALS:
            self.end()
            raise _unsound()
        if code == "too_costly":
            self.end()  # what is left of a decoder that ran out of memory is not to be trusted
        raise refuse(code, str(values.get("sentence"))[:_LONGEST_SENTENCE])

    def _ended(self) -> ImageRefusedError | _CrashError:
        code = self._process.returncode
        if code == -signal.SIGALRM:
            return refuse("too_costly", _ENDLESS)
        if code in {-signal.SIGPROF, -signal.SIGXCPU}:
            return refuse("too_costly", "Decoding it needs more processor time than a film of its size may take.")
        name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return _CrashError(refuse("too_costly", f"Its decoder died of it ({name})."))

    def _send(self, message: Message) -> None:
        assert self._process.stdin  # noqa: S101 - it is a pipe
        write_all(self._process.stdin.fileno(), pack(message))

    def end(self) -> None:
        """End the process, whatever it is doing, and leave no zombie; a second call does nothing."""
        with self._end_lock:
            self.is_alive = False
            self._process.kill()
            self._process.wait()

    def shut(self) -> None:
        """End it and close its pipes; for the thread that reads them."""
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()


def _environment() -> dict[str, str]:
    """Return what a decoder sees of the environment: how to find its modules, and no secrets."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    places = os.pathsep.join(place or str(Path.cwd()) for place in sys.path)
    return {**kept, **_ONE_THREAD, "PYTHONPATH": places}


def _name(task: Callable[..., Record]) -> str:
    module, name = getattr(task, "__module__", "__main__"), getattr(task, "__qualname__", "<>")
    if module == "__main__" or not name.isidentifier():
        raise InvalidValueError(
            f"a task must be a function of a module that can be imported, got {name} of {module}: "
            "move it into a module of its own."
        )
    return f"{module}:{name}"


def _unsound() -> ImageRefusedError:
    return refuse("too_costly", "Its decoder gave an answer that makes no sense.")


def _image(record: Record) -> Image:
    """Return the image that a decoder sends; it is believed only as far as it is one."""
    pixels = record.get("pixels")
    with suppress(ValueError, TypeError):
        facts = ImageFacts.model_validate_json(json.dumps(record.get("facts")))
        if (
            isinstance(pixels, np.ndarray)
            and (pixels.dtype, pixels.shape) == (np.float32, (facts.height_px, facts.width_px))
            and pixels.min() >= 0
            and pixels.max() <= 1
        ):
            return Image(pixels, facts)
    raise _unsound()


def _square_options(size_px: int, rule: ResizeRule) -> Record:
    if size_px < 1 or rule not in {"pad", "stretch"}:
        raise InvalidValueError(f"expected size_px >= 1 and rule pad or stretch, got {size_px} and {rule!r}")
    return {"size_px": size_px, "rule": rule}


def _film(record: Record, size_px: int) -> SquareFilm | ImageRefusedError:
    square = _square(record, size_px)
    if isinstance(square, ImageRefusedError):
        return square
    try:
        return SquareFilm(square, ImageFacts.model_validate_json(json.dumps(record.get("facts"))))
    except (ValueError, TypeError):
        return _unsound()


def _square(record: Record, size_px: int) -> np.ndarray | ImageRefusedError:
    pixels = record.get("pixels")
    if isinstance(pixels, np.ndarray) and (pixels.dtype, pixels.shape) == (np.uint8, (size_px, size_px)):
        return pixels
    return _unsound()
