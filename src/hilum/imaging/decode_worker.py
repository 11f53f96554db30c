"""The process that decodes: ``python -m hilum.imaging.decode_worker``, started and thrown away by ``FilmReader``.

It hears tasks on its standard input, one film each, and answers on its standard output. What it may use is limited by
the kernel, not by good manners: memory (RLIMIT_AS), processor time (ITIMER_PROF: the kernel ends the process, whatever
a decoder is doing) and wall time (ITIMER_REAL), no file may grow (RLIMIT_FSIZE), few may be open, no core is dumped. It
ends when its input ends, so nothing is left when hilum is killed.
"""

import ctypes
import importlib
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from hilum.errors import ImageRefusedError, MissingExtraError
from hilum.imaging.decode_message import Message, pack, receive, write_all
from hilum.imaging.dicom_header import load_pydicom
from hilum.imaging.refusal import LARGEST_BYTES, LARGEST_PIXELS, before_decoding, refuse
from hilum.runs import keep_freed_memory

__all__ = ["Budget", "main", "serve"]

_SPARE = 64 * 2**20
_KEPT_SHARE = 0.75
_FILES = 64
_COPIES = 3
"""Of a file, while its header is read: mapped, read, cut out."""
_CLOCKS = (signal.ITIMER_PROF, signal.ITIMER_REAL)
_GRACE_S = 1.0
"""Wall time after which a decoder ends itself, when hilum, which should have ended it, is gone."""


class Budget:
    """What one film may use: a little until its header has been read, more as it has pixels."""

    def __init__(self, limits: Mapping[str, float]) -> None:
        self._limits = limits
        largest = limits["memory_bytes"] + limits["bytes_per_pixel"] * LARGEST_PIXELS
        self._base = _address_space()
        self._kept = int(limits["memory_bytes"] * _KEPT_SHARE)
        self._hard = _lower(resource.RLIMIT_AS, int(self._base + largest) + _SPARE)
        self._start, self._held = self._base, limits["memory_bytes"]

    def begin(self, n_bytes: int) -> None:
        """Start the clock of a film whose file has ``n_bytes``, which may be held a few times over."""
        self._start = _address_space()
        self._held = self._limits["memory_bytes"] + _COPIES * n_bytes
        self._allow(self._held, self._limits["cpu_s"])

    def grow(self, n_pixels: int) -> None:
        """Allow what a film of ``n_pixels`` needs."""
        self._allow(
            self._held + self._limits["bytes_per_pixel"] * n_pixels,
            self._limits["cpu_s"] + self._limits["cpu_s_per_megapixel"] * n_pixels / 1e6,
        )

    def end(self) -> None:
        """Stop the clock."""
        for clock in _CLOCKS:
            signal.setitimer(clock, 0)
        resource.setrlimit(resource.RLIMIT_AS, (self._hard, self._hard))

    def rest(self) -> None:
        """Give the memory of a large film back."""
        if _address_space() > self._base + self._kept:
            _trim()

    def _allow(self, n_bytes: float, cpu_s: float) -> None:
        # What the film before left behind is free to use, so it counts in; unless there is more than can be given back.
        base = max(self._base, self._start - self._kept)
        resource.setrlimit(resource.RLIMIT_AS, (min(self._hard, int(base + n_bytes)), self._hard))
        for clock, seconds in zip(_CLOCKS, (cpu_s, cpu_s * self._limits["patience"] + _GRACE_S), strict=True):
            signal.setitimer(clock, seconds)


def serve(source: int, sink: int, budget: Budget | None = None) -> None:
    """Answer what comes from the pipe ``source`` on the pipe ``sink`` until it ends."""
    while (asked := receive(source)) is not None:
        write_all(sink, _answer(asked.values, sink, budget))
        if budget:
            budget.rest()


def _answer(asked: Mapping[str, Any], sink: int, budget: Budget | None) -> list[bytes | memoryview]:
    def tell(n_pixels: int) -> None:
        if budget:
            budget.grow(n_pixels)
        write_all(sink, pack(Message("pixels", {"n_pixels": n_pixels})))

    task = _task(asked["task"])
    try:
        if budget:
            budget.begin(_size_of(asked["path"]))
        with before_decoding(tell):
            record = task(Path(asked["path"]), **asked["options"])
        arrays = {name: value for name, value in record.items() if isinstance(value, np.ndarray)}
        values = {name: value for name, value in record.items() if name not in arrays}
        message = Message("record", values, arrays)
        return pack(message)
    except ImageRefusedError as error:
        message = Message("refused", {"code": error.code, "sentence": error.sentence})
    except MissingExtraError as error:
        message = Message("missing_extra", {"package": error.package, "extra": error.extra})
    except MemoryError:
        message = _refused(refuse("too_costly", "Decoding it needs more memory than a film of its size may take."))
    except Exception as error:  # noqa: BLE001 - a film that hilum has no word for yet must not end the others
        message = _refused(refuse("undecodable", f"Reading it failed ({_where(error)})."))
    finally:
        if budget:
            budget.end()
    return pack(message)


def _refused(error: ImageRefusedError) -> Message:
    return Message("refused", {"code": error.code, "sentence": error.sentence})


def _task(name: str) -> Callable[..., Mapping[str, Any]]:
    module, _, function = name.partition(":")
    task: Callable[..., Mapping[str, Any]] = getattr(importlib.import_module(module), function)
    return task


def _where(error: Exception) -> str:
    """Return type and place of an error; its text may quote the film."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    name = type(error).__name__
    return f"{name} in {Path(place.tb_frame.f_code.co_filename).name}, line {place.tb_lineno}" if place else name


def _address_space() -> int:
    """Return how many bytes of addresses this process holds; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb") as stream:  # noqa: PTH123 - several times a film
            return int(stream.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _size_of(path: str) -> int:
    try:
        return min(os.stat(path).st_size, LARGEST_BYTES)  # noqa: PTH116 - several hundred films a second
    except (OSError, ValueError):
        return 0


def _lower(limit: int, value: int) -> int:
    """Lower a limit for good, and return it; one that is lower already stays."""
    _, hard = resource.getrlimit(limit)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))
    return value


def _trim() -> None:
    """Give freed memory back to the system, where the C library can."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _end_with(source: int) -> None:
    """End this process as soon as nobody holds the other end of its input, even amid a film."""
    poll = select.poll()
    poll.register(source, 0)  # hears of the end alone
    poll.poll()
    os._exit(0)


def _confine() -> None:
    with suppress(OSError):  # where memory runs out, decoders go first
        Path("/proc/self/oom_score_adj").write_text("500")
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, _FILES)


def main() -> None:
    """Answer until standard input ends; nothing that a library prints reaches the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink, nowhere = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    Thread(target=_end_with, args=(source,), daemon=True).start()
    with suppress(BrokenPipeError):
        first = receive(source)
        if first is not None:
            keep_freed_memory()
            with suppress(MissingExtraError):
                load_pydicom()
            for name in first.values["tasks"]:
                _task(name)
            _confine()
            budget = Budget(first.values["limits"])
            write_all(sink, pack(Message("ready")))
            serve(source, sink, budget)
    os._exit(0)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    main()
