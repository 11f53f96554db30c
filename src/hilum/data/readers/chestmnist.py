"""ChestMNIST of MedMNIST: films of ChestX-ray14, made small, inside one ``.npz`` file.

Source: Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
Scientific Data 2023.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from jaxtyping import UInt8
from numpy.lib import format as npy

from hilum.data.film_table import FilmRows, make_manifest
from hilum.data.manifest import Manifest, Split
from hilum.errors import DataError
from hilum.findings import LABEL_SETS, NIH_FINDINGS
from hilum.imaging import write_png

__all__ = ["read_chestmnist"]

_SET = LABEL_SETS["chestmnist"]
_SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "test": "test"}
_NO_PATIENTS = (
    "patients are unknown in this set: every film counts as a patient of its own. Its split is honoured; that no "
    "patient stands in two parts of it cannot be checked here"
)


def read_chestmnist(path: Path, *, films: Path, on_progress: Callable[[int, int], None] | None = None) -> Manifest:
    """Unpack ChestMNIST's films into a folder, as PNG files, and read its labels.

    Args:
        path: ``chestmnist.npz``, or one of the larger ``chestmnist_64.npz``, ``_128``, ``_224``.
        films: The folder to write to; a film that is there already is written anew.
        on_progress: Called with films written and films in all.

    Returns:
        A manifest split as the set is.

    Raises:
        DataError: The file is no ChestMNIST: not a zip of arrays, an array is missing or of another form.
        OSError: The films cannot be written.
    """
    if not path.is_file():
        raise DataError(f"there is no file {path}: name chestmnist.npz")
    try:
        with zipfile.ZipFile(path) as archive:
            parts = [_Part(archive, name) for name in _SPLITS]
            labels = [part.labels() for part in parts]
            names = _unpack(parts, films, on_progress)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, KeyError):
        raise DataError(
            f"{path.name} is no ChestMNIST: expected a zip of train_images, train_labels, val_images ... as "
            "unsigned bytes"
        ) from None
    rows = FilmRows(
        image_ids=names,
        paths=[str(films.absolute() / name) for name in names],
        patients=names,
        splits=[_SPLITS[part.name] for part in parts for _ in range(part.shape[0])],
        targets={name: np.concatenate(labels)[:, place].tolist() for place, name in enumerate(NIH_FINDINGS)},
    )
    _, height, width = parts[0].shape
    about = f"films have {width} x {height} pixels, made from 1024 x 1024 by the set's authors"
    return make_manifest(rows, title=_SET.title, source=path.name, notes=(_NO_PATIENTS, about))


class _Part:
    """One of train, val, test; films are read one by one, because the largest file holds 5 GB of them."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self.name = name
        self._archive = archive
        with self._open("images", 3) as (_, shape):
            self.shape = shape

    def films(self) -> Iterator[UInt8[np.ndarray, "row column"]]:
        """Yield the pixels of every film."""
        with self._open("images", 3) as (stream, (n_films, height, width)):
            for _ in range(n_films):
                raw = stream.read(height * width)
                yield np.frombuffer(raw, dtype=np.uint8).reshape(height, width)

    def labels(self) -> UInt8[np.ndarray, "image finding"]:
        """Return 1 and 0 per film and finding, in the order of ChestX-ray14."""
        with self._open("labels", 2) as (stream, shape):
            found = np.frombuffer(stream.read(int(np.prod(shape))), dtype=np.uint8).reshape(shape)
        if shape != (self.shape[0], len(NIH_FINDINGS)) or (found > 1).any():
            raise ValueError
        return found

    @contextmanager
    def _open(self, what: str, n_axes: int) -> Iterator[tuple[IO[bytes], tuple[int, ...]]]:
        with self._archive.open(f"{self.name}_{what}.npy") as stream:
            npy.read_magic(stream)
            shape, by_column, kind = npy.read_array_header_1_0(stream)
            if by_column or kind != np.uint8 or len(shape) != n_axes:
                raise ValueError
            yield stream, shape


def _unpack(parts: Sequence[_Part], folder: Path, on_progress: Callable[[int, int], None] | None) -> list[str]:
    """Write every film, and return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    n_films = sum(part.shape[0] for part in parts)
    names: list[str] = []
    for part in parts:
        for number, pixels in enumerate(part.films()):
            names.append(f"{part.name}_{number:06d}.png")
            write_png(folder / names[-1], pixels)
            if on_progress:
                on_progress(len(names), n_films)
    return names
