import subprocess

import pytest

from hilum.runs import Run


def test_list(hilum, judged):
    answer = hilum("runs", "list", "--root", judged.parent)
    assert answer.code == 0
    header, row = answer.out.splitlines()
    assert header.split()[:3] == ["run", "status", "recipe"]
    assert row.split()[:3] == ["tiny", "finished", "tiny"]
    assert row.split()[-2] == "2"


def test_no_run_yet(hilum, tmp_path):
    answer = hilum("runs", "list", "--root", tmp_path)
    assert answer.code == 0
    assert f"no run in {tmp_path}" in answer.out


def test_a_run_that_never_began(hilum, tmp_path):
    with Run.create(tmp_path / "new"):
        assert "running" in hilum("runs", "list", "--root", tmp_path).out
    answer = hilum("runs", "list", "--root", tmp_path)
    assert answer.out.splitlines()[1].split() == ["new", "stopped", "0", "–"]


def test_show(hilum, judged):
    answer = hilum("runs", "show", judged)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert "tiny   2 epochs" in lines[0]
    assert [line.split()[0] for line in lines[2:4]] == ["1", "2"]
    assert f"report     {judged / 'report.html'}" in answer.out
    assert "nan" not in answer.out


def test_ui_runs_the_trackers_page(hilum, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("hilum.runs.tracker_ui_command", lambda root, *, port: ["page", str(root), str(port)])
    monkeypatch.setattr(subprocess, "call", lambda command: asked.append(command) or 3)
    answer = hilum("runs", "ui", "--root", tmp_path, "--port", 5055)
    assert (answer.code, asked) == (3, [["page", str(tmp_path), "5055"]])
    assert "http://127.0.0.1:5055" in answer.out


@pytest.mark.parametrize(("n", "words"), [(1, "1 event"), (7, "7 events")])
def test_sync_says_how_much(hilum, judged, monkeypatch, n, words):
    asked = []
    monkeypatch.setattr("hilum.runs.sync_run", lambda folder, uri=None: asked.append((folder, uri)) or n)
    answer = hilum("runs", "sync", judged, "--uri", "sqlite:///x.db")
    assert (answer.code, answer.out) == (0, f" shipped {words}\n")
    assert asked == [(judged, "sqlite:///x.db")]
