import csv
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from hilum.data import PixelStore, prepare_store
from hilum.data import store as store_module
from hilum.errors import DataError, InvalidValueError, MissingExtraError, RunError, StorageError, TooManyProblemsError
from hilum.imaging import FilmReader, read_square

SIZE = 16


@pytest.fixture
def set_of(write_films, manifest_of):
    """A manifest of ``n`` films, some of them bad."""

    def make(n, bad=()):
        paths = write_films(n)
        for row, content in dict(bad).items():
            if content is None:
                paths[row].unlink()
            else:
                paths[row].write_bytes(content)
        return manifest_of(n, paths=paths)

    return make


def watch_reading(monkeypatch):
    """A list that grows by every film that is given to the decoders."""
    seen, squares = [], FilmReader.squares

    def watched(reader, paths, *rest, **options):
        return squares(reader, (seen.append(path) or path for path in paths), *rest, **options)

    monkeypatch.setattr(FilmReader, "squares", watched)
    return seen


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.parametrize("rule", ["pad", "stretch"])
def test_a_store_holds_every_film_as_the_square_it_is(set_of, tmp_path, rule):
    manifest = set_of(7)
    told = []
    store = prepare_store(
        manifest, tmp_path / "s", size_px=SIZE, rule=rule, on_progress=lambda *numbers: told.append(numbers)
    )
    expected = np.stack([read_square(path, SIZE, rule=rule) for path in manifest.paths()])
    rows = store.rows_of(manifest.table["image_id"])
    assert rows.tolist() == list(range(7))
    assert (store.read(rows) == expected).all()
    assert (store.read(rows[[5, 0, 5]]) == expected[[5, 0, 5]]).all()
    assert store.read([]).shape == (0, SIZE, SIZE)
    assert told == [(7, 7)]
    assert (store.n_images, store.size_px, store.rule, store.problems) == (7, SIZE, rule, ())
    assert store.rows_of(["absent", manifest.table["image_id"][2]]).tolist() == [-1, 2]
    assert sorted(contents(tmp_path / "s")) == ["pixels.u8", "problems.csv", "store.json"]
    assert not (tmp_path / "s.partial").exists()
    store.verify()
    assert "7 films at 16 px, 0 problems" in repr(store)


def test_what_is_read_is_a_copy(set_of, tmp_path):
    store = prepare_store(set_of(2), tmp_path / "s", size_px=SIZE)
    pixels = store.read([0])
    pixels[:] = 0
    store.verify()
    assert type(pixels) is np.ndarray


def test_statistics_are_those_of_the_pixels(set_of, tmp_path):
    store = prepare_store(set_of(9), tmp_path / "s", size_px=SIZE)
    rows = np.array([1, 4, 8])
    mean, spread = store.statistics(rows)
    pixels = store.read(rows) / 255
    assert mean == pytest.approx(pixels.mean())
    assert spread == pytest.approx(pixels.std())
    with pytest.raises(InvalidValueError, match="at least one film"):
        store.statistics(rows[:0])


BAD = {1: None, 3: b"", 4: b"Image Index,Finding Labels\n", 6: b"\x89PNG\r\n\x1a\n\0\0"}
CODES = {1: "missing", 3: "empty", 4: "format", 6: "truncated"}


def test_bad_films_are_listed_with_their_reasons(set_of, tmp_path):
    manifest = set_of(9, BAD)
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.5)
    with (tmp_path / "s" / "problems.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    ids = manifest.table["image_id"]
    assert {row["image_id"]: row["code"] for row in rows} == {ids[row]: code for row, code in CODES.items()}
    assert all(row["reason"].endswith(".") for row in rows)
    assert [problem.code for problem in store.problems] == list(CODES.values())
    assert store.n_images == 5
    assert store.rows_of(ids).tolist() == [0, -1, 2, -1, -1, 5, -1, 7, 8]
    store.verify()
    for row in CODES:
        with pytest.raises(InvalidValueError, match=f"{ids[row]} could not be read"):
            store.read([0, row])


def test_too_many_bad_films_stop_it_and_mended_films_let_it_go_on(set_of, tmp_path, write_films):
    manifest = set_of(9, BAD)
    with pytest.raises(
        TooManyProblemsError,
        match=r"4 of the first 9 films cannot be read \(1 missing, 1 empty.*problems.csv lists them",
    ):
        prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.3)
    assert not (tmp_path / "s").exists()
    assert len((tmp_path / "s.partial" / "problems.csv").read_text().splitlines()) == 5
    write_films(9)
    assert prepare_store(manifest, tmp_path / "s", size_px=SIZE).problems == ()


