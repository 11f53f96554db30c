"""What goes between hilum and its decoders: plain messages, never pickles, since a hostile film may own a decoder.

A message is the length of its header (4 bytes, big endian), the header (JSON), and the bytes of its arrays.
"""

import json
import os
import select
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from hilum.imaging.refusal import LARGEST_PIXELS

__all__ = ["Message", "MessageError", "Record", "TooLateError", "pack", "receive", "write_all"]

Record = dict[str, Any]
"""What a task returns: names to values of JSON, or to arrays of numbers."""

_LENGTH = 4
_LARGEST_HEADER = 2**20
_LARGEST_ARRAYS = 8 * LARGEST_PIXELS
_TYPES = {
    name: np.dtype(name) for name in ("bool", "uint8", "uint16", "uint64", "int32", "int64", "float32", "float64")
}


class MessageError(Exception):
    """What came is no message."""


class TooLateError(Exception):
    """Nothing came in time."""


@dataclass(frozen=True)
class Message:
    """``kind`` says what it is about; ``values`` are JSON; ``arrays`` stand beside them."""

    kind: str
    values: Record = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def pack(message: Message) -> list[bytes | memoryview]:
    """Return the bytes of a message, in pieces; raises TypeError or ValueError where it is not plain."""
    arrays = {name: np.asarray(array, order="C") for name, array in message.arrays.items()}
    for name, array in arrays.items():
        if array.dtype.name not in _TYPES:
            raise TypeError(f"array {name!r} has type {array.dtype}; messages take {', '.join(_TYPES)}")
    shapes = [(name, array.dtype.name, array.shape) for name, array in arrays.items()]
    header = json.dumps({"kind": message.kind, "values": message.values, "arrays": shapes}).encode()
    if len(header) > _LARGEST_HEADER or sum(array.nbytes for array in arrays.values()) > _LARGEST_ARRAYS:
        raise ValueError("the message is too large")
    pieces: list[bytes | memoryview] = [len(header).to_bytes(_LENGTH, "big") + header]
    return pieces + [_bytes_of(array) for array in arrays.values()]


def write_all(descriptor: int, pieces: list[bytes | memoryview]) -> None:
    """Write all of ``pieces``; raises BrokenPipeError where nobody reads any more."""
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def receive(descriptor: int, deadline: float | None = None) -> Message | None:
    """Return the next message, or None where the other side has ended.

    Args:
        descriptor: A pipe.
        deadline: In seconds of :func:`time.monotonic`; None waits for ever.

    Raises:
        TooLateError: The deadline has passed.
        MessageError: What came is no message, or was cut.
    """
    length = bytearray(_LENGTH)
    if not _fill(descriptor, memoryview(length), deadline):
        return None
    n_bytes = int.from_bytes(length, "big")
    if n_bytes > _LARGEST_HEADER:
        raise MessageError("a header too long")
    text = bytearray(n_bytes)
    _fill(descriptor, memoryview(text), deadline, must=True)
    kind, values, shapes = _header(bytes(text))
    arrays = {}
    for name, (dtype, shape) in shapes.items():
        arrays[name] = np.empty(shape, dtype)
        _fill(descriptor, _bytes_of(arrays[name]), deadline, must=True)
    return Message(kind, values, arrays)


def _bytes_of(array: np.ndarray) -> memoryview:
    """Return the bytes of a contiguous array, to read or to fill."""
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def _header(text: bytes) -> tuple[str, Record, dict[str, tuple[np.dtype, tuple[int, ...]]]]:
    """Return kind, values, and type and shape of each array; nothing that the other side says is believed unseen."""
    try:
        header = json.loads(text)
        kind, values, arrays = header["kind"], header["values"], header["arrays"]
        shapes = {str(name): (_TYPES[dtype], tuple(int(side) for side in shape)) for name, dtype, shape in arrays}
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise MessageError(f"no header ({type(error).__name__})") from None
    if not isinstance(kind, str) or not isinstance(values, dict):
        raise MessageError("no header (types)")
    total = 0
    for dtype, shape in shapes.values():
        n_bytes = dtype.itemsize
        for side in shape:
            if not 0 <= side <= _LARGEST_ARRAYS or len(shape) > 4:
                raise MessageError("arrays of a size that cannot be")
            n_bytes *= side
        total += n_bytes
    if total > _LARGEST_ARRAYS:
        raise MessageError("arrays too large")
    return kind, values, shapes


def _fill(descriptor: int, rest: memoryview, deadline: float | None, *, must: bool = False) -> bool:
    """Fill ``rest`` from the pipe; False where it has ended before the first byte, unless it ``must`` not."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    n_bytes = len(rest)
    while rest:
        left = None if deadline is None else deadline - monotonic()
        if left is not None and (left <= 0 or not poll.poll(left * 1000)):
            raise TooLateError
        n_read = os.readv(descriptor, [rest])
        if n_read == 0:
            if must or len(rest) < n_bytes:
                raise MessageError("cut")
            return False
        rest = rest[n_read:]
    return True
