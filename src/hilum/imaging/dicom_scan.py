"""A look over a DICOM file's elements before pydicom reads it: bounded in time and memory, whatever the bytes say.

Counts elements and levels and holds every length against the file's size, without recursion and without copying
values. pydicom reads sequences of undefined length by recursion and takes lengths at their word, so what this look
refuses never gets there. Sequences of defined length are stepped over, as pydicom does until they are asked for.

Source: PS3.5 7.1 (elements), 7.5 (sequences), A.4 (fragments), 6.2.2 (UN of undefined length is implicit VR).
"""

import zlib
from dataclasses import dataclass, field
from mmap import mmap
from struct import calcsize, unpack_from
from typing import Any, Literal

from hilum.errors import ImageRefusedError
from hilum.imaging.refusal import LARGEST_BYTES, refuse

__all__ = ["DEFLATED", "Buffer", "Elements", "inflate", "read_meta", "scan_elements"]

DEFLATED = "1.2.840.10008.1.2.1.99"
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_MOST_ELEMENTS, _MOST_LEVELS = 50_000, 32
_LARGEST_RATIO, _ANY_RATIO_BYTES = 100, 16_000_000
_UNDEFINED = 0xFFFFFFFF
_LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_SYNTAX = 0x00020010
_PIXELS = 0x7FE00010
_ALL_PIXELS = {_PIXELS, 0x7FE00008, 0x7FE00009}  # whole numbers, floats, doubles
_CHUNK = 1 << 20

Buffer = bytes | mmap


@dataclass
class _Level:
    """A data set, sequence or row of fragments that is open; ``end`` is -1 where only a delimiter ends it.

    ``limit`` is where it ends at the latest.
    """

    kind: Literal["data set", "sequence", "fragments"]
    end: int
    limit: int
    implicit: bool


@dataclass
class Elements:
    """What the look found.

    Attributes:
        end: Up to where the bytes are well-formed elements.
        tags: Of the top level, in the file's order.
        has_pixels: Whether there is an element for pixels.
    """

    end: int = 0
    tags: list[int] = field(default_factory=list)
    has_pixels: bool = False


def read_meta(data: Buffer, start: int) -> tuple[str, int]:
    """Return the transfer syntax that the meta information names, empty where there is none, and where it ends.

    Raises:
        ImageRefusedError: It ends early, or its lengths cannot be.
    """
    syntax, walk = "", _Walk(data, start, implicit=False, order="<")
    while data[walk.place : walk.place + 2] == b"\x02\0":
        tag, _, length = walk.header(implicit=False)
        value = walk.place
        walk.skip(length, walk.size)
        if tag == _SYNTAX:
            syntax = bytes(data[value : value + min(length, 64)]).rstrip(b"\0 ").decode("ascii", "replace")
    return syntax, walk.place


def scan_elements(data: Buffer, start: int, syntax: str) -> Elements:
    """Walk over all elements of the data set that begins at ``start``, written in ``syntax``.

    Raises:
        ImageRefusedError: Too many elements or levels (``too_large``), lengths that contradict each other
            (``undecodable``), or an end amid an element (``truncated``).
    """
    # Some files lie about it; pydicom, too, looks at the first element's VR.
    looks_explicit = bytes(data[start + 4 : start + 6]).isalpha() and bytes(data[start + 4 : start + 6]).isupper()
    order = ">" if syntax == _BIG_ENDIAN else "<"
    return _Walk(data, start, implicit=not looks_explicit, order=order).run()


def inflate(data: bytes) -> bytes:
    """Inflate a deflated data set (PS3.5 A.5), as far as a film can be large.

    Raises:
        ImageRefusedError: It grows beyond that (``too_large``), ends early or is damaged.
    """
    limit = min(LARGEST_BYTES, max(_ANY_RATIO_BYTES, _LARGEST_RATIO * len(data)))
    try:
        if _inflated_bytes(data, limit) > limit:
            raise refuse("too_large", f"The deflated data unpack to more than {limit // 1_000_000} MB.")
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        inflated = inflater.decompress(data)
    except zlib.error:
        raise refuse("undecodable", "Its deflated data are damaged.") from None
    if not inflater.eof:
        raise refuse("truncated", "The deflated data end too early.")
    return inflated


def _inflated_bytes(data: bytes, limit: int) -> int:
    """Count what the data unpack to, in pieces that are thrown away, until it is more than ``limit``."""
    inflater, n_bytes = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while n_bytes <= limit and not inflater.eof:
        piece = len(inflater.decompress(data, _CHUNK))
        data = inflater.unconsumed_tail
        n_bytes += piece
        if not data and piece < _CHUNK:
            break
    return n_bytes


