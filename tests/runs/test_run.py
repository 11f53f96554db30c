import time

import pytest

from hilum.errors import RunError, StorageError
from hilum.runs import Run, list_runs

TRAIN = """
    import sys, time
    from pathlib import Path
    from hilum.runs import Run
    run = Run.create(Path(sys.argv[1]))
    run.journal.append("start", recipe={"name": "small"})
    print("started", flush=True)
    time.sleep(60)
"""


def test_a_new_run_is_empty_active_and_locked(tmp_path):
    with Run.create(tmp_path / "runs" / "demo") as run:
        assert run.journal.read() == []
        assert run.is_active
        with pytest.raises(RunError, match="the run demo is in use by process"):
            Run.create(tmp_path / "runs" / "demo")
    assert not run.is_active
    run.close()


def test_paths_lie_in_the_folder(tmp_path):
    run = Run(tmp_path)
    paths = [run.recipe_path, run.checkpoint_path, run.bundle_path, run.evaluation_path, run.report_path]
    assert len(set(paths)) == 5
    assert all(path.is_relative_to(tmp_path) for path in [*paths, run.tracker_lock_path, run.journal.path])
    assert repr(run) == f"Run('{tmp_path}')"


def test_a_run_with_events_is_only_gone_on_with_when_asked(tmp_path):
    with Run.create(tmp_path / "demo") as run:
        run.journal.append("start")
    with pytest.raises(RunError, match=r"demo holds a run already\. --resume goes on with it"):
        Run.create(tmp_path / "demo")
    with Run.create(tmp_path / "demo", resume=True) as run:
        assert len(run.journal.read()) == 1


def test_a_run_killed_before_its_first_event_can_be_started_again(tmp_path):
    Run.create(tmp_path / "demo").close()
    (tmp_path / "demo" / "recipe.yaml").write_text("name: small")
    Run.create(tmp_path / "demo").close()
    Run.create(tmp_path / "demo", resume=True).close()


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(RunError, match=r"there is no run in .*demo to resume\. Leave --resume out"):
        Run.create(tmp_path / "demo", resume=True)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_with_something_else_is_left_alone(tmp_path, resume):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match=r"not empty and holds no run \(found thesis\.txt\)"):
        Run.create(tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_is_no_place_for_a_run(tmp_path):
    (tmp_path / "demo").write_text("")
    with pytest.raises(RunError, match="demo is a file, a run needs a folder"):
        Run.create(tmp_path / "demo")
    with pytest.raises(StorageError, match="cannot write to"):
        Run.create(tmp_path / "demo" / "below")


def test_a_folder_that_is_no_run_cannot_be_opened(tmp_path):
    with pytest.raises(RunError, match=r"is not a run folder: it has no journal\.jsonl\. `hilum runs list`"):
        Run.open(tmp_path)


def test_a_damaged_journal_stops_a_resume_and_the_lock_is_let_go(tmp_path):
    with Run.create(tmp_path / "demo") as run:
        run.journal.append("start")
    run.journal.path.write_text("broken\n")
    with pytest.raises(RunError, match="line 1 is damaged"):
        Run.create(tmp_path / "demo", resume=True)
    assert not run.is_active


def test_a_run_that_begins_between_the_look_and_the_lock_is_not_taken(tmp_path, monkeypatch):
    from hilum.runs import run as module

    class LateLock(module.FileLock):
        def __init__(self, path, *, purpose):
            Run(path.parent).journal.append("start")  # another process was here, and is gone
            super().__init__(path, purpose=purpose)

    monkeypatch.setattr(module, "FileLock", LateLock)
    with pytest.raises(RunError, match="holds a run already"):
        Run.create(tmp_path / "demo")
    assert not Run.open(tmp_path / "demo").is_active


def test_a_disk_that_fills_after_the_lock_lets_go_of_it(tmp_path, monkeypatch):
    from hilum.runs import run as module

    def full(_folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_sweep", full)
    with pytest.raises(StorageError, match="No space left"):
        Run.create(tmp_path / "demo")
    assert not Run.open(tmp_path / "demo").is_active


def test_half_written_checkpoints_of_a_killed_process_are_removed(tmp_path):
    with Run.create(tmp_path / "demo") as run:
        run.journal.append("start")
    run.checkpoint_path.mkdir()
    (run.checkpoint_path / ".partial-abc-last.safetensors").write_bytes(b"half")
    (run.checkpoint_path / "last.safetensors").write_bytes(b"whole")
    with Run.create(tmp_path / "demo", resume=True):
        assert [path.name for path in run.checkpoint_path.iterdir()] == ["last.safetensors"]


def test_kill_9_stops_a_run_that_can_then_be_resumed(tmp_path, start_script):
    process = start_script(TRAIN, tmp_path / "demo")
    process.stdout.readline()
    assert list_runs(tmp_path)[0].status == "running"
    with pytest.raises(RunError, match=f"in use by process {process.pid}"):
        Run.create(tmp_path / "demo", resume=True)
    process.kill()
    process.wait()
    assert list_runs(tmp_path)[0].status == "stopped"
    with Run.create(tmp_path / "demo", resume=True) as run:
        assert run.journal.read()[0]["kind"] == "start"
        assert list_runs(tmp_path)[0].status == "running"


def test_two_runs_go_on_side_by_side(tmp_path):
    with Run.create(tmp_path / "a") as a, Run.create(tmp_path / "b") as b:
        a.journal.append("start", recipe={"name": "small"})
        b.journal.append("start", recipe={"name": "large"})
        assert [run.recipe for run in list_runs(tmp_path)] == ["large", "small"]


def test_what_is_to_be_done_at_close_is_done_once(tmp_path):
    done = []
    with Run.create(tmp_path / "demo") as run:
        run.at_close(lambda: done.append(run.is_active))
        assert not done
    run.close()
    assert done == [False]


def test_a_root_without_runs_has_none(tmp_path):
    assert list_runs(tmp_path) == []
    assert list_runs(tmp_path / "missing") == []


def test_runs_are_summed_up_newest_first(tmp_path):
    with Run.create(tmp_path / "untouched"):
        pass
    with Run.create(tmp_path / "stopped") as run:
        run.journal.append("start", recipe={"name": "small"})
    time.sleep(0.002)
    with Run.create(tmp_path / "finished") as run:
        run.journal.append("start", recipe={"name": "large"})
        for epoch, score in [(1, 0.7), (2, None), (3, 0.8), (3, 0.75)]:  # the third was done again
            run.journal.append("epoch", epoch=epoch, validation_auroc=score)
        run.journal.append("end")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "journal.jsonl").write_text("broken\n")
    (tmp_path / "no run").mkdir()

    found = list_runs(tmp_path)
    assert [run.name for run in found[:2]] == ["finished", "stopped"]
    assert {run.name: run.status for run in found} == {
        "finished": "finished",
        "stopped": "stopped",
        "untouched": "stopped",
        "damaged": "damaged",
    }
    assert (found[0].recipe, found[0].epochs, found[0].best_auroc) == ("large", 3, 0.75)
    assert (found[1].recipe, found[1].epochs, found[1].best_auroc) == ("small", 0, None)
    assert found[0].folder == tmp_path / "finished"
    assert found[0].started > found[1].started
