"""The table of trackers, the process they start, and MLflow itself in the slow tests."""

import json
import os
import signal
import socket
import sqlite3
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from hilum.errors import MissingExtraError, RunError, UnknownNameError
from hilum.runs import (
    TRACKERS,
    FileLock,
    MlflowTracker,
    NoTracker,
    Run,
    get_tracker,
    sync_run,
    tracker,
    tracker_ui_command,
)
from hilum.runs.lock import is_locked
from hilum.runs.mlflow_store import local_store_uri


@pytest.fixture
def without_mlflow(monkeypatch):
    monkeypatch.setattr(tracker, "find_spec", lambda name: None)


@pytest.fixture
def with_mlflow(monkeypatch):
    """As if it were installed; nothing here imports it."""
    monkeypatch.setattr(tracker, "find_spec", lambda name: name)


@pytest.fixture
def dead_uri():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_table_names_mlflow_and_none():
    assert set(TRACKERS) == {"mlflow", "none"}
    assert get_tracker("mlflow") == MlflowTracker(uri=None)
    assert isinstance(get_tracker("none"), NoTracker)


def test_a_wrong_name_is_answered_with_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"unknown tracker 'mlfow'\. Did you mean 'mlflow'\? Known: mlflow, none"
    ):
        get_tracker("mlfow")


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_returns_at_once_and_leaves_the_journal_alone(name, run, add_events, monkeypatch, with_mlflow):
    monkeypatch.setattr(tracker, "_FOLLOWER", ("-c", "import time; time.sleep(5)"))
    started = time.monotonic()
    get_tracker(name).start(run)
    add_events(run)
    run.close()
    assert time.monotonic() - started < 1
    assert len(run.journal.read()) == 3


def test_none_starts_nothing(run):
    NoTracker().start(run)
    assert sorted(path.name for path in run.folder.iterdir()) == ["journal.jsonl", "run.lock"]


def test_mlflow_s_absence_is_told_at_once_with_the_line_to_install_it(run, without_mlflow, tmp_path):
    told = r"this needs mlflow, which is not installed: pip install 'hilum\[track\]'"
    with pytest.raises(MissingExtraError, match=told):
        get_tracker("mlflow").start(run)
    with pytest.raises(MissingExtraError, match=told):
        sync_run(run.folder)
    with pytest.raises(MissingExtraError, match=told):
        tracker_ui_command(tmp_path, port=5000)
    assert not (run.folder / "tracker.log").exists()


def test_the_follower_is_told_folder_and_store_and_when_the_run_is_closed(run, monkeypatch, with_mlflow, tmp_path):
    script = (
        "import sys; print(sys.stdin.readline().strip(), flush=True); print('rest', repr(sys.stdin.read()), flush=True)"
    )
    monkeypatch.setattr(tracker, "_FOLLOWER", ("-c", script))
    MlflowTracker("http://me:secret@host").start(run)
    log = run.folder / "tracker.log"
    wait_for(lambda: log.read_text().endswith("\n"))
    assert json.loads(log.read_text()) == {"folder": str(run.folder), "uri": "http://me:secret@host"}
    run.close()
    wait_for(lambda: log.read_text().endswith("rest '\\n'\n"))
    run.close()


def test_without_a_uri_the_store_lies_beside_the_run(run, monkeypatch, with_mlflow):
    monkeypatch.setattr(tracker, "_FOLLOWER", ("-c", "print(input(), flush=True)"))
    MlflowTracker().start(run)
    log = run.folder / "tracker.log"
    wait_for(lambda: log.read_text().endswith("\n"))
    assert json.loads(log.read_text())["uri"] == local_store_uri(run.folder.parent)


def test_a_password_stands_on_no_command_line(run, monkeypatch, with_mlflow):
    commands = []
    monkeypatch.setattr(tracker.subprocess, "Popen", lambda command, **_: commands.append(command) or _Process())
    MlflowTracker("http://me:secret@host").start(run)
    assert commands == [[sys.executable, "-P", "-m", "hilum.runs.follower"]]


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


class _Process:
    def wait(self) -> int:
        return 0


