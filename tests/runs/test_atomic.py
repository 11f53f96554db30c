import errno
import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from hilum.errors import StorageError
from hilum.runs import atomic_path, file_digest, file_stamp, write_bytes, write_text


def test_a_file_is_written_and_replaced(tmp_path):
    target = tmp_path / "new" / "folder" / "file.txt"
    write_text(target, "Größe")
    assert target.read_bytes() == "Größe".encode()
    write_bytes(target, b"")
    assert target.read_bytes() == b""
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


def test_who_reads_the_old_file_goes_on_reading_the_old_file(tmp_path):
    """The new one takes its name, not its bytes: no reader and no crash sees something between."""
    write_text(tmp_path / "file", "old")
    with (tmp_path / "file").open() as reader:
        write_text(tmp_path / "file", "new")
        assert reader.read() == "old"
    assert (tmp_path / "file").read_text() == "new"


def test_the_temporary_name_keeps_the_ending(tmp_path):
    with atomic_path(tmp_path / "weights.safetensors") as temporary:
        assert temporary.suffix == ".safetensors"
        assert temporary.parent == tmp_path
        assert not (tmp_path / "weights.safetensors").exists()


def test_the_file_has_the_rights_that_any_new_file_has(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "ours", "x")
        (tmp_path / "plain").write_text("x")
        assert os.umask(0o027) == 0o027  # looking at it did not change it
    finally:
        os.umask(before)
    assert (
        stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode) == 0o640
    )


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text(f"half {1 / 0}")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    told = r"cannot write file: No space left.* still good; free some space"
    with pytest.raises(StorageError, match=told), atomic_path(target):
        Path("/dev/full").write_bytes(b"x")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_that_shows_only_at_the_sync_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "file"
    target.write_text("old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        write_text(target, "new")
    assert target.read_text() == "old"


def test_a_storage_error_from_within_passes_as_it_is(tmp_path):
    with pytest.raises(StorageError, match=r"^mine$"), atomic_path(tmp_path / "file"):
        raise StorageError("mine")


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write child: .* Nothing was changed"):
        write_text(tmp_path / "file" / "child", "x")


def test_a_limit_on_file_size_leaves_the_old_file(tmp_path, run_script):
    """The kernel's own refusal, in the middle of a write."""
    (tmp_path / "file").write_text("old")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from hilum.errors import StorageError
        from hilum.runs import write_bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        try:
            write_bytes(Path(sys.argv[1]), bytes(1_000_000))
        except StorageError as error:
            print(error)
    """
    assert "File too large" in run_script(script, tmp_path / "file")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("file", "old")]


def test_kill_9_leaves_a_whole_file(tmp_path, start_script):
    target = tmp_path / "file"
    script = """
        import sys
        from pathlib import Path
        from hilum.runs import write_bytes
        for number in range(10**6):
            write_bytes(Path(sys.argv[1]), bytes([number % 256]) * 3_000_000)
            print(number, flush=True)
    """
    process = start_script(script, target)
    process.stdout.readline()
    time.sleep(0.2)
    process.kill()
    done = [0, *map(int, process.stdout.read().split())]
    content = target.read_bytes()
    assert len(content) == 3_000_000
    assert set(content) in ({done[-1] % 256}, {(done[-1] + 1) % 256})


def test_the_digest_is_sha256(tmp_path):
    content = bytes(range(256)) * 4000
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_a_stamp_changes_with_size_and_time_and_is_0_without_a_file(tmp_path):
    path = tmp_path / "film.png"
    assert file_stamp(path) == 0
    assert file_stamp(tmp_path / "a\0b") == 0
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 5))
    first = file_stamp(path)
    os.utime(path, ns=(7, 5))
    assert file_stamp(path) == first > 0
    os.utime(path, ns=(5, 6))
    assert file_stamp(path) != first
    path.write_bytes(b"abcd")
    os.utime(path, ns=(5, 5))
    assert file_stamp(path) != first
