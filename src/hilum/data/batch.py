"""Batches of films, read ahead by one thread while the network works."""

import contextlib
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from hilum.data.augmentation import Augmentation
from hilum.data.store import PixelStore
from hilum.errors import InvalidValueError

__all__ = ["Batch", "batches"]

_READ_AHEAD = 2


@dataclass(frozen=True, eq=False)
class Batch:
    """Some films with their targets.

    Attributes:
        images: Films in [0, 1], dense tissue bright.
        targets: 1 present, 0 absent, NaN unknown.
        positions: Where these films stand among the rows asked for.
    """

    images: Float[Tensor, "image 1 size size"]
    targets: Float[Tensor, "image finding"]
    positions: Int64[np.ndarray, " image"]


def batches(
    store: PixelStore,
    rows: Int64[np.ndarray, " image"],
    targets: Float32[np.ndarray, "image finding"],
    *,
    batch_size: int,
    augmentation: Augmentation | None = None,
    shuffle_seed: int | None = None,
    epoch: int = 0,
) -> Iterator[Batch]:
    """Give every film once, batch by batch.

    Args:
        store: Where the pixels are.
        rows: Rows of the store.
        targets: One row per film, in the order of ``rows``.
        batch_size: Largest number of films in a batch. Batches differ by one film at most, so that none is left with
            a single film that batch normalisation could not work on.
        augmentation: Changes the films; None leaves them as they are.
        shuffle_seed: Order from this seed and the epoch; None keeps the order of ``rows``.
        epoch: Counts from 0.

    Raises:
        InvalidValueError: No film, or ``rows`` and ``targets`` differ in number.
    """
    if len(rows) == 0 or len(rows) != len(targets) or batch_size < 1:
        raise InvalidValueError(
            f"expected at least one film, as many targets as films and batch_size >= 1; "
            f"got {len(rows)}, {len(targets)}, {batch_size}"
        )
    order = np.arange(len(rows))
    if shuffle_seed is not None:
        order = np.random.Generator(np.random.Philox(key=[shuffle_seed, epoch])).permutation(order)

    def load(positions: Int64[np.ndarray, " image"]) -> Batch:
        pixels = store.read(rows[positions])
        images = (
            augmentation.apply(pixels, epoch=epoch, films=rows[positions])
            if augmentation
            else torch.from_numpy(pixels).unsqueeze(1).float() / 255
        )
        return Batch(images, torch.from_numpy(targets[positions]), positions)

    return _read_ahead(load(part) for part in np.array_split(order, -(-len(order) // batch_size)))


def _read_ahead(items: Iterator[Batch]) -> Iterator[Batch]:
    """Yield ``items``, made by a thread that stays a little ahead and ends when the reader does."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(_READ_AHEAD)
    stop = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            put(error)

    thread = threading.Thread(target=work, name="hilum-batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
