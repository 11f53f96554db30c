import errno
import itertools
import json
import math
import os
import time
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import InvalidValueError, RunError, StorageError
from hilum.runs import Journal

names = st.text(min_size=1, max_size=5).filter(lambda name: name not in ("kind", "self", "sequence", "time"))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture(scope="module")
def new_path(tmp_path_factory):
    """New files, and no waiting for the disk: hundreds of events are written."""
    folder = tmp_path_factory.mktemp("journals")
    numbers = itertools.count()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield lambda: folder / f"{next(numbers)}.jsonl"


def null_where_not_finite(value):
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: null_where_not_finite(item) for key, item in value.items()}
    return [null_where_not_finite(item) for item in value] if isinstance(value, list) else value


def test_an_empty_journal_has_no_events(journal):
    assert journal.read() == []
    assert repr(journal) == "Journal('journal.jsonl', 0 events)"


def test_events_have_sequence_time_and_kind(journal):
    journal.append("start", recipe={"name": "small"})
    journal.append("epoch", epoch=1)
    first, second = journal.read()
    assert (first["sequence"], first["kind"], first["recipe"]) == (0, "start", {"name": "small"})
    assert (second["sequence"], second["kind"], second["epoch"]) == (1, "epoch", 1)
    moment = datetime.fromisoformat(second["time"])
    assert moment.utcoffset() == timedelta(0)
    assert abs(moment.timestamp() - time.time()) < 60
    assert repr(journal) == "Journal('journal.jsonl', 2 events)"


@settings(max_examples=30, deadline=None)
@given(values=st.dictionaries(names, plain, max_size=4))
def test_plain_values_come_back_and_what_is_not_finite_is_null(new_path, values):
    journal = Journal(new_path())
    journal.append("epoch", **values)
    journal.append("end")
    first, _ = journal.read()
    assert {name: first[name] for name in values} == null_where_not_finite(values)
    assert journal.path.read_bytes().count(b"\n") == 2


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_journal_cut_anywhere_keeps_its_whole_lines_and_goes_on(new_path, data):
    journal = Journal(new_path())
    for number in range(3):
        journal.append("epoch", epoch=number, note="ü\n")
    content, events = journal.path.read_bytes(), journal.read()
    cut = data.draw(st.integers(0, len(content)))
    journal.path.write_bytes(content[:cut])
    n_whole = content[:cut].count(b"\n")
    assert journal.read() == events[:n_whole]
    journal.append("resume")
    assert journal.read()[:-1] == events[:n_whole]
    assert journal.path.read_bytes().endswith(b"\n")  # the torn line is gone, for other programs too
    assert [event["sequence"] for event in journal.read()] == list(range(n_whole + 1))


def test_sequence_and_time_belong_to_the_journal(journal):
    with pytest.raises(InvalidValueError, match="an event's sequence is set by the journal"):
        journal.append("epoch", sequence=7)
    assert not journal.path.exists()


@pytest.mark.parametrize("value", [np.float32(1), np.zeros(2), b"bytes", {1, 2}, object()])
def test_what_is_not_plain_is_refused_by_name_and_nothing_is_written(journal, value):
    journal.append("start")
    with pytest.raises(InvalidValueError, match=rf"event value auroc\.Mass is a {type(value).__name__}: expected text"):
        journal.append("epoch", auroc={"Mass": value})
    assert len(journal.read()) == 1


@pytest.mark.parametrize("line", ["{broken", '"text"', "[1]", '{"no": "kind"}', "", "\x00\x00"])
def test_a_damaged_line_is_named(journal, line):
    journal.append("start")
    with journal.path.open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(RunError, match="line 2 is damaged, it is no event"):
        journal.read()


def test_a_journal_that_is_a_folder_cannot_be_read_or_written(tmp_path):
    with pytest.raises(RunError, match="cannot read"):
        Journal(tmp_path).read()
    with pytest.raises(StorageError, match="cannot write"):
        Journal(tmp_path).append("start")


def test_a_full_disk_keeps_the_earlier_events(journal, monkeypatch):
    journal.append("start")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"cannot write journal\.jsonl: No space left.*free some space"):
            journal.append("epoch")
    assert journal.read()[0]["kind"] == "start"


def test_a_line_that_the_kernel_cuts_was_never_an_event(journal, run_script):
    """A limit on the file's size lets half of a line through."""
    journal.append("start")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from hilum.errors import StorageError
        from hilum.runs import Journal
        journal = Journal(Path(sys.argv[1]))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = journal.path.stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
        try:
            journal.append("epoch", note="x" * 1000)
        except StorageError:
            assert journal.path.stat().st_size == size + 50, "the line was not cut: this test shows nothing"
            assert [event["kind"] for event in journal.read()] == ["start"]
        else:
            raise AssertionError("half a line was taken for an event")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        journal.append("epoch", note="y")
        print([(event["sequence"], event["kind"]) for event in journal.read()])
    """
    assert run_script(script, journal.path).strip() == "[(0, 'start'), (1, 'epoch')]"
    assert journal.read()[1]["note"] == "y"


def test_kill_9_loses_no_event_that_was_acknowledged(journal, start_script):
    script = """
        import sys
        from pathlib import Path
        from hilum.runs import Journal
        journal = Journal(Path(sys.argv[1]))
        for number in range(10**6):
            journal.append("epoch", number=number, ballast="x" * 5000)
            print(number, flush=True)
    """
    for pause in (0.05, 0.11):
        before = len(journal.read())
        process = start_script(script, journal.path)
        process.stdout.readline()
        time.sleep(pause)
        process.kill()
        acknowledged = 1 + len(process.stdout.read().split())
        events = journal.read()
        assert before + acknowledged <= len(events) <= before + acknowledged + 1
        assert [event["sequence"] for event in events] == list(range(len(events)))
        assert [event["number"] for event in events[before:]] == list(range(len(events) - before))
    journal.append("resume")
    assert journal.read()[-1]["kind"] == "resume"


def test_two_processes_may_append_at_the_same_time(journal, start_script):
    script = """
        import sys
        from pathlib import Path
        from hilum.runs import Journal
        print("ready", flush=True)
        while not Path(sys.argv[3]).exists():
            pass
        for number in range(25):
            Journal(Path(sys.argv[1])).append(sys.argv[2], number=number)
    """
    go = journal.path.with_name("go")
    processes = [start_script(script, journal.path, kind, go) for kind in ("epoch", "evaluation")]
    for process in processes:
        process.stdout.readline()
    go.touch()
    assert [process.wait(timeout=30) for process in processes] == [0, 0]
    events = journal.read()
    assert [event["sequence"] for event in events] == list(range(50))
    for kind in ("epoch", "evaluation"):
        assert [event["number"] for event in events if event["kind"] == kind] == list(range(25))


def test_every_line_is_json_that_other_programs_read(journal):
    journal.append("epoch", value=math.nan, other=math.inf, name="Größe")
    (line,) = journal.path.read_text().splitlines()
    event = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (event["value"], event["other"], event["name"]) == (None, None, "Größe")