class _Walk:
    """The state of one look: a stack of open levels and a place in the file."""

    def __init__(self, data: Buffer, start: int, *, implicit: bool, order: str) -> None:
        self.data, self.place, self.size, self.order = data, start, len(data), order
        self.levels = [_Level("data set", self.size, self.size, implicit)]
        self.found = Elements(end=start)
        self.n_elements = 0

    def run(self) -> Elements:
        """Look at everything; what follows the pixels and is no element is left out of ``end``."""
        has_pixels = False
        while self.levels:
            level = self.levels[-1]
            if level.end == self.place:
                self.levels.pop()
                continue
            try:
                self.step(level)
            except ImageRefusedError:
                if not has_pixels:
                    raise
                break
            if len(self.levels) == 1:
                self.found.end = self.place
                has_pixels = self.found.has_pixels
        return self.found

    def step(self, level: _Level) -> None:
        """Read one header of an element, item or delimiter, and step over its value or into it."""
        self.n_elements += 1
        if self.n_elements > _MOST_ELEMENTS:
            raise refuse("too_large", f"It holds more than {_MOST_ELEMENTS:,} data elements.")
        tag, vr, length = self.header(implicit=level.implicit)
        if self.place > level.limit:
            raise refuse("undecodable", "An element is longer than the item that holds it.")
        if tag in {_ITEM, _ITEM_END, _SEQUENCE_END}:
            self.step_item(level, tag, length)
        elif level.kind != "data set":
            raise refuse("undecodable", "A sequence holds something else than items.")
        elif length != _UNDEFINED:
            self.skip(length, level.limit)
        else:
            self.open_value(tag, vr, level)
        if len(self.levels) <= 2 and level is self.levels[0]:
            self.note(tag)

    def step_item(self, level: _Level, tag: int, length: int) -> None:
        """Open or close an item, or close a sequence."""
        if tag == _ITEM and level.kind == "fragments" and length != _UNDEFINED:
            self.skip(length, level.limit)
        elif tag == _ITEM and level.kind == "sequence":
            end = -1 if length == _UNDEFINED else self.place + length
            if end > level.limit:
                raise refuse("truncated", "The DICOM data end amid an item.")
            self.open_level(_Level("data set", end, end if end >= 0 else level.limit, level.implicit))
        elif level.end < 0 and (tag == _ITEM_END) == (level.kind == "data set") and tag != _ITEM:
            self.levels.pop()
        else:
            raise refuse("undecodable", "Items and their delimiters contradict each other.")

    def open_value(self, tag: int, vr: bytes, level: _Level) -> None:
        """Step into a value of undefined length."""
        if tag == _PIXELS:
            self.open_level(_Level("fragments", -1, level.limit, level.implicit))
        elif vr in {b"SQ", b"UN", b""}:
            self.open_level(_Level("sequence", -1, level.limit, level.implicit or vr != b"SQ"))
        else:
            raise refuse("undecodable", "An element that is no sequence has no length.")

    def open_level(self, level: _Level) -> None:
        if len(self.levels) >= _MOST_LEVELS:
            raise refuse("undecodable", f"Its sequences are nested more than {_MOST_LEVELS} deep.")
        self.levels.append(level)

    def note(self, tag: int) -> None:
        """Remember a tag of the top level; behind the pixels a lower one is no element, but padding."""
        if self.found.has_pixels and tag <= _PIXELS:
            raise refuse("undecodable", "Elements follow each other in no order.")
        self.found.tags.append(tag)
        self.found.has_pixels |= tag in _ALL_PIXELS

    def header(self, *, implicit: bool) -> tuple[int, bytes, int]:
        """Read tag, VR (empty where it is implicit) and length."""
        group, element, vr, short = self.unpack(f"{self.order}HH2sH")
        tag = group << 16 | element
        if implicit or group == 0xFFFE or not (b"AA" <= vr <= b"ZZ" and vr.isalpha()):
            self.place -= 4
            return tag, b"", self.unpack(f"{self.order}I")[0]
        return tag, vr, self.unpack(f"{self.order}I")[0] if vr in _LONG_VRS else short

    def unpack(self, form: str) -> tuple[Any, ...]:
        n_bytes = calcsize(form)
        if self.place + n_bytes > self.size:
            raise refuse("truncated", "The DICOM data end amid an element.")
        self.place += n_bytes
        return unpack_from(form, self.data, self.place - n_bytes)

    def skip(self, length: int, limit: int) -> None:
        """Step over a value."""
        if length > LARGEST_BYTES:
            raise refuse("undecodable", f"An element says it is {length:,} bytes long.")
        if self.place + length > self.size:
            raise refuse("truncated", "The DICOM data end amid an element.")
        if self.place + length > limit:
            raise refuse("undecodable", "An element is longer than the item that holds it.")
        self.place += length
