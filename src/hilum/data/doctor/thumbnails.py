"""Every film of a manifest at a glance: opened once, kept small, with what opening it told."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int32, Int64, UInt8

from hilum import __version__
from hilum.data.manifest import Manifest
from hilum.data.store import PixelStore
from hilum.errors import ImageRefusedError
from hilum.imaging import FilmReader, resize_square, thumbnail_record
from hilum.runs import atomic_path, file_stamp

__all__ = ["THUMBNAIL_PX", "Thumbnails", "collect_thumbnails", "shrink"]

OnProgress = Callable[[int, int], None]

THUMBNAIL_PX = 64
_BLOCK = 1024
_SCHEMA = 1
_ARRAYS = ("keys", "pixels", "boxes", "sizes", "told")


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """The films of a manifest, small; one row per film, in the manifest's order.

    Attributes:
        pixels: 64 x 64, dense tissue bright, aspect ratio kept; zeros where a film could not be read.
        boxes: Where the film lies in its square: top, left, height, width; the rest is padding.
        sizes: Height and width of the film in its file; 0 where unknown.
        views: ``PA``, ``AP``, ``LL`` ... by the manifest or else the file; empty where unknown.
        groups: A number per patient.
        flags: What opening each film told (keys of ``imaging.FLAGS``).
        problems: Row to code and sentence of the films that could not be read.
    """

    pixels: UInt8[np.ndarray, "image 64 64"]
    boxes: Int32[np.ndarray, "image 4"]
    sizes: Int32[np.ndarray, "image 2"]
    views: tuple[str, ...]
    groups: Int64[np.ndarray, " image"]
    flags: list[tuple[str, ...]]
    problems: dict[int, tuple[str, str]]

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def readable(self) -> Bool[np.ndarray, " image"]:
        """Whether each film could be read."""
        readable = np.ones(len(self), dtype=bool)
        readable[list(self.problems)] = False
        return readable

    def films(self, rows: Int64[np.ndarray, " film"]) -> UInt8[np.ndarray, "film 64 64"]:
        """Return films without their padding, stretched to the whole square."""
        films: UInt8[np.ndarray, "film 64 64"] = self.pixels[rows]
        for place in np.flatnonzero((self.boxes[rows, 2:] != THUMBNAIL_PX).any(axis=1)):
            top, left, height, width = self.boxes[rows[place]].tolist()
            films[place] = shrink(films[place, top : top + height, left : left + width])
        return films


def collect_thumbnails(
    manifest: Manifest,
    *,
    workers: int = 2,
    store: PixelStore | None = None,
    cache: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Thumbnails:
    """Open every film once, in processes that can be thrown away, and keep it small.

    Args:
        manifest: The films.
        workers: Processes that decode; memory grows by about 5 kB per film.
        store: Take the pixels from here and open no file: fast, but nothing is told about the files (no flags, no
            sizes); films that the store does not hold count as problems.
        cache: A file to remember films in; those whose path, size and time of change are as remembered, by
            the same hilum, are not opened again. A damaged one is made anew.
        on_progress: Told of films done and films in all.

    Raises:
        StorageError: The cache cannot be written.
    """
    album = _Album(manifest)
    if store is not None:
        album.take(_from_store(store, manifest.table["image_id"].tolist()), on_progress)
        return album.bound()
    paths = manifest.paths()
    keys = [_key(path) for path in paths] if cache else []
    known = _read_cache(cache) if cache else {}
    album.take(_from_files(paths, [known.get(key) for key in keys], workers), on_progress)
    thumbnails = album.bound()
    if cache and any(key and key not in known for key in keys):
        _write_cache(cache, keys, thumbnails)
    return thumbnails


def shrink(film: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "64 64"]:
    """Return a film at the size of a thumbnail, stretched where it is not square."""
    return resize_square(film.astype(np.float32) / 255, THUMBNAIL_PX, rule="stretch")


Look = dict[str, Any]
"""What is known of a film: pixels, box, size, view, flags."""


class _Album:
    """Thumbnails in the making."""

    def __init__(self, manifest: Manifest) -> None:
        n = len(manifest)
        self.pixels = np.zeros((n, THUMBNAIL_PX, THUMBNAIL_PX), np.uint8)
        self.boxes = np.tile(np.array([0, 0, THUMBNAIL_PX, THUMBNAIL_PX], np.int32), (n, 1))
        self.sizes = np.zeros((n, 2), np.int32)
        self.views = manifest.table["view"].fillna("").astype(str).tolist()
        self.groups = pd.factorize(manifest.table["patient_id"])[0].astype(np.int64)
        self.flags: list[tuple[str, ...]] = [()] * n
        self.problems: dict[int, tuple[str, str]] = {}

    def take(self, looks: "Iterator[Look | tuple[str, str]]", on_progress: OnProgress | None) -> None:
        for row, look in enumerate(looks):
            if isinstance(look, tuple):
                self.problems[row] = look
            else:
                self.pixels[row], self.boxes[row], self.sizes[row] = look["pixels"], look["box"], look["size"]
                self.views[row] = self.views[row] or look["view"]
                self.flags[row] = tuple(look["flags"])
            if on_progress:
                on_progress(row + 1, len(self.pixels))

    def bound(self) -> Thumbnails:
        return Thumbnails(
            self.pixels, self.boxes, self.sizes, tuple(self.views), self.groups, self.flags, self.problems
        )


def _from_files(paths: list[Path], known: list[Look | None], workers: int) -> "Iterator[Look | tuple[str, str]]":
    remembered = known or [None] * len(paths)
    unknown = (path for path, look in zip(paths, remembered, strict=True) if look is None)
    with FilmReader(workers=workers) as reader:
        read = reader.map(thumbnail_record, unknown, options={"size_px": THUMBNAIL_PX})
        for look in remembered:
            answer = look if look is not None else next(read)
            yield (answer.code, str(answer)) if isinstance(answer, ImageRefusedError) else answer


def _from_store(store: PixelStore, image_ids: list[str]) -> "Iterator[Look | tuple[str, str]]":
    told = {problem.image_id: (problem.code, problem.reason) for problem in store.problems}
    for name, row in zip(image_ids, store.rows_of(image_ids).tolist(), strict=True):
        if row < 0:
            yield told.get(name, ("missing", "The pixel store does not hold this film."))
            continue
        square = store.read([row])[0]
        box = _film_in(square) if store.rule == "pad" else [0, 0, THUMBNAIL_PX, THUMBNAIL_PX]
        yield {"pixels": shrink(square), "box": box, "size": [0, 0], "view": "", "flags": []}


def _film_in(square: UInt8[np.ndarray, "size size"]) -> list[int]:
    """Return where the film lies in its square: black lines on both sides of one axis are taken for padding."""
    box = []
    for axis in (1, 0):
        lit = np.flatnonzero(square.any(axis=axis))
        pad = min(int(lit[0]), len(square) - 1 - int(lit[-1])) if len(lit) else 0
        pad = round(pad * THUMBNAIL_PX / len(square))
        box.append((pad, max(1, THUMBNAIL_PX - 2 * pad)))
    return [box[0][0], box[1][0], box[0][1], box[1][1]]


def _key(path: Path) -> str:
    """Return what changes when a film or hilum does; empty if it is not there."""
    stamp = file_stamp(path)
    return hashlib.sha256(f"{__version__}\0{path.resolve()}\0{stamp}".encode()).hexdigest()[:32] if stamp else ""


def _read_cache(cache: Path) -> dict[str, Look]:
    try:
        with cache.open("rb") as stream, np.load(stream, allow_pickle=False) as kept:
            if int(kept["schema"]) != _SCHEMA:
                return {}
            keys, pixels, boxes, sizes, told = (kept[name] for name in _ARRAYS)
            told = json.loads(bytes(told))
            return {
                key: {"pixels": film, "box": box, "size": size, "view": view, "flags": flags}
                for key, film, box, size, (view, flags) in zip(keys.tolist(), pixels, boxes, sizes, told, strict=True)
            }
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return {}


def _write_cache(cache: Path, keys: list[str], thumbnails: Thumbnails) -> None:
    rows = np.array([row for row, key in enumerate(keys) if key and row not in thumbnails.problems], dtype=np.int64)
    told = json.dumps([(thumbnails.views[row], thumbnails.flags[row]) for row in rows.tolist()]).encode()
    cache.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(cache) as temporary, temporary.open("wb") as stream:
        np.savez(
            stream,
            schema=np.array(_SCHEMA),
            keys=np.array([keys[row] for row in rows.tolist()], dtype="U32"),
            pixels=thumbnails.pixels[rows],
            boxes=thumbnails.boxes[rows],
            sizes=thumbnails.sizes[rows],
            told=np.frombuffer(told, np.uint8),
        )
