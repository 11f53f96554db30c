import resource

import pytest

from hilum.data import PixelStore, read_manifest


@pytest.fixture
def small_files():
    """No file may grow beyond 40 kB, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_prepare(hilum, films, tmp_path):
    out = tmp_path / "store"
    answer = hilum("data", "prepare", films.manifest, "--out", out, "--size", 32, "--workers", 2)
    assert answer.code == 0, answer.err
    assert PixelStore(out).n_images == 72
    assert "store of 72 films, 0 MiB, 0 problems" in answer.out
    assert answer.err.splitlines() == [f" preparing 72 films at 32 px  72/72  {answer.err.split()[-1]}"]


def test_prepared_before_is_there_at_once(hilum, films):
    before = (films.store / "store.json").stat().st_mtime_ns
    answer = hilum("data", "prepare", films.manifest, "--out", films.store, "--size", 64)
    assert answer.code == 0
    assert answer.err == " preparing 72 films at 64 px: nothing was left to do\n"
    assert (films.store / "store.json").stat().st_mtime_ns == before


def broken(films, tmp_path, n):
    """A manifest of the phantoms in which ``n`` films are cut short."""
    from dataclasses import replace

    manifest = read_manifest(films.manifest)
    paths = list(manifest.table["path"])
    for row in range(n):
        cut = tmp_path / f"cut_{row}.png"
        cut.write_bytes(films.images[row].read_bytes()[:300])
        paths[row] = str(cut)
    path = tmp_path / "broken.parquet"
    replace(manifest, table=manifest.table.assign(path=paths)).save(path)
    return path


def test_what_cannot_be_read_is_listed(hilum, films, tmp_path):
    out = tmp_path / "store"
    manifest = broken(films, tmp_path, 2)
    answer = hilum("data", "prepare", manifest, "--out", out, "--size", 32, "--max-problems", 0.05)
    assert answer.code == 0, answer.err
    assert "70 films" in answer.out
    assert "2 problems" in answer.out
    assert str(out / "problems.csv") in answer.out
    assert len((out / "problems.csv").read_text().splitlines()) == 3


def test_too_many_problems_stop_it(hilum, films, tmp_path):
    answer = hilum("data", "prepare", broken(films, tmp_path, 2), "--out", tmp_path / "store", "--size", 32)
    assert answer.code == 1
    assert "2 of the first 72 films cannot be read (2 truncated)" in answer.err
    assert "--max-problems" in answer.err
    assert "Traceback" not in answer.err


def test_full_disk(hilum, films, tmp_path, small_files):
    answer = hilum("data", "prepare", films.manifest, "--out", tmp_path / "store", "--size", 64)
    assert answer.code == 1
    assert "Traceback" not in answer.err
    assert "cannot write the pixel store" in answer.err
    assert "free some space and run the same command again" in answer.err


def test_after_a_full_disk_it_goes_on(hilum, films, tmp_path):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))
    try:
        assert hilum("data", "prepare", films.manifest, "--out", tmp_path / "store", "--size", 64).code == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert hilum("data", "prepare", films.manifest, "--out", tmp_path / "store", "--size", 64).code == 0
    assert PixelStore(tmp_path / "store").digest == PixelStore(films.store).digest