@pytest.mark.parametrize(("n_bad", "stops"), [(2, False), (3, True)])
def test_the_share_that_is_allowed_is_allowed(set_of, tmp_path, n_bad, stops):
    manifest = set_of(20, dict.fromkeys(range(n_bad), b""))
    if stops:
        with pytest.raises(TooManyProblemsError, match=r"more than the 10.0% allowed"):
            prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.1)
    else:
        assert len(prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.1).problems) == 2


def test_it_stops_early(set_of, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_BLOCK", 4)
    with pytest.raises(TooManyProblemsError, match="4 of the first 4 films"):
        prepare_store(set_of(40, dict.fromkeys(range(40), b"")), tmp_path / "s", size_px=SIZE)


def test_a_finished_store_is_returned_after_a_look_at_a_few_films(set_of, tmp_path, monkeypatch):
    manifest = set_of(40, {5: b""})
    first = prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.1)
    looked_at = watch_reading(monkeypatch)
    again = prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    assert again.digest == first.digest
    paths = manifest.paths()
    assert (looked_at[0], looked_at[7], looked_at[8:]) == (paths[0], paths[-1], [paths[5]])
    for path in paths:  # the raw films may have been put away
        path.unlink()
    assert prepare_store(manifest, tmp_path / "s", size_px=SIZE).digest == first.digest
    for options in ({"size_px": 8}, {"size_px": SIZE, "rule": "stretch"}):
        with pytest.raises(DataError, match="of other films, another size or another rule"):
            prepare_store(manifest, tmp_path / "s", **options)
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="exists and is no pixel store"):
        prepare_store(manifest, tmp_path / "other", size_px=SIZE)


def test_a_store_of_films_that_were_replaced_under_the_same_names_is_refused(set_of, tmp_path):
    manifest = set_of(3)
    prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    manifest.paths()[0].write_bytes(manifest.paths()[1].read_bytes())
    with pytest.raises(DataError, match=r"00000000_000\.png is another film now .*choose another folder, or remove it"):
        prepare_store(manifest, tmp_path / "s", size_px=SIZE)


def test_the_digest_is_of_names_size_rule_and_pixels(set_of, tmp_path, manifest_of):
    manifest = set_of(3)
    paths = manifest.paths()
    made = [
        prepare_store(manifest, tmp_path / "a", size_px=SIZE),
        prepare_store(manifest, tmp_path / "b", size_px=SIZE, rule="stretch"),
        prepare_store(manifest, tmp_path / "c", size_px=SIZE + 1),
        prepare_store(manifest_of(3, paths=paths[::-1]), tmp_path / "d", size_px=SIZE),
        prepare_store(manifest_of(3, paths=paths, image_id=["x", "y", "z"]), tmp_path / "e", size_px=SIZE),
    ]
    assert len({store.digest for store in made}) == 5
    assert prepare_store(manifest, tmp_path / "f", size_px=SIZE, workers=1).digest == made[0].digest


@pytest.mark.parametrize("options", [{"size_px": 0}, {"workers": 0}, {"max_problem_share": 1.5}])
def test_numbers_that_are_refused(set_of, tmp_path, options):
    with pytest.raises(InvalidValueError, match="at least 1"):
        prepare_store(set_of(1), tmp_path / "s", **{"size_px": SIZE, **options})


def test_rows_out_of_range(set_of, tmp_path):
    store = prepare_store(set_of(3), tmp_path / "s", size_px=SIZE)
    for rows in ([-1], [3], [0, 5]):
        with pytest.raises(InvalidValueError, match=r"rows must lie in 0 .. 2"):
            store.read(rows)


def damage_pixels(folder):
    with (folder / "pixels.u8").open("r+b") as stream:
        stream.seek(SIZE * SIZE + 7)
        byte = stream.read(1)
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte[0] ^ 1]))


