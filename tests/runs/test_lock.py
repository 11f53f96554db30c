import json
import os
from pathlib import Path

import pytest

from hilum.errors import RunError, StorageError
from hilum.runs import FileLock
from hilum.runs.lock import is_locked

HOLD = """
    import sys, time
    from pathlib import Path
    from hilum.runs import FileLock
    lock = FileLock(Path(sys.argv[1]), purpose="the run demo")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.lock"


def test_a_second_holder_is_refused_and_told_who_holds_it(path):
    with FileLock(path, purpose="the run demo"):
        with pytest.raises(RunError, match=rf"^the run demo is in use by process {os.getpid()}\. Wait for it"):
            FileLock(path, purpose="the run demo")
        assert is_locked(path)
    assert not is_locked(path)
    assert path.read_text() == ""
    with FileLock(path, purpose="the run demo"):
        assert is_locked(path)


def test_release_may_be_called_twice(path):
    lock = FileLock(path, purpose="the run demo")
    lock.release()
    other = FileLock(path, purpose="the run demo")
    lock.release()
    assert is_locked(path)
    other.release()


def test_another_process_is_refused_until_kill_9(path, start_script):
    process = start_script(HOLD, path)
    process.stdout.readline()
    assert is_locked(path)
    with pytest.raises(RunError, match=f"in use by process {process.pid}"):
        FileLock(path, purpose="the run demo")
    process.kill()
    process.wait()
    assert json.loads(path.read_text())["pid"] == process.pid  # left behind
    assert not is_locked(path)
    FileLock(path, purpose="the run demo").release()


def test_a_number_that_another_process_was_given_holds_nothing(path):
    FileLock(path, purpose="x").release()
    with FileLock(path, purpose="x"):
        left_behind = path.read_text()
    path.write_text(left_behind)  # names this very process, which is alive and holds no lock
    assert not is_locked(path)


def test_the_lock_names_process_and_boot(path):
    with FileLock(path, purpose="x"):
        holder = json.loads(path.read_text())
    boot = Path("/proc/sys/kernel/random/boot_id")
    assert holder == {"pid": os.getpid(), "boot_id": boot.read_text().strip() if boot.exists() else "unknown boot"}


@pytest.mark.parametrize("content", ["", "text", "[1]", "{}", "\udcff"])
def test_a_lock_file_that_says_nothing_is_no_lock_and_is_taken(path, content):
    path.write_bytes(content.encode(errors="surrogateescape"))
    assert not is_locked(path)
    FileLock(path, purpose="x").release()


def test_where_there_is_no_lock_file_nothing_is_locked(path):
    assert not is_locked(path)
    assert not path.exists()


def test_a_glance_at_the_lock_keeps_nobody_out(path, monkeypatch):
    """Whoever looks holds the file for a moment; who takes the lock looks twice."""
    import fcntl

    glance = path.open("w")
    fcntl.flock(glance, fcntl.LOCK_SH)
    monkeypatch.setattr("hilum.runs.lock.time.sleep", lambda _seconds: glance.close())
    FileLock(path, purpose="x").release()


def test_a_folder_that_is_missing_is_refused(tmp_path):
    with pytest.raises(StorageError, match=r"cannot write run\.lock: No such file"):
        FileLock(tmp_path / "missing" / "run.lock", purpose="x")


def test_a_full_disk_is_a_storage_error_and_leaves_no_lock(path, monkeypatch):
    def full(_descriptor, _content):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StorageError, match="No space left"):
            FileLock(path, purpose="x")
    FileLock(path, purpose="x").release()


def test_a_machine_without_a_boot_id_still_locks(path, monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda self: (_ for _ in ()).throw(OSError))
    FileLock(path, purpose="x").release()


def test_a_lock_file_that_goes_away_during_the_look_is_no_lock(path, monkeypatch):
    with FileLock(path, purpose="x"):
        monkeypatch.setattr("hilum.runs.lock._holder", lambda path: path.unlink() or {"pid": 1})
        assert not is_locked(path)
