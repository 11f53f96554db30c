import json
import os
import re
import signal
import subprocess
import sys
import time
from threading import Timer

import pytest

from hilum.errors import StorageError
from hilum.runs import FileLock, Run, follower
from hilum.runs.follower import Leash, follow
from hilum.runs.lock import is_locked


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(follower.time, "sleep", slept.append)
    return slept


class Parent:
    """Stands for the run's process: does one thing per look, then lets go. Keeps how long it was waited for."""

    def __init__(self, *steps) -> None:
        self.steps = list(steps)
        self.pauses: list[float] = []

    def ended_within(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        if not self.steps:
            return True
        self.steps.pop(0)()
        return False


def nothing() -> None:
    """The run goes on and writes nothing."""


def test_events_are_shipped_as_they_come_and_once_more_at_the_end(run, destination, add_events, notes, slept):
    seen = []
    parent = Parent(
        nothing,
        lambda: add_events(run),
        lambda: seen.append(len(destination.runs["id-1"]["times_sent"])),
        lambda: run.journal.append("end", reason="all epochs done"),
    )
    parent.steps.append(lambda: seen.append(destination.runs["id-1"]["status"]))
    follow(run, lambda: destination, ended_within=parent.ended_within, note=notes.append)
    assert seen == [3, "FINISHED"]
    assert notes == []
    assert set(parent.pauses) == {2.0}
    assert slept == [0.0]
    assert not is_locked(run.tracker_lock_path)


def test_what_came_last_is_shipped_and_a_run_without_end_is_marked(run, destination, add_events, notes, slept):
    add_events(run)
    follow(run, lambda: destination, ended_within=Parent().ended_within, note=notes.append)
    (told,) = destination.runs.values()
    assert len(told["times_sent"]) == 3
    assert told["status"] == "KILLED"


def test_failures_are_noted_once_and_tried_again_at_growing_pauses(run, destination, add_events, notes, slept, down):
    add_events(run)
    destination.failures = [down] * 7
    connections = []
    parent = Parent(*[nothing] * 9)
    follow(
        run,
        lambda: connections.append(1) or destination,
        ended_within=parent.ended_within,
        note=notes.append,
    )
    assert parent.pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 2.0, 2.0]
    assert notes == ["MLflow is down"]
    assert len(connections) == 8  # anew after each failure
    assert len(destination.runs["id-8"]["times_sent"]) == 3


def test_a_store_that_cannot_be_opened_is_given_up_quietly(run, add_events, notes, slept):
    add_events(run)

    def connect():
        raise StorageError("cannot write mlflow.db")

    follow(run, connect, ended_within=Parent(nothing).ended_within, note=notes.append)
    assert notes == ["cannot write mlflow.db", "given up; `hilum runs sync` ships the rest"]
    assert slept == [0.0, 2.0, 8.0]


def test_a_damaged_journal_is_noted(run, destination, notes, slept):
    run.journal.path.write_text("broken\n")
    follow(run, lambda: destination, ended_within=Parent(nothing).ended_within, note=notes.append)
    assert "line 1 is damaged" in notes[0]


def test_another_follower_is_waited_for(run, destination, add_events, notes, slept):
    add_events(run)
    other = FileLock(run.tracker_lock_path, purpose="the tracking of demo")
    follow(run, lambda: destination, ended_within=Parent(nothing, other.release).ended_within, note=notes.append)
    assert len(destination.runs) == 1
    assert notes == []


def test_another_follower_that_stays_is_left_to_it(run, destination, add_events, notes, slept):
    add_events(run)
    with FileLock(run.tracker_lock_path, purpose="the tracking of demo"):
        follow(run, lambda: destination, ended_within=Parent(nothing).ended_within, note=notes.append)
    assert destination.runs == {}
    (note,) = notes
    assert note.startswith(f"the tracking of demo is in use by process {os.getpid()}")