def test_one_flipped_bit_is_found(set_of, tmp_path):
    store = prepare_store(set_of(3), tmp_path / "s", size_px=SIZE)
    damage_pixels(tmp_path / "s")
    with pytest.raises(DataError, match=r"damaged at 00000001_000.png: prepare it anew"):
        store.verify()


def test_stores_that_cannot_be_opened(set_of, tmp_path):
    with pytest.raises(DataError, match=r"no pixel store in .*`hilum data prepare` makes one"):
        PixelStore(tmp_path / "s")
    prepare_store(set_of(3), tmp_path / "s", size_px=SIZE)
    facts = (tmp_path / "s" / "store.json").read_text()
    for content, words in (
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"schema_version": 1}', "is damaged"),
        (facts.replace('"schema_version": 1', '"schema_version": 9'), "another version"),
    ):
        (tmp_path / "s" / "store.json").write_text(content)
        with pytest.raises(DataError, match=words):
            PixelStore(tmp_path / "s")
    (tmp_path / "s" / "store.json").write_text(facts)
    os.truncate(tmp_path / "s" / "pixels.u8", 2 * SIZE * SIZE)
    with pytest.raises(DataError, match="has another length"):
        PixelStore(tmp_path / "s")
    (tmp_path / "s" / "pixels.u8").unlink()
    with pytest.raises(DataError, match="is damaged"):
        PixelStore(tmp_path / "s")
    (tmp_path / "t.partial").mkdir()
    with pytest.raises(DataError, match=r"t.partial is not finished: run `hilum data prepare` again"):
        PixelStore(tmp_path / "t")


PREPARE = """
import sys
from pathlib import Path
import hilum.data.store as module
from hilum.data import prepare_store, read_manifest
module._BLOCK = 4
def tell(done, total):
    print(done, flush=True)
    if "wait" in sys.argv and done >= 8:
        sys.stdin.read()
prepare_store(read_manifest(Path(sys.argv[1])), Path(sys.argv[2]), size_px=16, on_progress=tell)
"""


def start(manifest, folder, *words):
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, str(manifest), str(folder), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_killed_amid_the_work_it_goes_on_to_the_same_store(set_of, tmp_path):
    manifest = set_of(20)
    manifest.save(tmp_path / "m.parquet")
    whole = prepare_store(manifest, tmp_path / "whole", size_px=SIZE)
    with start(tmp_path / "m.parquet", tmp_path / "s", "wait") as process:
        assert [process.stdout.readline().strip() for _ in range(2)] == ["4", "8"]
        with pytest.raises(RunError, match="in use by process"):
            prepare_store(manifest, tmp_path / "s", size_px=SIZE)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "s").exists()
    told = []
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE, on_progress=lambda done, _: told.append(done))
    assert told == [20]
    assert store.digest == whole.digest
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_what_was_done_before_the_kill_is_not_done_again(set_of, tmp_path, monkeypatch):
    manifest, told = set_of(12), []
    monkeypatch.setattr(store_module, "_BLOCK", 4)
    stop_after(manifest, tmp_path / "s", 8)
    seen = watch_reading(monkeypatch)
    prepare_store(manifest, tmp_path / "s", size_px=SIZE, workers=1, on_progress=lambda done, _: told.append(done))
    assert seen == manifest.paths()[8:]
    assert told == [12]


def stop_after(manifest, folder, n, **options):
    """Begin a store, and stop when ``n`` films are done."""

    def interrupt(done, total):
        if done == n:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_store(manifest, folder, **{"size_px": SIZE, "workers": 1, "on_progress": interrupt, **options})


@pytest.mark.parametrize("how", ["time", "size", "path"])
def test_films_that_changed_before_it_went_on_are_decoded_anew(set_of, tmp_path, monkeypatch, write_films, how):
    manifest = set_of(12)
    paths = manifest.paths()
    monkeypatch.setattr(store_module, "_BLOCK", 4)
    stop_after(manifest, tmp_path / "s", 8)
    content, times = paths[3].read_bytes(), (paths[2].stat().st_atime_ns, paths[2].stat().st_mtime_ns)
    paths[0].unlink()  # put away: what is decoded stays
    if how == "path":
        paths[2] = paths[3]
        manifest.table.loc[2, "path"] = str(paths[3])
    else:
        paths[2].write_bytes(content + b"\0" * (how == "size"))
        os.utime(paths[2], ns=(times[0], times[1] + (how == "time")))
    seen = watch_reading(monkeypatch)
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE, workers=1)
    assert seen == [paths[2], *paths[8:]]
    assert (store.read([2]) == store.read([3])).all()
    assert store.n_images == 12
    store.verify()