def test_a_machine_without_room_for_a_process_trains_all_the_same(run, add_events, monkeypatch, with_mlflow):
    def full(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(tracker.subprocess, "Popen", full)
    before = _open_files()
    MlflowTracker().start(run)
    assert _open_files() == before
    add_events(run)


def test_a_log_that_cannot_be_written_does_not_stop_training(run, add_events, with_mlflow):
    (run.folder / "tracker.log").mkdir()
    MlflowTracker().start(run)
    add_events(run)


def test_a_follower_that_dies_at_once_does_not_stop_training(run, add_events, monkeypatch, with_mlflow):
    monkeypatch.setattr(tracker, "_FOLLOWER", ("-c", "raise SystemExit('no')"))
    MlflowTracker().start(run)
    log = run.folder / "tracker.log"
    wait_for(lambda: log.read_text() == "no\n")
    add_events(run)
    run.close()


TRAIN = """
    import json, os, signal, sys, time
    from pathlib import Path
    from hilum.runs import MlflowTracker, Run, tracker
    if sys.argv[2]:
        tracker.find_spec = lambda name: name
        tracker._FOLLOWER = (sys.argv[2],)
    run = Run.create(Path(sys.argv[1]))
    MlflowTracker(sys.argv[3] or None).start(run)
    events = json.loads(sys.argv[4])
    for event in events:
        run.journal.append(event.pop("kind"), **event)
    print("written", flush=True)
    time.sleep(60)
"""
EVENTS = [
    {"kind": "start", "recipe": {"name": "small", "training": {"epochs": 2}}, "versions": {"commit": "c" * 40}},
    {"kind": "epoch", "epoch": 1, "train_loss": 1.0, "validation_auroc": 0.6, "auroc": {"Mass": 0.6, "Hernia": None}},
    {"kind": "epoch", "epoch": 2, "train_loss": 0.5, "validation_auroc": 0.7, "auroc": {"Mass": 0.7, "Hernia": None}},
]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_last_events_of_a_killed_run_are_shipped(tmp_path, start_script, stand_in, number):
    kept = tmp_path / "kept.json"
    process = start_script(TRAIN, tmp_path / "demo", stand_in, kept, json.dumps(EVENTS))
    assert process.stdout.readline() == "written\n", process.stderr.read()
    process.send_signal(number)
    process.wait()
    wait_for(lambda: kept.exists() and '"KILLED"' in kept.read_text())
    told = json.loads(kept.read_text())
    assert [value for name, _, value in told["metrics"] if name == "train_loss"] == [1.0, 0.5]


def test_ctrl_c_in_a_terminal_does_not_reach_the_follower(run, monkeypatch, with_mlflow):
    monkeypatch.setattr(tracker, "_FOLLOWER", ("-c", "import os; print(os.getpgrp(), flush=True); input()"))
    MlflowTracker().start(run)
    log = run.folder / "tracker.log"
    wait_for(lambda: log.read_text().endswith("\n"))
    assert int(log.read_text()) != os.getpgrp()


@pytest.fixture
def in_memory(monkeypatch, with_mlflow, destination):
    """`sync_run` with a destination in MLflow's place."""
    uris = []
    monkeypatch.setattr(tracker, "connect", lambda uri: uris.append(uri) or destination)
    return uris


def test_sync_ships_what_is_left_and_nothing_twice(run, add_events, in_memory, destination):
    add_events(run)
    assert sync_run(run.folder) == 3
    assert destination.runs["id-1"]["status"] == "RUNNING"
    run.journal.append("end", reason="all epochs done")
    run.close()
    assert sync_run(run.folder) == 1
    assert sync_run(run.folder, uri="http://host") == 0
    assert in_memory == [local_store_uri(run.folder.parent)] * 2 + ["http://host"]
    assert destination.runs["id-1"]["status"] == "FINISHED"


def test_sync_marks_a_run_whose_process_is_gone(run, add_events, in_memory, destination):
    add_events(run)
    run.close()
    sync_run(run.folder)
    assert destination.runs["id-1"]["status"] == "KILLED"


def test_sync_writes_what_it_left_out_into_the_log(run, in_memory, destination):
    run.journal.append("artefact", name="x", path="missing")
    sync_run(run.folder)
    assert (run.folder / "tracker.log").read_text() == "artefact missing left out: it is not in the run folder\n"


def test_sync_tells_of_an_outage_and_can_be_repeated(run, add_events, in_memory, destination, down):
    add_events(run)
    destination.failures = [None, None, down]
    with pytest.raises(RunError, match="MLflow is down"):
        sync_run(run.folder)
    assert sync_run(run.folder) == 2


def test_sync_leaves_a_run_to_the_follower_that_ships_it(run, in_memory):
    with (
        FileLock(run.tracker_lock_path, purpose="x"),
        pytest.raises(RunError, match="the tracking of demo is in use by process"),
    ):
        sync_run(run.folder)


def test_sync_wants_a_run(tmp_path, in_memory):
    with pytest.raises(RunError, match="is not a run folder"):
        sync_run(tmp_path)


def test_the_page_is_served_to_this_machine_only_over_the_same_store(tmp_path, with_mlflow):
    command = tracker_ui_command(tmp_path, port=5005)
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert command[command.index("--port") + 1] == "5005"
    assert command[command.index("--backend-store-uri") + 1] == local_store_uri(tmp_path)
    assert sys.executable in command
    assert "MLFLOW_DISABLE_TELEMETRY=true" in command
    assert all(isinstance(word, str) for word in command)


def test_the_page_wants_a_folder(tmp_path, with_mlflow):
    with pytest.raises(RunError, match=r"there is no folder .*missing\. `hilum train` makes it; --root names another"):
        tracker_ui_command(tmp_path / "missing", port=5000)


def test_importing_the_room_imports_no_tracker(run_script):
    script = """
        import sys
        import hilum.runs
        print(sorted({name.partition(".")[0] for name in sys.modules} & {"mlflow", "torch", "sqlalchemy", "numpy"}))
    """
    assert run_script(script).strip() == "[]"


# The real MLflow, read back from its database by sqlite3.

SYNC = """
    import sys
    from pathlib import Path
    from hilum.runs import sync_run
    folder = Path(sys.argv[1])
    first = sync_run(folder)
    (folder / "shipped.json").unlink()
    print(first, sync_run(folder), sync_run(folder))
"""


def needs_mlflow() -> None:
    if find_spec("mlflow") is None:
        pytest.skip("mlflow is not installed: this test did NOT run")


def select(root: Path, query: str) -> list[tuple]:
    connection = sqlite3.connect(root / "mlflow.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


@pytest.mark.slow
def test_mlflow_has_it_all_once_after_kill_9_resume_and_a_lost_memory(tmp_path, start_script, run_script):
    needs_mlflow()
    root = tmp_path / "the runs, ü"
    folder = root / "demo"
    process = start_script(TRAIN, folder, "", "", json.dumps(EVENTS))
    assert process.stdout.readline() == "written\n", process.stderr.read()
    process.kill()
    process.wait()
    wait_for(lambda: (folder / "shipped.json").exists() and "KILLED" in (folder / "shipped.json").read_text(), 90)
    wait_for(lambda: not is_locked(folder / "tracker.lock"))
    assert (folder / "tracker.log").read_text() == ""
    assert select(root, "SELECT name, status FROM runs") == [("demo", "KILLED")]

    with Run.create(folder, resume=True) as run:
        (run.bundle_path / "inner").mkdir(parents=True)
        (run.bundle_path / "bundle.json").write_text("{}")
        (run.bundle_path / "inner" / "weights").write_bytes(b"w")
        run.report_path.write_text("<html>")
        run.journal.append("end", best_epoch=2, best_auroc=0.7, seconds=3.0, reason="all epochs done")
        run.journal.append("artefact", name="bundle", path="bundle")
        run.journal.append("artefact", name="report", path="report.html")
        run.journal.append("evaluation", split="test", metrics={"auroc": 0.65, "auroc/Hernia": None})
    assert run_script(SYNC, folder) == "4 7 0\n"

    assert select(root, "SELECT name, status FROM runs") == [("demo", "FINISHED")]
    assert select(root, "SELECT name FROM experiments WHERE name != 'Default'") == [("hilum",)]
    assert dict(select(root, "SELECT key, value FROM params")) == {
        "name": "small",
        "training.epochs": "2",
        "versions.commit": "c" * 40,
    }
    metrics = select(root, "SELECT key, step, value FROM metrics")
    assert len(metrics) == len(set(metrics))
    assert {(key, step): value for key, step, value in metrics} == {
        ("train_loss", 1): 1.0,
        ("train_loss", 2): 0.5,
        ("validation_auroc", 1): 0.6,
        ("validation_auroc", 2): 0.7,
        ("auroc/Mass", 1): 0.6,
        ("auroc/Mass", 2): 0.7,
        ("best_epoch", 0): 2.0,
        ("best_auroc", 0): 0.7,
        ("total_seconds", 0): 3.0,
        ("test/auroc", 0): 0.65,
    }
    tags = dict(select(root, "SELECT key, value FROM tags"))
    assert tags["reason"] == "all epochs done"
    assert tags["mlflow.source.git.commit"] == "c" * 40
    (artefacts,) = (root / "mlartifacts").glob("*/artifacts")
    files = {path.relative_to(artefacts).as_posix() for path in artefacts.rglob("*") if path.is_file()}
    assert files == {"bundle/bundle.json", "bundle/inner/weights", "report.html"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["the runs, ü"]


@pytest.mark.slow
def test_a_dead_mlflow_neither_slows_nor_stops_a_run(run, add_events, dead_uri, monkeypatch):
    needs_mlflow()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    started = time.monotonic()
    MlflowTracker(dead_uri).start(run)
    add_events(run)
    run.close()
    assert time.monotonic() - started < 1
    log = run.folder / "tracker.log"
    wait_for(lambda: "given up" in log.read_text(), 120)
    first, last = log.read_text().splitlines()
    assert f"MLflow at {dead_uri} did not take it" in first
    assert last.endswith("given up; `hilum runs sync` ships the rest")
    wait_for(lambda: not is_locked(run.tracker_lock_path))
    assert len(run.journal.read()) == 3
    assert not (run.folder / "shipped.json").exists()