def test_a_folder_that_is_gone_is_noted(tmp_path, destination, notes):
    follow(Run(tmp_path / "gone"), lambda: destination, ended_within=Parent().ended_within, note=notes.append)
    assert "cannot write tracker.lock" in notes[0]


@pytest.mark.parametrize("let_go", [lambda ours: os.write(ours, b"\n"), os.close])
def test_the_leash_ends_with_a_word_or_the_pipe(let_go):
    theirs, ours = os.pipe()
    leash = Leash(theirs)
    assert not leash.ended_within(0.01)
    let_go(ours)
    started = time.monotonic()
    assert leash.ended_within(30)
    assert time.monotonic() - started < 5


def test_the_leash_ends_with_the_process_though_a_copy_of_the_pipe_lives_on(monkeypatch):
    theirs, ours = os.pipe()
    leash = Leash(theirs)
    monkeypatch.setattr(os, "getppid", lambda: 1)
    assert leash.ended_within(0)
    os.close(ours)
    os.close(theirs)


def test_the_first_line_names_run_and_store_and_a_hanging_farewell_is_cut(run, destination, add_events, monkeypatch):
    """`main` in this process; order and last word lie in the pipe at once, and a copy of the pipe lives on."""
    add_events(run)
    theirs, ours = os.pipe()
    os.write(ours, json.dumps({"folder": str(run.folder), "uri": "http://host"}).encode() + b"\n\n")
    rescue = Timer(10, os.close, [ours])
    rescue.start()
    uris, alarms, niceness = [], [], []
    monkeypatch.setattr(follower, "_ORDERS", theirs)
    monkeypatch.setattr(follower, "connect", lambda uri: uris.append(uri) or destination)
    monkeypatch.setattr(follower.signal, "alarm", alarms.append)
    monkeypatch.setattr(os, "nice", niceness.append)
    follower.main()
    assert rescue.is_alive(), "the last word was not heard"
    rescue.cancel()
    os.close(ours)
    os.close(theirs)
    assert (uris, alarms, niceness) == (["http://host"], [600], [10])
    assert len(destination.runs) == 1


def test_notes_are_lines_with_a_time(capsys):
    follower._write("MLflow is down")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d MLflow is down\n", capsys.readouterr().err)


@pytest.fixture
def start_stand_in(stand_in, tmp_path):
    def start(run):
        process = subprocess.Popen([sys.executable, stand_in], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write(json.dumps({"folder": str(run.folder), "uri": str(tmp_path / "kept.json")}) + "\n")
        process.stdin.flush()
        return process

    return start


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_follower_of_its_own_ships_while_the_run_goes_on(run, add_events, start_stand_in, tmp_path):
    kept = tmp_path / "kept.json"
    add_events(run)
    process = start_stand_in(run)
    wait_for(lambda: kept.exists() and ["train_loss", 2, 0.5] in json.loads(kept.read_text())["metrics"])
    assert os.getpriority(os.PRIO_PROCESS, process.pid) >= 10
    assert process.poll() is None
    run.journal.append("epoch", epoch=3, train_loss=0.25)
    _, errors = process.communicate(timeout=30)  # closes the pipe
    assert process.returncode == 0
    told = json.loads(kept.read_text())
    assert [step for name, step, _ in told["metrics"] if name == "train_loss"] == [1, 2, 3]
    assert told["status"] == "KILLED"
    assert errors == ""


def test_a_follower_killed_at_any_moment_leaves_the_rest_for_the_next(run, add_events, start_stand_in, tmp_path):
    add_events(run)
    for pause in (0.15, 0.3):
        process = start_stand_in(run)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start_stand_in(run)
    process.communicate(timeout=30)
    told = json.loads((tmp_path / "kept.json").read_text())
    assert {step for name, step, _ in told["metrics"] if name == "train_loss"} == {1, 2}
    assert json.loads((run.folder / "shipped.json").read_text())["file"]["events"] == 3