def test_mended_films_are_put_into_a_finished_store(set_of, tmp_path, write_films, monkeypatch):
    manifest = set_of(9, BAD)
    first = prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.5)
    paths = manifest.paths()
    good = write_films(9, "good")
    paths[3].write_bytes(good[3].read_bytes())
    second = prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.5)
    assert [problem.code for problem in second.problems] == ["missing", "format", "truncated"]
    assert second.digest != first.digest
    for row in BAD:
        paths[row].write_bytes(good[row].read_bytes())
    seen = watch_reading(monkeypatch)
    third = prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    assert third.problems == ()
    assert set(seen[-3:]) == {paths[row] for row in (1, 4, 6)}
    third.verify()
    assert contents(tmp_path / "s") == contents(prepare_store(manifest, tmp_path / "whole", size_px=SIZE).folder)
    assert not (tmp_path / "s.partial").exists()


def test_killed_while_a_mended_film_is_put_in(set_of, tmp_path, write_films, monkeypatch):
    manifest = set_of(9, {3: b""})
    prepare_store(manifest, tmp_path / "s", size_px=SIZE, max_problem_share=0.5)
    manifest.paths()[3].write_bytes(write_films(9, "good")[3].read_bytes())

    def killed(*_):
        raise KeyboardInterrupt

    for owner, step in ((Path, "rename"), (store_module, "_decode_all")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, killed)
            with pytest.raises(KeyboardInterrupt):
                prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    assert contents(tmp_path / "s") == contents(prepare_store(manifest, tmp_path / "whole", size_px=SIZE).folder)
    assert store.problems == ()


@pytest.mark.parametrize("other", ["size", "films", "cut", "no state"])
def test_an_unfinished_store_of_something_else_is_begun_anew(set_of, tmp_path, monkeypatch, other, manifest_of):
    manifest = set_of(6)
    monkeypatch.setattr(store_module, "_BLOCK", 2)

    def interrupt(done, total):
        raise KeyboardInterrupt

    first = manifest_of(6, paths=manifest.paths(), image_id=list("abcdef")) if other == "films" else manifest
    with pytest.raises(KeyboardInterrupt):
        prepare_store(first, tmp_path / "s", size_px=8 if other == "size" else SIZE, workers=1, on_progress=interrupt)
    if other == "cut":
        os.truncate(tmp_path / "s.partial" / "pixels.u8", 100)
    if other == "no state":
        (tmp_path / "s.partial" / "state.bin").unlink()
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE, workers=1)
    store.verify()
    assert store.digest == prepare_store(manifest, tmp_path / "whole", size_px=SIZE, workers=1).digest


@pytest.mark.parametrize("step", ["_seal", "rename"])
def test_killed_at_the_very_end(set_of, tmp_path, monkeypatch, step):
    manifest = set_of(5)
    seal, rename = store_module._seal, Path.rename

    def killed(*arguments):
        (seal if step == "_seal" else rename)(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((store_module, "_seal") if step == "_seal" else (Path, "rename")), killed)
        with pytest.raises(KeyboardInterrupt):
            prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    store = prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    store.verify()
    assert store.digest == prepare_store(manifest, tmp_path / "whole", size_px=SIZE).digest


