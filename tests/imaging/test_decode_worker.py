"""The loop of a decoder, run in this process without its limits; with them it is tested through ``FilmReader``."""

import os
import resource
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from hilum.errors import MissingExtraError
from hilum.imaging import decode_worker, write_png
from hilum.imaging.decode_message import Message, pack, receive, write_all
from hilum.imaging.decode_worker import Budget, serve
from hilum.imaging.refusal import check_size, refuse

LIMITS = {"cpu_s": 1.5, "memory_bytes": 2**28, "cpu_s_per_megapixel": 1, "bytes_per_pixel": 96, "patience": 10}


class Pretence:
    """A budget that allows everything and remembers."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *numbers: self.calls.append((name, *numbers))


def answers(*asked, budget=None):
    """What a decoder says to these messages until its input ends."""
    (inner, sink), (source, outer) = os.pipe(), os.pipe()
    for message in asked:
        write_all(sink, pack(message))
    os.close(sink)
    thread = threading.Thread(target=lambda: (serve(inner, outer, budget), os.close(outer)))
    thread.start()
    said = []
    while (message := receive(source)) is not None:
        said.append(message)
    thread.join()
    for descriptor in (inner, source):
        os.close(descriptor)
    return said


def ask(task, path="film", **options):
    return Message("ask", {"task": task, "path": str(path), "options": options})


def test_a_film_is_answered_after_its_size_was_told(tmp_path):
    write_png(tmp_path / "a.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    budget = Pretence()
    task = ask("hilum.imaging.decode_task:read_record", tmp_path / "a.png")
    said = answers(
        task, ask("hilum.imaging.decode_task:square_record", tmp_path / "b.png", size_px=3, rule="pad"), budget=budget
    )
    assert [message.kind for message in said] == ["pixels", "record", "refused"]
    assert said[0].values == {"n_pixels": 48}
    assert (said[1].values["facts"]["width_px"], said[1].arrays["pixels"].shape) == (8, (6, 8))
    assert said[2].values["code"] == "missing"
    n_bytes = (tmp_path / "a.png").stat().st_size
    begun, absent = ("begin", n_bytes), ("begin", 0)
    assert budget.calls == [begun, ("grow", 48), ("end",), ("rest",), absent, ("end",), ("rest",)]


@pytest.mark.parametrize(
    ("error", "kind", "values"),
    [
        (refuse("view", "It is lateral."), "refused", {"code": "view", "sentence": "It is lateral."}),
        (MissingExtraError("pydicom", "dicom"), "missing_extra", {"package": "pydicom", "extra": "dicom"}),
        (MemoryError(), "refused", {"code": "too_costly"}),
        (IndexError("a name"), "refused", {"code": "undecodable"}),
    ],
)
@pytest.mark.parametrize("budget", [None, Pretence()])
def test_errors_become_answers(monkeypatch, error, kind, values, budget):
    def task(path):
        check_size(2, 3)
        raise error

    monkeypatch.setattr(decode_worker, "task_of_the_test", task, raising=False)
    told, said = answers(ask("hilum.imaging.decode_worker:task_of_the_test"), budget=budget)
    assert (told.kind, said.kind) == ("pixels", kind)
    assert values.items() <= said.values.items()
    assert "a name" not in str(said.values)


def test_the_kernel_is_told_the_limits(monkeypatch):
    """Limits are for good, so the calls are watched, not made."""
    set_to, clocks = {}, {}
    gibibyte = 2**30
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: set_to.update({which: limits}))
    monkeypatch.setattr(resource, "getrlimit", lambda which: (-1, resource.RLIM_INFINITY))
    monkeypatch.setattr(signal, "setitimer", lambda which, seconds: clocks.update({which: seconds}))
    held = [gibibyte]
    monkeypatch.setattr(decode_worker, "_address_space", lambda: held[0])
    budget = Budget(LIMITS)
    hard = set_to[resource.RLIMIT_AS][1]
    assert hard == gibibyte + 2**28 + 96 * 36_000_000 + 64 * 2**20
    budget.begin(1000)
    assert set_to[resource.RLIMIT_AS] == (gibibyte + 2**28 + 3000, hard)
    assert clocks == {signal.ITIMER_PROF: 1.5, signal.ITIMER_REAL: 16.0}
    budget.grow(2_000_000)
    assert set_to[resource.RLIMIT_AS] == (gibibyte + 2**28 + 3000 + 192_000_000, hard)
    assert clocks == {signal.ITIMER_PROF: 3.5, signal.ITIMER_REAL: 36.0}
    budget.end()
    assert set_to[resource.RLIMIT_AS] == (hard, hard)
    assert set(clocks.values()) == {0}
    trimmed = []
    monkeypatch.setattr(decode_worker, "_trim", lambda: trimmed.append(True))
    budget.rest()
    assert not trimmed
    held[0] += 2**28
    budget.rest()
    assert trimmed
    budget.begin(0)  # what could not be given back leaves room for a header
    assert set_to[resource.RLIMIT_AS][0] == held[0] + 2**28 - 3 * 2**26


def test_a_lower_limit_of_the_system_stays(monkeypatch):
    set_to = {}
    monkeypatch.setattr(resource, "getrlimit", lambda which: (5, 10))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: set_to.update({which: limits}))
    assert decode_worker._lower(resource.RLIMIT_NOFILE, 64) == 10
    assert decode_worker._lower(resource.RLIMIT_NOFILE, 3) == 3
    assert set_to == {resource.RLIMIT_NOFILE: (3, 3)}


def test_the_address_space_is_known_here_and_trimming_harms_nothing():
    assert decode_worker._address_space() > 2**24
    decode_worker._trim()


def test_its_whole_life_in_this_process(monkeypatch, tmp_path):
    """With everything watched that would change this process for good."""
    write_png(tmp_path / "a.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    (inner, sink), (source, outer) = os.pipe(), os.pipe()
    limits, written, exits = {}, [], []

    def leave(status):
        exits.append(status)
        if threading.current_thread() is threading.main_thread():
            raise SystemExit(status)

    monkeypatch.setattr(os, "dup", {0: inner, 1: outer}.get)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(decode_worker, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(decode_worker, "Budget", lambda limits: Pretence())
    monkeypatch.setattr(decode_worker, "_lower", lambda which, value: limits.update({which: value}))
    monkeypatch.setattr(decode_worker.Path, "write_text", lambda path, text: written.append((str(path), text)))
    square = "hilum.imaging.decode_task:square_record"
    write_all(sink, pack(Message("start", {"tasks": [square], "limits": LIMITS})))
    write_all(sink, pack(ask(square, tmp_path / "a.png", size_px=3, rule="stretch")))
    os.close(sink)
    before = set(threading.enumerate())
    with pytest.raises(SystemExit):
        decode_worker.main()
    for watcher in set(threading.enumerate()) - before:
        watcher.join()  # while it can only pretend to end this process
    os.close(outer)
    assert [receive(source).kind for _ in range(3)] == ["ready", "pixels", "record"]
    assert limits == {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: 64}
    assert written == [("/proc/self/oom_score_adj", "500")]
    assert set(exits) == {0}
    for descriptor in (inner, source):
        os.close(descriptor)


def test_by_hand_it_ends_quietly():
    done = subprocess.run(
        [sys.executable, "-m", "hilum.imaging.decode_worker"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
