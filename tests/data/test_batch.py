import threading

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hilum.data import Augmentation, AugmentationSection, batches, prepare_store
from hilum.errors import InvalidValueError

N = 23


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from hilum.data import Manifest
    from hilum.imaging import write_png

    folder = tmp_path_factory.mktemp("batch")
    import pandas as pd

    names = [f"{row}.png" for row in range(N)]
    for row, name in enumerate(names):
        pixels = np.full((8, 8), row * 10, dtype=np.uint8)
        pixels[:2, :2] = [[row * 10 + 1, row * 10 + 2], [row * 10 - 1, row * 10 - 2]] if row else 1  # none is blank
        write_png(folder / name, pixels)
    table = pd.DataFrame({"image_id": names, "path": [str(folder / name) for name in names], "patient_id": names})
    table = table.assign(study_id="", view="", sex="", age_years=np.nan, split=None, Mass=0.0)
    return prepare_store(Manifest(table, ("Mass",), source="x"), folder / "store", size_px=8)


def targets(n):
    return np.arange(n, dtype=np.float32)[:, None]


def readers():
    return [thread for thread in threading.enumerate() if thread.name == "hilum-batches"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, N), st.integers(1, 40), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 3))
def test_every_film_once_with_its_own_target(store, n, batch_size, seed, epoch):
    rows = np.random.default_rng(n).permutation(N)[:n]
    got = list(batches(store, rows, targets(n), batch_size=batch_size, shuffle_seed=seed, epoch=epoch))
    sizes = [len(batch.positions) for batch in got]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    positions = np.concatenate([batch.positions for batch in got])
    assert sorted(positions) == list(range(n))
    if seed is None:
        assert (positions == np.arange(n)).all()
    for batch in got:
        assert batch.images.shape == (len(batch.positions), 1, 8, 8)
        assert (batch.targets[:, 0].numpy() == batch.positions).all()
        level = batch.images[:, 0, 4, 4].numpy() * 255
        assert np.abs(level - rows[batch.positions] * 10).max() < 1e-3


def order(store, **options):
    found = batches(store, np.arange(N), targets(N), batch_size=4, **options)
    return np.concatenate([batch.positions for batch in found]).tolist()


def test_the_order_is_from_seed_and_epoch(store):
    first = order(store, shuffle_seed=1, epoch=0)
    assert first == order(store, shuffle_seed=1, epoch=0)
    assert len({tuple(first), tuple(order(store, shuffle_seed=1, epoch=1)), tuple(order(store, shuffle_seed=2))}) == 3


def test_films_are_augmented_by_their_row_in_the_store(store):
    augmentation = Augmentation(AugmentationSection(), seed=4)
    rows = np.array([7, 3, 11])
    (batch,) = batches(store, rows, targets(3), batch_size=3, augmentation=augmentation, epoch=2)
    expected = augmentation.apply(store.read(rows), epoch=2, films=rows)
    assert torch.equal(batch.images, expected)


def test_the_thread_ends_with_the_reading(store):
    list(batches(store, np.arange(N), targets(N), batch_size=4))
    assert not readers()


def test_the_thread_ends_when_the_reader_stops(store):
    found = batches(store, np.arange(N), targets(N), batch_size=1)
    next(found)
    assert len(readers()) == 1
    found.close()
    assert not readers()


def test_the_thread_ends_when_the_reader_fails(store):
    def fail():
        for _ in batches(store, np.arange(N), targets(N), batch_size=1):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not readers()


def test_it_stays_only_a_little_ahead(store, monkeypatch):
    read = []
    monkeypatch.setattr(store, "read", lambda rows: (read.append(len(rows)), np.zeros((len(rows), 8, 8), np.uint8))[1])
    found = batches(store, np.arange(N), targets(N), batch_size=1)
    next(found)
    threading.Event().wait(0.3)
    assert len(read) <= 4
    found.close()


def test_an_error_in_the_thread_reaches_the_reader(store):
    found = batches(store, np.array([0, 1, 2, N + 5]), targets(4), batch_size=1)
    assert len(next(found).positions) == 1
    with pytest.raises(InvalidValueError, match="rows must lie in"):
        list(found)
    assert not readers()


@pytest.mark.parametrize(("n_rows", "n_targets", "batch_size"), [(0, 0, 4), (3, 2, 4), (3, 3, 0)])
def test_what_makes_no_batch(store, n_rows, n_targets, batch_size):
    with pytest.raises(InvalidValueError, match=f"got {n_rows}, {n_targets}, {batch_size}"):
        batches(store, np.arange(n_rows), targets(n_targets), batch_size=batch_size)