def test_a_full_disk_is_known_at_once_and_leaves_nothing(set_of, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    manifest = set_of(5)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(StorageError, match=r"cannot write the pixel store s: No space left.*needs 0 MiB"):
            prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    assert [path.name for path in (tmp_path / "s.partial").iterdir()] == ["prepare.lock"]
    prepare_store(manifest, tmp_path / "s", size_px=SIZE).verify()


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_a_disk_that_fails_amid_the_work_keeps_what_is_done(set_of, tmp_path, monkeypatch, call):
    manifest = set_of(12)
    monkeypatch.setattr(store_module, "_BLOCK", 4)
    original, calls, told = getattr(os, call), [], []

    def failing(*arguments):
        calls.append(arguments)
        if len(calls) > (5 if call == "pwrite" else 2):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(StorageError, match=r"Input/output error.*what is decoded so far is kept"):
            prepare_store(manifest, tmp_path / "s", size_px=SIZE, workers=1, on_progress=lambda d, _: told.append(d))
    assert told == [4]
    prepare_store(manifest, tmp_path / "s", size_px=SIZE, on_progress=lambda d, _: told.append(d)).verify()
    assert told[1] == 8


@pytest.mark.slow
def test_a_real_limit_on_files_is_a_storage_error(set_of, tmp_path):
    """The kernel refuses files above 1 KiB, as a full disk would, in a process of its own."""
    set_of(20).save(tmp_path / "m.parquet")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    done = subprocess.run(
        [sys.executable, "-c", PREPARE, str(tmp_path / "m.parquet"), str(tmp_path / "s")],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "StorageError: cannot write the pixel store s: File too large" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_short_write_is_continued(set_of, tmp_path, monkeypatch):
    original = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, content, offset: original(descriptor, content[:7], offset))
    prepare_store(set_of(2), tmp_path / "s", size_px=SIZE).verify()
    assert (PixelStore(tmp_path / "s").read([1]) > 0).any()


def test_two_at_once_one_makes_it_and_the_other_is_told(set_of, tmp_path, monkeypatch):
    manifest, go = set_of(4), threading.Event()
    squares = FilmReader.squares
    monkeypatch.setattr(FilmReader, "squares", lambda *a, **k: (go.wait(10), squares(*a, **k))[1])
    made = []
    worker = threading.Thread(target=lambda: made.append(prepare_store(manifest, tmp_path / "s", size_px=SIZE)))
    worker.start()
    while not (tmp_path / "s.partial" / "state.bin").exists():
        time.sleep(0.01)
    with pytest.raises(RunError, match="the pixel store s is in use"):
        prepare_store(manifest, tmp_path / "s", size_px=SIZE)
    go.set()
    worker.join()
    made[0].verify()


def test_another_process_was_faster(set_of, tmp_path, monkeypatch):
    """The store appears after it was looked for and before the lock is taken."""
    manifest = set_of(3)
    lock = store_module.FileLock

    def late(path, *, purpose):
        monkeypatch.setattr(store_module, "FileLock", lock)
        path.parent.rename(tmp_path / "aside")
        prepare_store(manifest, tmp_path / "s", size_px=SIZE)
        (tmp_path / "aside").rename(path.parent)
        return lock(path, purpose=purpose)

    monkeypatch.setattr(store_module, "FileLock", late)
    prepare_store(manifest, tmp_path / "s", size_px=SIZE).verify()
    assert not (tmp_path / "s.partial").exists()


@pytest.mark.usefixtures("cold_decoders")
def test_without_pydicom_a_dicom_film_stops_it(set_of, tmp_path, monkeypatch):
    manifest = set_of(2, {1: b"\0" * 128 + b"DICM" + b"\0" * 100})
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "pydicom.py").write_text("raise ImportError\n")
    monkeypatch.syspath_prepend(tmp_path / "shadow")
    with pytest.raises(MissingExtraError, match="hilum"):
        prepare_store(manifest, tmp_path / "s", size_px=SIZE)


MEMORY = """
import resource, sys
from pathlib import Path
from hilum.data import prepare_store, read_manifest
manifest = read_manifest(Path(sys.argv[1]))
few = type(manifest)(manifest.table.iloc[:2], manifest.findings, source="x")
prepare_store(few, Path(sys.argv[2] + "0"), size_px=512)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
prepare_store(manifest, Path(sys.argv[2]), size_px=512)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_store(write_films, manifest_of, tmp_path):
    n = 200
    manifest_of(n, paths=write_films(n, size=64)).save(tmp_path / "m.parquet")
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "m.parquet"), str(tmp_path / "s")],
        capture_output=True,
        text=True,
        check=True,
    )
    size_kib = (tmp_path / "s" / "pixels.u8").stat().st_size / 1024
    assert size_kib == n * 256
    assert int(done.stdout) < size_kib / 4


def test_problems_survive_commas_and_line_ends(tmp_path):
    problems = [store_module.Problem('a,"b"\n', "empty", "x\ny, z")]
    store_module._write_problems(tmp_path / "p.csv", problems)
    assert list(store_module._read_problems(tmp_path / "p.csv")) == problems
    assert json.dumps(problems[0].code) == '"empty"'
