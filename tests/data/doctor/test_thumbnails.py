"""Thumbnails: what is kept of a film, what of its file; problems, the store, and what is remembered."""

import numpy as np
import pytest

from hilum.data import prepare_store
from hilum.data.doctor.thumbnails import THUMBNAIL_PX, collect_thumbnails
from hilum.imaging import read_square, write_png


def test_a_thumbnail_is_the_film_at_64_px(manifest_of, write_films):
    paths = write_films(3)
    told = []
    kept = collect_thumbnails(manifest_of(3, paths=paths), on_progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(kept.pixels, [read_square(path, THUMBNAIL_PX) for path in paths])
    assert kept.readable.all()
    assert len(kept) == 3
    assert kept.sizes.tolist() == [[40, 40]] * 3
    assert kept.groups.tolist() == [0, 0, 1]
    assert kept.views == ("PA",) * 3
    assert "small" in kept.flags[0]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_films_that_cannot_be_read_are_told_and_black(manifest_of, write_films, tmp_path):
    paths = write_films(2)
    paths[0].write_bytes(paths[0].read_bytes()[:60])
    kept = collect_thumbnails(manifest_of(3, paths=[*paths, tmp_path / "gone.png"]))
    assert {row: code for row, (code, _) in kept.problems.items()} == {0: "truncated", 2: "missing"}
    assert kept.readable.tolist() == [False, True, False]
    assert not kept.pixels[[0, 2]].any()


def test_padding_is_kept_apart_and_taken_off(manifest_of, tmp_path):
    wide = np.tile(np.linspace(100, 200, 80, dtype=np.uint8), (40, 1))
    write_png(tmp_path / "wide.png", wide)
    kept = collect_thumbnails(manifest_of(1, paths=[tmp_path / "wide.png"]))
    assert kept.boxes.tolist() == [[16, 0, 32, 64]]
    assert not kept.pixels[0, :16].any()
    assert kept.films(np.array([0])).min() >= 99
    assert not kept.pixels[0, :16].any()


@pytest.mark.parametrize("rule", ["pad", "stretch"])
def test_from_a_store_no_file_is_opened(manifest_of, write_films, tmp_path, rule):
    paths = write_films(3)
    write_png(paths[0], np.full((100, 50), 99, np.uint8) + np.arange(50, dtype=np.uint8))
    manifest = manifest_of(3, paths=paths)
    store = prepare_store(manifest.without([manifest.table["image_id"][2]]), tmp_path / "store", size_px=128, rule=rule)
    for path in paths:
        path.unlink()
    kept = collect_thumbnails(manifest, store=store)
    assert list(kept.problems) == [2]
    assert kept.boxes[0].tolist() == ([0, 16, 64, 32] if rule == "pad" else [0, 0, 64, 64])
    assert kept.flags == [(), (), ()]
    small = store.read([1])[0].reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(kept.pixels[1] - small).mean() < 8


def test_films_that_did_not_change_are_not_opened_again(manifest_of, write_films, tmp_path, monkeypatch):
    import hilum.data.doctor.thumbnails as module

    paths = write_films(3)
    manifest, cache = manifest_of(3, paths=paths), tmp_path / "out" / "films.npz"
    first = collect_thumbnails(manifest, cache=cache)
    write_png(paths[1], np.arange(2500, dtype=np.uint8).reshape(50, 50))
    opened = []
    real = module.FilmReader.map

    def spy(self, task, films, *, options):
        films = list(films)
        opened.extend(films)
        return real(self, task, films, options=options)

    monkeypatch.setattr(module.FilmReader, "map", spy)
    second = collect_thumbnails(manifest, cache=cache)
    assert opened == [paths[1]]
    np.testing.assert_array_equal(first.pixels[[0, 2]], second.pixels[[0, 2]])
    assert second.sizes[1].tolist() == [50, 50]
    assert second.flags[0] == first.flags[0]
    opened.clear()
    third = collect_thumbnails(manifest, cache=cache)
    assert opened == []
    np.testing.assert_array_equal(second.pixels, third.pixels)
    monkeypatch.setattr(module, "__version__", "another")  # what opening a film tells may be another thing there
    collect_thumbnails(manifest, cache=cache)
    assert opened == paths


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_cache_is_made_anew(manifest_of, write_films, tmp_path, content):
    cache = tmp_path / "films.npz"
    cache.write_bytes(content)
    manifest = manifest_of(2, paths=write_films(2))
    assert collect_thumbnails(manifest, cache=cache).readable.all()
    assert cache.stat().st_size > 1000


def test_a_cache_of_another_version_is_made_anew(manifest_of, write_films, tmp_path):
    cache = tmp_path / "films.npz"
    with cache.open("wb") as stream:
        np.savez(stream, schema=np.array(0))
    assert collect_thumbnails(manifest_of(2, paths=write_films(2)), cache=cache).readable.all()
